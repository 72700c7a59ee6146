//! What the reactor knows about one connection: which operations of it are under way, and what they have brought.

use std::{mem, os::fd::OwnedFd, task::Waker};

use rustix::{io::Errno, net::SocketAddrAny};

use super::buffers::Queue;

/// A socket. It stays in its slot until no operation of it is under way, even when its stream is long gone.
pub(super) struct Socket {
    pub(super) fd: OwnedFd,
    /// The ring has its file in the place of the same number as its slot.
    pub(super) is_registered: bool,
    /// Operations that the kernel has and will complete.
    pub(super) under_way: u16,
    /// The kernel reads it while the socket connects.
    pub(super) address: Option<Box<SocketAddrAny>>,
    pub(super) connected: Option<Result<(), Errno>>,
    /// The kernel reads it while it is sent.
    pub(super) sending: Option<Sending>,
    pub(super) send_error: Option<Errno>,
    pub(super) receiving: Receiving,
    pub(super) received: Queue,
    /// The kernel writes to it while [`Receiving::Long`].
    pub(super) long: Option<Long>,
    /// So many receives to go before long bodies are no longer expected.
    pub(super) singles: u8,
    /// Nothing more will come: the end of the stream, or an error.
    pub(super) end: Option<Result<(), Errno>>,
    pub(super) is_closed: bool,
    /// When the last send was submitted; 0 while it is not.
    pub(super) sent_ns: u64,
    /// When the kernel had handed over the latest bytes.
    pub(super) received_ns: u64,
    awaited: Awaited,
    waker: Option<Waker>,
}

/// Bytes on their way, and how many of them have gone.
pub(super) struct Sending {
    pub(super) bytes: Vec<u8>,
    pub(super) sent: usize,
}

/// How the receive that the kernel has was asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Receiving {
    Nothing,
    /// Until it is cancelled, or something is wrong; into provided buffers.
    Standing,
    /// Once, into a provided buffer.
    Single,
    /// Once, to where [`Socket::long`] says.
    Long,
}

/// A receive of much at once.
pub(super) struct Long {
    /// Where to; a socket that skips has none.
    pub(super) buffer: Option<Vec<u8>>,
    /// How much has come.
    pub(super) count: usize,
}

/// What the stream's owner waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaited {
    Nothing,
    Connected,
    Sent,
    Received,
    SentOrReceived,
}

impl Socket {
    pub(super) fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            is_registered: false,
            under_way: 0,
            address: None,
            connected: None,
            sending: None,
            send_error: None,
            receiving: Receiving::Nothing,
            received: Queue::default(),
            long: None,
            singles: 0,
            end: None,
            is_closed: false,
            sent_ns: 0,
            received_ns: 0,
            awaited: Awaited::Nothing,
            waker: None,
        }
    }

    /// Wakes `waker` once `awaited` has happened.
    pub(super) fn wait(&mut self, awaited: Awaited, waker: &Waker) {
        self.awaited = awaited;
        match &mut self.waker {
            Some(known) => known.clone_from(waker),
            None => self.waker = Some(waker.clone()),
        }
    }

    /// Wakes `waker` once a long receive has brought something, or failed to. The kernel may write to `buffer` meanwhile.
    pub(super) fn await_long(&mut self, buffer: Option<Vec<u8>>, waker: &Waker) {
        self.long = Some(Long { buffer, count: 0 });
        self.wait(Awaited::Received, waker);
    }

    pub(super) fn stop_waiting(&mut self) {
        self.awaited = Awaited::Nothing;
    }

    pub(super) fn happened(&self, what: Awaited) {
        let is_one_of_two =
            self.awaited == Awaited::SentOrReceived && matches!(what, Awaited::Sent | Awaited::Received);
        if (self.awaited == what || is_one_of_two)
            && let Some(waker) = &self.waker
        {
            waker.wake_by_ref();
        }
    }

    /// Whether there is something to read, or the end.
    pub(super) fn has_news(&self) -> bool {
        self.end.is_some() || self.received.len() > 0
    }

    pub(super) fn awaits(&self, what: Awaited) -> bool {
        self.awaited == what
    }

    /// Whether a receive is to be armed that is not.
    pub(super) fn wants_receive(&self) -> bool {
        self.connected == Some(Ok(()))
            && self.receiving == Receiving::Nothing
            && self.end.is_none()
            && !self.is_closed
            && self.long.is_none()
    }

    /// Whether there is something to say once all bytes are read.
    pub(super) fn is_over(&self) -> bool {
        self.end.is_some() || self.send_error.is_some()
    }

    /// What must be said before the end of the stream, once all bytes are read.
    pub(super) fn take_failure(&mut self) -> Option<Errno> {
        mem::take(&mut self.send_error)
    }
}
