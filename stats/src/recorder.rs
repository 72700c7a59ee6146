//! Where samples are counted: one writer, nothing shared, nothing locked.
//!
//! The hot path of the whole system ends here. For a known name it is one hash, one compare and
//! four cache lines; it allocates only for a name, an error or a page of cells never seen before.

use crate::{
    interval::Interval,
    limits::Limits,
    sample::{Lag, Sample},
};

/// Counts samples into the interval it holds, until that is taken.
#[derive(Debug)]
pub struct Recorder {
    limits: Limits,
    interval: Interval,
}

impl Recorder {
    /// A recorder with nothing recorded.
    pub fn new(limits: Limits) -> Self {
        Self { limits, interval: Interval::new() }
    }

    /// Counts one finished request.
    #[inline]
    pub fn record(&mut self, sample: &Sample<'_>) {
        self.interval.record(sample, &self.limits);
    }

    /// Counts an exception or panic in user code.
    pub fn record_exception(&mut self, message: &str, traceback: &str) {
        self.interval.record_exception(message, traceback, &self.limits);
    }

    /// Counts how late the generator itself was.
    #[inline]
    pub fn record_lag(&mut self, lag: Lag, lag_us: u64) {
        self.interval.lag_mut(lag).record(lag_us);
    }

    /// Hands over what was recorded and goes on in `emptied`, which is cleared if it is not.
    ///
    /// Two intervals that go round between recorder and reader reach a state without allocation.
    pub fn take(&mut self, mut emptied: Interval) -> Interval {
        emptied.clear();
        std::mem::replace(&mut self.interval, emptied)
    }

    /// Bytes of memory in use, allocated ones included.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() - size_of::<Interval>() + self.interval.memory_bytes()
    }
}
