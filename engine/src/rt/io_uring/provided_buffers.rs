//! The memory that the kernel receives into: one ring of provided buffers for all sockets of a thread.
//!
//! The kernel takes a buffer only when bytes have come, so users that wait hold none. It goes round all buffers that it
//! was given, so there are few at first, which stay in the nearest cache; [`Buffers::grow`] adds more when they run out.
//! All `unsafe` about memory that the kernel writes to is here.

use std::{
    alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error},
    io,
    ptr::NonNull,
    slice,
    sync::atomic::{AtomicU16, Ordering},
};

use io_uring::{IoUring, types::BufRingEntry};

/// Provided buffers. Dropped only after the ring has no operation under way that could still write to them.
pub(super) struct ProvidedBuffers {
    entries: NonNull<BufRingEntry>,
    /// Each holds [`PER_CHUNK`] buffers.
    chunks: Vec<NonNull<u8>>,
    filled: Vec<FilledBuffer>,
    tail: u16,
}

/// What is in a buffer that the kernel has filled, and the buffer that was filled after it for the same socket.
#[derive(Clone, Copy, Default)]
struct FilledBuffer {
    start: u16,
    end: u16,
    next: u16,
}

/// Buffers with bytes of one socket, in order.
#[derive(Clone, Copy, Default)]
pub(super) struct FilledQueue {
    first: u16,
    last: u16,
    len: u16,
}

impl FilledQueue {
    pub(super) fn len(&self) -> u16 {
        self.len
    }
}

impl ProvidedBuffers {
    /// Registers the ring's buffer group and gives it its first buffers.
    pub(super) fn register(ring: &IoUring) -> io::Result<Self> {
        let entries = allocate(ring_layout()).cast();
        let mut buffers = Self { entries, chunks: Vec::new(), filled: Vec::new(), tail: 0 };
        // SAFETY: page-aligned, room for the entries, zeroed, and freed only after the ring has let go of it.
        unsafe { ring.submitter().register_buf_ring(entries.as_ptr() as u64, RING_ENTRIES, BUFFER_GROUP)? };
        buffers.grow();
        Ok(buffers)
    }

    /// Doubles the number of buffers, up to the most that the ring holds.
    pub(super) fn grow(&mut self) {
        let chunks = self.chunks.len();
        for _ in chunks..(chunks * 2).clamp(1, MAX_CHUNKS) {
            let first = self.filled.len();
            self.chunks.push(allocate(chunk_layout()));
            self.filled.resize(first + BUFFERS_PER_CHUNK, FilledBuffer::default());
            for id in first..first + BUFFERS_PER_CHUNK {
                self.release(id as u16);
            }
        }
    }

    /// Notes that the kernel has put `len` bytes into the buffer for the socket whose queue this is.
    pub(super) fn append(&mut self, queue: &mut FilledQueue, id: u16, len: usize) {
        self.filled[usize::from(id)] = FilledBuffer { start: 0, end: len.min(BUFFER_BYTES) as u16, next: 0 };
        if queue.len == 0 {
            queue.first = id;
        } else {
            self.filled[usize::from(queue.last)].next = id;
        }
        queue.last = id;
        queue.len += 1;
    }

    /// Moves bytes from the queue to the spare capacity of `out`, as many as there are or fit, and returns how many.
    pub(super) fn drain_into(&mut self, queue: &mut FilledQueue, out: &mut Vec<u8>) -> usize {
        let before = out.len();
        while queue.len > 0 {
            let id = queue.first;
            let FilledBuffer { start, end, next } = self.filled[usize::from(id)];
            let count = (out.capacity() - out.len()).min(usize::from(end - start));
            // SAFETY: the buffer is a queue's, so the kernel has written up to `end`, at most LEN, and leaves it alone
            // until it is given back.
            let bytes = unsafe { slice::from_raw_parts(self.buffer_ptr(id).add(usize::from(start)).as_ptr(), count) };
            out.extend_from_slice(bytes);
            if count < usize::from(end - start) {
                self.filled[usize::from(id)].start = start + count as u16;
                break;
            }
            queue.first = next;
            queue.len -= 1;
            self.release(id);
        }
        out.len() - before
    }

    /// Drops up to `most` bytes of the queue unread, and returns how many.
    pub(super) fn discard(&mut self, queue: &mut FilledQueue, max_bytes: u64) -> u64 {
        let mut dropped = 0;
        while queue.len > 0 {
            let id = queue.first;
            let FilledBuffer { start, end, next } = &mut self.filled[usize::from(id)];
            let count = u64::from(*end - *start);
            if count > max_bytes - dropped {
                *start += (max_bytes - dropped) as u16;
                return max_bytes;
            }
            dropped += count;
            queue.first = *next;
            queue.len -= 1;
            self.release(id);
        }
        dropped
    }

    /// Lets the kernel fill the buffer again; it sees that with the next [`Buffers::publish`].
    pub(super) fn release(&mut self, id: u16) {
        let slot = usize::from(self.tail & (RING_ENTRIES - 1));
        let place = self.buffer_ptr(id);
        // SAFETY: `slot` is within the ring; the kernel reads a slot only once the published tail has passed it. The
        // tail itself lies in a field of the first slot that none of these three calls touches.
        let entry = unsafe { self.entries.add(slot).as_mut() };
        entry.set_addr(place.as_ptr() as u64);
        entry.set_len(BUFFER_BYTES as u32);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Lets the kernel see which buffers were given back.
    pub(super) fn publish(&self) {
        // SAFETY: the tail lies in the first slot of our ring, is aligned, and shared with the kernel only atomically.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(self.entries.as_ptr()).cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }

    fn buffer_ptr(&self, id: u16) -> NonNull<u8> {
        let id = usize::from(id);
        // SAFETY: a chunk has PER_CHUNK buffers of LEN bytes; an unknown `id` panics at the index.
        unsafe { self.chunks[id / BUFFERS_PER_CHUNK].add(id % BUFFERS_PER_CHUNK * BUFFER_BYTES) }
    }
}

impl Drop for ProvidedBuffers {
    fn drop(&mut self) {
        for chunk in self.chunks.drain(..) {
            // SAFETY: allocated with this layout; see the type's promise about the kernel.
            unsafe { dealloc(chunk.as_ptr(), chunk_layout()) };
        }
        // SAFETY: as above.
        unsafe { dealloc(self.entries.as_ptr().cast(), ring_layout()) };
    }
}

fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: no layout here is empty.
    NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}

fn chunk_layout() -> Layout {
    Layout::from_size_align(BUFFERS_PER_CHUNK * BUFFER_BYTES, 64).expect("a small size")
}

fn ring_layout() -> Layout {
    Layout::from_size_align(usize::from(RING_ENTRIES) * size_of::<BufRingEntry>(), 4096).expect("a small size")
}

/// The group's number within its ring.
pub(super) const BUFFER_GROUP: u16 = 0;

/// Bytes per buffer: 4 KiB less one cache line, so that the beginnings of buffers do not fall into the same lines of a
/// cache.
const BUFFER_BYTES: usize = 4096 - 64;
const BUFFERS_PER_CHUNK: usize = 64;
/// 16 MiB of buffers per thread.
const MAX_CHUNKS: usize = RING_ENTRIES as usize / BUFFERS_PER_CHUNK;
const RING_ENTRIES: u16 = 4096;
