//! The state of one connection in the reactor: its operations in flight and their results. This file makes no system
//! calls. Operations are started in `mod.rs` and `receive.rs`.

use std::{mem, os::fd::OwnedFd, task::Waker};

use rustix::{io::Errno, net::SocketAddrAny};

use super::provided_buffers::FilledQueue;

/// A socket in the reactor. It stays in its slot until none of its operations is in flight, even after its stream was
/// dropped.
pub(super) struct Socket {
    pub(super) fd: OwnedFd,
    /// Whether the file is registered with the ring, at the index that equals the socket's slot.
    pub(super) is_registered: bool,
    /// Number of operations that were submitted or queued and are not complete.
    pub(super) ops_in_flight: u16,
    /// The target of the connect. The kernel reads it until the connect is complete.
    pub(super) address: Option<Box<SocketAddrAny>>,
    /// The result of the connect; `None` until it is complete.
    pub(super) connected: Option<Result<(), Errno>>,
    /// The bytes of the send in progress. The kernel reads them until the send is complete.
    pub(super) pending_send: Option<PendingSend>,
    /// The error of a send, until a receive reports it.
    pub(super) send_error: Option<Errno>,
    pub(super) receive_mode: ReceiveMode,
    /// Whether multishot receives are used; see `receive.rs`.
    pub(super) allows_multishot: bool,
    /// Received bytes that the reading task has not taken.
    pub(super) received: FilledQueue,
    /// A direct receive, until its result is taken. The kernel writes to its buffer in [`ReceiveMode::Direct`].
    pub(super) direct: Option<DirectReceive>,
    /// Number of single-shot receives until the socket returns to a multishot receive; see `receive.rs`.
    pub(super) single_shots_left: u8,
    /// The end of the stream or the error of a receive. No bytes follow.
    pub(super) end: Option<Result<(), Errno>>,
    /// Whether the stream was dropped.
    pub(super) is_closed: bool,
    /// Monotonic time when the last send was submitted; 0 while it is queued.
    pub(super) sent_ns: u64,
    /// Monotonic time when the completion of the last receive was read.
    pub(super) received_ns: u64,
    interest: Interest,
    waker: Option<Waker>,
}

/// A send in progress: all its bytes, and how many of them the kernel has sent.
pub(super) struct PendingSend {
    pub(super) bytes: Vec<u8>,
    pub(super) sent: usize,
}

/// The kind of the receive in flight.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ReceiveMode {
    /// No receive is in flight.
    Idle,
    /// Repeats until cancelled, or until an error or a lack of buffers ends it. Fills provided buffers.
    Multishot,
    /// Receives once, into a provided buffer.
    SingleShot,
    /// Receives once, into the buffer of [`Socket::direct`].
    Direct,
}

/// A receive of many bytes at once, without provided buffers.
pub(super) struct DirectReceive {
    /// The caller's buffer; `None` if the bytes are discarded.
    pub(super) buffer: Option<Vec<u8>>,
    /// Number of bytes received.
    pub(super) count: usize,
}

/// The completion that the task of the stream waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Interest {
    Nothing,
    Connected,
    Sent,
    Received,
    SentOrReceived,
}

impl Socket {
    pub(super) fn new(fd: OwnedFd, allows_multishot: bool) -> Self {
        Self {
            fd,
            is_registered: false,
            ops_in_flight: 0,
            address: None,
            connected: None,
            pending_send: None,
            send_error: None,
            receive_mode: ReceiveMode::Idle,
            allows_multishot,
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

    /// Makes the completion of `interest` wake `waker`.
    pub(super) fn register_interest(&mut self, interest: Interest, waker: &Waker) {
        self.interest = interest;
        match &mut self.waker {
            Some(known) => known.clone_from(waker),
            None => self.waker = Some(waker.clone()),
        }
    }

    /// Stores the buffer of a direct receive, to which the kernel may write until the receive is complete. The
    /// completion wakes `waker`.
    pub(super) fn await_direct(&mut self, buffer: Option<Vec<u8>>, waker: &Waker) {
        self.direct = Some(DirectReceive { buffer, count: 0 });
        self.register_interest(Interest::Received, waker);
    }

    /// Makes no completion wake the task.
    pub(super) fn clear_interest(&mut self) {
        self.interest = Interest::Nothing;
    }

    /// Wakes the task if it waits for `completed`.
    pub(super) fn notify_if(&self, completed: Interest) {
        let is_either =
            self.interest == Interest::SentOrReceived && matches!(completed, Interest::Sent | Interest::Received);
        if (self.interest == completed || is_either)
            && let Some(waker) = &self.waker
        {
            waker.wake_by_ref();
        }
    }

    /// Returns `true` if received bytes, the end of the stream, or an error are available.
    pub(super) fn is_readable(&self) -> bool {
        self.end.is_some() || self.received.len() > 0
    }

    pub(super) fn is_waiting_for(&self, interest: Interest) -> bool {
        self.interest == interest
    }

    /// Returns `true` if a receive must be started: the socket is connected and open, its stream has not ended, and no
    /// receive is in flight or waits for its result to be taken.
    pub(super) fn needs_receive(&self) -> bool {
        self.connected == Some(Ok(()))
            && self.receive_mode == ReceiveMode::Idle
            && self.end.is_none()
            && !self.is_closed
            && self.direct.is_none()
    }

    /// Returns `true` if the reading task gets an end or an error after all received bytes.
    pub(super) fn is_finished(&self) -> bool {
        self.end.is_some() || self.send_error.is_some()
    }

    /// Removes the error of a send. It is reported after all received bytes and before the end of the stream.
    pub(super) fn take_send_error(&mut self) -> Option<Errno> {
        mem::take(&mut self.send_error)
    }
}
