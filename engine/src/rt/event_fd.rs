//! An eventfd: one thread notifies another thread that waits in the kernel for a readable file descriptor.
//!
//! A task that is woken from another thread notifies its reactor this way (`io_uring/`). A foreign event loop, such as
//! gevent's, polls the descriptor for the completions of an I/O thread (`io_thread/`).

use std::{
    io,
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd},
    sync::Arc,
};

use rustix::event::{EventfdFlags, eventfd};

/// An eventfd that wakes a thread. Clones share the descriptor.
///
/// # Examples
/// ```
/// use gregaria_engine::rt::EventFd;
///
/// let event_fd = EventFd::new()?;
/// let notifier = event_fd.clone();
/// let thread = std::thread::spawn(move || notifier.notify());
/// // `poll` on `event_fd.as_raw_fd()` reports the descriptor as readable from now on, until:
/// # thread.join().unwrap();
/// event_fd.drain();
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct EventFd(Arc<OwnedFd>);

impl EventFd {
    /// Creates an eventfd that is not readable.
    ///
    /// # Errors
    /// Returns an error if the process has reached its limit of open files.
    pub fn new() -> io::Result<Self> {
        let fd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
        Ok(Self(Arc::new(fd)))
    }

    /// Makes the descriptor readable.
    pub fn notify(&self) {
        // Fails with EAGAIN only if the counter would overflow. The descriptor is readable in that case.
        let _ = rustix::io::write(&*self.0, &1_u64.to_ne_bytes());
    }

    /// Makes the descriptor unreadable until the next [`EventFd::notify`].
    pub fn drain(&self) {
        // Fails with EAGAIN if the descriptor is not readable.
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
