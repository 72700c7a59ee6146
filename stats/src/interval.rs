//! What one writer hands over on a tick; the same from shard to runner and worker to master.
//!
//! An interval knows every name it ever saw, so that a reused one allocates nothing, but visits
//! only those touched since it was last cleared: merging and clearing cost what was recorded.

use std::ops::AddAssign;

use crate::{
    histogram::PagedHistogram,
    limits::{FOLDED_ERROR, FOLDED_EXCEPTION, FOLDED_NAME, Limits, Overflow},
    occurrences::{ErrorEntry, ExceptionEntry, OccurrenceTable},
    paged_counts::PagedCounts,
    phases::{Phase, PhaseTotal},
    row::IntervalRow,
    row_cache::RowCache,
    sample::{Lag, Outcome, Sample},
    table::{KeyedTable, hash_texts},
};

/// Counts of everything recorded between two ticks. Plain data; adds up exactly with `+=`.
#[derive(Clone, Debug)]
pub struct Interval {
    rows: KeyedTable<IntervalRow>,
    row_cache: RowCache,
    /// Rows with requests, in the order of their first one.
    touched: Vec<u32>,
    /// Response times; a row has the same number here as in `rows`.
    pages: PagedCounts,
    errors: OccurrenceTable<3>,
    exceptions: OccurrenceTable<2>,
    lags: [PagedHistogram; 3],
    overflow: Overflow,
}

impl Interval {
    /// An interval in which nothing happened.
    pub fn new() -> Self {
        Self {
            rows: KeyedTable::new(),
            row_cache: RowCache::new(),
            touched: Vec::new(),
            pages: PagedCounts::new(),
            errors: OccurrenceTable::new(),
            exceptions: OccurrenceTable::new(),
            lags: std::array::from_fn(|_| PagedHistogram::new()),
            overflow: Overflow::default(),
        }
    }

    /// Whether nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.touched.is_empty() && self.exceptions.is_empty() && self.lags.iter().all(PagedHistogram::is_empty)
    }

    /// Forgets what was counted and keeps names, texts and memory for reuse; a table that had to
    /// fold forgets its texts too, so that those which still occur find room.
    pub fn clear(&mut self) {
        if self.overflow.names_folded > 0 {
            self.rows.clear();
            self.pages.clear_rows();
        } else {
            for row in &self.touched {
                self.rows[*row].clear();
            }
            self.pages.clear(&self.touched);
        }
        self.touched.clear();
        self.errors.clear();
        self.exceptions.clear();
        self.lags.iter_mut().for_each(PagedHistogram::clear);
        self.overflow = Overflow::default();
    }

    /// Number of samples, failures included.
    pub fn num_requests(&self) -> u64 {
        self.entries().map(|entry| entry.num_requests()).sum()
    }

    /// Number of failed samples.
    pub fn num_failures(&self) -> u64 {
        self.entries().map(|entry| entry.num_failures()).sum()
    }

    /// The (method, name) pairs that had requests, in the order of their first one.
    pub fn entries(&self) -> impl Iterator<Item = IntervalEntry<'_>> {
        self.touched.iter().map(|row| IntervalEntry { interval: self, row: *row })
    }

    /// The errors that occurred.
    pub fn errors(&self) -> impl Iterator<Item = &ErrorEntry> {
        self.errors.iter()
    }

    /// The exceptions that occurred.
    pub fn exceptions(&self) -> impl Iterator<Item = &ExceptionEntry> {
        self.exceptions.iter()
    }

    /// How late the generator was, in this respect.
    pub fn lag(&self, lag: Lag) -> &PagedHistogram {
        &self.lags[lag as usize]
    }

    /// What went over the limits of the recorder.
    pub fn overflow(&self) -> Overflow {
        let clamped = |row: &u32| self.rows[*row].times.clamped;
        Overflow { clamped: self.touched.iter().map(clamped).sum(), ..self.overflow }
    }

    /// Number of pages of 64 cells in use: what merging this interval costs.
    pub fn touched_pages(&self) -> usize {
        let lags = self.lags.iter().map(PagedHistogram::touched_pages);
        self.pages.touched_pages() + lags.sum::<usize>()
    }

    /// Bytes of memory in use, allocated ones included.
    pub fn memory_bytes(&self) -> usize {
        let keys = self.rows.iter().map(|row| row.method.len() + row.name.len());
        size_of::<Self>()
            + self.rows.heap_bytes()
            + self.row_cache.heap_bytes()
            + keys.sum::<usize>()
            + self.touched.capacity() * size_of::<u32>()
            + self.pages.heap_bytes()
            + self.errors.heap_bytes()
            + self.exceptions.heap_bytes()
            + self.lags.iter().map(PagedHistogram::heap_bytes).sum::<usize>()
    }

    #[inline]
    pub(crate) fn record(&mut self, sample: &Sample<'_>, limits: &Limits) {
        let us = sample.response_time_us();
        let id = self.row_of_sample(sample, limits);
        let row = &mut self.rows[id];
        if row.times.count == 0 {
            self.touched.push(id);
        }
        row.times.record(us);
        row.traffic.record(sample);
        self.pages.record(id, us);
        if let Outcome::Failure(error) = sample.outcome {
            self.record_error(id, error, limits);
        }
    }

    pub(crate) fn record_exception(&mut self, message: &str, traceback: &str, limits: &Limits) {
        let message = self.overflow.truncate(message, limits.max_text_bytes);
        let traceback = self.overflow.truncate(traceback, limits.max_traceback_bytes);
        let fold = [FOLDED_EXCEPTION, ""];
        let folded = (self.exceptions).record([message, traceback], limits.max_exceptions, fold);
        self.overflow.exceptions_folded += u64::from(folded);
    }

    pub(crate) fn lag_mut(&mut self, lag: Lag) -> &mut PagedHistogram {
        &mut self.lags[lag as usize]
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = (u32, &IntervalRow)> {
        self.touched.iter().map(|id| (*id, &self.rows[*id]))
    }

    pub(crate) fn pages(&self) -> &PagedCounts {
        &self.pages
    }

    pub(crate) fn error_table(&self) -> &OccurrenceTable<3> {
        &self.errors
    }

    pub(crate) fn exception_table(&self) -> &OccurrenceTable<2> {
        &self.exceptions
    }

    #[inline]
    fn row_of_sample(&mut self, sample: &Sample<'_>, limits: &Limits) -> u32 {
        let method = self.overflow.truncate(sample.method, limits.max_text_bytes);
        let name = self.overflow.truncate(sample.name, limits.max_text_bytes);
        let is_it = |id: &u32| self.rows.get(*id).is_some_and(|row| row.has_key(method, name));
        if let Some(id) = self.row_cache.get(method, name).filter(is_it) {
            return id;
        }
        let id = self.row_or_fold(method, name, limits);
        self.row_cache.insert(method, name, id);
        id
    }

    fn row_or_fold(&mut self, method: &str, name: &str, limits: &Limits) -> u32 {
        let hash = hash_texts([method, name]);
        if let Some(id) = self.rows.find(hash, |row| row.has_key(method, name)) {
            return id;
        }
        if self.rows.len() < limits.max_names {
            self.pages.push_row();
            return self.rows.insert(hash, IntervalRow::new(method, name));
        }
        self.overflow.names_folded += 1;
        self.find_or_insert_row("", FOLDED_NAME)
    }

    fn find_or_insert_row(&mut self, method: &str, name: &str) -> u32 {
        let pages = &mut self.pages;
        self.rows.find_or_insert(
            hash_texts([method, name]),
            |row| row.has_key(method, name),
            || {
                pages.push_row();
                IntervalRow::new(method, name)
            },
        )
    }

    fn record_error(&mut self, id: u32, error: &str, limits: &Limits) {
        let error = self.overflow.truncate(error, limits.max_text_bytes);
        let row = &self.rows[id];
        let texts = [&*row.method, &*row.name, error];
        let fold = ["", "", FOLDED_ERROR];
        let folded = self.errors.record(texts, limits.max_errors, fold);
        self.overflow.errors_folded += u64::from(folded);
    }
}

impl AddAssign<&Self> for Interval {
    /// Adds exactly, in any grouping. No limit applies: the sum has the names of both.
    fn add_assign(&mut self, other: &Self) {
        for (id, row) in other.rows() {
            let mine = self.find_or_insert_row(&row.method, &row.name);
            let sum = &mut self.rows[mine];
            if sum.times.count == 0 {
                self.touched.push(mine);
            }
            sum.times.add(&row.times);
            sum.traffic.add(&row.traffic);
            self.pages.add(mine, &other.pages, id);
        }
        self.errors.merge(&other.errors);
        self.exceptions.merge(&other.exceptions);
        for (lag, more) in self.lags.iter_mut().zip(&other.lags) {
            lag.add(more);
        }
        self.overflow += other.overflow;
    }
}

/// One (method, name) of an interval.
#[derive(Clone, Copy)]
pub struct IntervalEntry<'a> {
    interval: &'a Interval,
    row: u32,
}

impl<'a> IntervalEntry<'a> {
    /// The requests' method.
    pub fn method(&self) -> &'a str {
        &self.row().method
    }

    /// The requests' name.
    pub fn name(&self) -> &'a str {
        &self.row().name
    }

    /// Number of requests, failures included.
    pub fn num_requests(&self) -> u64 {
        self.row().times.count
    }

    /// Number of failed requests.
    pub fn num_failures(&self) -> u64 {
        self.row().traffic.num_failures
    }

    /// Sum of all response times, saturating.
    pub fn total_response_time_us(&self) -> u64 {
        self.row().times.total_us
    }

    /// Exact shortest response time.
    pub fn min_us(&self) -> Option<u64> {
        self.row().times.min_us()
    }

    /// Exact longest response time.
    pub fn max_us(&self) -> u64 {
        self.row().times.max_us
    }

    /// Sum of bytes sent.
    pub fn bytes_out(&self) -> u64 {
        self.row().traffic.bytes_out
    }

    /// Sum of body bytes received.
    pub fn bytes_in(&self) -> u64 {
        self.row().traffic.bytes_in
    }

    /// One phase of the requests.
    pub fn phase(&self, phase: Phase) -> PhaseTotal {
        self.row().traffic.phases.of(phase)
    }

    /// The histogram's cells in ascending order: the smallest value of each in microseconds, and
    /// how many response times it counts.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + use<'a> {
        (self.interval.pages.buckets(self.row)).map(|(cell, count)| (crate::bucket::lowest_us(cell), count))
    }

    fn row(&self) -> &'a IntervalRow {
        &self.interval.rows[self.row]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{paged_counts::tests::added_pages, summary::Summary};

    fn record(interval: &mut Interval, name: &str, response_time_us: u64) {
        let sample = Sample { method: "GET", name, done_ns: response_time_us * 1_000, ..Sample::default() };
        interval.record(&sample, &Limits::default());
    }

    #[test]
    fn merging_costs_the_touched_pages_and_not_the_known_names() {
        let mut interval = Interval::new();
        for name in 0..1_000 {
            record(&mut interval, &name.to_string(), name);
        }
        assert_eq!(interval.touched_pages(), 1_000);
        interval.clear();
        for (name, us) in [("7", 10), ("7", 63), ("7", 64), ("8", 30_000_000)] {
            record(&mut interval, name, us);
        }
        assert_eq!(interval.touched_pages(), 3);
        assert_eq!(interval.entries().count(), 2);

        let mut sum = Interval::new();
        assert_eq!(added_pages(|| sum += &interval), 3);
        // Once for the entries, once for the interval's sum, and that sum, which is of as many
        // pages here, to the total and to the window.
        let mut summary = Summary::new(Limits::default());
        assert_eq!(added_pages(|| summary.add(&interval, 1.0)), 4 * 3);
    }
}
