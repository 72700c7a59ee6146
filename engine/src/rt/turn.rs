//! The result of one turn of a driver: `epoll.rs` and `io_uring/` return it to the loop in `driver.rs`.

/// The result of one turn of a driver.
pub(super) struct TurnResult {
    /// Monotonic time after the wait.
    pub(super) now_ns: u64,
    /// Number of completions (io_uring) or events (epoll).
    pub(super) events: usize,
}
