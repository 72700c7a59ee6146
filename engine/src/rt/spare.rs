//! Buffers that nobody uses at the moment, for who needs one next.

/// A stack of empty buffers: the one used last, whose memory is still in a cache, is taken first. Bounded, because a
/// burst should not hold memory for good.
#[derive(Default)]
pub(crate) struct SpareBuffers {
    buffers: Vec<Vec<u8>>,
    bytes: usize,
}

impl SpareBuffers {
    pub(crate) fn take(&mut self) -> Option<Vec<u8>> {
        let buffer = self.buffers.pop()?;
        self.bytes -= buffer.capacity();
        Some(buffer)
    }

    /// Keeps a buffer, emptied, if it has memory and there is room.
    pub(crate) fn keep(&mut self, mut buffer: Vec<u8>) {
        let bytes = self.bytes + buffer.capacity();
        if buffer.capacity() > 0 && bytes <= MOST_BYTES && self.buffers.len() < MOST_BUFFERS {
            buffer.clear();
            self.buffers.push(buffer);
            self.bytes = bytes;
        }
    }
}

const MOST_BUFFERS: usize = 1024;
/// Enough for 250 bodies of 64 KiB.
const MOST_BYTES: usize = 16 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_buffer_is_taken_first_and_is_empty() {
        let mut spare = SpareBuffers::default();
        spare.keep(Vec::new());
        assert!(spare.take().is_none());
        spare.keep(vec![1; 10]);
        spare.keep(vec![2; 20]);
        assert_eq!(spare.take().map(|buffer| (buffer.len(), buffer.capacity())), Some((0, 20)));
        assert_eq!(spare.take().map(|buffer| (buffer.len(), buffer.capacity())), Some((0, 10)));
        assert_eq!(spare.bytes, 0);
    }

    #[test]
    fn no_more_is_kept_than_the_limits_allow() {
        let mut spare = SpareBuffers::default();
        for _ in 0..MOST_BUFFERS + 1 {
            spare.keep(Vec::with_capacity(1));
        }
        assert_eq!(spare.buffers.len(), MOST_BUFFERS);
        let mut spare = SpareBuffers::default();
        for _ in 0..40 {
            spare.keep(Vec::with_capacity(1 << 20));
        }
        assert_eq!(spare.buffers.len(), MOST_BYTES >> 20);
    }
}
