//! The memory that the kernel receives into: one ring of provided buffers for all sockets of a thread.
//!
//! The kernel takes a buffer only when bytes have arrived, so waiting users hold none. The kernel cycles through all
//! buffers of the ring, so a thread starts with few buffers, which stay in the nearest cache.
//! [`ProvidedBuffers::grow`] adds buffers when they run out. All `unsafe` about memory of provided buffers is here;
//! direct receives, which use the caller's buffer, are in `receive.rs`.

use std::{
    alloc::{Layout, alloc_zeroed, dealloc, handle_alloc_error},
    io,
    ptr::NonNull,
    slice,
    sync::atomic::{AtomicU16, Ordering},
};

use ::io_uring::{IoUring, types::BufRingEntry};

/// The provided buffers of a ring. They must be dropped only when the ring has no operation in flight that could
/// write to them.
pub(super) struct ProvidedBuffers {
    entries: NonNull<BufRingEntry>,
    /// Allocations of [`BUFFERS_PER_CHUNK`] buffers each.
    chunks: Vec<NonNull<u8>>,
    /// The contents of all buffers, by buffer id.
    filled: Vec<FilledBuffer>,
    /// Number of buffers ever added to the ring, modulo 2^16.
    tail: u16,
}

/// The unread bytes of a buffer that the kernel has filled, and the id of the next buffer of the same socket.
#[derive(Clone, Copy, Default)]
struct FilledBuffer {
    start: u16,
    end: u16,
    next: u16,
}

/// The filled buffers of one socket in the order of their bytes.
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
    /// Registers the ring's buffer group and adds the first buffers.
    ///
    /// # Errors
    /// Returns an error if the kernel rejects the registration.
    pub(super) fn register(ring: &IoUring) -> io::Result<Self> {
        let entries = allocate(ring_layout()).cast();
        let mut buffers = Self { entries, chunks: Vec::new(), filled: Vec::new(), tail: 0 };
        // SAFETY: the memory is page-aligned, large enough for the entries, zeroed, and freed only when the ring no
        // longer uses it.
        unsafe { ring.submitter().register_buf_ring(entries.as_ptr() as u64, RING_ENTRIES, BUFFER_GROUP)? };
        buffers.grow();
        Ok(buffers)
    }

    /// Doubles the number of buffers, up to the capacity of the ring. The kernel sees new buffers with the next
    /// [`ProvidedBuffers::publish`].
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

    /// Appends the buffer, into which the kernel has written `len` bytes, to the queue of its socket.
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

    /// Moves bytes from the queue to the spare capacity of `out` until the queue is empty or `out` is full. Returns the
    /// number of bytes.
    pub(super) fn drain_into(&mut self, queue: &mut FilledQueue, out: &mut Vec<u8>) -> usize {
        let len_before = out.len();
        while queue.len > 0 {
            let id = queue.first;
            let FilledBuffer { start, end, next } = self.filled[usize::from(id)];
            let count = (out.capacity() - out.len()).min(usize::from(end - start));
            // SAFETY: the buffer is in a queue, so the kernel has written the bytes up to `end`, at most
            // BUFFER_BYTES, and does not touch the buffer until it is released.
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
        out.len() - len_before
    }

    /// Drops up to `max_bytes` bytes of the queue unread and returns their number.
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

    /// Adds the buffer to the ring, so that the kernel can fill it again. The kernel sees the buffer with the next
    /// [`ProvidedBuffers::publish`].
    pub(super) fn release(&mut self, id: u16) {
        let slot = usize::from(self.tail & (RING_ENTRIES - 1));
        let buffer = self.buffer_ptr(id);
        // SAFETY: `slot` is within the ring, and the kernel reads a slot only after the published tail has passed it.
        // The tail itself is in a field of the first slot that none of the three calls below touches.
        let entry = unsafe { self.entries.add(slot).as_mut() };
        entry.set_addr(buffer.as_ptr() as u64);
        entry.set_len(BUFFER_BYTES as u32);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Makes all released buffers visible to the kernel.
    pub(super) fn publish(&self) {
        // SAFETY: the tail is in the first slot of the ring, is aligned, and is shared with the kernel only through
        // atomic accesses.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(self.entries.as_ptr()).cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }

    fn buffer_ptr(&self, id: u16) -> NonNull<u8> {
        let id = usize::from(id);
        // SAFETY: a chunk has BUFFERS_PER_CHUNK buffers of BUFFER_BYTES bytes. An unknown `id` panics at the index.
        unsafe { self.chunks[id / BUFFERS_PER_CHUNK].add(id % BUFFERS_PER_CHUNK * BUFFER_BYTES) }
    }
}

impl Drop for ProvidedBuffers {
    fn drop(&mut self) {
        for chunk in self.chunks.drain(..) {
            // SAFETY: the chunk was allocated with this layout, and the kernel no longer writes to it, as the type
            // requires.
            unsafe { dealloc(chunk.as_ptr(), chunk_layout()) };
        }
        // SAFETY: as for the chunks.
        unsafe { dealloc(self.entries.as_ptr().cast(), ring_layout()) };
    }
}

fn allocate(layout: Layout) -> NonNull<u8> {
    // SAFETY: neither of the two layouts below is empty.
    NonNull::new(unsafe { alloc_zeroed(layout) }).unwrap_or_else(|| handle_alloc_error(layout))
}

fn chunk_layout() -> Layout {
    Layout::from_size_align(BUFFERS_PER_CHUNK * BUFFER_BYTES, 64).expect("buffer layout is invalid")
}

fn ring_layout() -> Layout {
    Layout::from_size_align(usize::from(RING_ENTRIES) * size_of::<BufRingEntry>(), 4096)
        .expect("buffer layout is invalid")
}

/// The number of the buffer group within its ring.
pub(super) const BUFFER_GROUP: u16 = 0;

/// Size of a buffer: 4 KiB less one cache line, so that the starts of buffers map to different sets of a cache.
const BUFFER_BYTES: usize = 4096 - 64;
/// Number of buffers per allocation.
const BUFFERS_PER_CHUNK: usize = 64;
/// Maximum number of allocations: 16 MiB of buffers per thread.
const MAX_CHUNKS: usize = RING_ENTRIES as usize / BUFFERS_PER_CHUNK;
/// Capacity of the ring in buffers. Must be a power of two.
const RING_ENTRIES: u16 = 4096;
