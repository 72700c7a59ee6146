//! One (method, name) of an interval: its key and its exact counts.
//!
//! The histogram of response times is in the interval's `PagedCounts` (`paged_counts.rs`), under the same row number.

use crate::{
    aborted::AbortedRequests,
    phases::PhaseTotals,
    sample::{Outcome, Sample},
    span::RequestSpan,
    value_summary::ValueSummary,
};

#[derive(Clone, Debug)]
pub(crate) struct IntervalRow {
    pub(crate) method: Box<str>,
    pub(crate) name: Box<str>,
    /// Exact values of the response times. The count is the number of requests.
    pub(crate) times: ValueSummary,
    pub(crate) traffic: Traffic,
}

impl IntervalRow {
    pub(crate) fn new(method: &str, name: &str) -> Self {
        Self { method: method.into(), name: name.into(), times: ValueSummary::ZERO, traffic: Traffic::default() }
    }

    #[inline]
    pub(crate) fn has_key(&self, method: &str, name: &str) -> bool {
        *self.name == *name && *self.method == *method
    }

    /// Returns `true` without any record since the last clear.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.times.count == 0 && self.traffic.aborted.count == 0
    }

    pub(crate) fn clear(&mut self) {
        self.times = ValueSummary::ZERO;
        self.traffic = Traffic::default();
    }
}

/// Counts of requests other than their response times. Bytes saturate, as the sums of times do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Traffic {
    pub(crate) num_failures: u64,
    pub(crate) bytes_out: u64,
    pub(crate) bytes_in: u64,
    pub(crate) num_retries: u64,
    pub(crate) phases: PhaseTotals,
    pub(crate) span: RequestSpan,
    pub(crate) aborted: AbortedRequests,
}

impl Traffic {
    #[inline]
    pub(crate) fn record(&mut self, sample: &Sample<'_>) {
        self.num_failures += u64::from(sample.outcome != Outcome::Success);
        self.bytes_out = self.bytes_out.saturating_add(sample.bytes_out);
        self.bytes_in = self.bytes_in.saturating_add(sample.bytes_in);
        self.num_retries += u64::from(sample.retries);
        self.phases.record(&sample.phases_ns);
        self.span.record(sample.due_ns, sample.done_ns);
    }

    pub(crate) fn record_aborted(&mut self, due_ns: u64, aborted_ns: u64) {
        self.aborted.record(aborted_ns.saturating_sub(due_ns) / 1_000);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.num_failures += other.num_failures;
        self.bytes_out = self.bytes_out.saturating_add(other.bytes_out);
        self.bytes_in = self.bytes_in.saturating_add(other.bytes_in);
        self.num_retries += other.num_retries;
        self.phases.add(&other.phases);
        self.span.add(&other.span);
        self.aborted.add(&other.aborted);
    }
}
