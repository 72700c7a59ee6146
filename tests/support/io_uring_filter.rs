//! Runs a command as on a kernel that rejects io_uring, with the helper program `without-io-uring`.
//!
//! There are two kinds of rejection, and programs meet both: EPERM from a container's seccomp profile or the setting
//! `kernel.io_uring_disabled`, and ENOSYS from a kernel built without io_uring.

use std::path::Path;

use crate::program::Program;

/// The result of the io_uring system calls under the filter.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum IoUringRefusal {
    /// "Operation not permitted", as in most containers.
    NotPermitted,
    /// "Function not implemented", as on an old kernel.
    NotImplemented,
}

/// Returns `program` with the filter. `helper` is `env!("CARGO_BIN_EXE_without-io-uring")`, which exists only in test
/// targets.
#[must_use]
pub fn without_io_uring(helper: &str, refusal: IoUringRefusal, program: Program) -> Program {
    let errno = match refusal {
        IoUringRefusal::NotPermitted => "EPERM",
        IoUringRefusal::NotImplemented => "ENOSYS",
    };
    program.wrapped_by(Path::new(helper), &[errno])
}
