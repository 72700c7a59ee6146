//! A histogram of durations that allocates memory only near recorded values.
//!
//! Buckets and percentiles are those of `hdrhistogram` with three digits from 1 µs to 60 s, which a property test
//! checks. In addition it has exact extremes, and percentiles are never outside of them. The buckets are in
//! `paged_counts.rs`.

use hdrhistogram::Histogram;

use crate::{bucket, paged_counts::PagedCounts, value_summary::ValueSummary};

/// A histogram of durations in microseconds with three significant digits.
///
/// Values above 67.1 s are counted in the last bucket and in [`clamped`](Self::clamped). The maximum, the sum and the
/// count are exact for all values.
///
/// # Examples
///
/// ```
/// use gregaria_stats::PagedHistogram;
///
/// let mut histogram = PagedHistogram::new();
/// (1..=1_000).for_each(|ms| histogram.record(ms * 1_000));
/// assert_eq!(histogram.percentile_us(0.5), 500_223); // the upper end of the bucket of 500,000
/// assert_eq!(histogram.percentile_us(1.0), 1_000_000);
/// assert_eq!(histogram.min_us(), Some(1_000));
/// ```
#[derive(Clone, Debug)]
pub struct PagedHistogram {
    values: ValueSummary,
    pages: PagedCounts,
}

impl PagedHistogram {
    /// Creates an empty histogram. It takes about 1 KiB, and 128 bytes per page of 64 buckets with values.
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

    /// Adds the counts of `other` exactly. The cost is proportional to the pages of `other` with values.
    pub fn add(&mut self, other: &Self) {
        self.values.add(&other.values);
        self.pages.add(0, &other.pages, 0);
    }

    /// Removes all values and keeps the memory for reuse.
    pub fn clear(&mut self) {
        self.values = ValueSummary::ZERO;
        self.pages.clear(&[0]);
    }

    /// Returns the number of values.
    pub fn count(&self) -> u64 {
        self.values.count
    }

    /// Returns `true` if the histogram has no values.
    pub fn is_empty(&self) -> bool {
        self.values.count == 0
    }

    /// Returns the saturating sum of all values.
    pub fn total_us(&self) -> u64 {
        self.values.total_us
    }

    /// Returns the exact mean of all values, or 0 without values.
    pub(crate) fn mean_us(&self) -> f64 {
        self.values.mean_us()
    }

    /// Returns the exact smallest value, or `None` without values.
    pub fn min_us(&self) -> Option<u64> {
        self.values.min_us()
    }

    /// Returns the exact largest value, or 0 without values.
    pub fn max_us(&self) -> u64 {
        self.values.max_us
    }

    /// Returns the number of values above the last bucket.
    pub fn clamped(&self) -> u64 {
        self.values.clamped
    }

    /// Returns the duration that the fraction `q` (0 to 1) of all values do not exceed, or 0 without values.
    ///
    /// The result is the upper end of the bucket, as in `hdrhistogram` (the lower end for 0). It is never outside the
    /// exact extremes: `percentile_us(1.0)` is the exact maximum.
    pub fn percentile_us(&self, q: f64) -> u64 {
        if q >= 1.0 {
            return self.values.max_us;
        }
        let rank = (q * self.values.count as f64).ceil() as u64;
        let Some(bucket) = self.pages.bucket_at_rank(0, rank.max(1)) else {
            return 0;
        };
        let us = if q == 0.0 { bucket::lowest_us(bucket) } else { bucket::highest_us(bucket) };
        self.values.clamp(us)
    }

    /// Iterates over the buckets with values in ascending order: (value, count). The value is the middle of the bucket,
    /// clamped to the exact extremes.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        (self.pages.buckets(0)).map(|(bucket, count)| (self.values.clamp(bucket::middle_us(bucket)), count))
    }

    /// Returns the same counts as a full histogram of the `hdrhistogram` crate (136 KiB).
    pub fn to_hdr(&self) -> Histogram<u64> {
        let mut hdr = Histogram::new_with_bounds(1, 60_000_000, 3).expect("the constant bounds are valid");
        for (bucket, count) in self.pages.buckets(0) {
            hdr.record_n(bucket::lowest_us(bucket), count).expect("both histograms have the same buckets");
        }
        hdr
    }

    /// Adds the histogram `row` of `pages` and its exact part, `values`.
    pub(crate) fn add_row(&mut self, values: &ValueSummary, pages: &PagedCounts, row: u32) {
        self.values.add(values);
        self.pages.add(0, pages, row);
    }

    #[cfg(test)]
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

    fn histogram_of(times: &[u64]) -> PagedHistogram {
        let mut histogram = PagedHistogram::new();
        times.iter().for_each(|us| histogram.record(*us));
        histogram
    }

    proptest! {
        #[test]
        fn buckets_and_percentiles_match_hdrhistogram(
            times in times(),
            q in prop_oneof![Just(0.0), Just(0.5), Just(0.99), Just(1.0), 0.0..1.0],
        ) {
            let mut hdr = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).unwrap();
            times.iter().for_each(|us| hdr.record((*us).min(bucket::MAX_US)).unwrap());
            let histogram = histogram_of(&times);
            prop_assert!(histogram.to_hdr() == hdr, "the buckets differ");
            let (min, max) = (*times.iter().min().unwrap(), *times.iter().max().unwrap());
            let expected = if q == 1.0 { max } else { hdr.value_at_quantile(q).min(max).max(min) };
            prop_assert_eq!(histogram.percentile_us(q), expected);
        }

        #[test]
        fn count_sum_and_extremes_match_the_input(times in times(), more in times()) {
            let mut histogram = histogram_of(&times);
            histogram.add(&histogram_of(&more));
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
    fn percentiles_include_values_above_the_last_bucket() {
        let histogram = histogram_of(&[1_000, 100_000_000, 200_000_000]);
        assert_eq!(histogram.percentile_us(0.1), 1_000);
        assert_eq!(histogram.percentile_us(1.0), 200_000_000);
        let histogram = histogram_of(&[100_000_000, 200_000_000]);
        assert_eq!(histogram.percentile_us(0.5), 100_000_000);
    }

    #[test]
    fn invalid_fractions_are_clamped() {
        let histogram = histogram_of(&[10, 20]);
        assert_eq!(histogram.percentile_us(-1.0), 10);
        assert_eq!(histogram.percentile_us(2.0), 20);
        assert_eq!(histogram.percentile_us(f64::NAN), 10);
        assert_eq!(PagedHistogram::new().percentile_us(0.5), 0);
    }
}
