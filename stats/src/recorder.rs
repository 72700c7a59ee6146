//! The recorder: counts samples with one writer, without sharing and without locks.
//!
//! This is the end of the hot path of the whole system. A sample of a known name costs one hash, one compare and four
//! cache lines. Memory is allocated only for a new name, a new error or a new page of buckets. The counts are in
//! `interval.rs`.

use crate::{
    interval::Interval,
    limits::Limits,
    sample::{Lag, Sample},
};

/// Counts samples into an interval until that interval is taken.
///
/// # Examples
///
/// ```
/// use gregaria_stats::{Interval, Limits, Recorder, Sample};
///
/// let mut recorder = Recorder::new(Limits::default());
/// recorder.record(&Sample { method: "GET", name: "/", done_ns: 2_000_000, ..Sample::default() });
/// recorder.record_exception("KeyError: 'id'", "shop.py, line 7");
///
/// let interval = recorder.take(Interval::new());
/// assert_eq!(interval.num_requests(), 1);
/// assert_eq!(interval.exceptions().count(), 1);
///
/// let next = recorder.take(interval); // reuses the memory of the first interval
/// assert!(next.is_empty());
/// ```
#[derive(Debug)]
pub struct Recorder {
    limits: Limits,
    interval: Interval,
}

impl Recorder {
    /// Creates an empty recorder.
    pub fn new(limits: Limits) -> Self {
        Self { limits, interval: Interval::new() }
    }

    /// Counts one finished request.
    #[inline]
    pub fn record(&mut self, sample: &Sample<'_>) {
        self.interval.record(sample, &self.limits);
    }

    /// Counts a request that was aborted at `aborted_ns`. Both times are monotonic nanoseconds; the due time is that of
    /// [`Sample::due_ns`].
    pub fn record_aborted(&mut self, method: &str, name: &str, due_ns: u64, aborted_ns: u64) {
        self.interval.record_aborted(method, name, due_ns, aborted_ns, &self.limits);
    }

    /// Counts an exception or panic in user code.
    pub fn record_exception(&mut self, message: &str, traceback: &str) {
        self.interval.record_exception(message, traceback, &self.limits);
    }

    /// Counts one delay of the generator, in microseconds.
    #[inline]
    pub fn record_lag(&mut self, lag: Lag, lag_us: u64) {
        self.interval.lag_mut(lag).record(lag_us);
    }

    /// Counts cookies that a user dropped because it held too many.
    #[inline]
    pub fn record_dropped_cookies(&mut self, count: u32) {
        self.interval.record_dropped_cookies(count);
    }

    /// Returns the recorded interval and continues in `spare`, which is cleared first.
    ///
    /// If recorder and reader exchange two intervals, recording known names soon allocates no memory.
    pub fn take(&mut self, mut spare: Interval) -> Interval {
        spare.clear();
        std::mem::replace(&mut self.interval, spare)
    }

    /// Returns the bytes of memory in use, including heap memory.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() - size_of::<Interval>() + self.interval.memory_bytes()
    }
}
