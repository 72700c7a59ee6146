//! The handle of a connection: starts operations in the reactor and waits for their completions.
//!
//! The state of the connection is the [`Socket`](super::socket::Socket) in the reactor's slab. Receives are explained
//! in `receive.rs`.

use std::{future::poll_fn, io, rc::Rc};

use super::{Reactor, ReactorInner};

/// A connection. Dropping a stream closes the connection.
pub(in crate::rt) struct IoUringStream {
    reactor: Rc<Reactor>,
    slot: usize,
}

impl IoUringStream {
    /// Creates the stream of the socket in `slot`. The stream's drop closes the socket.
    pub(super) fn new(reactor: &Rc<Reactor>, slot: usize) -> Self {
        Self { reactor: Rc::clone(reactor), slot }
    }

    /// Takes the bytes of `buffer` and sends them with the next turn. A failure is reported by the next receive.
    ///
    /// If an earlier send is in progress, the call waits for its end and then replaces `buffer` by an empty pooled
    /// buffer, so that a stream of chunks has two buffers in use. Otherwise `buffer` is left without capacity.
    ///
    /// # Cancel safety
    /// The bytes are still in `buffer` and are not sent.
    pub(in crate::rt) async fn send(&self, buffer: &mut Vec<u8>) {
        let must_wait = self.with_inner(|inner| inner.sockets[self.slot].pending_send.is_some());
        if must_wait {
            poll_fn(|cx| self.with_inner(|inner| inner.poll_sent(self.slot, cx))).await;
        }
        self.with_inner(|inner| {
            inner.start_send(self.slot, buffer);
            if must_wait {
                *buffer = inner.buffer_pool.acquire().unwrap_or_default();
            }
        });
    }

    /// Waits until no send is in progress, or until bytes or the end of the stream have arrived.
    ///
    /// # Cancel safety
    /// The connection is unaffected.
    pub(in crate::rt) async fn writable(&self) {
        poll_fn(|cx| self.with_inner(|inner| inner.poll_writable(self.slot, cx))).await;
    }

    /// Appends received bytes to `buffer` within its spare capacity and returns their number. Replaces a buffer without
    /// capacity. Returns 0 at the end of the stream.
    ///
    /// # Errors
    /// Returns the error of an earlier send or of the receive, and `ECONNABORTED` if an earlier
    /// [`IoUringStream::recv_direct`] or [`IoUringStream::discard`] was dropped while the kernel was receiving for it.
    ///
    /// # Cancel safety
    /// No bytes are lost.
    pub(in crate::rt) async fn recv(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        poll_fn(|cx| self.with_inner(|inner| inner.poll_recv(self.slot, buffer, cx))).await
    }

    /// Receives like [`IoUringStream::recv`], but directly into `buffer` if many bytes are expected and fit into it.
    /// `remaining_hint` is the expected number of bytes.
    ///
    /// # Errors
    /// Returns the errors of [`IoUringStream::recv`].
    ///
    /// # Cancel safety
    /// If the kernel is receiving into the buffer, `buffer` is left empty, and the next [`IoUringStream::recv`] fails.
    /// Otherwise no bytes are lost.
    pub(in crate::rt) async fn recv_direct(&self, buffer: &mut Vec<u8>, remaining_hint: u64) -> io::Result<usize> {
        poll_fn(|cx| self.with_inner(|inner| inner.poll_recv_direct(self.slot, buffer, remaining_hint, cx))).await
    }

    /// Receives and drops up to `len` bytes and returns their number. Returns 0 at the end of the stream.
    ///
    /// # Errors
    /// Returns the errors of [`IoUringStream::recv`].
    ///
    /// # Cancel safety
    /// If the kernel is dropping bytes, their number is lost, and the next [`IoUringStream::recv`] fails.
    pub(in crate::rt) async fn discard(&self, len: u64) -> io::Result<u64> {
        poll_fn(|cx| self.with_inner(|inner| inner.poll_discard(self.slot, len, cx))).await
    }

    /// Returns `true` if a receive would not wait: bytes, the end of the stream, or an error have arrived.
    pub(in crate::rt) fn is_readable(&self) -> bool {
        self.with_inner(|inner| inner.sockets[self.slot].is_readable())
    }

    /// Returns the time when the last send was submitted to the kernel; 0 if it is only queued.
    pub(in crate::rt) fn sent_ns(&self) -> u64 {
        self.with_inner(|inner| inner.sockets[self.slot].sent_ns)
    }

    /// Returns the time when the completion of the last receive was read.
    pub(in crate::rt) fn received_ns(&self) -> u64 {
        self.with_inner(|inner| inner.sockets[self.slot].received_ns)
    }

    fn with_inner<T>(&self, use_inner: impl FnOnce(&mut ReactorInner) -> T) -> T {
        use_inner(&mut self.reactor.0.borrow_mut())
    }
}

impl Drop for IoUringStream {
    fn drop(&mut self) {
        self.with_inner(|inner| inner.close(self.slot));
    }
}
