//! HDR index arithmetic: the bucket of a histogram that counts a value.
//!
//! The layout is that of `hdrhistogram` for 1 µs to 60 s at three significant digits. Each value below 2,048 has its
//! own bucket. Above that, each doubling of the value has 1,024 buckets. Two values in one bucket differ by less than
//! 0.1 %. This file must not know how counts are stored; that is `paged_counts.rs`.

/// Number of buckets.
pub(crate) const BUCKET_COUNT: usize = 17 * SUB_BUCKET_HALF_COUNT as usize;

/// Largest value of the last bucket, about 67.1 s. Larger values are counted in the last bucket.
pub(crate) const MAX_US: u64 = highest_us(BUCKET_COUNT - 1);

/// Returns the bucket that counts `us`.
pub(crate) const fn index_of(us: u64) -> usize {
    let us = if us < MAX_US { us } else { MAX_US };
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
    fn bucket_count_is_that_of_hdrhistogram() {
        let hdr = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).unwrap();
        assert_eq!(hdr.distinct_values(), BUCKET_COUNT);
        assert_eq!(MAX_US, (1 << 26) - 1);
    }

    #[test]
    fn buckets_cover_all_values_without_gap() {
        assert_eq!(lowest_us(0), 0);
        for bucket in 0..BUCKET_COUNT {
            assert_eq!(index_of(lowest_us(bucket)), bucket);
            assert_eq!(index_of(highest_us(bucket)), bucket);
            if bucket > 0 {
                assert_eq!(lowest_us(bucket), highest_us(bucket - 1) + 1);
            }
        }
        assert_eq!(index_of(MAX_US + 1), BUCKET_COUNT - 1);
        assert_eq!(index_of(u64::MAX), BUCKET_COUNT - 1);
    }

    proptest! {
        #[test]
        fn buckets_are_those_of_hdrhistogram(us in prop_oneof![0..5_000_u64, 0..=MAX_US]) {
            let hdr = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).unwrap();
            prop_assert_eq!(lowest_us(index_of(us)), hdr.lowest_equivalent(us));
            prop_assert_eq!(highest_us(index_of(us)), hdr.highest_equivalent(us));
        }
    }
}
