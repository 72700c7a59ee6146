//! The clap command of a program: the flags that the program accepts, and its help text.
//!
//! `raw.rs` declares the flags, `custom_args.rs` adds those of a locustfile. `../parse.rs` parses a command line with
//! the command.

use clap::{
    Arg, Command, CommandFactory,
    error::{ContextKind, ContextValue},
};

use super::{
    custom_args,
    program::ProgramKind,
    raw::{QUICK_RUN, RawArgs},
    unsupported,
};
use crate::exit::CliError;

/// Builds the command of a program. `name` is the name under which the user calls it. The help of a Rust program omits
/// the flags for quick runs and locustfiles.
///
/// # Errors
/// An argument of a locustfile that cannot be added.
pub(in crate::args) fn build_command(program: &ProgramKind, name: &str) -> Result<Command, CliError> {
    let custom = if *program == ProgramKind::Gregaria { CUSTOM_ARGS_HELP } else { "" };
    let after = format!("{CONFIG_HELP}{custom}\n\n{}\n\n{EXIT_CODES_HELP}", unsupported::help_line());
    if matches!(program, ProgramKind::Gregaria | ProgramKind::Locustfile { .. }) {
        let usage = format!("{name} [OPTIONS] URL\n       {name} [OPTIONS] [-f LOCUSTFILE] [USER_CLASS]...");
        let command =
            RawArgs::command().bin_name(name).override_usage(usage).after_help(format!("{EXAMPLES_HELP}\n\n{after}"));
        return custom_args::add_custom_args(command, program.custom_args());
    }
    let hide = |arg: Arg| {
        let is_python = ["exclude_tags", "locustfile", "tags"].contains(&arg.get_id().as_str());
        let is_useless = is_python || arg.get_help_heading() == Some(QUICK_RUN);
        if is_useless { arg.hide(true) } else { arg }
    };
    let targets = |arg: Arg| arg.value_name("USER_CLASS").help("Names of the user classes to run (default: all)");
    let command = RawArgs::command().bin_name(name).mut_args(hide).mut_arg("targets", targets);
    let examples = OWN_EXAMPLES_HELP.replace("PROGRAM", name);
    let usage = format!("{name} [OPTIONS] [USER_CLASS]...");
    Ok(command.override_usage(usage).after_help(format!("{examples}\n\n{after}")))
}

/// Returns the flag with a spelling similar to `key`, if there is one.
pub(in crate::args) fn suggest_flag(command: &Command, key: &str) -> Option<String> {
    let words = ["gregaria".to_owned(), format!("--{}", key.trim_start_matches('-'))];
    let error = command.clone().infer_long_args(false).try_get_matches_from(words).err()?;
    match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(flag)) => Some(flag.clone()),
        _ => None,
    }
}

const EXAMPLES_HELP: &str = "\
Examples:
  gregaria --demo
      a first run: 50 users of a built-in shop for 10 seconds
  gregaria http://localhost:8080/ -u 64 -t 10s
      64 users request one page without waits for 10 seconds
  gregaria http://localhost:8080/api -X PUT --body hello -n 10000
      exactly 10,000 requests with a body
  gregaria http://localhost:8080/ -n 1000 --print-first-response
      the response to one request first, to see that it is the right one
  gregaria -f shop.py -u 1000 -r 100 -t 5m -H http://staging.example Visitor
      one user class of a locustfile
  gregaria -u 100 -r 10
      the locustfile.py in this folder or a folder above";

/// The examples of a Rust program, with `PROGRAM` in place of its name.
const OWN_EXAMPLES_HELP: &str = "\
Examples:
  PROGRAM -H http://localhost:8080 -u 1000 -r 100 -t 5m
      1,000 users of all classes, 100 more each second, for 5 minutes
  PROGRAM -l
      the names of the user classes";

const CONFIG_HELP: &str = "\
Other settings come from LOCUST_* variables, --config, pyproject.toml, locust.conf and ~/.locust.conf.";

const CUSTOM_ARGS_HELP: &str = "
python3 -m gregaria -f FILE --help shows the arguments that a locustfile adds.";

const EXIT_CODES_HELP: &str = "\
Exit codes: 0 success; 1 cannot run, or failures or exceptions (--exit-code-on-error);
2 invalid flag or value; 3 see --fail-on-lag.
Data goes to stdout; the log and all tables go to stderr.";
