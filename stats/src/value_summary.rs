//! The exact part of a histogram: count, sum and extremes of its values.
//!
//! Sums saturate instead of wrapping. Saturating addition of unsigned integers yields min(MAX, true sum) in every
//! grouping, so merging in any order has the same result. A u64 holds 584,000 years of summed response times. A million
//! users that wait all the time reach that in seven months. This file must not know the bucket counts of
//! `paged_counts.rs`.

use crate::bucket;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ValueSummary {
    pub(crate) count: u64,
    pub(crate) total_us: u64,
    /// Smallest value. `u64::MAX` while the count is 0, so that merging needs no special case.
    min_us: u64,
    pub(crate) max_us: u64,
    /// Number of values above the last bucket of the histogram.
    pub(crate) beyond_range: u64,
}

impl ValueSummary {
    pub(crate) const ZERO: Self = Self { count: 0, total_us: 0, min_us: u64::MAX, max_us: 0, beyond_range: 0 };

    #[inline]
    pub(crate) fn record(&mut self, us: u64) {
        self.count += 1;
        self.total_us = self.total_us.saturating_add(us);
        self.min_us = self.min_us.min(us);
        self.max_us = self.max_us.max(us);
        self.beyond_range += u64::from(us > bucket::MAX_US);
    }

    pub(crate) fn add(&mut self, other: &Self) {
        self.count += other.count;
        self.total_us = self.total_us.saturating_add(other.total_us);
        self.min_us = self.min_us.min(other.min_us);
        self.max_us = self.max_us.max(other.max_us);
        self.beyond_range += other.beyond_range;
    }

    pub(crate) fn min_us(&self) -> Option<u64> {
        (self.count > 0).then_some(self.min_us)
    }

    /// Returns the exact mean, or 0 while the count is 0.
    pub(crate) fn mean_us(&self) -> f64 {
        if self.count == 0 {
            return 0.0;
        }
        self.total_us as f64 / self.count as f64
    }

    /// Clamps `us`, which represents a whole bucket, to the exact extremes.
    pub(crate) fn clamp(&self, us: u64) -> u64 {
        us.min(self.max_us).max(self.min_us().unwrap_or(0))
    }
}
