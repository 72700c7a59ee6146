//! HDR index arithmetic: which cell of a histogram counts a value.
//!
//! The layout is that of `hdrhistogram` for 1 µs to 60 s at three significant digits: values
//! below 2,048 have a cell each; from there on every doubling of the value shares 1,024 cells.
//! So any two values in one cell differ by less than one part in a thousand.
//! Knows nothing of storage; `pages.rs` keeps the counts.

/// Number of cells.
pub(crate) const BUCKET_COUNT: usize = 17 * SUB_BUCKET_HALF_COUNT as usize;

/// The largest value that the last cell stands for, about 67.1 s; larger ones are counted there.
pub(crate) const MAX_US: u64 = highest_us(BUCKET_COUNT - 1);

/// The cell that counts `us`.
pub(crate) const fn index_of(us: u64) -> usize {
    let us = if us < MAX_US { us } else { MAX_US };
    let doublings = bits(us | (2 * SUB_BUCKET_HALF_COUNT - 1)) - bits(2 * SUB_BUCKET_HALF_COUNT - 1);
    (doublings as u64 * SUB_BUCKET_HALF_COUNT + (us >> doublings)) as usize
}

/// The smallest value that `cell` counts.
pub(crate) const fn lowest_us(bucket: usize) -> u64 {
    let doublings = doublings(bucket);
    (bucket as u64 - doublings * SUB_BUCKET_HALF_COUNT) << doublings
}

/// The largest value that `cell` counts.
pub(crate) const fn highest_us(bucket: usize) -> u64 {
    lowest_us(bucket) + (1 << doublings(bucket)) - 1
}

/// The value halfway through `cell`.
pub(crate) const fn middle_us(bucket: usize) -> u64 {
    lowest_us(bucket).midpoint(highest_us(bucket))
}

/// By how many bits the values of `cell` are shifted to tell them from those of the next.
const fn doublings(bucket: usize) -> u64 {
    (bucket as u64 / SUB_BUCKET_HALF_COUNT).saturating_sub(1)
}

const fn bits(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// Cells per doubling: the power of two above 1,000.
const SUB_BUCKET_HALF_COUNT: u64 = 1_024;

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn as_many_cells_as_hdrhistogram() {
        let hdr = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).unwrap();
        assert_eq!(hdr.distinct_values(), BUCKET_COUNT);
        assert_eq!(MAX_US, (1 << 26) - 1);
    }

    #[test]
    fn cells_tile_all_values_without_gap() {
        assert_eq!(lowest_us(0), 0);
        for cell in 0..BUCKET_COUNT {
            assert_eq!(index_of(lowest_us(cell)), cell);
            assert_eq!(index_of(highest_us(cell)), cell);
            if cell > 0 {
                assert_eq!(lowest_us(cell), highest_us(cell - 1) + 1);
            }
        }
        assert_eq!(index_of(MAX_US + 1), BUCKET_COUNT - 1);
        assert_eq!(index_of(u64::MAX), BUCKET_COUNT - 1);
    }

    proptest! {
        #[test]
        fn cells_are_those_of_hdrhistogram(us in prop_oneof![0..5_000_u64, 0..=MAX_US]) {
            let hdr = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).unwrap();
            prop_assert_eq!(lowest_us(index_of(us)), hdr.lowest_equivalent(us));
            prop_assert_eq!(highest_us(index_of(us)), hdr.highest_equivalent(us));
        }
    }
}
