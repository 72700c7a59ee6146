//! A bell: rung on one thread, heard by another that waits in the kernel for a file to become readable.
//!
//! Our own rings hear it when a task is woken from elsewhere; an event loop that is not ours (gevent's) watches its file
//! to hear that something was brought to it.

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    sync::Arc,
};

use rustix::event::{EventfdFlags, eventfd};

/// A bell. Clones are the same bell.
#[derive(Clone, Debug)]
pub struct EventFd(Arc<OwnedFd>);

impl EventFd {
    /// A silent bell.
    ///
    /// # Errors
    /// When the process has no file left to open.
    pub fn new() -> io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self(Arc::new(fd)))
    }

    /// Makes its file readable.
    pub fn notify(&self) {
        // It can only fail when it has been rung 2^64 times, which is loud enough.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }

    /// Makes its file unreadable until it is rung again.
    pub fn drain(&self) {
        // Fails when it is silent.
        let _ = rustix::io::read(&*self.0, &mut [0_u8; 8]);
    }
}

impl AsFd for EventFd {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for EventFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}
