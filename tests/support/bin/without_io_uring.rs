//! `without-io-uring ERRNO PROGRAM ARGUMENT…`: becomes PROGRAM under a seccomp filter in which the three io_uring
//! system calls fail with ERRNO (`EPERM` as in a locked-down container, `ENOSYS` as on an old kernel).
//!
//! The filter is installed by this process on itself and survives `exec`, which keeps the tests free of `unsafe`.

#![forbid(unsafe_code)]
#![allow(clippy::print_stderr, reason = "a command of its own")]

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
    let refused: BTreeMap<_, _> = IO_URING_CALLS.map(|call| (call, Vec::new())).into();
    let arch = TargetArch::try_from(env::consts::ARCH)?;
    let filter = SeccompFilter::new(refused, SeccompAction::Allow, SeccompAction::Errno(errno), arch)?;
    let program: BpfProgram = filter.try_into()?;
    Ok(seccompiler::apply_filter(&program)?)
}

fn fail(reason: &str) -> ExitCode {
    eprintln!("without-io-uring: {reason}");
    ExitCode::from(125)
}

/// io_uring_setup, io_uring_enter, io_uring_register: the same numbers on every architecture, as for all calls since
/// 5.1.
const IO_URING_CALLS: [i64; 3] = [425, 426, 427];
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;
