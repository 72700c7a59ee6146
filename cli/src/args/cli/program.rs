//! Which program a command line belongs to: what it can run, and which arguments it has besides the usual ones.

use crate::exit::CliError;

/// The program that a command line belongs to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ProgramKind {
    /// `gregaria` without a locustfile: quick runs only.
    #[default]
    Gregaria,
    /// `gregaria` with locustfiles, imported already.
    Locustfile {
        /// The arguments that they have added.
        custom_args: Vec<CustomArg>,
    },
    /// A Rust program around user classes of its own.
    RustUsers,
}

/// An argument that a locustfile adds (`parser.add_argument` in Python). Its values are passed on as they are: what
/// they mean, and which are allowed, is judged by whoever added it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CustomArg {
    /// All spellings, with their dashes: `--my-arg`, `-x`.
    pub flags: Vec<String>,
    /// The name under which the locustfile finds it; also settable as `LOCUST_<DEST>`.
    pub dest: String,
    /// The environment variable that it asks for by name.
    pub env_var: Option<String>,
    /// What the help calls its value.
    pub value_name: Option<String>,
    /// The help.
    pub help: Option<String>,
    /// How many values follow it.
    pub arity: Arity,
    /// What the help lists as allowed values.
    pub choices: Vec<String>,
    /// Whether a run needs it.
    pub required: bool,
    /// Whether the help leaves it out.
    pub hidden: bool,
}

/// How many values follow a flag.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Arity {
    /// So many.
    Exactly(usize),
    /// Any number.
    Many,
    /// None: a switch.
    Zero,
    /// Exactly one.
    #[default]
    One,
    /// One or none.
    Optional,
}

impl ProgramKind {
    /// The arguments that locustfiles have added.
    pub(crate) fn custom_args(&self) -> &[CustomArg] {
        match self {
            Self::Locustfile { custom_args: extra } => extra,
            Self::Gregaria | Self::RustUsers => &[],
        }
    }
}

impl CustomArg {
    /// The first long spelling, or the first.
    pub(crate) fn name(&self) -> &str {
        let long = self.flags.iter().find(|flag| flag.starts_with("--"));
        long.or_else(|| self.flags.first()).map_or(&self.dest, String::as_str)
    }

    /// An argument without a flag would be mistaken for user classes.
    pub(super) fn check_flags(&self) -> Result<(), CliError> {
        let is_long =
            |flag: &str| flag.strip_prefix("--").is_some_and(|name| !name.is_empty() && !name.starts_with('-'));
        let is_short = |flag: &str| flag.chars().count() == 2 && flag.starts_with('-') && flag != "--";
        match self.flags.iter().find(|flag| !is_long(flag) && !is_short(flag)) {
            None if !self.flags.is_empty() => Ok(()),
            wrong => {
                let name = wrong.unwrap_or(&self.dest);
                let what = "the locustfile adds this argument, which must be written -x or --name";
                Err(CliError::runtime(format!("{name}: {what}")))
            }
        }
    }
}
