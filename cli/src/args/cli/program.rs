//! The program that a command line belongs to: the users that it can run, and the arguments that a locustfile adds.
//!
//! `custom_args.rs` turns the added arguments into flags.

use std::{
    ffi::{OsStr, OsString},
    path::Path,
};

use crate::exit::CliError;

/// The name of the command, for programs without users in Rust.
pub(in crate::args) const PROGRAM_NAME: &str = "gregaria";

/// The program that a command line belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProgramKind {
    /// `gregaria` without a locustfile, for quick runs only.
    #[default]
    Gregaria,
    /// `gregaria` with locustfiles that are already imported.
    Locustfile {
        /// The arguments that the locustfiles have added.
        custom_args: Vec<CustomArg>,
    },
    /// A Rust program with its own user classes.
    RustUsers,
}

/// An argument that a locustfile adds (`parser.add_argument` in Python). Its values are passed to `argparse` unchanged,
/// which checks and converts them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomArg {
    /// All spellings, with their dashes: `--my-arg`, `-x`.
    pub flags: Vec<String>,
    /// The name of the option in the locustfile. The variable `LOCUST_<DEST>` sets the argument, too.
    pub dest: String,
    /// Another environment variable that sets the argument.
    pub env_var: Option<String>,
    /// The name of the value in the help; `dest` in upper case by default.
    pub value_name: Option<String>,
    /// The help text.
    pub help: Option<String>,
    /// The number of values of the flag.
    pub arity: Arity,
    /// The allowed values, for the help.
    pub choices: Vec<String>,
    /// Whether a run needs the argument.
    pub required: bool,
    /// Whether the help omits the argument.
    pub hidden: bool,
    /// Whether the results of a run omit the values.
    pub secret: bool,
}

/// The number of values of a flag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arity {
    /// This number.
    Exactly(usize),
    /// Any number, 0 included.
    Many,
    /// None. The flag is a switch.
    Zero,
    /// Exactly one.
    #[default]
    One,
    /// One or none.
    Optional,
}

impl ProgramKind {
    /// Returns the name under which the user calls the program: for a Rust program, the file name of the first word of
    /// its command line.
    pub(in crate::args) fn name(&self, line: &[OsString]) -> String {
        let file_name = line.first().and_then(|word| Path::new(word).file_name()).map(OsStr::to_string_lossy);
        match self {
            Self::RustUsers => file_name.unwrap_or_else(|| "PROGRAM".into()).into_owned(),
            Self::Gregaria | Self::Locustfile { .. } => PROGRAM_NAME.to_owned(),
        }
    }

    /// Returns the arguments that locustfiles have added.
    pub(crate) fn custom_args(&self) -> &[CustomArg] {
        match self {
            Self::Locustfile { custom_args } => custom_args,
            Self::Gregaria | Self::RustUsers => &[],
        }
    }
}

impl CustomArg {
    /// Returns the first long spelling, or the first spelling if all are short.
    pub(crate) fn name(&self) -> &str {
        let long = self.flags.iter().find(|flag| flag.starts_with("--"));
        long.or_else(|| self.flags.first()).map_or(&self.dest, String::as_str)
    }

    /// Checks that every spelling is a flag. A positional argument could not be told from the name of a user class.
    ///
    /// # Errors
    /// No spelling, or a spelling other than `-x` and `--name`.
    pub(super) fn check_flags(&self) -> Result<(), CliError> {
        let is_long =
            |flag: &str| flag.strip_prefix("--").is_some_and(|name| !name.is_empty() && !name.starts_with('-'));
        let is_short = |flag: &str| flag.chars().count() == 2 && flag.starts_with('-') && flag != "--";
        let invalid = self.flags.iter().find(|flag| !is_long(flag) && !is_short(flag));
        if invalid.is_none() && !self.flags.is_empty() {
            return Ok(());
        }
        let name = invalid.unwrap_or(&self.dest);
        Err(CliError::runtime(format!("{name}: the locustfile adds this argument; its flag must be -x or --name")))
    }
}
