//! HDR index arithmetic: which cell of a histogram counts a value.
//!
//! The layout is that of `hdrhistogram` for 1 µs to 60 s at three significant digits: values
//! below 2,048 have a cell each; from there on every doubling of the value shares 1,024 cells.
//! So any two values in one cell differ by less than one part in a thousand.
//! Knows nothing of storage; `pages.rs` keeps the counts.

/// Number of cells.
pub(crate) const CELLS: usize = 17 * HALF as usize;

/// The largest value that the last cell stands for, about 67.1 s; larger ones are counted there.
pub(crate) const MAX_US: u64 = highest_us(CELLS - 1);

/// The cell that counts `us`.
pub(crate) const fn of(us: u64) -> usize {
    let us = if us < MAX_US { us } else { MAX_US };
    let doublings = bits(us | (2 * HALF - 1)) - bits(2 * HALF - 1);
    (doublings as u64 * HALF + (us >> doublings)) as usize
}

/// The smallest value that `cell` counts.
pub(crate) const fn lowest_us(cell: usize) -> u64 {
    let doublings = doublings(cell);
    (cell as u64 - doublings * HALF) << doublings
}

/// The largest value that `cell` counts.
pub(crate) const fn highest_us(cell: usize) -> u64 {
    lowest_us(cell) + (1 << doublings(cell)) - 1
}

/// The value halfway through `cell`.
pub(crate) const fn middle_us(cell: usize) -> u64 {
    lowest_us(cell).midpoint(highest_us(cell))
}

/// By how many bits the values of `cell` are shifted to tell them from those of the next.
const fn doublings(cell: usize) -> u64 {
    (cell as u64 / HALF).saturating_sub(1)
}

const fn bits(value: u64) -> u32 {
    u64::BITS - value.leading_zeros()
}

/// Cells per doubling: the power of two above 1,000.
const HALF: u64 = 1_024;

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn as_many_cells_as_hdrhistogram() {
        let hdr = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).unwrap();
        assert_eq!(hdr.distinct_values(), CELLS);
        assert_eq!(MAX_US, (1 << 26) - 1);
    }

    #[test]
    fn cells_tile_all_values_without_gap() {
        assert_eq!(lowest_us(0), 0);
        for cell in 0..CELLS {
            assert_eq!(of(lowest_us(cell)), cell);
            assert_eq!(of(highest_us(cell)), cell);
            if cell > 0 {
                assert_eq!(lowest_us(cell), highest_us(cell - 1) + 1);
            }
        }
        assert_eq!(of(MAX_US + 1), CELLS - 1);
        assert_eq!(of(u64::MAX), CELLS - 1);
    }

    proptest! {
        #[test]
        fn cells_are_those_of_hdrhistogram(us in prop_oneof![0..5_000_u64, 0..=MAX_US]) {
            let hdr = Histogram::<u64>::new_with_bounds(1, 60_000_000, 3).unwrap();
            prop_assert_eq!(lowest_us(of(us)), hdr.lowest_equivalent(us));
            prop_assert_eq!(highest_us(of(us)), hdr.highest_equivalent(us));
        }
    }
}
