//! The arguments that a locustfile adds: their flags in the clap command, and their values as words for `argparse`.
//!
//! Each spelling is a separate clap argument, because a locustfile may treat spellings differently (`--colour`,
//! `--no-colour`). The help lists an argument once, under [`CustomArg::name`]. `argparse` interprets the values.

use clap::{Arg, ArgAction, ArgMatches, Command};

use super::{
    arg_value::ArgValue,
    program::{Arity, CustomArg},
    raw::NON_LOCUST_HEADINGS,
};
use crate::exit::CliError;

/// Adds the arguments of a locustfile to the command.
///
/// # Errors
/// A spelling that is no flag, or that is taken.
pub(super) fn add_custom_args(command: Command, custom_args: &[CustomArg]) -> Result<Command, CliError> {
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

/// Returns the id of a spelling in the command.
pub(in crate::args) fn arg_id(flag: &str) -> String {
    format!("{CUSTOM_ID_PREFIX}{flag}")
}

/// Returns `true` for the id of a spelling that a locustfile has added.
pub(in crate::args) fn is_custom_id(id: &str) -> bool {
    id.starts_with(CUSTOM_ID_PREFIX)
}

/// Returns the values of the added arguments as words for `argparse`, in the order of the command line.
pub(in crate::args) fn collect_argparse_words(matches: &ArgMatches, custom_args: &[CustomArg]) -> Vec<String> {
    let flags = custom_args.iter().flat_map(|arg| arg.flags.iter().map(move |flag| (arg, flag)));
    let mut found: Vec<(usize, Vec<String>)> = flags.flat_map(|(arg, flag)| occurrences(matches, arg, flag)).collect();
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().flat_map(|(_, words)| words).collect()
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

/// Removes `flag` from gregaria's own flags if Locust does not have it: a locustfile that works with Locust must work
/// here.
///
/// Removing the long spelling hides the flag. Removing a short spelling or an alias leaves the others.
///
/// # Errors
/// A flag of Locust, or a flag that gregaria needs with every locustfile.
fn free_flag(command: Command, flag: &str) -> Result<Command, CliError> {
    let Some(taken) = command.get_arguments().find(|arg| flag_spellings(arg).any(|spelling| spelling == flag)) else {
        return Ok(command);
    };
    if taken.get_help_heading().is_none_or(|heading| !NON_LOCUST_HEADINGS.contains(&heading)) {
        return Err(CliError::runtime(format!("{flag}: the locustfile adds this flag, but gregaria already has it")));
    }
    let id = taken.get_id().clone();
    let Some(long) = flag.strip_prefix("--") else {
        return Ok(command.mut_arg(id, |arg| arg.short(None)));
    };
    if taken.get_long() != Some(long) {
        return Ok(command.mut_arg(id, |arg| arg.alias(None)));
    }
    // Files and variables still set the flag, so it keeps a spelling, which is not a possible name of an argument.
    let unreachable = format!("{id} that is taken");
    Ok(command.mut_arg(id, |arg| arg.short(None).long(unreachable).hide(true)))
}

/// Returns all spellings of a flag, with their dashes.
pub(in crate::args) fn flag_spellings(arg: &Arg) -> impl Iterator<Item = String> {
    let longs = arg.get_long_and_visible_aliases().into_iter().flatten();
    let hidden_longs = arg.get_all_aliases().into_iter().flatten();
    let shorts = arg.get_short().into_iter().chain(arg.get_all_short_aliases().into_iter().flatten());
    let longs = longs.chain(hidden_longs).map(|long| format!("--{long}"));
    longs.chain(shorts.map(|short| format!("-{short}"))).collect::<Vec<_>>().into_iter()
}

/// Returns each occurrence of a spelling: its index in the command line, and its words for `argparse`.
fn occurrences(matches: &ArgMatches, arg: &CustomArg, flag: &str) -> Vec<(usize, Vec<String>)> {
    let id = arg_id(flag);
    let (Some(mut indices), Some(values)) = (matches.indices_of(&id), matches.get_occurrences::<String>(&id)) else {
        return Vec::new();
    };
    let occurrence = |values: Vec<&String>| {
        let index = indices.by_ref().take(values.len()).min().unwrap_or_default();
        (index, argparse_words(arg, flag, &values))
    };
    values.map(Iterator::collect).map(occurrence).collect()
}

/// Returns the words of one occurrence. A single value is joined to its flag, because it may begin with a dash.
fn argparse_words(arg: &CustomArg, flag: &str, values: &[&String]) -> Vec<String> {
    let text = |value: &str| ArgValue::from(value).text;
    match (values, arg.arity) {
        ([none], _) if *none == NO_VALUE => vec![flag.to_owned()],
        ([value], Arity::One | Arity::Optional) if flag.starts_with("--") => vec![format!("{flag}={}", text(value))],
        ([value], Arity::One | Arity::Optional) => vec![format!("{flag}{}", text(value))],
        _ => std::iter::once(flag.to_owned()).chain(values.iter().map(|value| text(value))).collect(),
    }
}

/// Begins the ids of added arguments. No field of `RawArgs` can have such an id.
const CUSTOM_ID_PREFIX: &str = "custom ";

/// The value of a flag that no value follows.
pub(super) const NO_VALUE: &str = "\0\0";
