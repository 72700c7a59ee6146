//! A pool of empty byte buffers for the requests and responses of one thread.

/// A stack of empty buffers.
///
/// The buffer that was released last is acquired first, because its memory is still in the CPU cache. The pool is
/// bounded, so that a burst does not hold memory for the rest of the run.
#[derive(Default)]
pub(crate) struct ThreadBufferPool {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl ThreadBufferPool {
    /// Removes an empty buffer from the pool. Returns `None` if the pool is empty.
    pub(crate) fn acquire(&mut self) -> Option<Vec<u8>> {
        let buffer = self.buffers.pop()?;
        self.bytes -= buffer.capacity();
        Some(buffer)
    }

    /// Clears `buffer` and adds it to the pool. Drops `buffer` if it has no capacity or the pool is full.
    pub(crate) fn release(&mut self, mut buffer: Vec<u8>) {
        let bytes = self.bytes + buffer.capacity();
        if buffer.capacity() > 0 && bytes <= MAX_POOLED_BYTES && self.buffers.len() < MAX_POOLED_BUFFERS {
            buffer.clear();
            self.buffers.push(buffer);
            self.bytes = bytes;
        }
    }
}

/// Capacity that a receive gives to a buffer without capacity. Fits a small response.
pub(super) const DEFAULT_RECV_BUFFER_BYTES: usize = 1024;
/// Maximum number of buffers in a pool.
const MAX_POOLED_BUFFERS: usize = 1024;
/// Maximum capacity of all buffers in a pool: 16 MiB, enough for 250 bodies of 64 KiB.
const MAX_POOLED_BYTES: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffer_released_last_is_acquired_first_and_empty() {
        let mut pool = ThreadBufferPool::default();
        pool.release(Vec::new());
        assert!(pool.acquire().is_none());
        pool.release(vec![1; 10]);
        pool.release(vec![2; 20]);
        assert_eq!(pool.acquire().map(|buffer| (buffer.len(), buffer.capacity())), Some((0, 20)));
        assert_eq!(pool.acquire().map(|buffer| (buffer.len(), buffer.capacity())), Some((0, 10)));
        assert_eq!(pool.bytes, 0);
    }

    #[test]
    fn pool_keeps_no_more_than_its_limits() {
        let mut pool = ThreadBufferPool::default();
        for _ in 0..MAX_POOLED_BUFFERS + 1 {
            pool.release(Vec::with_capacity(1));
        }
        assert_eq!(pool.buffers.len(), MAX_POOLED_BUFFERS);
        let mut pool = ThreadBufferPool::default();
        for _ in 0..40 {
            pool.release(Vec::with_capacity(1 << 20));
        }
        assert_eq!(pool.buffers.len(), MAX_POOLED_BYTES >> 20);
    }
}
