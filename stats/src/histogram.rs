//! A histogram of durations that takes memory only where values fall.
//!
//! Same cells and percentiles as `hdrhistogram` with three digits from 1 µs to 60 s (a property
//! test holds it to that), plus exact extremes, which percentiles never leave.

use hdrhistogram::Histogram;

use crate::{cell, pages::Pages, tally::Tally};

/// Counts durations in microseconds at three significant digits.
///
/// Values above 67.1 s count in the last cell and in [`clamped`](Self::clamped); the maximum, the
/// sum and the count are exact for all values.
#[derive(Clone, Debug)]
pub struct PagedHistogram {
    tally: Tally,
    pages: Pages,
}

impl PagedHistogram {
    /// An empty histogram: about 1 KiB, and 136 bytes for every 64 neighbouring cells touched.
    pub fn new() -> Self {
        let mut pages = Pages::new();
        pages.push_row();
        Self {
            tally: Tally::ZERO,
            pages,
        }
    }

    /// Counts one value.
    #[inline]
    pub fn record(&mut self, us: u64) {
        self.tally.record(us);
        self.pages.record(0, us);
    }

    /// Adds everything that `other` counted; exact, and the cost is `other`'s touched pages.
    pub fn add(&mut self, other: &Self) {
        self.tally.add(&other.tally);
        self.pages.add(&other.pages, |_| 0);
    }

    /// Back to empty, with its memory kept for reuse.
    pub fn clear(&mut self) {
        self.tally = Tally::ZERO;
        self.pages.clear();
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.tally.count
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.tally.count == 0
    }

    /// Sum of all values, saturating.
    pub fn total_us(&self) -> u64 {
        self.tally.total_us
    }

    /// Exact mean of all values, 0 if there are none.
    pub fn mean_us(&self) -> f64 {
        self.tally.mean_us()
    }

    /// Exact smallest value.
    pub fn min_us(&self) -> Option<u64> {
        self.tally.min_us()
    }

    /// Exact largest value, 0 if there are none.
    pub fn max_us(&self) -> u64 {
        self.tally.max_us
    }

    /// How many values were above the last cell.
    pub fn clamped(&self) -> u64 {
        self.tally.clamped
    }

    /// The duration within which the fraction `q` (0 to 1) of all values lie; 0 if there are none.
    ///
    /// The upper end of the cell in question, as `hdrhistogram` has it (the lower end for 0), but
    /// never outside the exact extremes: `percentile_us(1.0)` is the exact maximum.
    pub fn percentile_us(&self, q: f64) -> u64 {
        if q >= 1.0 {
            return self.tally.max_us;
        }
        let rank = (q * self.tally.count as f64).ceil() as u64;
        let Some(cell) = self.pages.cell_at_rank(0, rank.max(1)) else {
            return 0;
        };
        let us = if q == 0.0 {
            cell::lowest_us(cell)
        } else {
            cell::highest_us(cell)
        };
        self.tally.clamp(us)
    }

    /// Values in ascending order with how often they occurred, one value for each cell: its
    /// middle, or the nearest value that lies within the exact extremes.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> {
        (self.pages.cells(0)).map(|(cell, count)| (self.tally.clamp(cell::middle_us(cell)), count))
    }

    /// The same counts as a full histogram of the `hdrhistogram` crate (136 KiB).
    pub fn to_hdr(&self) -> Histogram<u64> {
        let mut hdr = Histogram::new_with_bounds(1, 60_000_000, 3)
            .expect("the bounds are constants that the crate accepts");
        for (cell, count) in self.pages.cells(0) {
            hdr.record_n(cell::lowest_us(cell), count)
                .expect("every cell exists in a histogram of the same bounds");
        }
        hdr
    }

    pub(crate) fn touched_pages(&self) -> usize {
        self.pages.owners().len()
    }

    /// Adds count, sum and extremes of values whose pages come by [`add_page`](Self::add_page).
    pub(crate) fn add_tally(&mut self, tally: &Tally) {
        self.tally.add(tally);
    }

    pub(crate) fn add_page(&mut self, pages: &Pages, place: usize) {
        self.pages.add_page(0, pages, place);
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.pages.heap_bytes()
    }
}
