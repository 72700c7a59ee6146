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
pub(super) struct Buffers {
    entries: NonNull<BufRingEntry>,
    /// Each holds [`PER_CHUNK`] buffers.
    chunks: Vec<NonNull<u8>>,
    filled: Vec<Filled>,
    tail: u16,
}

/// What is in a buffer that the kernel has filled, and the buffer that was filled after it for the same socket.
#[derive(Clone, Copy, Default)]
struct Filled {
    start: u16,
    end: u16,
    next: u16,
}

/// Buffers with bytes of one socket, in order.
#[derive(Clone, Copy, Default)]
pub(super) struct Queue {
    first: u16,
    last: u16,
    len: u16,
}

impl Queue {
    pub(super) fn len(&self) -> u16 {
        self.len
    }
}

impl Buffers {
    /// Registers the ring's buffer group and gives it its first buffers.
    pub(super) fn register(ring: &IoUring) -> io::Result<Self> {
        let entries = allocate(ring_layout()).cast();
        let mut buffers = Self { entries, chunks: Vec::new(), filled: Vec::new(), tail: 0 };
        // SAFETY: page-aligned, room for the entries, zeroed, and freed only after the ring has let go of it.
        unsafe { ring.submitter().register_buf_ring(entries.as_ptr() as u64, ENTRIES, GROUP)? };
        buffers.grow();
        Ok(buffers)
    }

    /// Doubles the number of buffers, up to the most that the ring holds.
    pub(super) fn grow(&mut self) {
        let chunks = self.chunks.len();
        for _ in chunks..(chunks * 2).clamp(1, MOST_CHUNKS) {
            let first = self.filled.len();
            self.chunks.push(allocate(chunk_layout()));
            self.filled.resize(first + PER_CHUNK, Filled::default());
            for id in first..first + PER_CHUNK {
                self.give_back(id as u16);
            }
        }
    }

    /// Notes that the kernel has put `len` bytes into the buffer for the socket whose queue this is.
    pub(super) fn append(&mut self, queue: &mut Queue, id: u16, len: usize) {
        self.filled[usize::from(id)] = Filled { start: 0, end: len.min(LEN) as u16, next: 0 };
        if queue.len == 0 {
            queue.first = id;
        } else {
            self.filled[usize::from(queue.last)].next = id;
        }
        queue.last = id;
        queue.len += 1;
    }

    /// Moves bytes from the queue to the spare capacity of `out`, as many as there are or fit, and returns how many.
    pub(super) fn take(&mut self, queue: &mut Queue, out: &mut Vec<u8>) -> usize {
        let before = out.len();
        while queue.len > 0 {
            let id = queue.first;
            let Filled { start, end, next } = self.filled[usize::from(id)];
            let count = (out.capacity() - out.len()).min(usize::from(end - start));
            // SAFETY: the buffer is a queue's, so the kernel has written up to `end`, at most LEN, and leaves it alone
            // until it is given back.
            let bytes = unsafe { slice::from_raw_parts(self.place(id).add(usize::from(start)).as_ptr(), count) };
            out.extend_from_slice(bytes);
            if count < usize::from(end - start) {
                self.filled[usize::from(id)].start = start + count as u16;
                break;
            }
            queue.first = next;
            queue.len -= 1;
            self.give_back(id);
        }
        out.len() - before
    }

    /// Drops up to `most` bytes of the queue unread, and returns how many.
    pub(super) fn discard(&mut self, queue: &mut Queue, most: u64) -> u64 {
        let mut dropped = 0;
        while queue.len > 0 {
            let id = queue.first;
            let Filled { start, end, next } = &mut self.filled[usize::from(id)];
            let count = u64::from(*end - *start);
            if count > most - dropped {
                *start += (most - dropped) as u16;
                return most;
            }
            dropped += count;
            queue.first = *next;
            queue.len -= 1;
            self.give_back(id);
        }
        dropped
    }

    /// Lets the kernel fill the buffer again; it sees that with the next [`Buffers::publish`].
    pub(super) fn give_back(&mut self, id: u16) {
        let slot = usize::from(self.tail & (ENTRIES - 1));
        let place = self.place(id);
        // SAFETY: `slot` is within the ring; the kernel reads a slot only once the published tail has passed it. The
        // tail itself lies in a field of the first slot that none of these three calls touches.
        let entry = unsafe { self.entries.add(slot).as_mut() };
        entry.set_addr(place.as_ptr() as u64);
        entry.set_len(LEN as u32);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
    }

    /// Lets the kernel see which buffers were given back.
    pub(super) fn publish(&self) {
        // SAFETY: the tail lies in the first slot of our ring, is aligned, and shared with the kernel only atomically.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(self.entries.as_ptr()).cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }

    fn place(&self, id: u16) -> NonNull<u8> {
        let id = usize::from(id);
        // SAFETY: a chunk has PER_CHUNK buffers of LEN bytes; an unknown `id` panics at the index.
        unsafe { self.chunks[id / PER_CHUNK].add(id % PER_CHUNK * LEN) }
    }
}

impl Drop for Buffers {
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
    Layout::from_size_align(PER_CHUNK * LEN, 64).expect("a small size")
}

fn ring_layout() -> Layout {
    Layout::from_size_align(usize::from(ENTRIES) * size_of::<BufRingEntry>(), 4096).expect("a small size")
}

/// The group's number within its ring.
pub(super) const GROUP: u16 = 0;

/// Bytes per buffer: 4 KiB less one cache line, so that the beginnings of buffers do not fall into the same lines of a
/// cache.
const LEN: usize = 4096 - 64;
const PER_CHUNK: usize = 64;
/// 16 MiB of buffers per thread.
const MOST_CHUNKS: usize = ENTRIES as usize / PER_CHUNK;
const ENTRIES: u16 = 4096;
