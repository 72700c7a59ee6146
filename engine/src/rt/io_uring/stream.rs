//! A connection as its owner sees it: what it asks of the reactor, and how it waits for that.

use std::{future::poll_fn, io, rc::Rc};

use super::{Reactor, ReactorInner};

/// A connection. Closed when dropped.
pub(in crate::rt) struct IoUringStream {
    reactor: Rc<Reactor>,
    slot: usize,
}

impl IoUringStream {
    /// The stream of the socket in `slot`, which it closes in the end.
    pub(super) fn new(reactor: &Rc<Reactor>, slot: usize) -> Self {
        Self { reactor: Rc::clone(reactor), slot }
    }

    /// Takes `buffer` to be sent with the next turn, after the bytes of an earlier send, and then gives one in return: so
    /// whoever sends piece after piece has two in use. That it failed is told by the next receive.
    pub(in crate::rt) async fn send(&self, buffer: &mut Vec<u8>) {
        let waits = self.with_inner(|inner| inner.sockets[self.slot].pending_send.is_some());
        if waits {
            poll_fn(|cx| self.with_inner(|inner| inner.poll_sent(self.slot, cx))).await;
        }
        self.with_inner(|inner| {
            inner.start_send(self.slot, buffer);
            if waits {
                *buffer = inner.buffer_pool.acquire().unwrap_or_default();
            }
        });
    }

    /// Ends when nothing is being sent any more, or something has come.
    pub(in crate::rt) async fn writable(&self) {
        poll_fn(|cx| self.with_inner(|inner| inner.poll_writable(self.slot, cx))).await;
    }

    /// Appends what has come to `buffer`, within its capacity, or gives one; 0 is the end of the stream.
    pub(in crate::rt) async fn recv(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        poll_fn(|cx| self.with_inner(|inner| inner.poll_recv(self.slot, buffer, cx))).await
    }

    /// As [`RingStream::recv`], straight into `buffer` where it has space for much of what is to come.
    pub(in crate::rt) async fn recv_direct(&self, buffer: &mut Vec<u8>, remaining_hint: u64) -> io::Result<usize> {
        poll_fn(|cx| self.with_inner(|inner| inner.poll_recv_direct(self.slot, buffer, remaining_hint, cx))).await
    }

    /// Drops up to `len` bytes that come; 0 is the end of the stream.
    pub(in crate::rt) async fn discard(&self, len: u64) -> io::Result<u64> {
        poll_fn(|cx| self.with_inner(|inner| inner.poll_discard(self.slot, len, cx))).await
    }

    pub(in crate::rt) fn is_readable(&self) -> bool {
        self.with_inner(|inner| inner.sockets[self.slot].is_readable())
    }

    pub(in crate::rt) fn sent_ns(&self) -> u64 {
        self.with_inner(|inner| inner.sockets[self.slot].sent_ns)
    }

    pub(in crate::rt) fn received_ns(&self) -> u64 {
        self.with_inner(|inner| inner.sockets[self.slot].received_ns)
    }

    fn with_inner<T>(&self, with: impl FnOnce(&mut ReactorInner) -> T) -> T {
        with(&mut self.reactor.0.borrow_mut())
    }
}

impl Drop for IoUringStream {
    fn drop(&mut self) {
        self.with_inner(|inner| inner.close(self.slot));
    }
}
