//! HDR index arithmetic: the bucket of a histogram that counts a value.
//!
//! The layout is that of `hdrhistogram` for 1 µs to 1 h at three significant digits. Each value below 2,048 has its
//! own bucket. Above that, each doubling of the value has 1,024 buckets. Two values in one bucket differ by less than
//! 0.1 %. One more bucket counts all values beyond the range. This file must not know how counts are stored; that is
//! `paged_counts.rs`.

/// Number of buckets.
pub(crate) const BUCKET_COUNT: usize = BEYOND + 1;

/// The last bucket. It counts the values above [`MAX_US`].
pub(crate) const BEYOND: usize = unbounded_index(RANGE_US) + 1;

/// Largest value within the range: the end of the bucket of 1 h.
pub(crate) const MAX_US: u64 = highest_us(BEYOND - 1);

/// 1 h in microseconds.
pub(crate) const RANGE_US: u64 = 3_600_000_000;

/// Returns the bucket that counts `us`.
#[inline]
pub(crate) const fn index_of(us: u64) -> usize {
    if us > MAX_US { BEYOND } else { unbounded_index(us) }
}

/// Returns the bucket of `us` in a histogram without a largest value.
pub(crate) const fn unbounded_index(us: u64) -> usize {
    let doublings = bits(us | (2 * SUB_BUCKET_HALF_COUNT - 1)) - bits(2 * SUB_BUCKET_HALF_COUNT - 1);
    (doublings as u64 * SUB_BUCKET_HALF_COUNT + (us >> doublings)) as usize
}

/// Returns the smallest value that `bucket` counts.
pub(crate) const fn lowest_us(bucket: usize) -> u64 {
    let doublings = doublings(bucket);
    (bucket as u64 - doublings * SUB_BUCKET_HALF_COUNT) << doublings
}

/// Returns the largest value that `bucket` counts.
pub(crate) const fn highest_us(bucket: usize) -> u64 {
    lowest_us(bucket) + (1 << doublings(bucket)) - 1
}

/// Returns the middle value of `bucket`.
pub(crate) const fn middle_us(bucket: usize) -> u64 {
    lowest_us(bucket).midpoint(highest_us(bucket))
}

/// Returns the number of low bits that values of `bucket` lose.
const fn doublings(bucket: usize) -> u64 {
    (bucket as u64 / SUB_BUCKET_HALF_COUNT).saturating_sub(1)
}

const fn bits(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// Buckets per doubling: the power of two above 1,000.
const SUB_BUCKET_HALF_COUNT: u64 = 1_024;

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn range_is_that_of_hdrhistogram_up_to_one_hour() {
        // Without the buckets between 1 h and the next power of two.
        let hdr = Histogram::<u64>::new_with_bounds(1, RANGE_US, 3).unwrap();
        assert_eq!(hdr.distinct_values(), unbounded_index((1 << 32) - 1) + 1);
        assert_eq!((MAX_US, hdr.highest_equivalent(RANGE_US)), (3_600_809_983, MAX_US));
    }

    #[test]
    fn buckets_cover_all_values_without_gap() {
        assert_eq!(lowest_us(0), 0);
        for bucket in 0..BEYOND {
            assert_eq!(index_of(lowest_us(bucket)), bucket);
            assert_eq!(index_of(highest_us(bucket)), bucket);
            if bucket > 0 {
                assert_eq!(lowest_us(bucket), highest_us(bucket - 1) + 1);
            }
        }
        assert_eq!(index_of(MAX_US), BEYOND - 1);
        assert_eq!((index_of(MAX_US + 1), index_of(u64::MAX)), (BEYOND, BEYOND));
    }

    proptest! {
        #[test]
        fn buckets_are_those_of_hdrhistogram(us in prop_oneof![0..5_000_u64, 0..=MAX_US]) {
            let hdr = Histogram::<u64>::new_with_bounds(1, RANGE_US, 3).unwrap();
            prop_assert_eq!(lowest_us(index_of(us)), hdr.lowest_equivalent(us));
            prop_assert_eq!(highest_us(index_of(us)), hdr.highest_equivalent(us));
        }
    }
}
