//! The users of a run: the user classes that the command line names, or the request of a quick run.
//!
//! This file must not know whether the user classes exist, which the scenario checks.

use std::{fs, path::Path};

use gregaria_engine::Method;

use super::values;
use crate::{
    args::cli::{
        positional,
        program::ProgramKind,
        raw::{QuickArgs, RawArgs},
    },
    exit::CliError,
    quick::QuickRequest,
};

/// The users to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunTarget {
    /// The user classes with these names; all classes if there is no name.
    Classes(Vec<String>),
    /// One request, repeated by all users of a quick run.
    Quick(QuickRequest),
}

impl RunTarget {
    /// Returns the names of the user classes to run; empty for all classes.
    pub fn class_names(&self) -> &[String] {
        match self {
            Self::Classes(names) => names,
            Self::Quick(_) => &[],
        }
    }
}

/// Returns the users that `program` runs.
///
/// # Errors
/// No users to run, or an invalid combination of URL, host, user classes, locustfile and request flags.
pub(super) fn run_target(raw: &RawArgs, program: &ProgramKind) -> Result<RunTarget, CliError> {
    check_header(raw)?;
    check_single_host(raw)?;
    check_tags(raw, program)?;
    let Some(url) = raw.targets.iter().find(|target| positional::is_url(target)) else {
        check_scheme(raw, program)?;
        return class_target(raw, program);
    };
    match program {
        ProgramKind::RustUsers => {
            Err(CliError::usage(format!("{url}: this program runs its own users; give the host with -H")))
        }
        ProgramKind::Locustfile { .. } => Err(CliError::usage(URL_AND_FILE)),
        ProgramKind::Gregaria if raw.users.locustfile.is_some() => Err(CliError::usage(URL_AND_FILE)),
        ProgramKind::Gregaria if raw.targets.len() > 1 => {
            Err(CliError::usage("only one URL can be given, without user classes"))
        }
        ProgramKind::Gregaria => quick_request(url, &raw.quick).map(RunTarget::Quick),
    }
}

/// Checks that `-H` is not a request header, as in curl.
fn check_header(raw: &RawArgs) -> Result<(), CliError> {
    let Some(host) = raw.load.host.as_ref().filter(|host| is_header(&host.text)) else {
        return Ok(());
    };
    let (host, header) = (host.describe("-H"), host.text.escape_debug());
    Err(CliError::usage(format!("{host}: -H is the host, headers are --header: write --header '{header}'")))
}

/// Returns `true` for `Name: value`. A name with a port is a host.
fn is_header(text: &str) -> bool {
    let is_value = |value: &str| !value.starts_with(|letter: char| letter == '/' || letter.is_ascii_digit());
    text.split_once(':').is_some_and(|(name, value)| !name.contains(['.', '[', '/']) && is_value(value))
}

/// Checks that no argument is a URL without a scheme. A user class of a Rust program can have any name.
fn check_scheme(raw: &RawArgs, program: &ProgramKind) -> Result<(), CliError> {
    let Some(address) = raw.targets.iter().find(|target| positional::is_address(target)) else {
        return Ok(());
    };
    let text = address.escape_debug();
    match program {
        ProgramKind::RustUsers => Ok(()),
        _ if Path::new(address).exists() => Err(CliError::usage(format!(
            "{text}: is a path, not a URL: give a locustfile or a folder of locustfiles with -f"
        ))),
        _ if raw.users.locustfile.is_some() => {
            let host = positional::with_scheme(address).unwrap_or_else(|| "http://NAME[:PORT]".to_owned());
            Err(CliError::usage(format!("{text}: is no user class: give the host with -H {host}")))
        }
        _ => Err(CliError::usage(format!("{text}: {}", positional::scheme_error(address)))),
    }
}

/// Checks that only one of a URL, a host and the demo shop determines the host.
fn check_single_host(raw: &RawArgs) -> Result<(), CliError> {
    let url = raw.targets.iter().find(|target| positional::is_url(target));
    let host = raw.load.host.as_ref().map(|host| host.describe("-H"));
    match (url, host, raw.load.demo) {
        (Some(_), Some(_), _) => {
            Err(CliError::usage("a URL and -H cannot be combined: the URL names the host, and headers are --header"))
        }
        (Some(_), _, true) => Err(CliError::usage("a URL and --demo cannot be combined: the URL names the host")),
        (_, Some(host), true) => {
            Err(CliError::usage(format!("{host}: cannot be combined with --demo, which has its own host")))
        }
        _ => Ok(()),
    }
}

/// Checks that tags are given for a locustfile only. Settings are not checked, because a locustfile may share their
/// file.
fn check_tags(raw: &RawArgs, program: &ProgramKind) -> Result<(), CliError> {
    let mut tags = raw.users.tags.iter().chain(&raw.users.exclude_tags);
    match tags.find(|tag| tag.origin.is_none()) {
        None => Ok(()),
        Some(_) if matches!(program, ProgramKind::Locustfile { .. }) => Ok(()),
        // In hey and oha, -T is the content type.
        Some(tag) if tag.text.contains('/') => Err(CliError::usage(format!(
            "{}: -T is a tag; a content type is --header 'Content-Type: {}'",
            tag.describe("-T"),
            tag.text.escape_debug()
        ))),
        Some(_) => Err(CliError::usage("-T and -E apply to locustfiles only: other users have no tags")),
    }
}

/// Returns the user classes of a line without a URL.
fn class_target(raw: &RawArgs, program: &ProgramKind) -> Result<RunTarget, CliError> {
    if raw.quick != QuickArgs::default() {
        return Err(CliError::usage(
            "-X, --header, --body, --body-file and --print-first-response apply to a quick run only; give a URL",
        ));
    }
    match program {
        ProgramKind::Gregaria if raw.load.demo => Ok(RunTarget::Classes(raw.targets.clone())),
        ProgramKind::Gregaria => Err(CliError::runtime(NOTHING_TO_RUN)),
        ProgramKind::RustUsers => match &raw.users.locustfile {
            Some(file) if file.origin.is_none() => Err(CliError::usage("-f: this program runs its own users")),
            _ => Ok(RunTarget::Classes(raw.targets.clone())),
        },
        ProgramKind::Locustfile { .. } => {
            let (files, names): (Vec<_>, Vec<_>) =
                raw.targets.iter().cloned().partition(|target| positional::is_locustfile(target));
            let is_on_line = raw.users.locustfile.as_ref().is_some_and(|file| file.origin.is_none());
            match files.first() {
                Some(file) if is_on_line => {
                    Err(CliError::usage(format!("{file}: give all locustfiles with -f, such as -f a.py,b.py")))
                }
                _ => Ok(RunTarget::Classes(names)),
            }
        }
    }
}

fn quick_request(url: &str, args: &QuickArgs) -> Result<QuickRequest, CliError> {
    let (host, target) = values::split_url(url)?;
    let body = request_body(args)?;
    let method = match &args.method {
        Some(method) => values::method("-X", method)?,
        None if body.is_some() => Method::Post,
        None => Method::Get,
    };
    let headers = args.headers.iter().map(|header| values::header("--header", header)).collect::<Result<_, _>>()?;
    Ok(QuickRequest { host, target, method, headers, body })
}

fn request_body(args: &QuickArgs) -> Result<Option<Vec<u8>>, CliError> {
    match (&args.body, &args.body_file) {
        (Some(_), Some(_)) => Err(CliError::usage("--body and --body-file cannot be combined")),
        (text, None) => Ok(text.as_ref().map(|arg| arg.text.clone().into_bytes())),
        (None, Some(file)) => {
            let cannot_read = |error| CliError::usage(format!("{}: {error}", file.describe("--body-file")));
            fs::read(&file.text).map(Some).map_err(cannot_read)
        }
    }
}

const URL_AND_FILE: &str = "a URL and a locustfile cannot be combined; give the host with -H";

const NOTHING_TO_RUN: &str = "nothing to run, as there is no locustfile.py here or in a folder above; \
                              give a URL (gregaria http://localhost:8080/), a locustfile (gregaria -f FILE.py), \
                              or --demo for a first run";
