//! The exact side of a histogram: count, sum and extremes of its values.
//!
//! Sums saturate instead of wrapping. Saturating addition of unsigned integers gives
//! min(MAX, true sum) in every grouping, so merging stays exact in the sense that matters:
//! all orders agree. u64 holds 584,000 years of summed response times, which a million users
//! waiting all the time need seven months to use up.

use crate::bucket;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ValueSummary {
    pub(crate) count: u64,
    pub(crate) total_us: u64,
    /// `u64::MAX` while nothing was counted, so that merging needs no case for it.
    min_us: u64,
    pub(crate) max_us: u64,
    /// Values above the last cell of the histogram.
    pub(crate) clamped: u64,
}

impl ValueSummary {
    pub(crate) const ZERO: Self = Self { count: 0, total_us: 0, min_us: u64::MAX, max_us: 0, clamped: 0 };

    #[inline]
    pub(crate) fn record(&mut self, us: u64) {
        self.count += 1;
        self.total_us = self.total_us.saturating_add(us);
        self.min_us = self.min_us.min(us);
        self.max_us = self.max_us.max(us);
        self.clamped += u64::from(us > bucket::MAX_US);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.total_us = self.total_us.saturating_add(other.total_us);
        self.min_us = self.min_us.min(other.min_us);
        self.max_us = self.max_us.max(other.max_us);
        self.clamped += other.clamped;
    }

    pub(crate) fn min_us(&self) -> Option<u64> {
        (self.count > 0).then_some(self.min_us)
    }

    /// The exact mean, 0 when nothing was counted.
    pub(crate) fn mean_us(&self) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        self.total_us as f64 / self.count as f64
    }

    /// `us`, which stands for a whole cell, moved to where values really were.
    pub(crate) fn clamp(&self, us: u64) -> u64 {
        us.min(self.max_us).max(self.min_us().unwrap_or(0))
    }
}
