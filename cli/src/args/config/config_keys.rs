//! The flags that files and variables can set, and their names there.
//!
//! The key of a flag in a file is any of its long spellings. Its variable is `LOCUST_` and the current long spelling,
//! except for those that Locust names differently (a table below). The settings themselves are loaded in `mod.rs`.

use clap::{Arg, Command, builder::ValueRange};

use crate::args::cli::{
    custom_args,
    program::{Arity, CustomArg, ProgramKind},
    raw::NON_LOCUST_HEADINGS,
};

/// A flag as files and variables can set it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::args) struct ConfigKey {
    /// The ids of the flag in the command. On the command line, each of them overrides the setting.
    pub(in crate::args) arg_ids: Vec<String>,
    /// The spelling that a setting is converted to.
    pub(in crate::args) flag: String,
    /// The names of the flag in files.
    pub(in crate::args) names: Vec<String>,
    /// The environment variables of the flag, the preferred name first.
    pub(in crate::args) env_vars: Vec<String>,
    /// The number of values.
    pub(in crate::args) arity: Arity,
    /// Whether the flag can be repeated.
    pub(in crate::args) is_repeatable: bool,
}

/// Returns all keys of a program.
pub(in crate::args) fn config_keys(command: &Command, program: &ProgramKind) -> Vec<ConfigKey> {
    let mut command = command.clone();
    command.build();
    let own = command.get_arguments().filter(|arg| is_configurable(arg)).map(key_of_arg);
    own.chain(program.custom_args().iter().flat_map(keys_of_custom_arg)).collect()
}

/// Returns `false` for the flags that only the command line can give: the help, the version, another file of settings.
fn is_configurable(arg: &Arg) -> bool {
    let id = arg.get_id().as_str();
    !arg.is_positional() && !custom_args::is_custom_id(id) && !["config", "help", "version"].contains(&id)
}

fn key_of_arg(arg: &Arg) -> ConfigKey {
    let spellings = custom_args::flag_spellings(arg);
    let names = spellings.filter_map(|flag| flag.strip_prefix("--").map(str::to_owned)).collect();
    let long = arg.get_long().unwrap_or_default();
    ConfigKey {
        arg_ids: vec![arg.get_id().to_string()],
        flag: format!("--{long}"),
        names,
        env_vars: env_vars(arg, long),
        arity: arity_of(arg.get_num_args().unwrap_or_default()),
        is_repeatable: matches!(arg.get_action(), clap::ArgAction::Append),
    }
}

/// Returns a key per spelling of an added argument, because the spellings may differ in meaning.
fn keys_of_custom_arg(arg: &CustomArg) -> impl Iterator<Item = ConfigKey> {
    let ids: Vec<String> = arg.flags.iter().map(|flag| custom_args::arg_id(flag)).collect();
    arg.flags.iter().map(move |flag| {
        let is_name = arg.name() == flag;
        // LOCUST_COLOUR=true must not set --no-colour.
        let is_named_after_dest =
            arg.arity != Arity::Zero || flag.trim_start_matches('-').replace('-', "_") == arg.dest;
        let of_dest = is_named_after_dest.then(|| format!("LOCUST_{}", arg.dest.to_uppercase()));
        let env_vars = [of_dest, arg.env_var.clone()];
        ConfigKey {
            arg_ids: ids.clone(),
            flag: flag.clone(),
            names: flag.strip_prefix("--").map(str::to_owned).into_iter().collect(),
            env_vars: env_vars.into_iter().flatten().filter(|_| is_name).collect(),
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
/// of that name.
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

/// The variables that are not named after their flag, by the id of the flag. `GREGARIA_RING` is the former name.
const ENV_VAR_NAMES: &[(&str, &[&str])] = &[
    ("class_picker", &["LOCUST_USERCLASS_PICKER"]),
    ("driver", &["GREGARIA_DRIVER", "GREGARIA_RING"]),
    ("master", &["LOCUST_MODE_MASTER"]),
    ("master_host", &["LOCUST_MASTER_NODE_HOST"]),
    ("master_port", &["LOCUST_MASTER_NODE_PORT"]),
    ("otel", &["LOCUST_ENABLE_OPENTELEMETRY"]),
    ("worker", &["LOCUST_MODE_WORKER"]),
];
