//! The epoll driver: the connections of one thread where the kernel rejects io_uring.
//!
//! This driver is simple rather than fast, because few systems need it; `io_uring/` is the fast driver. An operation
//! is a non-blocking system call that is retried after each event of its socket. Waiting goes through the `polling`
//! crate, so that a port to other systems remains possible.

use std::{
    cell::RefCell,
    future::poll_fn,
    io,
    os::fd::OwnedFd,
    rc::Rc,
    sync::Arc,
    task::{Poll, Waker},
    time::Duration,
};

use polling::{Event, Events, PollMode, Poller};
use rustix::{
    buffer::spare_capacity,
    io::Errno,
    net::{RecvFlags, SendFlags, SocketAddrAny, connect, recv, send},
};
use slab::Slab;

use super::{buffer_pool::DEFAULT_RECV_BUFFER_BYTES, clock::now_ns, turn::TurnResult};

/// The connections of one thread.
pub(super) struct Epoll {
    poller: Arc<Poller>,
    events: RefCell<Events>,
    /// The wakers of tasks that wait for an event of a socket, by the key of the event.
    wakers: RefCell<Slab<Option<Waker>>>,
}

impl Epoll {
    /// Creates the epoll instance of a thread.
    ///
    /// # Errors
    /// Returns an error if the process has reached its limit of open files.
    pub(super) fn build() -> io::Result<Self> {
        Ok(Self { poller: Arc::new(Poller::new()?), events: RefCell::new(Events::new()), wakers: RefCell::default() })
    }

    /// Returns a function that ends [`Epoll::turn`] from another thread.
    pub(super) fn unparker(&self) -> impl Fn() + Send + Sync + use<> {
        let poller = Arc::clone(&self.poller);
        move || {
            if let Err(error) = poller.notify() {
                log::error!("Failed to wake an epoll thread: {error}");
            }
        }
    }

    /// Waits for an event or until `until_ns`, and wakes the tasks of all events. `None` waits without limit.
    ///
    /// # Panics
    /// Panics if the kernel rejects the wait.
    pub(super) fn turn(&self, until_ns: Option<u64>) -> TurnResult {
        let mut events = self.events.borrow_mut();
        events.clear();
        let timeout = until_ns.map(|until_ns| Duration::from_nanos(until_ns.saturating_sub(now_ns())));
        match self.poller.wait(&mut events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                panic!("failed to wait for epoll events: {error}")
            }
            _ => {}
        }
        let wakers = self.wakers.borrow();
        events.iter().filter_map(|event| wakers.get(event.key)?.as_ref()).for_each(Waker::wake_by_ref);
        TurnResult { now_ns: now_ns(), events: events.len() }
    }

    /// Connects a non-blocking socket.
    ///
    /// # Errors
    /// Returns the error of the connect.
    ///
    /// # Cancel safety
    /// The socket is closed.
    pub(super) async fn connect(self: &Rc<Self>, socket: OwnedFd, address: SocketAddrAny) -> io::Result<EpollStream> {
        let started = connect(&socket, &address);
        let key = self.wakers.borrow_mut().insert(None);
        let stream = EpollStream { epoll: Rc::clone(self), socket, key, sent_ns: 0, received_ns: 0 };
        // SAFETY: the stream's drop deletes the socket from the poller before the socket is closed.
        unsafe { self.poller.add_with_mode(&stream.socket, Event::all(key), PollMode::Edge)? };
        if started == Err(Errno::INPROGRESS) {
            stream.retry(|| connect_result(connect(&stream.socket, &address))).await?;
        } else {
            started?;
        }
        Ok(stream)
    }
}

/// Returns the result of a connect in progress from the result of a second connect on the same socket.
fn connect_result(connect: Result<(), Errno>) -> Result<(), Errno> {
    match connect {
        Err(Errno::ISCONN) => Ok(()),
        Err(Errno::ALREADY | Errno::INPROGRESS) => Err(Errno::AGAIN),
        result => result,
    }
}

/// A connection. Dropping a stream closes the connection.
pub(super) struct EpollStream {
    epoll: Rc<Epoll>,
    socket: OwnedFd,
    key: usize,
    /// Monotonic time when the kernel took the last byte of the last send; 0 until then.
    pub(super) sent_ns: u64,
    /// Monotonic time of the last receive.
    pub(super) received_ns: u64,
}

impl EpollStream {
    /// Sends all bytes of `buffer` and clears it.
    ///
    /// # Errors
    /// Returns the error of the kernel, for example for a reset connection.
    ///
    /// # Cancel safety
    /// Some of the bytes may have been sent. `buffer` keeps all of them, so the connection cannot be used any more.
    pub(super) async fn send(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        self.sent_ns = 0;
        let mut unsent = buffer.as_slice();
        while !unsent.is_empty() {
            let sent = self.retry(|| send(&self.socket, unsent, SendFlags::NOSIGNAL)).await?;
            unsent = &unsent[sent..];
        }
        self.sent_ns = now_ns();
        buffer.clear();
        Ok(())
    }

    /// Appends received bytes to `buffer` within its spare capacity and returns their number. Allocates memory for a
    /// buffer without capacity. Returns 0 at the end of the stream.
    ///
    /// # Errors
    /// Returns the error of the kernel, for example for a reset connection.
    ///
    /// # Cancel safety
    /// No bytes are lost.
    pub(super) async fn recv(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let receive = || {
            if buffer.capacity() == 0 {
                // Allocated only when a byte has arrived, so that an idle user holds no buffer.
                recv(&self.socket, &mut [0_u8; 1], RecvFlags::PEEK)?;
                buffer.reserve(DEFAULT_RECV_BUFFER_BYTES);
            }
            recv(&self.socket, spare_capacity(buffer), RecvFlags::empty())
        };
        let (received, _) = self.retry(receive).await?;
        self.received_ns = now_ns();
        Ok(received)
    }

    /// Returns `true` if a receive would not wait: bytes, the end of the stream, or an error have arrived.
    pub(super) fn is_readable(&self) -> bool {
        recv(&self.socket, &mut [0_u8; 1], RecvFlags::PEEK).err() != Some(Errno::AGAIN)
    }

    /// Calls `operation` after each event of the socket until its result is neither `EAGAIN` nor `EINTR`.
    async fn retry<T>(&self, mut operation: impl FnMut() -> Result<T, Errno>) -> io::Result<T> {
        poll_fn(|cx| match operation() {
            Err(Errno::AGAIN | Errno::INTR) => {
                self.epoll.wakers.borrow_mut()[self.key] = Some(cx.waker().clone());
                Poll::Pending
            }
            result => Poll::Ready(result.map_err(io::Error::from)),
        })
        .await
    }
}

impl Drop for EpollStream {
    fn drop(&mut self) {
        // Fails only for a socket that could not be added to the poller.
        let _ = self.epoll.poller.delete(&self.socket);
        self.epoll.wakers.borrow_mut().remove(self.key);
    }
}
