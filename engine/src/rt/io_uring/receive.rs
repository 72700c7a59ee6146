//! Receives: multishot and single-shot into provided buffers, direct into the caller's buffer, and discarding.
//!
//! A socket starts with a multishot receive, which stays armed and takes provided buffers as bytes arrive. This is the
//! fastest way to receive a small response.
//!
//! A long body would fill many provided buffers, and each would have to be copied. Therefore the multishot receive is
//! cancelled, and the rest of the body is received directly into the caller's buffer. If the reading task discards the
//! body, the kernel drops the bytes without copying them. Afterwards the socket uses single-shot receives for the heads
//! of the next responses, so that no receive has to be cancelled for the next long body. After
//! [`SINGLE_SHOTS_AFTER_DIRECT`] of them without a long body, the socket returns to a multishot receive.
//!
//! A Unix socket uses single-shot receives only. Its multishot receive may never complete for the end of the stream if
//! the end arrives right after bytes: the kernel combines both wake-ups and takes only the bytes (liburing issue 1549,
//! seen on Linux 6.18). TCP reports that the end is left.

use std::{
    io, mem, ptr,
    task::{Context, Poll},
};

use ::io_uring::{cqueue, opcode, squeue, types::CancelBuilder};
use rustix::io::Errno;

use super::{
    OpKind, ReactorInner, op_result,
    provided_buffers::BUFFER_GROUP,
    socket::{DirectReceive, Interest, ReceiveMode},
};
use crate::rt::buffer_pool::DEFAULT_RECV_BUFFER_BYTES;

/// The destination of discarded bytes. Only Unix sockets write to it.
pub(super) struct DiscardBuffer(Vec<u8>);

impl DiscardBuffer {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(MAX_DIRECT_BYTES))
    }
}

/// Operations of streams.
impl ReactorInner {
    /// Moves received bytes to `buffer`, or reports an error or the end of the stream. Registers the task otherwise.
    pub(super) fn poll_recv(&mut self, slot: usize, buffer: &mut Vec<u8>, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        let socket = &mut self.sockets[slot];
        socket.clear_interest();
        if socket.received.len() > 0 {
            if buffer.capacity() == 0 {
                *buffer = self.buffer_pool.acquire().unwrap_or_else(|| Vec::with_capacity(DEFAULT_RECV_BUFFER_BYTES));
            }
            return Poll::Ready(Ok(self.provided_buffers.drain_into(&mut socket.received, buffer)));
        }
        if socket.direct.is_some() {
            // A direct receive was dropped before its end. Its bytes precede all later ones and are lost to this
            // caller.
            return Poll::Ready(Err(Errno::CONNABORTED.into()));
        }
        self.poll_end(slot, cx)
    }

    /// Receives like [`ReactorInner::poll_recv`], but directly into `buffer` if that saves enough copying.
    pub(super) fn poll_recv_direct(
        &mut self,
        slot: usize,
        buffer: &mut Vec<u8>,
        remaining_hint: u64,
        cx: &Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.is_direct_in_flight(slot, cx) {
            return Poll::Pending;
        }
        if let Some(DirectReceive { buffer: Some(filled), count }) = self.take_direct(slot) {
            *buffer = filled;
            if count > 0 {
                // SAFETY: the kernel has written `count` bytes after the bytes that the buffer had before.
                unsafe { buffer.set_len(buffer.len() + count) };
                return Poll::Ready(Ok(count));
            }
        }
        let space = buffer.spare_capacity_mut();
        let (dest, len) = (space.as_mut_ptr().cast(), space.len());
        if self.can_start_direct(slot, remaining_hint.min(len as u64)) {
            // SAFETY: `dest` is in the heap memory of the buffer. The statement after this one moves the buffer to the
            // socket, which keeps it until the receive is complete.
            unsafe { self.start_direct_receive(slot, dest, len, 0) };
            self.sockets[slot].await_direct(Some(mem::take(buffer)), cx.waker());
            return Poll::Pending;
        }
        self.poll_recv(slot, buffer, cx)
    }

    /// Drops up to `len` received bytes and returns their number, or reports an error or the end of the stream.
    pub(super) fn poll_discard(&mut self, slot: usize, len: u64, cx: &Context<'_>) -> Poll<io::Result<u64>> {
        if self.is_direct_in_flight(slot, cx) {
            return Poll::Pending;
        }
        if let Some(DirectReceive { count: count @ 1.., .. }) = self.take_direct(slot) {
            return Poll::Ready(Ok(count as u64));
        }
        if self.can_start_direct(slot, len) {
            let dest = self.discard_buffer.0.as_mut_ptr();
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            // SAFETY: the discard buffer lives as long as the ring has operations, has room for MAX_DIRECT_BYTES, the
            // most that one receive requests, and is never read.
            unsafe { self.start_direct_receive(slot, dest, len, MSG_TRUNC) };
            self.sockets[slot].await_direct(None, cx.waker());
            return Poll::Pending;
        }
        let socket = &mut self.sockets[slot];
        if socket.received.len() > 0 {
            return Poll::Ready(Ok(self.provided_buffers.discard(&mut socket.received, len)));
        }
        self.poll_end(slot, cx).map_ok(|count| count as u64)
    }

    /// Reports an error or the end of the stream, after all received bytes. Registers the task otherwise, and marks the
    /// socket for a new receive if none is in flight.
    fn poll_end(&mut self, slot: usize, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        let socket = &mut self.sockets[slot];
        if let Some(errno) = socket.take_send_error() {
            return Poll::Ready(Err(errno.into()));
        }
        if let Some(end) = socket.end {
            return Poll::Ready(end.map(|()| 0).map_err(io::Error::from));
        }
        socket.register_interest(Interest::Received, cx.waker());
        if socket.receive_mode == ReceiveMode::Idle {
            self.unarmed.push(slot);
        }
        Poll::Pending
    }

    /// Returns `true`, and registers the task, if a direct receive is in flight. Clears the interest otherwise.
    fn is_direct_in_flight(&mut self, slot: usize, cx: &Context<'_>) -> bool {
        let socket = &mut self.sockets[slot];
        if socket.receive_mode == ReceiveMode::Direct {
            socket.register_interest(Interest::Received, cx.waker());
            return true;
        }
        socket.clear_interest();
        false
    }

    /// Removes the result of a completed direct receive. The socket may then need a new receive.
    fn take_direct(&mut self, slot: usize) -> Option<DirectReceive> {
        let direct = self.sockets[slot].direct.take()?;
        self.unarmed.push(slot);
        Some(direct)
    }

    /// Returns `true` if a direct receive of `len` bytes can start now: no receive is in flight, and no bytes, error
    /// or end are left to report.
    ///
    /// If `len` is at least [`MIN_DIRECT_BYTES`], cancels a multishot receive and makes the next receives of the socket
    /// single-shot.
    fn can_start_direct(&mut self, slot: usize, len: u64) -> bool {
        let socket = &mut self.sockets[slot];
        if len >= MIN_DIRECT_BYTES
            && mem::replace(&mut socket.single_shots_left, SINGLE_SHOTS_AFTER_DIRECT) == 0
            && socket.receive_mode == ReceiveMode::Multishot
        {
            self.cancel(CancelBuilder::user_data(OpKind::Receive.tag(slot)));
        }
        let socket = &self.sockets[slot];
        len > 0 && socket.receive_mode == ReceiveMode::Idle && socket.received.len() == 0 && !socket.is_finished()
    }
}

/// Submission.
impl ReactorInner {
    /// Starts a receive into provided buffers: multishot if the socket allows it and no single shots are left.
    pub(super) fn start_receive(&mut self, slot: usize) {
        let fd = self.fd(slot);
        let socket = &mut self.sockets[slot];
        let receive = if socket.allows_multishot && socket.single_shots_left == 0 {
            socket.receive_mode = ReceiveMode::Multishot;
            opcode::RecvMulti::new(fd, BUFFER_GROUP).build()
        } else {
            socket.single_shots_left = socket.single_shots_left.saturating_sub(1);
            socket.receive_mode = ReceiveMode::SingleShot;
            let single = opcode::Recv::new(fd, ptr::null_mut(), 0).buf_group(BUFFER_GROUP);
            single.build().flags(squeue::Flags::BUFFER_SELECT)
        };
        // SAFETY: the provided buffers live as long as the ring has operations.
        unsafe { self.start(slot, OpKind::Receive, receive) };
    }

    /// Starts a receive of at most `len` bytes to `dest`.
    ///
    /// # Safety
    /// As for [`ReactorInner::start`], for the `len` bytes at `dest`, or for the first [`MAX_DIRECT_BYTES`] if `len` is
    /// larger.
    unsafe fn start_direct_receive(&mut self, slot: usize, dest: *mut u8, len: usize, flags: i32) {
        self.sockets[slot].receive_mode = ReceiveMode::Direct;
        let receive = opcode::Recv::new(self.fd(slot), dest, len.min(MAX_DIRECT_BYTES) as u32).flags(flags).build();
        // SAFETY: the caller guarantees the validity of the memory.
        unsafe { self.start(slot, OpKind::Receive, receive) };
    }
}

/// Completion.
impl ReactorInner {
    /// Handles the completion of a receive.
    pub(super) fn on_received(&mut self, slot: usize, completion: &cqueue::Entry) {
        let socket = &mut self.sockets[slot];
        socket.received_ns = self.last_reap_ns;
        let result = op_result(completion.result());
        if let Some(id) = cqueue::buffer_select(completion.flags()) {
            match result {
                Ok(len @ 1..) if !socket.is_closed => self.provided_buffers.append(&mut socket.received, id, len),
                _ => self.provided_buffers.release(id),
            }
        } else if let (Some(direct), Ok(count)) = (&mut socket.direct, result) {
            direct.count = count;
        }
        if !cqueue::more(completion.flags()) {
            socket.receive_mode = ReceiveMode::Idle;
            match result {
                Ok(1..) | Err(Errno::NOBUFS | Errno::CANCELED | Errno::INTR) => {}
                Ok(0) => socket.end = Some(Ok(())),
                Err(errno) => socket.end = Some(Err(errno)),
            }
        }
        let is_flooded = !socket.is_waiting_for(Interest::Received) && socket.received.len() >= MAX_UNREAD_BUFFERS;
        let is_out_of_buffers = result == Err(Errno::NOBUFS);
        if socket.needs_receive() && !is_flooded {
            self.unarmed.push(slot);
        }
        socket.notify_if(Interest::Received);
        if is_out_of_buffers {
            self.provided_buffers.grow();
        } else if is_flooded && self.sockets[slot].receive_mode == ReceiveMode::Multishot {
            self.cancel(CancelBuilder::user_data(OpKind::Receive.tag(slot)));
        }
    }
}

/// `MSG_TRUNC`: TCP drops the bytes instead of copying them. A Unix socket copies them.
const MSG_TRUNC: i32 = 0x20;
/// Number of unread buffers of a socket that ends its receive while no task waits for it. The next call of the reading
/// task starts a new receive.
const MAX_UNREAD_BUFFERS: u16 = 16;
/// Minimum number of expected bytes for which a multishot receive is cancelled.
const MIN_DIRECT_BYTES: u64 = 16 << 10;
/// Maximum number of bytes per direct receive.
const MAX_DIRECT_BYTES: usize = 1 << 20;
/// Number of single-shot receives after a long body before the socket returns to a multishot receive.
const SINGLE_SHOTS_AFTER_DIRECT: u8 = 8;
