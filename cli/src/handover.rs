//! Locustfiles are Python: a command line that names one goes on, as it is, to the Python host of the environment.
//!
//! This is decided before anything is parsed, because a locustfile may define flags that nobody here knows.

use std::{
    ffi::OsString,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

use crate::exit::Refusal;

/// Whether the arguments (without the program's name) name a locustfile. A URL means a quick run, whatever else.
pub(crate) fn is_wanted(args: &[OsString]) -> bool {
    let texts = || args.iter().map(|arg| arg.to_string_lossy());
    let is_url = |arg: &str| arg.starts_with("http://") || arg.starts_with("https://");
    let is_locustfile = |arg: &str| match arg.strip_prefix('-') {
        Some(flag) => flag.starts_with('f') || flag == "-locustfile" || flag.starts_with("-locustfile="),
        None => arg.ends_with(".py"),
    };
    texts().any(|arg| is_locustfile(&arg)) && !texts().any(|arg| is_url(&arg))
}

/// Becomes the Python host. Returns only when that cannot be done.
pub(crate) fn hand_over(args: &[OsString]) -> Refusal {
    let probe = Command::new(PYTHON).args(["-c", PROBE]).stdin(Stdio::null()).stderr(Stdio::null()).status();
    match probe {
        Ok(status) if status.success() => {
            let error = Command::new(PYTHON).args(["-m", "gregaria"]).args(args).exec();
            Refusal::cannot_run(format!("cannot start {PYTHON}: {error}"))
        }
        Ok(_) => Refusal::cannot_run(NOT_INSTALLED),
        Err(error) => Refusal::cannot_run(format!("a locustfile needs Python: cannot start {PYTHON}: {error}")),
    }
}

const PYTHON: &str = "python3";

/// Fails unless `python3 -m gregaria` would find something to run.
const PROBE: &str = "import importlib.util, sys; sys.exit(importlib.util.find_spec('gregaria.__main__') is None)";

const NOT_INSTALLED: &str =
    "a locustfile needs gregaria's Python host: run 'pip install ./python' in gregaria's source tree";

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(line: &str) -> bool {
        is_wanted(&line.split_whitespace().map(OsString::from).collect::<Vec<_>>())
    }

    #[test]
    fn every_way_to_name_a_locustfile_is_seen() {
        for line in ["-f load", "-fload.py", "--locustfile=x.py", "--locustfile x", "--csv out test.py", "-u 5 -f -"] {
            assert!(wanted(line), "{line}");
        }
    }

    #[test]
    fn quick_runs_and_empty_lines_stay_here() {
        for line in ["", "-V", "--fail-on-lag http://h/", "http://h/ --body-file body.py", "WebsiteUser -u 1"] {
            assert!(!wanted(line), "{line}");
        }
    }
}
