//! The connections of one thread where io_uring is refused: system calls that do not block, and epoll to wait with.
//!
//! Made to be simple, because hardly anyone runs on it: an operation is tried, and tried again whenever something has
//! happened to its socket. `reactor/` is the one to be fast. Through the `polling` crate, so that its other systems
//! stay within reach.

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

use super::clock::now_ns;

/// The connections of one thread.
pub(super) struct Epoll {
    poller: Arc<Poller>,
    events: RefCell<Events>,
    /// Who waits for something to happen to a socket; its key is the event's.
    wakers: RefCell<Slab<Option<Waker>>>,
}

impl Epoll {
    pub(super) fn build() -> io::Result<Self> {
        Ok(Self { poller: Arc::new(Poller::new()?), events: RefCell::new(Events::new()), wakers: RefCell::default() })
    }

    /// Ends a [`Epoll::turn`] from another thread.
    pub(super) fn unparker(&self) -> impl Fn() + Send + Sync + use<> {
        let poller = Arc::clone(&self.poller);
        move || {
            if let Err(error) = poller.notify() {
                log::error!("a thread cannot be roused: {error}");
            }
        }
    }

    /// Waits until something happens or `until_ns` has come, wakes those who waited for it, and says when that was.
    pub(super) fn turn(&self, until_ns: Option<u64>) -> u64 {
        let mut events = self.events.borrow_mut();
        events.clear();
        let timeout = until_ns.map(|until_ns| Duration::from_nanos(until_ns.saturating_sub(now_ns())));
        match self.poller.wait(&mut events, timeout) {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => panic!("epoll refuses to wait: {error}"),
            _ => {}
        }
        let wakers = self.wakers.borrow();
        events.iter().filter_map(|event| wakers.get(event.key)?.as_ref()).for_each(Waker::wake_by_ref);
        now_ns()
    }

    /// Connects a socket that does not block.
    pub(super) async fn connect(self: &Rc<Self>, socket: OwnedFd, address: SocketAddrAny) -> io::Result<EpollStream> {
        let started = connect(&socket, &address);
        let key = self.wakers.borrow_mut().insert(None);
        let stream = EpollStream { epoll: Rc::clone(self), socket, key, sent_ns: 0, received_ns: 0 };
        // SAFETY: the socket is deleted from the poller before it is closed, by the stream's drop.
        unsafe { self.poller.add_with_mode(&stream.socket, Event::all(key), PollMode::Edge)? };
        if started == Err(Errno::INPROGRESS) {
            stream.retry(|| connect_result(connect(&stream.socket, &address))).await?;
        } else {
            started?;
        }
        Ok(stream)
    }
}

/// A connect that is asked for again says how the first one went.
fn connect_result(connect: Result<(), Errno>) -> Result<(), Errno> {
    match connect {
        Err(Errno::ISCONN) => Ok(()),
        Err(Errno::ALREADY | Errno::INPROGRESS) => Err(Errno::AGAIN),
        result => result,
    }
}

/// A connection. Closed when dropped.
pub(super) struct EpollStream {
    epoll: Rc<Epoll>,
    socket: OwnedFd,
    key: usize,
    pub(super) sent_ns: u64,
    pub(super) received_ns: u64,
}

impl EpollStream {
    pub(super) async fn send(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        self.sent_ns = 0;
        let mut rest = buffer.as_slice();
        while !rest.is_empty() {
            let sent = self.retry(|| send(&self.socket, rest, SendFlags::NOSIGNAL)).await?;
            rest = &rest[sent..];
        }
        self.sent_ns = now_ns();
        buffer.clear();
        Ok(())
    }

    /// Appends what has come to `buffer`, within its capacity, or in memory of its own if it has none; 0 is the end of the
    /// stream.
    pub(super) async fn recv(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let receive = || {
            if buffer.capacity() == 0 {
                // Not before there is something to receive.
                recv(&self.socket, &mut [0_u8; 1], RecvFlags::PEEK)?;
                buffer.reserve(DEFAULT_RECV_BUFFER_BYTES);
            }
            recv(&self.socket, spare_capacity(buffer), RecvFlags::empty())
        };
        let (received, _) = self.retry(receive).await?;
        self.received_ns = now_ns();
        Ok(received)
    }

    pub(super) fn is_readable(&self) -> bool {
        recv(&self.socket, &mut [0_u8; 1], RecvFlags::PEEK).err() != Some(Errno::AGAIN)
    }

    /// Tries until the answer is not "not yet": whenever something has happened to the socket.
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
        // It fails only for a socket that could not be added.
        let _ = self.epoll.poller.delete(&self.socket);
        self.epoll.wakers.borrow_mut().remove(self.key);
    }
}

/// What a buffer without memory gets, as on a ring.
const DEFAULT_RECV_BUFFER_BYTES: usize = 1024;
