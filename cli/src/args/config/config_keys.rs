//! Which flags files and variables can set, and under which names.
//!
//! A file uses the long spellings of a flag, a variable is called `LOCUST_` and the present long spelling. Locust calls
//! some otherwise; those are in a table here. Where the settings come from is in `sources/`.

use clap::{Arg, Command, builder::ValueRange};

use crate::args::cli::{
    custom_args,
    program::{Arity, CustomArg, ProgramKind},
    raw::NON_LOCUST_HEADINGS,
};

/// A flag as files and variables see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::args) struct ConfigKey {
    /// Its ids in the command; on the command line any of them overrides it.
    pub(in crate::args) arg_ids: Vec<String>,
    /// The spelling that sets it.
    pub(in crate::args) flag: String,
    /// Its names in files.
    pub(in crate::args) names: Vec<String>,
    /// Its names among the environment variables.
    pub(in crate::args) env_vars: Vec<String>,
    /// How many values it takes.
    pub(in crate::args) arity: Arity,
    /// Whether it can be given several times.
    pub(in crate::args) is_repeatable: bool,
}

/// All that can be set for a program.
pub(in crate::args) fn config_keys(command: &Command, program: &ProgramKind) -> Vec<ConfigKey> {
    let mut command = command.clone();
    command.build();
    let own = command.get_arguments().filter(|arg| is_configurable(arg)).map(key_of_arg);
    own.chain(program.custom_args().iter().flat_map(keys_of_custom_arg)).collect()
}

/// Only the command line can ask for help, or for another file of settings.
fn is_configurable(arg: &Arg) -> bool {
    let id = arg.get_id().as_str();
    !arg.is_positional() && !id.starts_with("extra ") && !["config", "help", "version"].contains(&id)
}

fn key_of_arg(arg: &Arg) -> ConfigKey {
    let spellings = custom_args::flag_spellings(arg);
    let keys = spellings.filter_map(|flag| flag.strip_prefix("--").map(str::to_owned)).collect();
    let long = arg.get_long().unwrap_or_default();
    ConfigKey {
        arg_ids: vec![arg.get_id().to_string()],
        flag: format!("--{long}"),
        names: keys,
        env_vars: env_vars(arg, long),
        arity: arity_of(arg.get_num_args().unwrap_or_default()),
        is_repeatable: matches!(arg.get_action(), clap::ArgAction::Append),
    }
}

/// The spellings of an added argument may differ in meaning, so each is settable by itself.
fn keys_of_custom_arg(arg: &CustomArg) -> impl Iterator<Item = ConfigKey> {
    let ids: Vec<String> = arg.flags.iter().map(|flag| custom_args::arg_id(flag)).collect();
    arg.flags.iter().map(move |flag| {
        let is_name = arg.name() == flag;
        // LOCUST_COLOUR=true must not come to mean --no-colour.
        let says_dest = arg.arity != Arity::Zero || flag.trim_start_matches('-').replace('-', "_") == arg.dest;
        let of_dest = says_dest.then(|| format!("LOCUST_{}", arg.dest.to_uppercase()));
        let variables = [of_dest, arg.env_var.clone()];
        ConfigKey {
            arg_ids: ids.clone(),
            flag: flag.clone(),
            names: flag.strip_prefix("--").map(str::to_owned).into_iter().collect(),
            env_vars: variables.into_iter().flatten().filter(|_| is_name).collect(),
            arity: arg.arity,
            is_repeatable: true,
        }
    })
}

fn arity_of(values: ValueRange) -> Arity {
    match (values.min_values(), values.max_values()) {
        (_, 0) => Arity::Zero,
        (1, 1) => Arity::One,
        (0, 1) => Arity::Optional,
        _ => Arity::Many,
    }
}

/// Returns the environment variables of a flag, the preferred name first.
///
/// Flags that only gregaria has, and the flags under the heading "Other", have none: another program may use a variable
/// of that name for itself.
fn env_vars(arg: &Arg, long: &str) -> Vec<String> {
    let id = arg.get_id().as_str();
    if let Some((_, names)) = ENV_VAR_NAMES.iter().find(|(arg_id, _)| *arg_id == id) {
        return names.iter().map(|name| (*name).to_owned()).collect();
    }
    let heading = arg.get_help_heading().unwrap_or_default();
    if NON_LOCUST_HEADINGS.contains(&heading) || heading == "Other" {
        return Vec::new();
    }
    vec![format!("LOCUST_{}", long.replace('-', "_").to_uppercase())]
}

/// The variables that are not named after their flag, by the id of the flag. `GREGARIA_RING` is the name before 0.2.
const ENV_VAR_NAMES: &[(&str, &[&str])] = &[
    ("class_picker", &["LOCUST_USERCLASS_PICKER"]),
    ("driver", &["GREGARIA_DRIVER", "GREGARIA_RING"]),
    ("master", &["LOCUST_MODE_MASTER"]),
    ("master_host", &["LOCUST_MASTER_NODE_HOST"]),
    ("master_port", &["LOCUST_MASTER_NODE_PORT"]),
    ("otel", &["LOCUST_ENABLE_OPENTELEMETRY"]),
    ("worker", &["LOCUST_MODE_WORKER"]),
];
