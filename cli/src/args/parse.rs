//! From the words of a command line to [`Typed`]: what a program accepts, what its help says, and what is wrong.
//!
//! The words are parsed twice: alone, to see what they give, and with the settings of files and variables that they
//! leave open laid under them. Which settings there are is in `sources/`.

use std::ffi::OsString;

use clap::{
    Arg, ArgMatches, Command, CommandFactory, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
    parser::ValueSource,
};

use super::{
    extra, not_yet,
    program::Program,
    settable::{self, Settable},
    sources::{self, Setting, Settings},
    surroundings::Surroundings,
    typed::{QUICK_RUN, Typed},
    values,
};
use crate::exit::Refusal;

/// What a command line turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Something to plan.
    Typed(Box<Typed>),
    /// `--help` or `--version`: this text, for stdout.
    Text(String),
}

/// Takes a command line apart, the program's name first, and lays the settings of its surroundings under it.
///
/// # Errors
/// An unknown flag or setting, or a missing value, in one line; an argument of the locustfile that cannot be added.
pub fn parse(line: &[OsString], program: &Program, surroundings: &Surroundings) -> Result<Parsed, Refusal> {
    let command = command(program)?;
    let typed = match command.clone().try_get_matches_from(line) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(Parsed::Text(error.to_string()));
        }
        Err(error) => return Err(refuse(&error)),
    };
    let settables = settable::all(&command, program);
    let config = typed.get_one::<super::Given>("config").map(|given| given.text.as_str());
    let settings = sources::settings(&settables, config, surroundings)?;
    let words = lay_under(line, &typed, &settables, &settings, &command)?;
    let matches = command.try_get_matches_from(words).map_err(|error| refuse(&error))?;
    let mut typed = Typed::from_arg_matches(&matches).map_err(|error| refuse(&error))?;
    typed.extra = extra::words(&matches, program.extra());
    check_required(&matches, program)?;
    if typed.targets.is_empty() {
        typed.targets = sources::user_classes(surroundings);
    }
    Ok(Parsed::Typed(Box::new(typed)))
}

/// Settings that the line leaves open become words of it, before the positional arguments that `--` sets apart.
fn lay_under(
    line: &[OsString],
    typed: &ArgMatches,
    settables: &[Settable],
    settings: &Settings,
    command: &Command,
) -> Result<Vec<OsString>, Refusal> {
    let is_quick = typed.get_many::<String>("targets").into_iter().flatten().any(|target| values::is_url(target));
    if let Some(unknown) = settings.unknown.first().filter(|_| !is_quick) {
        let hint = suggestion(command, &unknown.key).map_or_else(
            || "see gregaria --help".to_owned(),
            |similar| format!("a similar one exists: '{}'", similar.trim_start_matches('-')),
        );
        return Err(Refusal::usage(format!("{}: there is no such setting; {hint}", unknown.origin)));
    }
    let is_open = |setting: &&Setting| {
        let settable = &settables[setting.settable];
        let is_typed = settable.ids.iter().any(|id| typed.value_source(id) == Some(ValueSource::CommandLine));
        !is_typed && !(is_quick && NOT_FOR_A_URL.contains(&settable.ids[0].as_str()))
    };
    let under = settings.known.iter().filter(is_open).map(|setting| setting.words(&settables[setting.settable]));
    let under: Vec<String> = under.collect::<Result<Vec<_>, _>>()?.concat();
    let end = line.iter().position(|word| word == "--").unwrap_or(line.len());
    let (flags, positionals) = line.split_at(end);
    let under = under.into_iter().map(OsString::from);
    Ok(flags.iter().cloned().chain(under).chain(positionals.iter().cloned()).collect())
}

fn check_required(matches: &ArgMatches, program: &Program) -> Result<(), Refusal> {
    let is_given = |flag: &String| matches.contains_id(&extra::id(flag));
    let missing = program.extra().iter().find(|arg| arg.required && !arg.flags.iter().any(is_given));
    missing.map_or(Ok(()), |arg| Err(Refusal::usage(format!("{}: the locustfile requires it", arg.name()))))
}

/// What a program accepts, and what its help says. The help of a program with user classes of its own leaves out what
/// it cannot do.
pub(super) fn command(program: &Program) -> Result<Command, Refusal> {
    let after = format!("{}\n\n{EXIT_CODES}", not_yet::line());
    if matches!(program, Program::Gregaria | Program::Locustfile { .. }) {
        let usage = "gregaria [OPTIONS] URL\n       gregaria [OPTIONS] [-f LOCUSTFILE] [USER_CLASS]...";
        let command = Typed::command().override_usage(usage).after_help(format!("{EXAMPLES}\n\n{after}"));
        return extra::join(command, program.extra());
    }
    let hide = |arg: Arg| {
        let is_foreign = arg.get_id() == "locustfile" || arg.get_help_heading() == Some(QUICK_RUN);
        if is_foreign { arg.hide(true) } else { arg }
    };
    let targets = |arg: Arg| arg.value_name("USER_CLASS").help("Names of the user classes to run (default: all)");
    let command = Typed::command().mut_args(hide).mut_arg("targets", targets);
    Ok(command.override_usage("PROGRAM [OPTIONS] [USER_CLASS]...").after_help(after))
}

/// The flag that was perhaps meant.
fn suggestion(command: &Command, key: &str) -> Option<String> {
    let words = ["gregaria".to_owned(), format!("--{}", key.trim_start_matches('-'))];
    let error = command.clone().infer_long_args(false).try_get_matches_from(words).err()?;
    match error.get(ContextKind::SuggestedArg) {
        Some(ContextValue::String(flag)) => Some(flag.clone()),
        _ => None,
    }
}

fn refuse(error: &clap::Error) -> Refusal {
    Refusal::usage(one_line(&error.to_string()))
}

/// Of clap's paragraphs (what is wrong, a tip, the usage, where to find help) the first two, in one line.
fn one_line(report: &str) -> String {
    let mut lines = report.lines().map(str::trim);
    let wrong = lines.next().unwrap_or_default().trim_start_matches("error: ").trim_end_matches(" found");
    // The tip to write it behind `--` is of no help to anyone who did not mean a positional argument.
    let tip = lines.find_map(|line| line.strip_prefix("tip: ")).filter(|tip| !tip.starts_with("to pass"));
    match tip {
        Some(tip) => format!("{wrong}; {tip}"),
        None => format!("{wrong}; see gregaria --help"),
    }
}

/// Files and variables are about locustfiles: what to attack, and which of its tasks, is said by the URL of a quick run.
const NOT_FOR_A_URL: &[&str] = &["demo", "exclude_tags", "host", "locustfile", "tags"];

const EXAMPLES: &str = "\
Examples:
  gregaria http://localhost:8080/ -u 64 -t 10s
      64 users ask for one page as fast as it comes, for 10 seconds
  gregaria http://localhost:8080/api -X PUT --header 'Content-Type: text/plain' --body hello -n 10000
      exactly 10,000 requests with a body
  gregaria -f locustfile.py --headless -u 1000 -r 100 -t 5m -H http://staging.example WebsiteUser
      one user class of a Locust file";

const EXIT_CODES: &str = "\
Exit codes: 0 fine; 1 cannot run, or failures (see --exit-code-on-error); 2 a wrong flag or value; 3 see --fail-on-lag.
Data goes to stdout; the log and all tables go to stderr.";
