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
    Inner, Kind,
    buffers::GROUP,
    outcome,
    socket::{Awaited, Long, Receiving},
};

/// Where bytes go that nobody wants. TCP does not even write them.
pub(super) struct Sink(Vec<u8>);

impl Sink {
    pub(super) fn new() -> Self {
        Self(Vec::with_capacity(MOST_AT_ONCE))
    }
}

/// What streams ask for.
impl Inner {
    pub(super) fn poll_recv(&mut self, slot: usize, buffer: &mut Vec<u8>, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        let socket = &mut self.sockets[slot];
        socket.stop_waiting();
        if socket.received.len() > 0 {
            if buffer.capacity() == 0 {
                *buffer = self.spare.take().unwrap_or_else(|| Vec::with_capacity(NEW_BYTES));
            }
            return Poll::Ready(Ok(self.buffers.take(&mut socket.received, buffer)));
        }
        if socket.long.is_some() {
            // What was given up in the middle has bytes that should have come first.
            return Poll::Ready(Err(Errno::CONNABORTED.into()));
        }
        self.poll_end(slot, cx)
    }

    /// As [`Inner::poll_recv`], into `buffer` itself where that is worth it.
    pub(super) fn poll_recv_long(
        &mut self,
        slot: usize,
        buffer: &mut Vec<u8>,
        to_come: u64,
        cx: &Context<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.is_long_under_way(slot, cx) {
            return Poll::Pending;
        }
        if let Some(Long { buffer: Some(own), count }) = self.take_long(slot) {
            *buffer = own;
            if count > 0 {
                // SAFETY: the kernel has written so many bytes behind those that there were.
                unsafe { buffer.set_len(buffer.len() + count) };
                return Poll::Ready(Ok(count));
            }
        }
        let space = buffer.spare_capacity_mut();
        let (place, len) = (space.as_mut_ptr().cast(), space.len());
        if self.is_ready_for_long(slot, to_come.min(len as u64)) {
            // SAFETY: the place is in the buffer, which the socket has from here on.
            unsafe { self.start_long(slot, place, len, 0) };
            self.sockets[slot].await_long(Some(mem::take(buffer)), cx.waker());
            return Poll::Pending;
        }
        self.poll_recv(slot, buffer, cx)
    }

    /// Drops up to `len` bytes, and says how many.
    pub(super) fn poll_skip(&mut self, slot: usize, len: u64, cx: &Context<'_>) -> Poll<io::Result<u64>> {
        if self.is_long_under_way(slot, cx) {
            return Poll::Pending;
        }
        if let Some(Long { count: count @ 1.., .. }) = self.take_long(slot) {
            return Poll::Ready(Ok(count as u64));
        }
        if self.is_ready_for_long(slot, len) {
            let place = self.sink.0.as_mut_ptr();
            let len = usize::try_from(len).unwrap_or(usize::MAX);
            // SAFETY: the sink lives as long as the ring has operations, has room for the most that is asked for at once, and
            // is never read.
            unsafe { self.start_long(slot, place, len, TRUNCATE) };
            self.sockets[slot].await_long(None, cx.waker());
            return Poll::Pending;
        }
        let socket = &mut self.sockets[slot];
        if socket.received.len() > 0 {
            return Poll::Ready(Ok(self.buffers.discard(&mut socket.received, len)));
        }
        self.poll_end(slot, cx).map_ok(|count| count as u64)
    }

    /// What there is to say when there are no bytes.
    fn poll_end(&mut self, slot: usize, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        let socket = &mut self.sockets[slot];
        if let Some(errno) = socket.take_failure() {
            return Poll::Ready(Err(errno.into()));
        }
        if let Some(end) = socket.end {
            return Poll::Ready(end.map(|()| 0).map_err(io::Error::from));
        }
        socket.wait(Awaited::Received, cx.waker());
        if socket.receiving == Receiving::Nothing {
            self.unarmed.push(slot);
        }
        Poll::Pending
    }

    fn is_long_under_way(&mut self, slot: usize, cx: &Context<'_>) -> bool {
        let socket = &mut self.sockets[slot];
        if socket.receiving == Receiving::Long {
            socket.wait(Awaited::Received, cx.waker());
            return true;
        }
        socket.stop_waiting();
        false
    }

    /// A long receive that is complete. The next receive may be another one.
    fn take_long(&mut self, slot: usize) -> Option<Long> {
        let long = self.sockets[slot].long.take()?;
        self.unarmed.push(slot);
        Some(long)
    }

    /// Whether a long receive can start. A socket of which `len` bytes more are asked for will not have another standing one,
    /// if they are many.
    fn is_ready_for_long(&mut self, slot: usize, len: u64) -> bool {
        let socket = &mut self.sockets[slot];
        if len >= LONG_BYTES
            && mem::replace(&mut socket.singles, SINGLES) == 0
            && socket.receiving == Receiving::Standing
        {
            self.cancel(CancelBuilder::user_data(Kind::Receive.tag(slot)));
        }
        let socket = &self.sockets[slot];
        len > 0 && socket.receiving == Receiving::Nothing && socket.received.len() == 0 && !socket.is_over()
    }
}

/// What the kernel is asked for.
impl Inner {
    pub(super) fn start_receive(&mut self, slot: usize) {
        let fd = self.fd(slot);
        let socket = &mut self.sockets[slot];
        let receive = if socket.singles == 0 {
            socket.receiving = Receiving::Standing;
            opcode::RecvMulti::new(fd, GROUP).build()
        } else {
            socket.singles -= 1;
            socket.receiving = Receiving::Single;
            let single = opcode::Recv::new(fd, ptr::null_mut(), 0).buf_group(GROUP);
            single.build().flags(squeue::Flags::BUFFER_SELECT)
        };
        // SAFETY: the buffers live as long as the ring has operations.
        unsafe { self.start(slot, Kind::Receive, receive) };
    }

    /// # Safety
    /// As for [`Inner::start`], of the `len` bytes at `place`, or the first [`MOST_AT_ONCE`] of them.
    unsafe fn start_long(&mut self, slot: usize, place: *mut u8, len: usize, flags: i32) {
        self.sockets[slot].receiving = Receiving::Long;
        let receive = opcode::Recv::new(self.fd(slot), place, len.min(MOST_AT_ONCE) as u32).flags(flags).build();
        // SAFETY: passed on to the caller.
        unsafe { self.start(slot, Kind::Receive, receive) };
    }
}

/// What the kernel answers.
impl Inner {
    pub(super) fn received(&mut self, slot: usize, completion: &cqueue::Entry) {
        let socket = &mut self.sockets[slot];
        socket.received_ns = self.arrived_ns;
        let result = outcome(completion.result());
        if let Some(id) = cqueue::buffer_select(completion.flags()) {
            match result {
                Ok(len @ 1..) if !socket.is_closed => self.buffers.append(&mut socket.received, id, len),
                _ => self.buffers.give_back(id),
            }
        } else if let (Some(long), Ok(count)) = (&mut socket.long, result) {
            long.count = count;
        }
        if !cqueue::more(completion.flags()) {
            socket.receiving = Receiving::Nothing;
            match result {
                Ok(1..) | Err(Errno::NOBUFS | Errno::CANCELED | Errno::INTR) => {}
                Ok(0) => socket.end = Some(Ok(())),
                Err(errno) => socket.end = Some(Err(errno)),
            }
        }
        let floods = !socket.awaits(Awaited::Received) && socket.received.len() >= MOST_UNREAD;
        let starves = result == Err(Errno::NOBUFS);
        if socket.wants_receive() && !floods {
            self.unarmed.push(slot);
        }
        socket.happened(Awaited::Received);
        if starves {
            self.buffers.grow();
        } else if floods && self.sockets[slot].receiving == Receiving::Standing {
            self.cancel(CancelBuilder::user_data(Kind::Receive.tag(slot)));
        }
    }
}

/// MSG_TRUNC: TCP drops what it would have to copy.
const TRUNCATE: i32 = 0x20;
/// Buffers full of bytes for which no one has asked: then the socket's receive ends until someone does.
const MOST_UNREAD: u16 = 16;
/// A small response.
const NEW_BYTES: usize = 1024;
/// What is still to come of a long body.
const LONG_BYTES: u64 = 16 << 10;
const MOST_AT_ONCE: usize = 1 << 20;
/// Receives of a socket until it is taken for one without long bodies again.
const SINGLES: u8 = 8;
