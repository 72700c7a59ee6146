//! A body that is generated while it is sent, and counts the bytes that were requested.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};

use gregaria_engine::http::BodySource;

/// A body of `length` letters in chunks of 32 KiB.
pub(super) struct GeneratedBody {
    pub(super) length: u64,
    /// Whether the request has a `Content-Length`.
    pub(super) has_known_length: bool,
    pub(super) produced_bytes: Arc<AtomicU64>,
    remaining: u64,
}

impl GeneratedBody {
    pub(super) fn new(length: u64, has_known_length: bool) -> Self {
        Self { length, has_known_length, produced_bytes: Arc::default(), remaining: length }
    }
}

impl BodySource for GeneratedBody {
    fn len_bytes(&self) -> Option<u64> {
        self.has_known_length.then_some(self.length)
    }

    fn poll_next(&mut self, _: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<io::Result<bool>> {
        let chunk = self.remaining.min(CHUNK_BYTES);
        out.extend(std::iter::repeat_n(b'l', chunk as usize));
        self.produced_bytes.fetch_add(chunk, Ordering::Relaxed);
        self.remaining -= chunk;
        Poll::Ready(Ok(self.remaining > 0))
    }

    fn rewind(&mut self) -> bool {
        self.remaining = self.length;
        true
    }
}

const CHUNK_BYTES: u64 = 32 << 10;
