//! The time that requests cover: from the first due time to the last end of a request.
//!
//! Rates over a short run need both ends exactly: ticks are up to 100 ms apart, and 1,000 requests may take 17 ms.

/// The first due time and the last end of a set of requests, in monotonic nanoseconds. Aborted requests do not count:
/// their wait would dilute the rates of the others.
///
/// # Examples
///
/// ```
/// use gregaria_stats::{Interval, Limits, Recorder, Sample, Summary};
///
/// let mut recorder = Recorder::new(Limits::default());
/// recorder.record(&Sample { method: "GET", name: "/", due_ns: 5_000, done_ns: 9_000, ..Sample::default() });
/// recorder.record(&Sample { method: "GET", name: "/", due_ns: 6_000, done_ns: 8_000, ..Sample::default() });
/// let mut summary = Summary::new(Limits::default());
/// summary.add(&recorder.take(Interval::new()), 1_700_000_000.0);
/// let span = summary.total().span();
/// assert_eq!((span.first_due_ns(), span.last_end_ns()), (Some(5_000), Some(9_000)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestSpan {
    /// `u64::MAX` while there are no requests, so that merging needs no special case.
    first_due_ns: u64,
    last_end_ns: u64,
}

impl RequestSpan {
    #[inline]
    pub(crate) fn record(&mut self, due_ns: u64, end_ns: u64) {
        self.first_due_ns = self.first_due_ns.min(due_ns);
        self.last_end_ns = self.last_end_ns.max(end_ns);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.record(other.first_due_ns, other.last_end_ns);
    }

    /// Returns the due time of the first request, or `None` without requests.
    pub fn first_due_ns(&self) -> Option<u64> {
        (self.first_due_ns != u64::MAX).then_some(self.first_due_ns)
    }

    /// Returns the end of the last request: its last byte or its failure. `None` without requests.
    pub fn last_end_ns(&self) -> Option<u64> {
        self.first_due_ns().map(|_| self.last_end_ns)
    }
}

impl Default for RequestSpan {
    fn default() -> Self {
        Self { first_due_ns: u64::MAX, last_end_ns: 0 }
    }
}
