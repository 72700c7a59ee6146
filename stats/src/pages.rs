//! Cells of many histograms in one arena: only the pages that were touched exist.
//!
//! A full histogram is 17,408 cells; thousands of names times recorders would take gigabytes,
//! although a tick of one name touches a few dozen neighbouring cells. So the cells are cut into
//! pages of 64, a directory per histogram says where its pages are, and all pages lie in one
//! vector in the order of their first touch. Merging and clearing walk that vector and so cost
//! what was touched, not what could have been.
//!
//! Cells are 16 bits. One that runs over leaves its upper part in a wide page beside the arena:
//! counts are exact at a quarter of the memory of 64-bit cells.
//! Knows nothing of names or time; a histogram is a number here, its row.

use hashbrown::HashMap;
use rustc_hash::FxBuildHasher;

use crate::cell;

/// Histograms by row, each 0 until something is recorded in it.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    /// `PAGES` places per row: where in `pages` the page is, or `ABSENT`.
    directory: Vec<u32>,
    pages: Vec<Page>,
    /// For each of `pages`, whose it is.
    owners: Vec<Owner>,
    /// By place in `pages`: how often each cell ran over.
    wide: HashMap<u32, Box<[u64; PAGE_CELLS]>, FxBuildHasher>,
}

/// Which part of which histogram a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Owner {
    pub(crate) row: u32,
    number: u32,
}

type Page = [u16; PAGE_CELLS];

impl Pages {
    pub(crate) fn new() -> Self {
        Self {
            directory: Vec::new(),
            pages: Vec::new(),
            owners: Vec::new(),
            wide: HashMap::default(),
        }
    }

    /// Makes room for one more histogram, whose row is the number of those before.
    pub(crate) fn push_row(&mut self) {
        grow_by_a_quarter(&mut self.directory, PAGES);
        self.directory.resize(self.directory.len() + PAGES, ABSENT);
    }

    /// Counts one value in the histogram `row`.
    ///
    /// # Panics
    /// If `row` was not pushed.
    #[inline]
    pub(crate) fn record(&mut self, row: u32, us: u64) {
        let cell = cell::of(us);
        let place = self.place(row, cell / PAGE_CELLS);
        let count = &mut self.pages[place as usize][cell % PAGE_CELLS];
        *count = count.wrapping_add(1);
        if *count == 0 {
            self.widen(place)[cell % PAGE_CELLS] += 1;
        }
    }

    /// Adds all of `other`, of which row r counts for `row_of(r)` here.
    pub(crate) fn add(&mut self, other: &Self, mut row_of: impl FnMut(u32) -> u32) {
        for place in 0..other.owners.len() {
            let row = row_of(other.owners[place].row);
            self.add_page(row, other, place);
        }
    }

    /// Adds the page at `place` of `other` to the histogram `row`.
    pub(crate) fn add_page(&mut self, row: u32, other: &Self, place: usize) {
        let mine = self.place(row, other.owners[place].number as usize);
        if add_cells(&mut self.pages[mine as usize], &other.pages[place]) {
            self.carry(mine, &other.pages[place]);
        }
        if let Some(more) = other.wide_at(place) {
            let wide = self.widen(mine);
            for (to, from) in wide.iter_mut().zip(more) {
                *to += from;
            }
        }
    }

    /// Whose the pages are, in the order of their places.
    pub(crate) fn owners(&self) -> &[Owner] {
        &self.owners
    }

    /// The cells of `row` that are not 0, in ascending order, with their counts.
    pub(crate) fn cells(&self, row: u32) -> impl Iterator<Item = (usize, u64)> {
        self.pages_of(row).flat_map(move |(number, place)| {
            let (page, wide) = (&self.pages[place], self.wide_at(place));
            (0..PAGE_CELLS)
                .map(move |i| (number * PAGE_CELLS + i, count_at(page, wide, i)))
                .filter(|(_, count)| *count > 0)
        })
    }

    /// The cell that holds the `rank`-th smallest value (from 1) of `row`, if it has so many.
    pub(crate) fn cell_at_rank(&self, row: u32, rank: u64) -> Option<usize> {
        let mut below = 0;
        for (number, place) in self.pages_of(row) {
            let (page, wide) = (&self.pages[place], self.wide_at(place));
            let in_page = sum(page, wide);
            if below + in_page < rank {
                below += in_page;
                continue;
            }
            for i in 0..PAGE_CELLS {
                below += count_at(page, wide, i);
                if below >= rank {
                    return Some(number * PAGE_CELLS + i);
                }
            }
        }
        None
    }

    /// Sets every histogram to 0 and keeps rows and memory.
    pub(crate) fn clear(&mut self) {
        for owner in &self.owners {
            self.directory[owner.row as usize * PAGES + owner.number as usize] = ABSENT;
        }
        self.pages.clear();
        self.owners.clear();
        self.wide.clear();
    }

    /// Forgets the rows too, and keeps memory.
    pub(crate) fn clear_rows(&mut self) {
        self.clear();
        self.directory.clear();
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.directory.capacity() * size_of::<u32>()
            + self.pages.capacity() * size_of::<Page>()
            + self.owners.capacity() * size_of::<Owner>()
            + self.wide.allocation_size()
            + self.wide.len() * size_of::<[u64; PAGE_CELLS]>()
    }

    /// Where page `number` of `row` is; touches it if this is the first time.
    #[inline]
    fn place(&mut self, row: u32, number: usize) -> u32 {
        let place = self.directory[row as usize * PAGES + number];
        if place != ABSENT {
            return place;
        }
        self.touch(row, number)
    }

    #[cold]
    fn touch(&mut self, row: u32, number: usize) -> u32 {
        let place = self.pages.len() as u32;
        grow_by_a_quarter(&mut self.pages, 1);
        grow_by_a_quarter(&mut self.owners, 1);
        self.pages.push([0; PAGE_CELLS]);
        self.owners.push(Owner {
            row,
            number: number as u32,
        });
        self.directory[row as usize * PAGES + number] = place;
        place
    }

    /// After `added` ran over in some cells of the page at `place`: those are now less than it.
    #[cold]
    fn carry(&mut self, place: u32, added: &Page) {
        let page = self.pages[place as usize];
        let wide = self.widen(place);
        for i in 0..PAGE_CELLS {
            wide[i] += u64::from(page[i] < added[i]);
        }
    }

    #[cold]
    fn widen(&mut self, place: u32) -> &mut [u64; PAGE_CELLS] {
        self.wide
            .entry(place)
            .or_insert_with(|| Box::new([0; PAGE_CELLS]))
    }

    fn wide_at(&self, place: usize) -> Option<&[u64; PAGE_CELLS]> {
        if self.wide.is_empty() {
            return None;
        }
        self.wide.get(&(place as u32)).map(|wide| &**wide)
    }

    /// The touched pages of `row` in ascending order: (number, place).
    fn pages_of(&self, row: u32) -> impl Iterator<Item = (usize, usize)> {
        let start = row as usize * PAGES;
        (self.directory[start..start + PAGES].iter().enumerate())
            .filter(|(_, place)| **place != ABSENT)
            .map(|(number, place)| (number, *place as usize))
    }
}

/// Adds cell by cell, modulo 2^16, and says whether any ran over.
fn add_cells(to: &mut Page, from: &Page) -> bool {
    let mut over = 0;
    for (to, from) in to.iter_mut().zip(from) {
        *to = to.wrapping_add(*from);
        over |= u16::from(*to < *from);
    }
    over != 0
}

fn sum(page: &Page, wide: Option<&[u64; PAGE_CELLS]>) -> u64 {
    let low: u32 = page.iter().map(|count| u32::from(*count)).sum();
    let high: u64 = wide.map_or(0, |wide| wide.iter().sum());
    (high << u16::BITS) + u64::from(low)
}

fn count_at(page: &Page, wide: Option<&[u64; PAGE_CELLS]>, i: usize) -> u64 {
    (wide.map_or(0, |wide| wide[i]) << u16::BITS) + u64::from(page[i])
}

/// Doubling would leave up to half of the largest vectors of the process unused.
fn grow_by_a_quarter<T>(vec: &mut Vec<T>, additional: usize) {
    if vec.capacity() - vec.len() < additional {
        vec.reserve_exact(additional.max(vec.len() / 4));
    }
}

const PAGE_CELLS: usize = 64;
const PAGES: usize = cell::CELLS / PAGE_CELLS;
const ABSENT: u32 = u32::MAX;
