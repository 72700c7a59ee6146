//! Buffers that nobody uses at the moment, for who needs one next.

/// A stack of empty buffers: the one used last, whose memory is still in a cache, is taken first. Bounded, because a
/// burst should not hold memory for good.
#[derive(Default)]
pub(crate) struct ThreadBufferPool {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl ThreadBufferPool {
    pub(crate) fn acquire(&mut self) -> Option<Vec<u8>> {
        let buffer = self.buffers.pop()?;
        self.bytes -= buffer.capacity();
        Some(buffer)
    }

    /// Keeps a buffer, emptied, if it has memory and there is room.
    pub(crate) fn release(&mut self, mut buffer: Vec<u8>) {
        let bytes = self.bytes + buffer.capacity();
        if buffer.capacity() > 0 && bytes <= MAX_POOLED_BYTES && self.buffers.len() < MAX_POOLED_BUFFERS {
            buffer.clear();
            self.buffers.push(buffer);
            self.bytes = bytes;
        }
    }
}

const MAX_POOLED_BUFFERS: usize = 1024;
/// Enough for 250 bodies of 64 KiB.
const MAX_POOLED_BYTES: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_buffer_is_taken_first_and_is_empty() {
        let mut spare = ThreadBufferPool::default();
        spare.release(Vec::new());
        assert!(spare.acquire().is_none());
        spare.release(vec![1; 10]);
        spare.release(vec![2; 20]);
        assert_eq!(spare.acquire().map(|buffer| (buffer.len(), buffer.capacity())), Some((0, 20)));
        assert_eq!(spare.acquire().map(|buffer| (buffer.len(), buffer.capacity())), Some((0, 10)));
        assert_eq!(spare.bytes, 0);
    }

    #[test]
    fn no_more_is_kept_than_the_limits_allow() {
        let mut spare = ThreadBufferPool::default();
        for _ in 0..MAX_POOLED_BUFFERS + 1 {
            spare.release(Vec::with_capacity(1));
        }
        assert_eq!(spare.buffers.len(), MAX_POOLED_BUFFERS);
        let mut spare = ThreadBufferPool::default();
        for _ in 0..40 {
            spare.release(Vec::with_capacity(1 << 20));
        }
        assert_eq!(spare.buffers.len(), MAX_POOLED_BYTES >> 20);
    }
}
