//! The two io_uring parts that the floor and the server share: a ring with the flags of the engine, and a ring of
//! provided buffers for multishot receives.
//!
//! [`BufferRing`] contains all `unsafe` code of this package that touches kernel-owned memory. Must not know HTTP. It
//! is used by `floor.rs` and `server.rs`.

use std::io;
use std::sync::atomic::{AtomicU16, Ordering};

use io_uring::types::BufRingEntry;
use io_uring::{IoUring, cqueue, squeue};

/// Creates a ring for one thread. The kernel runs completions only when that thread waits for them.
///
/// `entries` is the length of the submission queue.
pub(crate) fn build(entries: u32) -> io::Result<IoUring> {
    ring_builder().build(entries)
}

/// Returns the flags alone, for a runtime that creates its own ring.
pub(crate) fn ring_builder() -> io_uring::Builder {
    let mut builder = IoUring::builder();
    builder.setup_single_issuer().setup_defer_taskrun().setup_coop_taskrun();
    builder
}

/// Queues one entry. Per turn, the caller handles only as many completions as the queue has room to answer.
///
/// # Panics
/// If the queue is full.
///
/// # Safety
/// As for [`squeue::SubmissionQueue::push`]: the memory of the entry must be valid until the operation is done.
pub(crate) unsafe fn push(queue: &mut squeue::SubmissionQueue<'_>, entry: &squeue::Entry) {
    // SAFETY: the caller has the same obligation.
    unsafe { queue.push(entry) }.expect("the queue has room for one turn's answers");
}

/// Receive buffers of one ring, in one group, from which the kernel selects.
///
/// The memory is leaked on purpose. Closing a ring cancels its receives in the background, so this process never knows
/// that the kernel has stopped writing.
pub(crate) struct BufferRing {
    entries: *mut BufRingEntry,
    memory: *mut u8,
    count: u16,
    tail: u16,
}

impl BufferRing {
    /// Registers `count` buffers of [`BUFFER_BYTES`] bytes as group [`BUFFER_GROUP`], available to the kernel.
    ///
    /// The kernel uses all buffers in turn. A small number stays in the nearest cache.
    ///
    /// # Panics
    /// If `count` is not a power of two, because indices wrap with a mask.
    pub(crate) fn register(ring: &IoUring, count: u16) -> io::Result<Self> {
        assert!(count.is_power_of_two(), "{count} buffers");
        let len = usize::from(count);
        let pages = vec![AlignedPage([0; PAGE_BYTES]); (len * size_of::<BufRingEntry>()).div_ceil(PAGE_BYTES)];
        let memory = vec![0_u8; len * BUFFER_BYTES];
        let mut buffers = Self {
            entries: Box::leak(pages.into_boxed_slice()).as_mut_ptr().cast(),
            memory: Box::leak(memory.into_boxed_slice()).as_mut_ptr(),
            count,
            tail: 0,
        };
        // SAFETY: page-aligned, room for `count` entries, and never freed.
        unsafe { ring.submitter().register_buf_ring(buffers.entries as u64, count, BUFFER_GROUP)? };
        for id in 0..count {
            buffers.recycle(id);
        }
        buffers.publish();
        Ok(buffers)
    }

    /// Passes the received bytes to `read` and queues the buffer for reuse. Returns `None` if the completion has no
    /// buffer.
    ///
    /// The caller calls it once per completion of this ring, and [`publish`](Self::publish) after each batch.
    pub(crate) fn consume<T>(&mut self, completion: &cqueue::Entry, read: impl FnOnce(&[u8]) -> T) -> Option<T> {
        let id = cqueue::buffer_select(completion.flags())?;
        let len = usize::try_from(completion.result()).ok()?.min(BUFFER_BYTES);
        // SAFETY: the kernel picked `id` for this completion, wrote `len` bytes, and leaves the buffer alone until it
        // is given back below.
        let bytes = unsafe { std::slice::from_raw_parts(self.memory.add(usize::from(id) * BUFFER_BYTES), len) };
        let value = read(bytes);
        self.recycle(id);
        Some(value)
    }

    /// Makes the buffers that were recycled since the last call visible to the kernel.
    pub(crate) fn publish(&self) {
        // SAFETY: the tail lies in the first entry of the leaked ring, aligned, and is shared with the kernel only
        // atomically.
        let tail = unsafe { AtomicU16::from_ptr(BufRingEntry::tail(self.entries).cast_mut()) };
        tail.store(self.tail, Ordering::Release);
    }

    fn recycle(&mut self, id: u16) {
        let slot = usize::from(self.tail & (self.count - 1));
        // SAFETY: `slot` < `count`; the kernel reads a slot only once the published tail has passed it. `resv` is not
        // touched.
        let entry = unsafe { &mut *self.entries.add(slot) };
        // SAFETY: `id` < `count`, so the buffer lies within the leaked memory.
        entry.set_addr(unsafe { self.memory.add(usize::from(id) * BUFFER_BYTES) } as u64);
        entry.set_len(BUFFER_BYTES as u32);
        entry.set_bid(id);
        self.tail = self.tail.wrapping_add(1);
    }
}

/// The number of the buffer group within its ring.
pub(crate) const BUFFER_GROUP: u16 = 0;

/// Bytes per buffer. A whole response of the server and all usual requests fit.
const BUFFER_BYTES: usize = 512;

const PAGE_BYTES: usize = 4096;

#[derive(Clone)]
#[repr(C, align(4096))]
struct AlignedPage([u8; PAGE_BYTES]);
