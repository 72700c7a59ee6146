//! Cells of many histograms in one arena: only the pages that were touched exist.
//!
//! A full histogram is 17,408 cells; thousands of names times recorders would take gigabytes,
//! although a tick of one name touches a few dozen neighbouring cells. So the cells are cut into
//! pages of 64, a directory per histogram says where its pages are, and all pages lie in one
//! vector in the order of their first touch. Merging and clearing look at the directories of the
//! histograms in question and at no page that was not touched.
//!
//! Cells are 16 bits. One that runs over leaves its upper part in a wide page beside the arena:
//! counts are exact at a quarter of the memory of 64-bit cells.
//! Knows nothing of names or time; a histogram is a number here, its row.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::bucket;

/// Histograms by row, each 0 until something is recorded in it.
#[derive(Clone, Debug)]
pub(crate) struct PagedCounts {
    /// `PAGES` places per row: where in `pages` the page is, or `ABSENT`.
    directory: Vec<u32>,
    pages: Vec<CountPage>,
    /// By place in `pages`: how often each cell ran over.
    overflow_pages: HashMap<u32, Box<OverflowPage>, FxBuildHasher>,
}

type CountPage = [u16; PAGE_BUCKETS];
type OverflowPage = [u64; PAGE_BUCKETS];

impl PagedCounts {
    pub(crate) fn new() -> Self {
        Self { directory: Vec::new(), pages: Vec::new(), overflow_pages: HashMap::default() }
    }

    /// Makes room for one more histogram, whose row is the number of those before.
    pub(crate) fn push_row(&mut self) {
        grow_by_a_quarter(&mut self.directory, PAGES_PER_ROW);
        self.directory.resize(self.directory.len() + PAGES_PER_ROW, NO_PAGE);
    }

    /// Counts one value in the histogram `row`.
    ///
    /// # Panics
    /// If `row` was not pushed.
    #[inline]
    pub(crate) fn record(&mut self, row: u32, us: u64) {
        let cell = bucket::index_of(us);
        let place = self.page_index(row, cell / PAGE_BUCKETS);
        let count = &mut self.pages[place as usize][cell % PAGE_BUCKETS];
        *count = count.wrapping_add(1);
        if *count == 0 {
            self.overflow_page(place)[cell % PAGE_BUCKETS] += 1;
        }
    }

    /// Adds the histogram `from` of `other` to the histogram `to` here.
    pub(crate) fn add(&mut self, to: u32, other: &Self, from: u32) {
        for (number, place) in other.pages_of(from) {
            self.add_page(to, number, &other.pages[place], other.overflow_at(place));
        }
    }

    /// How many pages exist.
    pub(crate) fn touched_pages(&self) -> usize {
        self.pages.len()
    }

    /// The cells of `row` that are not 0, in ascending order, with their counts.
    pub(crate) fn buckets(&self, row: u32) -> impl Iterator<Item = (usize, u64)> {
        self.pages_of(row).flat_map(move |(number, place)| {
            let (page, wide) = (&self.pages[place], self.overflow_at(place));
            (0..PAGE_BUCKETS)
                .map(move |i| (number * PAGE_BUCKETS + i, count_at(page, wide, i)))
                .filter(|(_, count)| *count > 0)
        })
    }

    /// The cell that holds the `rank`-th smallest value (from 1) of `row`, if it has so many.
    pub(crate) fn bucket_at_rank(&self, row: u32, rank: u64) -> Option<usize> {
        let mut below = 0;
        for (number, place) in self.pages_of(row) {
            let (page, wide) = (&self.pages[place], self.overflow_at(place));
            let in_page = sum(page, wide);
            if below + in_page < rank {
                below += in_page;
                continue;
            }
            for i in 0..PAGE_BUCKETS {
                below += count_at(page, wide, i);
                if below >= rank {
                    return Some(number * PAGE_BUCKETS + i);
                }
            }
        }
        None
    }

    /// Sets all histograms to 0, of which none but `touched` had values; keeps rows and memory.
    pub(crate) fn clear(&mut self, touched: &[u32]) {
        for row in touched {
            let start = *row as usize * PAGES_PER_ROW;
            self.directory[start..start + PAGES_PER_ROW].fill(NO_PAGE);
        }
        self.pages.clear();
        self.overflow_pages.clear();
    }

    /// Forgets all histograms and keeps memory.
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

    /// Where page `number` of `row` is; touches it if this is the first time.
    #[inline]
    fn page_index(&mut self, row: u32, number: usize) -> u32 {
        let place = self.directory[row as usize * PAGES_PER_ROW + number];
        if place != NO_PAGE {
            return place;
        }
        self.allocate_page(row, number)
    }

    fn add_page(&mut self, row: u32, number: usize, page: &CountPage, wide: Option<&OverflowPage>) {
        #[cfg(test)]
        tests::count_added_page();
        let place = self.page_index(row, number);
        if add_counts(&mut self.pages[place as usize], page) {
            self.add_overflow(place, page);
        }
        if let Some(wide) = wide {
            for (to, from) in self.overflow_page(place).iter_mut().zip(wide) {
                *to += from;
            }
        }
    }

    #[cold]
    fn allocate_page(&mut self, row: u32, number: usize) -> u32 {
        let place = self.pages.len() as u32;
        grow_by_a_quarter(&mut self.pages, 1);
        self.pages.push([0; PAGE_BUCKETS]);
        self.directory[row as usize * PAGES_PER_ROW + number] = place;
        place
    }

    /// After `added` ran over in some cells of the page at `place`: those are now less than it.
    #[cold]
    fn add_overflow(&mut self, page_index: u32, added: &CountPage) {
        let page = self.pages[page_index as usize];
        let wide = self.overflow_page(page_index);
        for i in 0..PAGE_BUCKETS {
            wide[i] += u64::from(page[i] < added[i]);
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
        self.overflow_pages.get(&(page_index as u32)).map(|wide| &**wide)
    }

    /// The touched pages of `row` in ascending order: (number, place).
    fn pages_of(&self, row: u32) -> impl Iterator<Item = (usize, usize)> {
        let start = row as usize * PAGES_PER_ROW;
        (self.directory[start..start + PAGES_PER_ROW].iter().enumerate())
            .filter(|(_, place)| **place != NO_PAGE)
            .map(|(number, place)| (number, *place as usize))
    }
}

/// Adds cell by cell, modulo 2^16, and says whether any ran over.
fn add_counts(to: &mut CountPage, from: &CountPage) -> bool {
    let mut over = 0;
    for (to, from) in to.iter_mut().zip(from) {
        *to = to.wrapping_add(*from);
        over |= u16::from(*to < *from);
    }
    over != 0
}

fn sum(page: &CountPage, wide: Option<&OverflowPage>) -> u64 {
    let low: u32 = page.iter().map(|count| u32::from(*count)).sum();
    let high: u64 = wide.map_or(0, |wide| wide.iter().sum());
    (high << u16::BITS) + u64::from(low)
}

fn count_at(page: &CountPage, wide: Option<&OverflowPage>, i: usize) -> u64 {
    (wide.map_or(0, |wide| wide[i]) << u16::BITS) + u64::from(page[i])
}

/// Doubling would leave up to half of the largest vectors of the process unused.
fn grow_by_a_quarter<T>(vec: &mut Vec<T>, additional: usize) {
    if vec.capacity() - vec.len() < additional {
        vec.reserve_exact(additional.max(vec.len() / 4));
    }
}

const PAGE_BUCKETS: usize = 64;
const PAGES_PER_ROW: usize = bucket::BUCKET_COUNT / PAGE_BUCKETS;
const NO_PAGE: u32 = u32::MAX;

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local!(static ADDED_PAGES: Cell<usize> = const { Cell::new(0) });

    pub(super) fn count_added_page() {
        ADDED_PAGES.set(ADDED_PAGES.get() + 1);
    }

    /// How many pages were added to others while `work` ran.
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

    fn cells(pages: &PagedCounts, row: u32) -> Vec<(usize, u64)> {
        pages.buckets(row).collect()
    }

    #[test]
    fn a_cell_counts_past_sixteen_bits() {
        let mut pages = with_rows(2);
        (0..70_000).for_each(|_| pages.record(1, 5));
        pages.record(1, 7);
        assert_eq!(cells(&pages, 1), [(5, 70_000), (7, 1)]);
        assert_eq!(pages.bucket_at_rank(1, 70_000), Some(5));
        assert_eq!(pages.bucket_at_rank(1, 70_001), Some(7));
        assert_eq!(pages.bucket_at_rank(1, 70_002), None);
        assert_eq!(cells(&pages, 0), []);
    }

    #[test]
    fn sums_run_over_exactly() {
        let mut pages = with_rows(1);
        let mut other = with_rows(1);
        for (us, count) in [(1, 1), (2, 30_000), (3, 65_535)] {
            (0..count).for_each(|_| other.record(0, us));
        }
        for doubling in 0..40 {
            pages.add(0, &other, 0);
            let times = 1 << doubling;
            let expected = [(1, times), (2, 30_000 * times), (3, 65_535 * times)];
            assert_eq!(cells(&pages, 0), expected);
            other = pages.clone();
        }
    }

    #[test]
    fn clearing_leaves_nothing_behind() {
        let mut pages = with_rows(2);
        (0..70_000).for_each(|_| pages.record(0, 5));
        pages.record(1, 1_000_000);
        pages.clear(&[0, 1]);
        assert_eq!((cells(&pages, 0), cells(&pages, 1)), (vec![], vec![]));
        pages.record(1, 5);
        assert_eq!(cells(&pages, 1), [(5, 1)]);
        assert_eq!(pages.touched_pages(), 1);
    }
}
