//! Which flags files and variables can set, and under which names.
//!
//! A file uses the long spellings of a flag, a variable is called `LOCUST_` and the present long spelling. Locust calls
//! some otherwise; those are in a table here. Where the settings come from is in `sources/`.

use clap::{Arg, Command, builder::ValueRange};

use super::{
    extra,
    program::{ExtraArg, Program, Takes},
    typed::NOT_OF_LOCUST,
};

/// A flag as files and variables see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Settable {
    /// Its ids in the command; on the command line any of them overrides it.
    pub(super) ids: Vec<String>,
    /// The spelling that sets it.
    pub(super) flag: String,
    /// Its names in files.
    pub(super) keys: Vec<String>,
    /// Its names among the environment variables.
    pub(super) variables: Vec<String>,
    /// How many values it takes.
    pub(super) takes: Takes,
    /// Whether it can be given several times.
    pub(super) adds_up: bool,
}

/// All that can be set for a program.
pub(super) fn all(command: &Command, program: &Program) -> Vec<Settable> {
    let mut command = command.clone();
    command.build();
    let own = command.get_arguments().filter(|arg| is_own(arg)).map(own);
    own.chain(program.extra().iter().flat_map(added)).collect()
}

/// Only the command line can ask for help, or for another file of settings.
fn is_own(arg: &Arg) -> bool {
    let id = arg.get_id().as_str();
    !arg.is_positional() && !id.starts_with("extra ") && !["config", "help", "version"].contains(&id)
}

fn own(arg: &Arg) -> Settable {
    let spellings = extra::spellings(arg);
    let keys = spellings.filter_map(|flag| flag.strip_prefix("--").map(str::to_owned)).collect();
    let long = arg.get_long().unwrap_or_default();
    Settable {
        ids: vec![arg.get_id().to_string()],
        flag: format!("--{long}"),
        keys,
        variables: variable(arg, long).into_iter().collect(),
        takes: takes(arg.get_num_args().unwrap_or_default()),
        adds_up: matches!(arg.get_action(), clap::ArgAction::Append),
    }
}

/// The spellings of an added argument may differ in meaning, so each is settable by itself.
fn added(arg: &ExtraArg) -> impl Iterator<Item = Settable> {
    let ids: Vec<String> = arg.flags.iter().map(|flag| extra::id(flag)).collect();
    arg.flags.iter().map(move |flag| {
        let is_name = arg.name() == flag;
        // LOCUST_COLOUR=true must not come to mean --no-colour.
        let says_dest = arg.takes != Takes::Nothing || flag.trim_start_matches('-').replace('-', "_") == arg.dest;
        let of_dest = says_dest.then(|| format!("LOCUST_{}", arg.dest.to_uppercase()));
        let variables = [of_dest, arg.env_var.clone()];
        Settable {
            ids: ids.clone(),
            flag: flag.clone(),
            keys: flag.strip_prefix("--").map(str::to_owned).into_iter().collect(),
            variables: variables.into_iter().flatten().filter(|_| is_name).collect(),
            takes: arg.takes,
            adds_up: true,
        }
    })
}

fn takes(values: ValueRange) -> Takes {
    match (values.min_values(), values.max_values()) {
        (_, 0) => Takes::Nothing,
        (1, 1) => Takes::One,
        (0, 1) => Takes::Optional,
        _ => Takes::Many,
    }
}

/// Names that are only gregaria's, and those of what is asked instead of a run, are left to other programs.
fn variable(arg: &Arg, long: &str) -> Option<String> {
    let heading = arg.get_help_heading().unwrap_or_default();
    match VARIABLES.iter().find(|(flag, _)| *flag == long) {
        Some((_, variable)) => Some((*variable).to_owned()),
        None if NOT_OF_LOCUST.contains(&heading) || heading == "Other" => None,
        None => Some(format!("LOCUST_{}", long.replace('-', "_").to_uppercase())),
    }
}

/// Where a variable is not called as its flag.
const VARIABLES: &[(&str, &str)] = &[
    ("class-picker", "LOCUST_USERCLASS_PICKER"),
    ("master", "LOCUST_MODE_MASTER"),
    ("master-host", "LOCUST_MASTER_NODE_HOST"),
    ("master-port", "LOCUST_MASTER_NODE_PORT"),
    ("otel", "LOCUST_ENABLE_OPENTELEMETRY"),
    ("ring", "GREGARIA_RING"),
    ("worker", "LOCUST_MODE_WORKER"),
];
