//! One empty buffer per thread: encrypting and decrypting need a second one for a moment, and a connection that waits must
//! hold none.
//!
//! [`Transport::send`](crate::Transport::send) takes memory away and `recv` brings some, so what one of them leaves here
//! the other finds, and nothing is allocated on a request's way.

use std::cell::Cell;

/// A buffer without content, and perhaps without memory.
pub(super) fn acquire() -> Vec<u8> {
    SCRATCH_BUFFER.take()
}

/// Keeps the memory of a buffer, unless it is large.
pub(super) fn release(mut buffer: Vec<u8>) {
    if (1..=MAX_KEPT_BYTES).contains(&buffer.capacity()) {
        buffer.clear();
        SCRATCH_BUFFER.set(buffer);
    }
}

const MAX_KEPT_BYTES: usize = 64 * 1024;

thread_local! {
    static SCRATCH_BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}
