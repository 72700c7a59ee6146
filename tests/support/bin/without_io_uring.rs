//! `without-io-uring ERRNO PROGRAM ARGUMENT…` replaces itself by PROGRAM under a seccomp filter. The three io_uring
//! system calls then fail with ERRNO: `EPERM` as in a restricted container, `ENOSYS` as on an old kernel.
//!
//! This process installs the filter on itself, and the filter survives `exec`. The tests need no `unsafe` for it.

#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "a program with its own output")]

use std::collections::BTreeMap;
use std::env;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let errno = match arguments.next().as_deref().and_then(|name| name.to_str()) {
        Some("EPERM") => EPERM,
        Some("ENOSYS") => ENOSYS,
        _ => return fail("the first argument must be EPERM or ENOSYS"),
    };
    let Some(program) = arguments.next() else {
        return fail("no program given");
    };
    if let Err(error) = refuse_io_uring(errno) {
        return fail(&format!("cannot install the filter: {error}"));
    }
    let error = Command::new(program).args(arguments).exec();
    fail(&format!("cannot start the program: {error}"))
}

fn refuse_io_uring(errno: u32) -> Result<(), Box<dyn std::error::Error>> {
    let rules: BTreeMap<_, _> = IO_URING_CALLS.map(|call| (call, Vec::new())).into();
    let arch = TargetArch::try_from(env::consts::ARCH)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, SeccompAction::Errno(errno), arch)?;
    let program: BpfProgram = filter.try_into()?;
    Ok(seccompiler::apply_filter(&program)?)
}

fn fail(reason: &str) -> ExitCode {
    eprintln!("without-io-uring: {reason}");
    ExitCode::from(125)
}

/// io_uring_setup, io_uring_enter and io_uring_register. Calls since Linux 5.1 have the same numbers on all
/// architectures.
const IO_URING_CALLS: [i64; 3] = [425, 426, 427];
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;
