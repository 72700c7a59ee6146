//! The arguments that a locustfile adds: into the command, and out of what was given as words for `argparse`.
//!
//! Each spelling is an argument of its own here, because a locustfile may tell them apart (`--colour`,
//! `--no-colour`); the first ones stand in the help.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{
    program::{Arity, CustomArg},
    raw::NON_LOCUST_HEADINGS,
};
use crate::exit::CliError;

/// Adds the arguments to the command.
///
/// # Errors
/// When a spelling is taken already.
pub(in crate::args) fn add_custom_args(command: Command, custom_args: &[CustomArg]) -> Result<Command, CliError> {
    let mut command = command.next_help_heading("Custom arguments");
    for arg in custom_args {
        arg.check_flags()?;
        for flag in &arg.flags {
            command = free_flag(command, flag)?;
            command = command.arg(build_arg(arg, flag));
        }
    }
    Ok(command)
}

/// The id of a spelling in the command.
pub(in crate::args) fn arg_id(flag: &str) -> String {
    format!("extra {flag}")
}

/// What was given, in order, as words for `argparse`.
pub(in crate::args) fn collect_argparse_words(matches: &ArgMatches, custom_args: &[CustomArg]) -> Vec<String> {
    let flags = custom_args.iter().flat_map(|arg| arg.flags.iter().map(move |flag| (arg, flag)));
    let mut given: Vec<(usize, Vec<String>)> = flags.flat_map(|(arg, flag)| occurrences(matches, arg, flag)).collect();
    given.sort_by_key(|(place, _)| *place);
    given.into_iter().flat_map(|(_, words)| words).collect()
}

fn build_arg(arg: &CustomArg, flag: &str) -> Arg {
    let spelling = Arg::new(arg_id(flag)).action(ArgAction::Append).hide(arg.hidden || arg.name() != flag);
    let spelling = match flag.strip_prefix("--") {
        Some(long) => spelling.long(long.to_owned()),
        None => spelling.short(flag.chars().nth(1)),
    };
    let name = arg.value_name.clone().unwrap_or_else(|| arg.dest.to_uppercase());
    let spelling = match arg.arity {
        Arity::Exactly(count) => spelling.num_args(count).value_name(name),
        Arity::Many => spelling.num_args(0..).value_name(name),
        Arity::Zero => spelling.num_args(0),
        Arity::One => spelling.num_args(1).value_name(name),
        Arity::Optional => spelling.num_args(0..=1).value_name(name),
    };
    spelling.default_missing_value(NO_VALUE).help(help_text(arg))
}

fn help_text(arg: &CustomArg) -> String {
    let others: Vec<&str> = arg.flags.iter().map(String::as_str).filter(|flag| *flag != arg.name()).collect();
    let mut parts: Vec<String> = arg.help.iter().cloned().collect();
    if !arg.choices.is_empty() {
        parts.push(format!("[one of: {}]", arg.choices.join(", ")));
    }
    if !others.is_empty() {
        parts.push(format!("[also: {}]", others.join(", ")));
    }
    if arg.required {
        parts.push("[required]".to_owned());
    }
    parts.join(" ")
}

/// A locustfile that runs with Locust runs here, so flags that Locust has not give way: a short spelling alone, or all of
/// the flag. All others are Locust's, or must work with every locustfile.
fn free_flag(command: Command, flag: &str) -> Result<Command, CliError> {
    let taken = command.get_arguments().find(|arg| flag_spellings(arg).any(|spelling| spelling == flag));
    match taken {
        None => Ok(command),
        Some(taken) if taken.get_help_heading().is_some_and(|heading| NON_LOCUST_HEADINGS.contains(&heading)) => {
            let id = taken.get_id().clone();
            if !flag.starts_with("--") {
                return Ok(command.mut_arg(id, |arg| arg.short(None)));
            }
            if taken.get_long() != Some(&flag[2..]) {
                return Ok(command.mut_arg(id, |arg| arg.alias(None)));
            }
            let untypable = format!("{id} that is taken");
            Ok(command.mut_arg(id, |arg| arg.short(None).long(untypable).hide(true)))
        }
        Some(_) => Err(CliError::runtime(format!("the locustfile adds {flag}, which gregaria has already"))),
    }
}

/// All ways to write a flag, with their dashes.
pub(in crate::args) fn flag_spellings(arg: &Arg) -> impl Iterator<Item = String> {
    let longs = arg.get_long_and_visible_aliases().into_iter().flatten();
    let hidden_longs = arg.get_all_aliases().into_iter().flatten();
    let shorts = arg.get_short().into_iter().chain(arg.get_all_short_aliases().into_iter().flatten());
    let longs = longs.chain(hidden_longs).map(|long| format!("--{long}"));
    longs.chain(shorts.map(|short| format!("-{short}"))).collect::<Vec<_>>().into_iter()
}

fn occurrences(matches: &ArgMatches, arg: &CustomArg, flag: &str) -> Vec<(usize, Vec<String>)> {
    let id = arg_id(flag);
    let (Some(mut places), Some(given)) = (matches.indices_of(&id), matches.get_occurrences::<String>(&id)) else {
        return Vec::new();
    };
    let occurrence = |values: Vec<&String>| {
        let place = places.by_ref().take(values.len()).min().unwrap_or_default();
        (place, argparse_words(arg, flag, &values))
    };
    given.map(Iterator::collect).map(occurrence).collect()
}

/// Joined to its flag a value may begin with a dash.
fn argparse_words(arg: &CustomArg, flag: &str, values: &[&String]) -> Vec<String> {
    let text = |value: &str| super::arg_value::ArgValue::from(value).text;
    match (values, arg.arity) {
        ([none], _) if *none == NO_VALUE => vec![flag.to_owned()],
        ([value], Arity::One | Arity::Optional) if flag.starts_with("--") => vec![format!("{flag}={}", text(value))],
        ([value], Arity::One | Arity::Optional) => vec![format!("{flag}{}", text(value))],
        _ => std::iter::once(flag.to_owned()).chain(values.iter().map(|value| text(value))).collect(),
    }
}

/// Stands for "no value followed".
const NO_VALUE: &str = "\0\0";
