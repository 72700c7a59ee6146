//! A socket for hyper and the loop that waits for it: one connection, one thread, no async runtime.

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use hyper::rt::ReadBufCursor;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// A socket that records the events for which hyper waits.
pub(super) struct HyperSocket {
    stream: TcpStream,
    interest: Rc<Cell<PollFlags>>,
}

/// Polls the future of one connection and waits for its socket.
pub(super) struct SocketDriver {
    stream: TcpStream,
    interest: Rc<Cell<PollFlags>>,
}

impl HyperSocket {
    pub(super) fn new(stream: TcpStream) -> io::Result<(Self, SocketDriver)> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        let interest = Rc::new(Cell::new(PollFlags::empty()));
        let driver = SocketDriver { stream: stream.try_clone()?, interest: Rc::clone(&interest) };
        Ok((Self { stream, interest }, driver))
    }

    /// Converts `WouldBlock` to `Pending` and records `flag` as the event to wait for.
    fn ready<T>(&self, result: io::Result<T>, flag: PollFlags) -> Poll<io::Result<T>> {
        match result {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.interest.set(self.interest.get() | flag);
                Poll::Pending
            }
            result => Poll::Ready(result),
        }
    }
}

impl SocketDriver {
    /// Runs `future` until it is done or the server is stopped.
    pub(super) fn run(&self, future: impl Future, is_stopped: &AtomicBool) {
        let woken = Arc::new(WakeFlag::default());
        let waker = Waker::from(Arc::clone(&woken));
        let mut future = pin!(future);
        while !is_stopped.load(Ordering::Relaxed) {
            self.interest.set(PollFlags::empty());
            if future.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                return;
            }
            if !woken.0.swap(false, Ordering::Relaxed) {
                // After a timeout the loop checks whether the server was stopped.
                let _ = poll(&mut [PollFd::new(&self.stream, self.interest.get())], Some(&POLL_TIMEOUT));
            }
        }
    }
}

#[derive(Default)]
struct WakeFlag(AtomicBool);

impl Wake for WakeFlag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl hyper::rt::Read for HyperSocket {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, mut buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let mut bytes = [0; 16 * 1024];
        let wanted = buffer.remaining().min(bytes.len());
        let read = (&self.stream).read(&mut bytes[..wanted]);
        self.ready(read, PollFlags::IN).map_ok(|length| buffer.put_slice(&bytes[..length]))
    }
}

impl hyper::rt::Write for HyperSocket {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = (&self.stream).write(bytes);
        self.ready(written, PollFlags::OUT)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.stream.shutdown(Shutdown::Write))
    }
}

/// The maximum time between two checks whether the server was stopped.
const POLL_TIMEOUT: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };
