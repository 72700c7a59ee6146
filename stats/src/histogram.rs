//! A histogram of durations that allocates memory only near recorded values.
//!
//! Buckets and percentiles are those of `hdrhistogram` with three digits from 1 µs to 1 h, as a property test checks.
//! In addition it has exact extremes, and percentiles are never outside of them. The buckets are in `paged_counts.rs`.

use crate::{bucket, hdr_encoding, paged_counts::PagedCounts, value_summary::ValueSummary};

/// A histogram of durations in microseconds with three significant digits.
///
/// Values above 1 h ([`MAX_US`](Self::MAX_US)) are counted without their size, in
/// [`beyond_range`](Self::beyond_range). The maximum, the sum and the count are exact for all values.
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
    /// The largest value that is counted with three digits: 1 h in microseconds, and the rest of its bucket.
    pub const MAX_US: u64 = bucket::MAX_US;

    /// Creates an empty histogram. It takes about 1.5 KiB, and 128 bytes per page of 64 buckets with values.
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

    /// Returns the number of values above [`MAX_US`](Self::MAX_US).
    pub fn beyond_range(&self) -> u64 {
        self.values.beyond_range
    }

    /// Returns the duration that the fraction `q` (0 to 1) of all values do not exceed, or 0 without values.
    ///
    /// The result is the upper end of the bucket, as in `hdrhistogram` (the lower end for 0). It is never outside the
    /// exact extremes: `percentile_us(1.0)` is the exact maximum. A percentile above [`MAX_US`](Self::MAX_US) is not
    /// known. The result is the exact maximum then.
    pub fn percentile_us(&self, q: f64) -> u64 {
        if q >= 1.0 {
            return self.values.max_us;
        }
        let rank = (q * self.values.count as f64).ceil() as u64;
        let Some(bucket) = self.pages.bucket_at_rank(0, rank.max(1)) else {
            return 0;
        };
        let us = match bucket {
            bucket::BEYOND => self.values.max_us,
            _ if q == 0.0 => bucket::lowest_us(bucket),
            _ => bucket::highest_us(bucket),
        };
        self.values.clamp(us)
    }

    /// Iterates over the buckets with values in ascending order: (value, count). The value is the middle of the bucket,
    /// clamped to the exact extremes. Values above [`MAX_US`](Self::MAX_US) have one bucket, and its value is the exact
    /// maximum.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        self.pages.buckets(0).map(|(bucket, count)| {
            let us = if bucket == bucket::BEYOND { self.values.max_us } else { bucket::middle_us(bucket) };
            (self.values.clamp(us), count)
        })
    }

    /// Returns the counts in the V2 encoding of HdrHistogram, without compression. The unit is 1 µs, with three digits.
    /// Values above [`MAX_US`](Self::MAX_US) are counted at the exact maximum.
    pub fn to_hdr_v2(&self) -> Vec<u8> {
        // The encoding has signed integers.
        let highest_us = self.values.max_us.clamp(bucket::RANGE_US, i64::MAX as u64);
        let counts = self.pages.buckets(0).map(|(bucket, count)| {
            (if bucket == bucket::BEYOND { bucket::unbounded_index(highest_us) } else { bucket }, count)
        });
        hdr_encoding::encode(counts, highest_us)
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
    use hdrhistogram::{Histogram, serialization::Deserializer};
    use proptest::prelude::*;

    use super::*;

    fn times() -> impl Strategy<Value = Vec<u64>> {
        let time = prop_oneof![0..3_000_u64, 0..5_000_000_u64, 0..4_000_000_000_u64];
        proptest::collection::vec(time, 1..400)
    }

    fn empty_hdr() -> Histogram<u64> {
        let mut hdr = Histogram::new_with_bounds(1, bucket::RANGE_US, 3).unwrap();
        hdr.auto(true);
        hdr
    }

    fn decode(histogram: &PagedHistogram) -> Histogram<u64> {
        Deserializer::new().deserialize(&mut histogram.to_hdr_v2().as_slice()).unwrap()
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
            let mut hdr = empty_hdr();
            let max = *times.iter().max().unwrap();
            let counted = |us: u64| if us > PagedHistogram::MAX_US { max } else { us };
            times.iter().for_each(|us| hdr.record(counted(*us)).unwrap());
            let histogram = histogram_of(&times);
            prop_assert!(decode(&histogram) == hdr, "the buckets differ");
            let min = *times.iter().min().unwrap();
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
            let above = all().filter(|us| *us > 3_600_809_983).count() as u64;
            prop_assert_eq!(histogram.beyond_range(), above);
        }
    }

    #[test]
    fn percentiles_up_to_one_hour_have_three_digits() {
        let times: Vec<u64> = (1..=3_600).map(|second| second * 1_000_000).collect();
        let histogram = histogram_of(&times);
        for (q, us) in [(0.01, 36e6), (0.5, 1_800e6), (0.95, 3_420e6), (0.999, 3_597e6)] {
            let percentile = histogram.percentile_us(q) as f64;
            assert!((us..us * 1.001).contains(&percentile), "{q}: {percentile}");
        }
        assert_eq!(histogram.beyond_range(), 0);
    }

    #[test]
    fn percentile_beyond_one_hour_is_the_maximum() {
        let histogram = histogram_of(&[1_000, 4_000_000_000, 5_000_000_000, 7_000_000_000]);
        assert_eq!(histogram.percentile_us(0.25), 1_000);
        assert_eq!((histogram.percentile_us(0.5), histogram.percentile_us(1.0)), (7_000_000_000, 7_000_000_000));
        assert_eq!(histogram.iter().collect::<Vec<_>>(), [(1_000, 1), (7_000_000_000, 3)]);
        assert_eq!(histogram.beyond_range(), 3);
        assert_eq!(histogram_of(&[5_000_000_000]).percentile_us(0.0), 5_000_000_000);
    }

    #[test]
    fn encoded_histogram_has_any_count_and_value() {
        let mut histogram = histogram_of(&[0, 1, 1, 64, 90_000_000, 3_600_000_000, u64::MAX]);
        for _ in 0..60 {
            histogram.add(&histogram.clone());
        }
        let hdr = decode(&histogram);
        assert_eq!((hdr.count_at(1), hdr.count_at(2), hdr.count_at(90_000_000)), (2 << 60, 0, 1 << 60));
        assert_eq!((hdr.count_at(3_600_000_000), hdr.count_at(i64::MAX as u64)), (1 << 60, 1 << 60));
        assert!(decode(&PagedHistogram::new()) == empty_hdr());
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
