//! How what comes is received. A socket's receive stays armed for its whole life and takes provided buffers as bytes come,
//! which is the best there is for a small response.
//!
//! A long body would fill many buffers, each to be copied from. So the receive is cancelled for it, and the rest goes
//! straight into the buffer of who wants it; or nowhere, when nobody does: the kernel then drops the bytes without looking
//! at them. From then on the socket receives one provided buffer at a time, for the heads of the next responses, so that
//! nothing is to be cancelled; until no body was long for a while.

use std::{
    io, mem, ptr,
    task::{Context, Poll},
};

use io_uring::{cqueue, opcode, squeue, types::CancelBuilder};
use rustix::io::Errno;

use super::{
    OpKind, ReactorInner, op_result,
    provided_buffers::BUFFER_GROUP,
    socket::{DirectReceive, Interest, ReceiveMode},
};

/// Where bytes go that nobody wants. TCP does not even write them.
pub(super) struct DiscardBuffer(Vec<u8>);

impl DiscardBuffer {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(MAX_DIRECT_BYTES))
    }
}

/// What streams ask for.
impl ReactorInner {
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
            // What was given up in the middle has bytes that should have come first.
            return Poll::Ready(Err(Errno::CONNABORTED.into()));
        }
        self.poll_end(slot, cx)
    }

    /// As [`Inner::poll_recv`], into `buffer` itself where that is worth it.
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
        if let Some(DirectReceive { buffer: Some(own), count }) = self.take_direct(slot) {
            *buffer = own;
            if count > 0 {
                // SAFETY: the kernel has written so many bytes behind those that there were.
                unsafe { buffer.set_len(buffer.len() + count) };
                return Poll::Ready(Ok(count));
            }
        }
        let space = buffer.spare_capacity_mut();
        let (place, len) = (space.as_mut_ptr().cast(), space.len());
        if self.can_start_direct(slot, remaining_hint.min(len as u64)) {
            // SAFETY: the place is in the buffer, which the socket has from here on.
            unsafe { self.start_direct_receive(slot, place, len, 0) };
            self.sockets[slot].await_direct(Some(mem::take(buffer)), cx.waker());
            return Poll::Pending;
        }
        self.poll_recv(slot, buffer, cx)
    }

    /// Drops up to `len` bytes, and says how many.
    pub(super) fn poll_discard(&mut self, slot: usize, len: u64, cx: &Context<'_>) -> Poll<io::Result<u64>> {
        if self.is_direct_in_flight(slot, cx) {
            return Poll::Pending;
        }
        if let Some(DirectReceive { count: count @ 1.., .. }) = self.take_direct(slot) {
            return Poll::Ready(Ok(count as u64));
        }
        if self.can_start_direct(slot, len) {
            let place = self.discard_buffer.0.as_mut_ptr();
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            // SAFETY: the sink lives as long as the ring has operations, has room for the most that is asked for at once, and
            // is never read.
            unsafe { self.start_direct_receive(slot, place, len, MSG_TRUNC) };
            self.sockets[slot].await_direct(None, cx.waker());
            return Poll::Pending;
        }
        let socket = &mut self.sockets[slot];
        if socket.received.len() > 0 {
            return Poll::Ready(Ok(self.provided_buffers.discard(&mut socket.received, len)));
        }
        self.poll_end(slot, cx).map_ok(|count| count as u64)
    }

    /// What there is to say when there are no bytes.
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

    fn is_direct_in_flight(&mut self, slot: usize, cx: &Context<'_>) -> bool {
        let socket = &mut self.sockets[slot];
        if socket.receive_mode == ReceiveMode::Direct {
            socket.register_interest(Interest::Received, cx.waker());
            return true;
        }
        socket.clear_interest();
        false
    }

    /// A long receive that is complete. The next receive may be another one.
    fn take_direct(&mut self, slot: usize) -> Option<DirectReceive> {
        let long = self.sockets[slot].direct.take()?;
        self.unarmed.push(slot);
        Some(long)
    }

    /// Whether a long receive can start. A socket of which `len` bytes more are asked for will not have another standing one,
    /// if they are many.
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

/// What the kernel is asked for.
impl ReactorInner {
    pub(super) fn start_receive(&mut self, slot: usize) {
        let fd = self.fd(slot);
        let socket = &mut self.sockets[slot];
        let receive = if socket.single_shots_left == 0 {
            socket.receive_mode = ReceiveMode::Multishot;
            opcode::RecvMulti::new(fd, BUFFER_GROUP).build()
        } else {
            socket.single_shots_left -= 1;
            socket.receive_mode = ReceiveMode::SingleShot;
            let single = opcode::Recv::new(fd, ptr::null_mut(), 0).buf_group(BUFFER_GROUP);
            single.build().flags(squeue::Flags::BUFFER_SELECT)
        };
        // SAFETY: the buffers live as long as the ring has operations.
        unsafe { self.start(slot, OpKind::Receive, receive) };
    }

    /// # Safety
    /// As for [`Inner::start`], of the `len` bytes at `place`, or the first [`MOST_AT_ONCE`] of them.
    unsafe fn start_direct_receive(&mut self, slot: usize, dest: *mut u8, len: usize, flags: i32) {
        self.sockets[slot].receive_mode = ReceiveMode::Direct;
        let receive = opcode::Recv::new(self.fd(slot), dest, len.min(MAX_DIRECT_BYTES) as u32).flags(flags).build();
        // SAFETY: passed on to the caller.
        unsafe { self.start(slot, OpKind::Receive, receive) };
    }
}

/// What the kernel answers.
impl ReactorInner {
    pub(super) fn on_received(&mut self, slot: usize, completion: &cqueue::Entry) {
        let socket = &mut self.sockets[slot];
        socket.received_ns = self.last_reap_ns;
        let result = op_result(completion.result());
        if let Some(id) = cqueue::buffer_select(completion.flags()) {
            match result {
                Ok(len @ 1..) if !socket.is_closed => self.provided_buffers.append(&mut socket.received, id, len),
                _ => self.provided_buffers.release(id),
            }
        } else if let (Some(long), Ok(count)) = (&mut socket.direct, result) {
            long.count = count;
        }
        if !cqueue::more(completion.flags()) {
            socket.receive_mode = ReceiveMode::Idle;
            match result {
                Ok(1..) | Err(Errno::NOBUFS | Errno::CANCELED | Errno::INTR) => {}
                Ok(0) => socket.end = Some(Ok(())),
                Err(errno) => socket.end = Some(Err(errno)),
            }
        }
        let floods = !socket.is_waiting_for(Interest::Received) && socket.received.len() >= MAX_UNREAD_BUFFERS;
        let starves = result == Err(Errno::NOBUFS);
        if socket.needs_receive() && !floods {
            self.unarmed.push(slot);
        }
        socket.notify_if(Interest::Received);
        if starves {
            self.provided_buffers.grow();
        } else if floods && self.sockets[slot].receive_mode == ReceiveMode::Multishot {
            self.cancel(CancelBuilder::user_data(OpKind::Receive.tag(slot)));
        }
    }
}

/// MSG_TRUNC: TCP drops what it would have to copy.
const MSG_TRUNC: i32 = 0x20;
/// Buffers full of bytes for which no one has asked: then the socket's receive ends until someone does.
const MAX_UNREAD_BUFFERS: u16 = 16;
/// A small response.
const DEFAULT_RECV_BUFFER_BYTES: usize = 1024;
/// What is still to come of a long body.
const MIN_DIRECT_BYTES: u64 = 16 << 10;
const MAX_DIRECT_BYTES: usize = 1 << 20;
/// Receives of a socket until it is taken for one without long bodies again.
const SINGLE_SHOTS_AFTER_DIRECT: u8 = 8;
