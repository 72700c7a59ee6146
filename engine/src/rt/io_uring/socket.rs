//! What the reactor knows about one connection: which operations of it are under way, and what they have brought.

use std::{mem, os::fd::OwnedFd, task::Waker};

use rustix::{io::Errno, net::SocketAddrAny};

use super::provided_buffers::FilledQueue;

/// A socket. It stays in its slot until no operation of it is under way, even when its stream is long gone.
pub(super) struct Socket {
    pub(super) fd: OwnedFd,
    /// The ring has its file in the place of the same number as its slot.
    pub(super) is_registered: bool,
    /// Operations that the kernel has and will complete.
    pub(super) ops_in_flight: u16,
    /// The kernel reads it while the socket connects.
    pub(super) address: Option<Box<SocketAddrAny>>,
    pub(super) connected: Option<Result<(), Errno>>,
    /// The kernel reads it while it is sent.
    pub(super) pending_send: Option<PendingSend>,
    pub(super) send_error: Option<Errno>,
    pub(super) receive_mode: ReceiveMode,
    pub(super) received: FilledQueue,
    /// The kernel writes to it while [`Receiving::Long`].
    pub(super) direct: Option<DirectReceive>,
    /// So many receives to go before long bodies are no longer expected.
    pub(super) single_shots_left: u8,
    /// Nothing more will come: the end of the stream, or an error.
    pub(super) end: Option<Result<(), Errno>>,
    pub(super) is_closed: bool,
    /// When the last send was submitted; 0 while it is not.
    pub(super) sent_ns: u64,
    /// When the kernel had handed over the latest bytes.
    pub(super) received_ns: u64,
    interest: Interest,
    waker: Option<Waker>,
}

/// Bytes on their way, and how many of them have gone.
pub(super) struct PendingSend {
    pub(super) bytes: Vec<u8>,
    pub(super) sent: usize,
}

/// How the receive that the kernel has was asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ReceiveMode {
    Idle,
    /// Until it is cancelled, or something is wrong; into provided buffers.
    Multishot,
    /// Once, into a provided buffer.
    SingleShot,
    /// Once, to where [`Socket::long`] says.
    Direct,
}

/// A receive of much at once.
pub(super) struct DirectReceive {
    /// Where to; a socket that skips has none.
    pub(super) buffer: Option<Vec<u8>>,
    /// How much has come.
    pub(super) count: usize,
}

/// What the stream's owner waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
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
            ops_in_flight: 0,
            address: None,
            connected: None,
            pending_send: None,
            send_error: None,
            receive_mode: ReceiveMode::Idle,
            received: FilledQueue::default(),
            direct: None,
            single_shots_left: 0,
            end: None,
            is_closed: false,
            sent_ns: 0,
            received_ns: 0,
            interest: Interest::Nothing,
            waker: None,
        }
    }

    /// Wakes `waker` once `awaited` has happened.
    pub(super) fn register_interest(&mut self, interest: Interest, waker: &Waker) {
        self.interest = interest;
        match &mut self.waker {
            Some(known) => known.clone_from(waker),
            None => self.waker = Some(waker.clone()),
        }
    }

    /// Wakes `waker` once a long receive has brought something, or failed to. The kernel may write to `buffer` meanwhile.
    pub(super) fn await_direct(&mut self, buffer: Option<Vec<u8>>, waker: &Waker) {
        self.direct = Some(DirectReceive { buffer, count: 0 });
        self.register_interest(Interest::Received, waker);
    }

    pub(super) fn clear_interest(&mut self) {
        self.interest = Interest::Nothing;
    }

    pub(super) fn notify_if(&self, what: Interest) {
        let is_one_of_two =
            self.interest == Interest::SentOrReceived && matches!(what, Interest::Sent | Interest::Received);
        if (self.interest == what || is_one_of_two)
            && let Some(waker) = &self.waker
        {
            waker.wake_by_ref();
        }
    }

    /// Whether there is something to read, or the end.
    pub(super) fn is_readable(&self) -> bool {
        self.end.is_some() || self.received.len() > 0
    }

    pub(super) fn is_waiting_for(&self, what: Interest) -> bool {
        self.interest == what
    }

    /// Whether a receive is to be armed that is not.
    pub(super) fn needs_receive(&self) -> bool {
        self.connected == Some(Ok(()))
            && self.receive_mode == ReceiveMode::Idle
            && self.end.is_none()
            && !self.is_closed
            && self.direct.is_none()
    }

    /// Whether there is something to say once all bytes are read.
    pub(super) fn is_finished(&self) -> bool {
        self.end.is_some() || self.send_error.is_some()
    }

    /// What must be said before the end of the stream, once all bytes are read.
    pub(super) fn take_send_error(&mut self) -> Option<Errno> {
        mem::take(&mut self.send_error)
    }
}
