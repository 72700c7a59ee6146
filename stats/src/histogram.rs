//! A histogram of durations that takes memory only where values fall.
//!
//! Same cells and percentiles as `hdrhistogram` with three digits from 1 µs to 60 s (a property
//! test holds it to that), plus exact extremes, which percentiles never leave.

use hdrhistogram::Histogram;

use crate::{bucket, paged_counts::PagedCounts, value_summary::ValueSummary};

/// Counts durations in microseconds at three significant digits.
///
/// Values above 67.1 s count in the last cell and in [`clamped`](Self::clamped); the maximum, the
/// sum and the count are exact for all values.
#[derive(Clone, Debug)]
pub struct PagedHistogram {
    values: ValueSummary,
    pages: PagedCounts,
}

impl PagedHistogram {
    /// An empty histogram: about 1 KiB, and 128 bytes for every 64 neighbouring cells touched.
    pub fn new() -> Self {
        let mut pages = PagedCounts::new();
        pages.push_row();
        Self { values: ValueSummary::ZERO, pages }
    }

    /// Counts one value.
    #[inline]
    pub fn record(&mut self, us: u64) {
        self.values.record(us);
        self.pages.record(0, us);
    }

    /// Adds everything that `other` counted; exact, and the cost is `other`'s touched pages.
    pub fn add(&mut self, other: &Self) {
        self.values.add(&other.values);
        self.pages.add(0, &other.pages, 0);
    }

    /// Back to empty, with its memory kept for reuse.
    pub fn clear(&mut self) {
        self.values = ValueSummary::ZERO;
        self.pages.clear(&[0]);
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.values.count
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.values.count == 0
    }

    /// Sum of all values, saturating.
    pub fn total_us(&self) -> u64 {
        self.values.total_us
    }

    /// Exact mean of all values, 0 if there are none.
    pub fn mean_us(&self) -> f64 {
        self.values.mean_us()
    }

    /// Exact smallest value.
    pub fn min_us(&self) -> Option<u64> {
        self.values.min_us()
    }

    /// Exact largest value, 0 if there are none.
    pub fn max_us(&self) -> u64 {
        self.values.max_us
    }

    /// How many values were above the last cell.
    pub fn clamped(&self) -> u64 {
        self.values.clamped
    }

    /// The duration within which the fraction `q` (0 to 1) of all values lie; 0 if there are none.
    ///
    /// The upper end of the cell in question, as `hdrhistogram` has it (the lower end for 0), but
    /// never outside the exact extremes: `percentile_us(1.0)` is the exact maximum.
    pub fn percentile_us(&self, q: f64) -> u64 {
        if q >= 1.0 {
            return self.values.max_us;
        }
        let rank = (q * self.values.count as f64).ceil() as u64;
        let Some(cell) = self.pages.bucket_at_rank(0, rank.max(1)) else {
            return 0;
        };
        let us = if q == 0.0 { bucket::lowest_us(cell) } else { bucket::highest_us(cell) };
        self.values.clamp(us)
    }

    /// Values in ascending order with how often they occurred, one value for each cell: its
    /// middle, or the nearest value that lies within the exact extremes.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        (self.pages.buckets(0)).map(|(cell, count)| (self.values.clamp(bucket::middle_us(cell)), count))
    }

    /// The same counts as a full histogram of the `hdrhistogram` crate (136 KiB).
    pub fn to_hdr(&self) -> Histogram<u64> {
        let mut hdr =
            Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are constants that the crate accepts");
        for (cell, count) in self.pages.buckets(0) {
            hdr.record_n(bucket::lowest_us(cell), count).expect("every cell exists in a histogram of the same bounds");
        }
        hdr
    }

    /// Adds the histogram `row` of `pages`, whose exact side is `tally`.
    pub(crate) fn add_row(&mut self, values: &ValueSummary, pages: &PagedCounts, row: u32) {
        self.values.add(values);
        self.pages.add(0, pages, row);
    }

    pub(crate) fn touched_pages(&self) -> usize {
        self.pages.touched_pages()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.pages.heap_bytes()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn times() -> impl Strategy<Value = Vec<u64>> {
        let time = prop_oneof![0..3_000_u64, 0..5_000_000_u64, 0..80_000_000_u64];
        proptest::collection::vec(time, 1..400)
    }

    fn of(times: &[u64]) -> PagedHistogram {
        let mut histogram = PagedHistogram::new();
        times.iter().for_each(|us| histogram.record(*us));
        histogram
    }

    proptest! {
        #[test]
        fn cells_and_percentiles_are_those_of_hdrhistogram(
            times in times(),
            q in prop_oneof![Just(0.0), Just(0.5), Just(0.99), Just(1.0), 0.0..1.0],
        ) {
            let mut hdr = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).unwrap();
            times.iter().for_each(|us| hdr.record((*us).min(bucket::MAX_US)).unwrap());
            let histogram = of(&times);
            prop_assert!(histogram.to_hdr() == hdr, "the cells differ");
            let (min, max) = (*times.iter().min().unwrap(), *times.iter().max().unwrap());
            let expected = if q == 1.0 { max } else { hdr.value_at_quantile(q).min(max).max(min) };
            prop_assert_eq!(histogram.percentile_us(q), expected);
        }

        #[test]
        fn the_exact_side_is_exact(times in times(), more in times()) {
            let mut histogram = of(&times);
            histogram.add(&of(&more));
            let all = || times.iter().chain(&more).copied();
            prop_assert_eq!(histogram.count(), all().count() as u64);
            prop_assert_eq!(histogram.total_us(), all().sum::<u64>());
            prop_assert_eq!(histogram.min_us(), all().min());
            prop_assert_eq!(histogram.max_us(), all().max().unwrap());
            let above = all().filter(|us| *us > 67_108_863).count() as u64;
            prop_assert_eq!(histogram.clamped(), above);
        }
    }

    #[test]
    fn values_above_the_last_cell_do_not_bend_percentiles() {
        let histogram = of(&[1_000, 100_000_000, 200_000_000]);
        assert_eq!(histogram.percentile_us(0.1), 1_000);
        assert_eq!(histogram.percentile_us(1.0), 200_000_000);
        let histogram = of(&[100_000_000, 200_000_000]);
        assert_eq!(histogram.percentile_us(0.5), 100_000_000);
    }

    #[test]
    fn odd_fractions_have_an_answer() {
        let histogram = of(&[10, 20]);
        assert_eq!(histogram.percentile_us(-1.0), 10);
        assert_eq!(histogram.percentile_us(2.0), 20);
        assert_eq!(histogram.percentile_us(f64::NAN), 10);
        assert_eq!(PagedHistogram::new().percentile_us(0.5), 0);
    }
}
