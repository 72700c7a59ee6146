//! What was typed: every flag with its spellings and its help, as text, and nothing computed.
//!
//! Today's and 0.7's spellings of Locust stand side by side; the older ones are aliases. Values stay text so that one
//! place (`values.rs`) judges them, wherever they come from. What a combination means is in `plan.rs`.

use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, Args, CommandFactory, FromArgMatches, Parser, error::ErrorKind};

use crate::exit::Refusal;

/// The command line as it was typed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Parser)]
#[command(
    name = "gregaria",
    version,
    about = "Load testing: Locust's way of describing users on a thread-per-core engine",
    override_usage = "gregaria [OPTIONS] URL\n       gregaria [OPTIONS] -f LOCUSTFILE [USER_CLASS]...",
    disable_help_flag = true,
    disable_version_flag = true,
    allow_negative_numbers = true,
    args_override_self = true,
    infer_long_args = true
)]
pub struct Typed {
    /// A URL (http://...) for a quick run, or the names of the user classes to run (default: all)
    #[arg(value_name = "URL | USER_CLASS")]
    pub targets: Vec<String>,
    /// How much load, and for how long.
    #[command(flatten)]
    pub load: LoadArgs,
    /// The request of a quick run.
    #[command(flatten)]
    pub quick: QuickArgs,
    /// What is shown and stored.
    #[command(flatten)]
    pub output: OutputArgs,
    /// What is logged.
    #[command(flatten)]
    pub log: LogArgs,
    /// What is asked instead of a run, and the rest.
    #[command(flatten)]
    pub other: OtherArgs,
}

/// How much load, and for how long.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Load")]
pub struct LoadArgs {
    /// Python locustfile to run (needs the Python host)
    #[arg(short = 'f', long, value_name = "FILE")]
    pub locustfile: Option<String>,
    /// Host to attack, for all user classes, as in http://name or http://name:8080/prefix
    #[arg(short = 'H', long, value_name = "BASE_URL")]
    pub host: Option<String>,
    /// Number of users [default: 1; quick run: 10] [0.7: -c, --clients]
    #[arg(short = 'u', long, short_alias = 'c', alias = "clients", value_name = "N")]
    pub users: Option<String>,
    /// Users that come per second [default: 1; quick run: all at once] [0.7: --hatch-rate]
    #[arg(short = 'r', long, alias = "hatch-rate", value_name = "RATE")]
    pub spawn_rate: Option<String>,
    /// Stop after this time: 90, 300s, 20m, 1h30m [default: run until Ctrl-C]
    #[arg(short = 't', long, value_name = "TIME")]
    pub run_time: Option<String>,
    /// Stop after exactly this many requests, failures included
    #[arg(short = 'n', long, alias = "num-requests", value_name = "N")]
    pub num_request: Option<String>,
    /// Seconds for requests on the wire to finish when the run ends [default: 1]
    #[arg(short = 's', long, value_name = "SECONDS")]
    pub stop_timeout: Option<String>,
    /// Start at once, without a web page, as every run does so far [0.7: --no-web]
    #[arg(long, alias = "no-web")]
    pub headless: bool,
    /// Cores to generate load on [default: all that this process may use]
    #[arg(long, value_name = "N")]
    pub shards: Option<String>,
    /// How shards talk to the kernel: full, plain or epoll; the best that works unless given.
    #[arg(long, value_name = "RING", env = "GREGARIA_RING", hide = true)]
    pub ring: Option<String>,
}

/// The request of a quick run.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = QUICK_RUN)]
pub struct QuickArgs {
    /// Request method [default: GET; with a body: POST]
    #[arg(short = 'X', long, value_name = "METHOD")]
    pub method: Option<String>,
    /// Request header, 'Name: value'; may be given several times
    #[arg(long = "header", value_name = "HEADER", action = clap::ArgAction::Append)]
    pub headers: Vec<String>,
    /// Request body
    #[arg(long, value_name = "TEXT")]
    pub body: Option<String>,
    /// File with the request body
    #[arg(long, value_name = "FILE")]
    pub body_file: Option<PathBuf>,
    /// Seconds for making a connection [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub connect_timeout: Option<String>,
    /// Seconds from sending a request to the end of its response [default: 60]
    #[arg(long, value_name = "SECONDS")]
    pub read_timeout: Option<String>,
}

/// What is shown and stored.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Statistics")]
pub struct OutputArgs {
    /// Show the statistics only at the end, not every 2 s
    #[arg(long)]
    pub only_summary: bool,
    /// Show the statistics every 2 s, as every run does so far unless --only-summary
    #[arg(long)]
    pub print_stats: bool,
    /// Forget what was measured when all users have been spawned
    #[arg(long)]
    pub reset_stats: bool,
    /// Write the final statistics to stdout as JSON, Locust's list of entries
    #[arg(long)]
    pub json: bool,
    /// Write them to FILE.json, in place of the final tables
    #[arg(long, value_name = "FILE")]
    pub json_file: Option<PathBuf>,
    /// Exit code of a run with failures or exceptions [default: 1]
    #[arg(long, value_name = "CODE")]
    pub exit_code_on_error: Option<String>,
    /// Exit with 3 when the generator itself was the bottleneck
    #[arg(long)]
    pub fail_on_lag: bool,
}

/// What is logged.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Log")]
pub struct LogArgs {
    /// DEBUG, INFO, WARNING, ERROR or CRITICAL [default: INFO]
    #[arg(short = 'L', long, value_name = "LEVEL")]
    pub loglevel: Option<String>,
    /// File to append the log to [default: stderr]
    #[arg(long, value_name = "FILE")]
    pub logfile: Option<PathBuf>,
}

/// What is asked instead of a run.
#[derive(Args, Clone, Debug, Default, PartialEq, Eq)]
#[command(next_help_heading = "Other")]
pub struct OtherArgs {
    /// List the user classes and exit
    #[arg(short = 'l', long)]
    pub list: bool,
    /// Show how often each task is picked and exit
    #[arg(long)]
    pub show_task_ratio: bool,
    /// The same as JSON
    #[arg(long)]
    pub show_task_ratio_json: bool,
    /// Show the version and exit
    #[arg(short = 'V', long, action = clap::ArgAction::Version)]
    version: (),
    /// Show this help and exit
    #[arg(short = 'h', long, action = clap::ArgAction::Help)]
    help: (),
}

/// What a command line turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parsed {
    /// Something to plan.
    Typed(Box<Typed>),
    /// `--help` or `--version`: this text, for stdout.
    Text(String),
}

/// Takes a command line apart, the program's name first. The help of a program with user classes of its own leaves
/// out what it cannot do.
///
/// # Errors
/// An unknown flag or a missing value, in one line.
pub fn parse(line: &[OsString], own_classes: bool) -> Result<Parsed, Refusal> {
    let typed = command(own_classes).try_get_matches_from(line).and_then(|matches| Typed::from_arg_matches(&matches));
    match typed {
        Ok(typed) => Ok(Parsed::Typed(Box::new(typed))),
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            Ok(Parsed::Text(error.to_string()))
        }
        Err(error) => Err(Refusal::usage(one_line(&error.to_string()))),
    }
}

fn command(own_classes: bool) -> clap::Command {
    if !own_classes {
        return Typed::command().after_help(format!("{EXAMPLES}\n\n{EXIT_CODES}"));
    }
    let hide = |arg: Arg| {
        let is_foreign = arg.get_id() == "locustfile" || arg.get_help_heading() == Some(QUICK_RUN);
        if is_foreign { arg.hide(true) } else { arg }
    };
    let targets = |arg: Arg| arg.value_name("USER_CLASS").help("Names of the user classes to run (default: all)");
    let command = Typed::command().mut_args(hide).mut_arg("targets", targets);
    command.override_usage("PROGRAM [OPTIONS] [USER_CLASS]...").after_help(EXIT_CODES)
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

const QUICK_RUN: &str = "Quick run (with a URL)";

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

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        ["gregaria"].into_iter().chain(line.split_whitespace()).map(OsString::from).collect()
    }

    fn typed(line: &str) -> Typed {
        match parse(&words(line), false) {
            Ok(Parsed::Typed(typed)) => *typed,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn refusal(line: &str) -> String {
        let refusal = parse(&words(line), false).unwrap_err();
        assert_eq!(refusal.code, 2);
        refusal.message
    }

    #[test]
    fn old_and_new_spellings_mean_the_same() {
        let today = typed("--headless -u 5 -r 2 Web");
        assert_eq!(today, typed("--no-web -c 5 --hatch-rate 2 Web"));
        assert_eq!(today, typed("Web --clients=5 --spawn-rate=2 --headless"));
        assert_eq!(today, typed("--headl --user 5 --spawn 2 Web"), "unique beginnings, as Locust takes them");
    }

    #[test]
    fn the_last_of_several_values_counts_and_headers_add_up() {
        let typed = typed("-u 5 -u 6 --header a:1 --header b:2 http://x/");
        assert_eq!(typed.load.users.unwrap(), "6");
        assert_eq!(typed.quick.headers, ["a:1", "b:2"]);
        assert_eq!(typed.targets, ["http://x/"]);
    }

    #[test]
    fn a_wrong_flag_is_one_line() {
        assert_eq!(refusal("--frobnicate"), "unexpected argument '--frobnicate'; see gregaria --help");
        assert_eq!(refusal("--hots x"), "unexpected argument '--hots'; a similar argument exists: '--host'");
        assert!(refusal("-u").starts_with("a value is required for '--users <N>'"), "{}", refusal("-u"));
        assert!(!refusal("-u").contains('\n'));
    }

    #[test]
    fn a_program_of_ones_own_offers_only_what_it_can_do() {
        let help = |own_classes| match parse(&words("--help"), own_classes).unwrap() {
            Parsed::Text(text) => text,
            Parsed::Typed(typed) => panic!("{typed:?}"),
        };
        for part in ["--body-file", "--locustfile", "URL", "Examples:"] {
            assert!(help(false).contains(part) && (!help(true).contains(part) || part == "URL"), "{part}");
        }
        for part in ["--spawn-rate", "[USER_CLASS]...", "Exit codes:"] {
            assert!(help(true).contains(part), "{part}");
        }
    }

    #[test]
    fn the_definition_holds() {
        command(false).debug_assert();
        command(true).debug_assert();
    }
}
