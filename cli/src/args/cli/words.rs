//! The words of a command line, recognized one by one without a strict parse: flags with their first values, and
//! positional arguments.
//!
//! A word that only a locustfile can explain is [`Word::Unknown`]. `other_tools.rs` has the flags of other load
//! generators. This file reports no errors.

use clap::{Arg, Command};

use super::{custom_args::flag_spellings, other_tools, positional::is_url};

/// A flag or a positional argument.
pub(in crate::args) enum Word<'a> {
    /// A flag of the command, and its first value.
    Flag(&'a Arg, Option<&'a str>),
    /// A flag as another load generator has or spells it, and its value.
    OtherTool(&'a str, Option<&'a str>),
    Positional(&'a str),
    /// A flag of a locustfile, or an error.
    Unknown(&'a str),
}

/// Returns the words of a line without the name of the program. `command` must be built.
pub(in crate::args) fn split<'a>(command: &'a Command, line: &'a [String]) -> impl Iterator<Item = Word<'a>> {
    let mut rest = line;
    let mut has_only_positionals = false;
    std::iter::from_fn(move || {
        let (mut word, after) = rest.split_first()?;
        rest = after;
        if word == "--" && !has_only_positionals {
            has_only_positionals = true;
            (word, rest) = rest.split_first()?;
        }
        if has_only_positionals || !is_flag(word) {
            return Some(Word::Positional(word));
        }
        Some(next_flag(command, word, &mut rest))
    })
}

/// Returns `true` for a word that begins with a dash and is no number.
fn is_flag(word: &str) -> bool {
    word.len() > 1 && word.starts_with('-') && word.parse::<f64>().is_err()
}

/// Recognizes a flag and takes its value from `rest`, unless the value is joined to the flag.
fn next_flag<'a>(command: &'a Command, word: &'a str, rest: &mut &'a [String]) -> Word<'a> {
    let (flag, joined) = word.split_once('=').map_or((word, None), |(flag, value)| (flag, Some(value)));
    let find = |matches: &dyn Fn(String) -> bool| {
        command.get_arguments().filter(|arg| flag_spellings(arg).any(matches)).collect::<Vec<_>>()
    };
    if let [arg] = find(&|spelling| spelling == flag)[..] {
        return Word::Flag(arg, take_value(arg, joined, rest));
    }
    if let Some(takes_value) = other_tools::takes_value(flag) {
        // The flag may be a switch in another tool.
        let is_value = |next: &&String| takes_value && joined.is_none() && !is_flag(next) && !is_url(next);
        let follows = rest.first().filter(is_value);
        *rest = &rest[usize::from(follows.is_some())..];
        return Word::OtherTool(flag, joined.or_else(|| follows.map(String::as_str)));
    }
    // Go's tools write long flags with one dash. No value of a short flag is spelled like a long flag of ours.
    if let [arg] = find(&|spelling| spelling.strip_prefix('-') == Some(flag))[..] {
        return Word::OtherTool(flag, take_value(arg, joined, rest));
    }
    if flag.starts_with("--") {
        // A long flag may be shortened to a prefix of one flag only.
        return match find(&|spelling| spelling.starts_with(flag))[..] {
            [arg] => Word::Flag(arg, take_value(arg, joined, rest)),
            _ => Word::Unknown(word),
        };
    }
    short_flags(command, word, rest)
}

/// Recognizes short flags in one word: `-lf FILE` is `-l -f FILE`. All but the last flag are switches.
fn short_flags<'a>(command: &'a Command, word: &'a str, rest: &mut &'a [String]) -> Word<'a> {
    for (index, letter) in word.char_indices().skip(1) {
        let joined = &word[index + letter.len_utf8()..];
        let short = format!("-{letter}");
        let Some(arg) = command.get_arguments().find(|arg| flag_spellings(arg).any(|spelling| spelling == short))
        else {
            let is_other_tool = index == 1 && other_tools::takes_value(&short) == Some(true);
            return if is_other_tool { Word::OtherTool(&word[..2], Some(joined)) } else { Word::Unknown(word) };
        };
        if joined.is_empty() {
            return Word::Flag(arg, take_value(arg, None, rest));
        }
        if arg.get_action().takes_values() {
            return Word::Flag(arg, Some(joined.trim_start_matches('=')));
        }
    }
    Word::Unknown(word)
}

/// Returns the first value of a flag, which is joined to the flag or follows it, and removes all values from `rest`.
fn take_value<'a>(arg: &Arg, joined: Option<&'a str>, rest: &mut &'a [String]) -> Option<&'a str> {
    let arity = arg.get_num_args().unwrap_or_default();
    if joined.is_some() || arity.max_values() == 0 {
        return joined;
    }
    let count = if arity.max_values() == 1 { 1 } else { rest.iter().take_while(|word| !word.starts_with('-')).count() };
    let (values, after) = rest.split_at(count.min(rest.len()));
    *rest = after;
    values.first().map(String::as_str)
}
