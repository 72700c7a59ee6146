//! The `gregaria` program: the command line of the library without user classes.

#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    gregaria::main([])
}
