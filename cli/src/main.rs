//! The `gregaria` program: the command line of the library around no users of its own.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    gregaria::main([])
}
