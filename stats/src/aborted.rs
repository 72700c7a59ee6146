//! The requests of one (method, name) that ended without an outcome: their number and the longest wait among them.
//!
//! Plain counts. The engine decides when a request is aborted; this file must not know why.

/// Aborted requests: requests that were started and neither answered nor failed before they ended.
///
/// Most are in flight when the run ends. They are counted neither as requests nor as failures, because their response
/// time is unknown: it is at least the wait.
///
/// # Examples
///
/// ```
/// use gregaria_stats::{Interval, Limits, Recorder};
///
/// let mut recorder = Recorder::new(Limits::default());
/// recorder.record_aborted("GET", "/report", 1_000_000, 4_001_000_000);
/// recorder.record_aborted("GET", "/report", 2_001_000_000, 4_001_000_000);
/// let interval = recorder.take(Interval::new());
/// let entry = interval.entries().next().unwrap();
/// assert_eq!((entry.num_requests(), entry.aborted().count), (0, 2));
/// assert_eq!(entry.aborted().max_wait_us, 4_000_000);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AbortedRequests {
    /// Number of aborted requests.
    pub count: u64,
    /// Longest time from the due time of a request to its abort, in microseconds. 0 without aborted requests.
    pub max_wait_us: u64,
}

impl AbortedRequests {
    pub(crate) fn record(&mut self, wait_us: u64) {
        self.add(&Self { count: 1, max_wait_us: wait_us });
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.max_wait_us = self.max_wait_us.max(other.max_wait_us);
    }
}
