//! The switch to the Python host, which runs locustfiles: the process executes it with the same arguments.
//!
//! `args/python/first_pass.rs` selects the command lines for it before they are parsed, because a locustfile may define
//! flags that this program does not have.

use std::{
    ffi::OsString,
    os::unix::process::CommandExt,
    process::{Command, Stdio},
};

use crate::exit::CliError;

/// Replaces this process by the Python host with these arguments, without the program's name. Returns only an error.
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

/// Exits with an error unless `python3 -m gregaria` finds the Python host.
const PROBE_SCRIPT: &str =
    "import importlib.util, sys; sys.exit(importlib.util.find_spec('gregaria.__main__') is None)";

const NOT_INSTALLED: &str =
    "a locustfile needs gregaria's Python host: run 'pip install ./python' in gregaria's source tree";
