//! One empty buffer per thread. Encryption and decryption need a second buffer for a short time, and an idle
//! connection must hold none.
//!
//! [`Transport::send`](crate::Transport::send) takes a buffer away and `recv` brings one. Each reuses the buffer
//! that the other leaves here, so a request allocates none.

use std::cell::Cell;

/// Takes the thread's buffer, which has no content and possibly no memory.
pub(super) fn acquire() -> Vec<u8> {
    SCRATCH_BUFFER.take()
}

/// Keeps the memory of a buffer of at most [`MAX_KEPT_BYTES`].
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
