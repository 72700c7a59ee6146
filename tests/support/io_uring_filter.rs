//! Runs a command as on a kernel that refuses io_uring, by way of the helper program `without-io-uring`.
//!
//! Two refusals are told apart because programs meet both: EPERM from a container's seccomp profile or
//! `kernel.io_uring_disabled`, ENOSYS from a kernel that was built without it.

use std::path::Path;

use crate::program::Program;

/// How the filtered kernel answers the io_uring system calls.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IoUringRefusal {
    /// "Operation not permitted", as in most containers.
    NotPermitted,
    /// "Function not implemented", as on an old kernel.
    NotImplemented,
}

/// `program`, with every io_uring call refused. `helper` is `env!("CARGO_BIN_EXE_without-io-uring")`, which only a test
/// target can name.
#[must_use]
pub fn without_io_uring(helper: &str, refusal: IoUringRefusal, program: Program) -> Program {
    let errno = match refusal {
        IoUringRefusal::NotPermitted => "EPERM",
        IoUringRefusal::NotImplemented => "ENOSYS",
    };
    program.wrapped_by(Path::new(helper), &[errno])
}
