//! The buckets of many histograms in one arena that holds only pages with values.
//!
//! A full histogram has 23,222 buckets. Thousands of names times recorders would take gigabytes, although one name
//! touches a few dozen neighboring buckets per tick. Therefore the buckets are divided into pages of 64. A directory
//! per histogram has the indexes of its pages, and one vector has all pages in the order of their first use. Merging
//! and clearing visit only the directories of the given histograms and the pages in use.
//!
//! A count has 16 bits. The upper part of a count that overflows is in an overflow page beside the arena, so counts are
//! exact at a quarter of the memory of 64-bit counts.
//!
//! This file must not know names or times; a histogram is a row number here.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::bucket;

/// Histograms by row number. Each starts without values.
#[derive(Clone, Debug)]
pub(crate) struct PagedCounts {
    /// [`PAGES_PER_ROW`] elements per row: an index into `pages`, or [`NO_PAGE`].
    directory: Vec<u32>,
    pages: Vec<CountPage>,
    /// By index in `pages`: the number of overflows of each count.
    overflow_pages: HashMap<u32, Box<OverflowPage>, FxBuildHasher>,
}

type CountPage = [u16; PAGE_BUCKETS];
type OverflowPage = [u64; PAGE_BUCKETS];

impl PagedCounts {
    pub(crate) fn new() -> Self {
        Self { directory: Vec::new(), pages: Vec::new(), overflow_pages: HashMap::default() }
    }

    /// Adds a histogram. Its row number is the previous number of histograms.
    pub(crate) fn push_row(&mut self) {
        grow_by_a_quarter(&mut self.directory, PAGES_PER_ROW);
        self.directory.resize(self.directory.len() + PAGES_PER_ROW, NO_PAGE);
    }

    /// Counts one value in the histogram `row`.
    ///
    /// # Panics
    /// Panics if `row` does not exist.
    #[inline]
    pub(crate) fn record(&mut self, row: u32, us: u64) {
        let bucket = bucket::index_of(us);
        let index = self.page_index(row, bucket / PAGE_BUCKETS);
        let count = &mut self.pages[index as usize][bucket % PAGE_BUCKETS];
        *count = count.wrapping_add(1);
        if *count == 0 {
            self.overflow_page(index)[bucket % PAGE_BUCKETS] += 1;
        }
    }

    /// Adds the histogram `from` of `other` to the histogram `to` here.
    pub(crate) fn add(&mut self, to: u32, other: &Self, from: u32) {
        for (number, index) in other.pages_of(from) {
            self.add_page(to, number, &other.pages[index], other.overflow_at(index));
        }
    }

    /// Returns the number of pages in use.
    #[cfg(test)]
    pub(crate) fn touched_pages(&self) -> usize {
        self.pages.len()
    }

    /// Iterates over the buckets of `row` with a count above 0, in ascending order: (bucket, count).
    pub(crate) fn buckets(&self, row: u32) -> impl Iterator<Item = (usize, u64)> {
        self.pages_of(row).flat_map(move |(number, index)| {
            let (page, overflow) = (&self.pages[index], self.overflow_at(index));
            (0..PAGE_BUCKETS)
                .map(move |i| (number * PAGE_BUCKETS + i, count_at(page, overflow, i)))
                .filter(|(_, count)| *count > 0)
        })
    }

    /// Returns the bucket of the `rank`-th smallest value (from 1) of `row`, or `None` if `row` has fewer values.
    pub(crate) fn bucket_at_rank(&self, row: u32, rank: u64) -> Option<usize> {
        let mut below = 0;
        for (number, index) in self.pages_of(row) {
            let (page, overflow) = (&self.pages[index], self.overflow_at(index));
            let in_page = sum(page, overflow);
            if below + in_page < rank {
                below += in_page;
                continue;
            }
            for i in 0..PAGE_BUCKETS {
                below += count_at(page, overflow, i);
                if below >= rank {
                    return Some(number * PAGE_BUCKETS + i);
                }
            }
        }
        None
    }

    /// Clears all histograms and keeps rows and memory. `touched` must contain all rows with values.
    pub(crate) fn clear(&mut self, touched: &[u32]) {
        for row in touched {
            let start = *row as usize * PAGES_PER_ROW;
            self.directory[start..start + PAGES_PER_ROW].fill(NO_PAGE);
        }
        self.pages.clear();
        self.overflow_pages.clear();
    }

    /// Removes all histograms and keeps the memory.
    pub(crate) fn clear_rows(&mut self) {
        self.clear(&[]);
        self.directory.clear();
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.directory.capacity() * size_of::<u32>()
            + self.pages.capacity() * size_of::<CountPage>()
            + self.overflow_pages.allocation_size()
            + self.overflow_pages.len() * size_of::<OverflowPage>()
    }

    /// Returns the index of page `number` of `row` and allocates the page on first use.
    #[inline]
    fn page_index(&mut self, row: u32, number: usize) -> u32 {
        let index = self.directory[row as usize * PAGES_PER_ROW + number];
        if index != NO_PAGE {
            return index;
        }
        self.allocate_page(row, number)
    }

    fn add_page(&mut self, row: u32, number: usize, page: &CountPage, overflow: Option<&OverflowPage>) {
        #[cfg(test)]
        tests::count_added_page();
        let index = self.page_index(row, number);
        if add_counts(&mut self.pages[index as usize], page) {
            self.add_overflow(index, page);
        }
        if let Some(overflow) = overflow {
            for (to, from) in self.overflow_page(index).iter_mut().zip(overflow) {
                *to += from;
            }
        }
    }

    #[cold]
    fn allocate_page(&mut self, row: u32, number: usize) -> u32 {
        let index = self.pages.len() as u32;
        grow_by_a_quarter(&mut self.pages, 1);
        self.pages.push([0; PAGE_BUCKETS]);
        self.directory[row as usize * PAGES_PER_ROW + number] = index;
        index
    }

    /// Counts the overflows after `added` was added to a page. A count that overflowed is now less than the added one.
    #[cold]
    fn add_overflow(&mut self, page_index: u32, added: &CountPage) {
        let page = self.pages[page_index as usize];
        let overflow = self.overflow_page(page_index);
        for i in 0..PAGE_BUCKETS {
            overflow[i] += u64::from(page[i] < added[i]);
        }
    }

    #[cold]
    fn overflow_page(&mut self, page_index: u32) -> &mut OverflowPage {
        self.overflow_pages.entry(page_index).or_insert_with(|| Box::new([0; PAGE_BUCKETS]))
    }

    fn overflow_at(&self, page_index: usize) -> Option<&OverflowPage> {
        if self.overflow_pages.is_empty() {
            return None;
        }
        self.overflow_pages.get(&(page_index as u32)).map(|overflow| &**overflow)
    }

    /// Iterates over the pages of `row` in ascending order: (number, index in `pages`).
    fn pages_of(&self, row: u32) -> impl Iterator<Item = (usize, usize)> {
        let start = row as usize * PAGES_PER_ROW;
        (self.directory[start..start + PAGES_PER_ROW].iter().enumerate())
            .filter(|(_, index)| **index != NO_PAGE)
            .map(|(number, index)| (number, *index as usize))
    }
}

/// Adds each count modulo 2^16. Returns `true` if a count overflowed.
fn add_counts(to: &mut CountPage, from: &CountPage) -> bool {
    let mut overflowed = 0;
    for (to, from) in to.iter_mut().zip(from) {
        *to = to.wrapping_add(*from);
        overflowed |= u16::from(*to < *from);
    }
    overflowed != 0
}

fn sum(page: &CountPage, overflow: Option<&OverflowPage>) -> u64 {
    let low: u32 = page.iter().map(|count| u32::from(*count)).sum();
    let high: u64 = overflow.map_or(0, |overflow| overflow.iter().sum());
    (high << u16::BITS) + u64::from(low)
}

fn count_at(page: &CountPage, overflow: Option<&OverflowPage>, i: usize) -> u64 {
    (overflow.map_or(0, |overflow| overflow[i]) << u16::BITS) + u64::from(page[i])
}

/// Grows a vector by a quarter. Doubling would leave up to half of the largest vectors of the process unused.
pub(crate) fn grow_by_a_quarter<T>(vec: &mut Vec<T>, additional: usize) {
    if vec.capacity() - vec.len() < additional {
        vec.reserve_exact(additional.max(vec.len() / 4));
    }
}

const PAGE_BUCKETS: usize = 64;
const PAGES_PER_ROW: usize = bucket::BUCKET_COUNT.div_ceil(PAGE_BUCKETS);
const NO_PAGE: u32 = u32::MAX;

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local!(static ADDED_PAGES: Cell<usize> = const { Cell::new(0) });

    pub(super) fn count_added_page() {
        ADDED_PAGES.set(ADDED_PAGES.get() + 1);
    }

    /// Returns the number of pages that were added to others while `work` ran.
    pub(crate) fn added_pages(work: impl FnOnce()) -> usize {
        let before = ADDED_PAGES.get();
        work();
        ADDED_PAGES.get() - before
    }

    fn with_rows(rows: usize) -> PagedCounts {
        let mut pages = PagedCounts::new();
        (0..rows).for_each(|_| pages.push_row());
        pages
    }

    fn buckets(pages: &PagedCounts, row: u32) -> Vec<(usize, u64)> {
        pages.buckets(row).collect()
    }

    #[test]
    fn counts_exceed_sixteen_bits() {
        let mut pages = with_rows(2);
        (0..70_000).for_each(|_| pages.record(1, 5));
        pages.record(1, 7);
        assert_eq!(buckets(&pages, 1), [(5, 70_000), (7, 1)]);
        assert_eq!(pages.bucket_at_rank(1, 70_000), Some(5));
        assert_eq!(pages.bucket_at_rank(1, 70_001), Some(7));
        assert_eq!(pages.bucket_at_rank(1, 70_002), None);
        assert_eq!(buckets(&pages, 0), []);
    }

    #[test]
    fn sums_above_sixteen_bits_are_exact() {
        let mut pages = with_rows(1);
        let mut other = with_rows(1);
        for (us, count) in [(1, 1), (2, 30_000), (3, 65_535)] {
            (0..count).for_each(|_| other.record(0, us));
        }
        for doubling in 0..40 {
            pages.add(0, &other, 0);
            let times = 1 << doubling;
            let expected = [(1, times), (2, 30_000 * times), (3, 65_535 * times)];
            assert_eq!(buckets(&pages, 0), expected);
            other = pages.clone();
        }
    }

    #[test]
    fn cleared_rows_are_empty() {
        let mut pages = with_rows(2);
        (0..70_000).for_each(|_| pages.record(0, 5));
        pages.record(1, 1_000_000);
        pages.clear(&[0, 1]);
        assert_eq!((buckets(&pages, 0), buckets(&pages, 1)), (vec![], vec![]));
        pages.record(1, 5);
        assert_eq!(buckets(&pages, 1), [(5, 1)]);
        assert_eq!(pages.touched_pages(), 1);
    }
}
