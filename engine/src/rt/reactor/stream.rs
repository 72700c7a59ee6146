//! A connection as its owner sees it: what it asks of the reactor, and how it waits for that.

use std::{future::poll_fn, io, rc::Rc};

use super::{Inner, Reactor};

/// A connection. Closed when dropped.
pub(in crate::rt) struct RingStream {
    reactor: Rc<Reactor>,
    slot: usize,
}

impl RingStream {
    /// The stream of the socket in `slot`, which it closes in the end.
    pub(super) fn new(reactor: &Rc<Reactor>, slot: usize) -> Self {
        Self { reactor: Rc::clone(reactor), slot }
    }

    /// Takes `buffer` to be sent with the next turn, after the bytes of an earlier send, and then gives one in return: so
    /// whoever sends piece after piece has two in use. That it failed is told by the next receive.
    pub(in crate::rt) async fn send(&self, buffer: &mut Vec<u8>) {
        let waits = self.inner(|inner| inner.sockets[self.slot].sending.is_some());
        if waits {
            poll_fn(|cx| self.inner(|inner| inner.poll_sent(self.slot, cx))).await;
        }
        self.inner(|inner| {
            inner.start_send(self.slot, buffer);
            if waits {
                *buffer = inner.spare.take().unwrap_or_default();
            }
        });
    }

    /// Ends when nothing is being sent any more, or something has come.
    pub(in crate::rt) async fn until_sendable(&self) {
        poll_fn(|cx| self.inner(|inner| inner.poll_sendable(self.slot, cx))).await;
    }

    /// Appends what has come to `buffer`, within its capacity, or gives one; 0 is the end of the stream.
    pub(in crate::rt) async fn recv(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        poll_fn(|cx| self.inner(|inner| inner.poll_recv(self.slot, buffer, cx))).await
    }

    /// As [`RingStream::recv`], straight into `buffer` where it has space for much of what is to come.
    pub(in crate::rt) async fn recv_long(&self, buffer: &mut Vec<u8>, to_come: u64) -> io::Result<usize> {
        poll_fn(|cx| self.inner(|inner| inner.poll_recv_long(self.slot, buffer, to_come, cx))).await
    }

    /// Drops up to `len` bytes that come; 0 is the end of the stream.
    pub(in crate::rt) async fn skip(&self, len: u64) -> io::Result<u64> {
        poll_fn(|cx| self.inner(|inner| inner.poll_skip(self.slot, len, cx))).await
    }

    pub(in crate::rt) fn has_news(&self) -> bool {
        self.inner(|inner| inner.sockets[self.slot].has_news())
    }

    pub(in crate::rt) fn sent_ns(&self) -> u64 {
        self.inner(|inner| inner.sockets[self.slot].sent_ns)
    }

    pub(in crate::rt) fn received_ns(&self) -> u64 {
        self.inner(|inner| inner.sockets[self.slot].received_ns)
    }

    fn inner<T>(&self, with: impl FnOnce(&mut Inner) -> T) -> T {
        with(&mut self.reactor.0.borrow_mut())
    }
}

impl Drop for RingStream {
    fn drop(&mut self) {
        self.inner(|inner| inner.close(self.slot));
    }
}
