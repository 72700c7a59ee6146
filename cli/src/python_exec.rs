//! Locustfiles are Python: a command line that is about one goes on, as it is, to the Python host of the environment.
//!
//! Which lines those are is decided in `args/first_pass.rs`, before anything is parsed: a locustfile may define flags
//! that nobody here knows.

use std::{
    ffi::OsString,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

use crate::exit::CliError;

/// Becomes the Python host with these arguments (without the program's name). Returns only when that cannot be done.
pub(crate) fn exec_python_host(args: &[OsString]) -> CliError {
    let probe = Command::new(PYTHON).args(["-c", PROBE_SCRIPT]).stdin(Stdio::null()).stderr(Stdio::null()).status();
    match probe {
        Ok(status) if status.success() => {
            let error = Command::new(PYTHON).args(["-m", "gregaria"]).args(args).exec();
            CliError::runtime(format!("cannot start {PYTHON}: {error}"))
        }
        Ok(_) => CliError::runtime(NOT_INSTALLED),
        Err(error) => CliError::runtime(format!("a locustfile needs Python: cannot start {PYTHON}: {error}")),
    }
}

const PYTHON: &str = "python3";

/// Fails unless `python3 -m gregaria` would find something to run.
const PROBE_SCRIPT: &str =
    "import importlib.util, sys; sys.exit(importlib.util.find_spec('gregaria.__main__') is None)";

const NOT_INSTALLED: &str =
    "a locustfile needs gregaria's Python host: run 'pip install ./python' in gregaria's source tree";
