//! What the users do: the classes that were named, or the one request of a quick run.

use std::fs;

use gregaria_engine::Method;

use super::{
    program::Program,
    typed::{QuickArgs, Typed},
    values,
};
use crate::{exit::Refusal, quick::QuickRequest};

/// What the users do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The user classes of these names; all when there are none.
    Classes(Vec<String>),
    /// One request, again and again.
    Quick(QuickRequest),
}

/// Finds out what the users of `program` are to do.
pub(super) fn target(typed: &Typed, program: &Program) -> Result<Target, Refusal> {
    refuse_two_hosts(typed)?;
    refuse_tags(typed, program)?;
    let url = typed.targets.iter().find(|target| values::is_url(target));
    let Some(url) = url else {
        return classes(typed, program);
    };
    match program {
        Program::OwnUsers => {
            Err(Refusal::usage(format!("{url}: this program runs its own users: give the host with -H")))
        }
        Program::Locustfile { .. } => Err(Refusal::usage(URL_AND_FILE)),
        Program::Gregaria if typed.users.locustfile.is_some() => Err(Refusal::usage(URL_AND_FILE)),
        Program::Gregaria if typed.targets.len() > 1 => {
            Err(Refusal::usage("a URL stands alone: one URL, and no user classes beside it"))
        }
        Program::Gregaria => quick_request(url, &typed.quick).map(Target::Quick),
    }
}

/// A host, a URL and the demo shop each say what to attack.
fn refuse_two_hosts(typed: &Typed) -> Result<(), Refusal> {
    let url = typed.targets.iter().find(|target| values::is_url(target));
    let host = typed.load.host.as_ref().map(|host| host.named("-H"));
    match (url, host, typed.load.demo) {
        (Some(_), Some(_), _) => Err(Refusal::usage("a URL and -H do not go together: the URL names the host")),
        (Some(_), _, true) => Err(Refusal::usage("a URL and --demo do not go together: the URL names the host")),
        (_, Some(host), true) => {
            Err(Refusal::usage(format!("{host}: does not go together with --demo, which brings its own host")))
        }
        _ => Ok(()),
    }
}

/// Only locustfiles have tags. A file of settings may be for those too.
fn refuse_tags(typed: &Typed, program: &Program) -> Result<(), Refusal> {
    let mut tags = typed.users.tags.iter().chain(&typed.users.exclude_tags);
    match program {
        Program::Gregaria | Program::OwnUsers if tags.any(|tag| tag.origin.is_none()) => {
            Err(Refusal::usage("-T and -E are for locustfiles: other users have no tags"))
        }
        _ => Ok(()),
    }
}

fn classes(typed: &Typed, program: &Program) -> Result<Target, Refusal> {
    if typed.quick != QuickArgs::default() {
        return Err(Refusal::usage("request flags (-X, --header, --body ...) are for a quick run: give a URL"));
    }
    match program {
        Program::Gregaria => Err(Refusal::cannot_run(NOTHING_TO_RUN)),
        Program::OwnUsers => match &typed.users.locustfile {
            Some(file) if file.origin.is_none() => Err(Refusal::usage("-f: this program runs its own users")),
            _ => Ok(Target::Classes(typed.targets.clone())),
        },
        Program::Locustfile { .. } => {
            let (files, names): (Vec<_>, Vec<_>) =
                typed.targets.iter().cloned().partition(|target| values::is_locustfile(target));
            let is_typed = typed.users.locustfile.as_ref().is_some_and(|file| file.origin.is_none());
            match files.first() {
                Some(file) if is_typed => {
                    Err(Refusal::usage(format!("{file}: give all locustfiles with -f: -f a.py,b.py")))
                }
                _ => Ok(Target::Classes(names)),
            }
        }
    }
}

fn quick_request(url: &str, args: &QuickArgs) -> Result<QuickRequest, Refusal> {
    let (host, target) = values::base_and_target(url)?;
    let body = body(args)?;
    let method = match &args.method {
        Some(method) => values::method("-X", method)?,
        None if body.is_some() => Method::Post,
        None => Method::Get,
    };
    let headers = args.headers.iter().map(|header| values::header("--header", header)).collect::<Result<_, _>>()?;
    Ok(QuickRequest { host, target, method, headers, body })
}

fn body(args: &QuickArgs) -> Result<Option<Vec<u8>>, Refusal> {
    match (&args.body, &args.body_file) {
        (Some(_), Some(_)) => Err(Refusal::usage("--body and --body-file do not go together")),
        (text, None) => Ok(text.as_ref().map(|given| given.text.clone().into_bytes())),
        (None, Some(file)) => {
            let cannot_read = |error| Refusal::usage(format!("{}: {error}", file.named("--body-file")));
            fs::read(&file.text).map(Some).map_err(cannot_read)
        }
    }
}

const URL_AND_FILE: &str = "a URL and a locustfile do not go together: give the host with -H";

const NOTHING_TO_RUN: &str = "nothing to run, as there is no locustfile.py here or in a folder above: \
                              give a URL (gregaria http://localhost:8080/) or a locustfile (gregaria -f FILE.py)";
