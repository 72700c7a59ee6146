//! The counts of one tick. The recorder of each thread returns one, and the runner adds it to its summary.
//!
//! An interval keeps every name that it has counted, so that a reused interval allocates no memory. Merging and
//! clearing visit only the names with requests since the last clear. The histograms are in `paged_counts.rs`, the
//! texts in `occurrences.rs`.

use std::ops::AddAssign;

use crate::{
    aborted::AbortedRequests,
    histogram::PagedHistogram,
    limits::{FOLDED_ERROR, FOLDED_EXCEPTION, FOLDED_NAME, Limits, Overflow},
    occurrences::{ErrorEntry, ExceptionEntry, OccurrenceTable},
    paged_counts::PagedCounts,
    phases::{Phase, PhaseTotal},
    row::IntervalRow,
    row_cache::RowCache,
    sample::{Lag, Outcome, Sample},
    span::RequestSpan,
    status_counts::StatusCounts,
    table::{KeyedTable, hash_texts},
};

/// The counts of all records between two ticks. Intervals add exactly with `+=`, in any grouping.
///
/// # Examples
///
/// ```
/// use gregaria_stats::{Interval, Limits, Recorder, Sample};
///
/// let mut recorder = Recorder::new(Limits::default());
/// recorder.record(&Sample { method: "GET", name: "/", done_ns: 3_000_000, ..Sample::default() });
/// let interval = recorder.take(Interval::new());
///
/// let mut sum = Interval::new();
/// sum += &interval;
/// sum += &interval;
/// let entry = sum.entries().next().unwrap();
/// assert_eq!((entry.method(), entry.name(), entry.num_requests()), ("GET", "/", 2));
/// assert_eq!(entry.total_response_time_us(), 6_000);
/// ```
#[derive(Clone, Debug)]
pub struct Interval {
    rows: KeyedTable<IntervalRow>,
    row_cache: RowCache,
    /// Rows with requests or aborted requests, in the order of their first record.
    touched: Vec<u32>,
    /// Histograms of the response times, with the row numbers of `rows`.
    pages: PagedCounts,
    errors: OccurrenceTable<3>,
    exceptions: OccurrenceTable<2>,
    lags: [PagedHistogram; 3],
    statuses: StatusCounts,
    overflow: Overflow,
}

impl Interval {
    /// Creates an empty interval.
    pub fn new() -> Self {
        Self {
            rows: KeyedTable::new(),
            row_cache: RowCache::new(),
            touched: Vec::new(),
            pages: PagedCounts::new(),
            errors: OccurrenceTable::new(),
            exceptions: OccurrenceTable::new(),
            lags: std::array::from_fn(|_| PagedHistogram::new()),
            statuses: StatusCounts::default(),
            overflow: Overflow::default(),
        }
    }

    /// Returns `true` if the interval has no samples, exceptions or lags.
    pub fn is_empty(&self) -> bool {
        self.touched.is_empty() && self.exceptions.is_empty() && self.lags.iter().all(PagedHistogram::is_empty)
    }

    /// Sets all counts to 0 and keeps names, texts and memory for reuse.
    ///
    /// A table that reached its limit also drops its texts, so that texts that still occur have room.
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
        self.statuses.clear();
        self.overflow = Overflow::default();
    }

    /// Returns the number of samples, including failures.
    pub fn num_requests(&self) -> u64 {
        self.entries().map(|entry| entry.num_requests()).sum()
    }

    /// Returns the number of failures.
    pub fn num_failures(&self) -> u64 {
        self.entries().map(|entry| entry.num_failures()).sum()
    }

    /// Returns the number of aborted requests.
    pub fn num_aborted(&self) -> u64 {
        self.entries().map(|entry| entry.aborted().count).sum()
    }

    /// Iterates over the (method, name) pairs with requests or aborted requests, in the order of their first record.
    pub fn entries(&self) -> impl Iterator<Item = IntervalEntry<'_>> {
        self.touched.iter().map(|row| IntervalEntry { interval: self, row: *row })
    }

    /// Iterates over the errors that occurred.
    pub fn errors(&self) -> impl Iterator<Item = &ErrorEntry> {
        self.errors.iter()
    }

    /// Iterates over the exceptions that occurred.
    pub fn exceptions(&self) -> impl Iterator<Item = &ExceptionEntry> {
        self.exceptions.iter()
    }

    /// Returns the delays of this kind.
    pub fn lag(&self, lag: Lag) -> &PagedHistogram {
        &self.lags[lag as usize]
    }

    /// Returns the number of requests per status code.
    pub fn statuses(&self) -> &StatusCounts {
        &self.statuses
    }

    /// Returns the counts of records beyond the limits of the recorder.
    pub fn overflow(&self) -> Overflow {
        let beyond_range = |row: &u32| self.rows[*row].times.beyond_range;
        Overflow { beyond_range: self.touched.iter().map(beyond_range).sum(), ..self.overflow }
    }

    /// Returns the number of pages of 64 buckets in use, which is the cost of merging this interval.
    #[cfg(test)]
    fn touched_pages(&self) -> usize {
        let lags = self.lags.iter().map(PagedHistogram::touched_pages);
        self.pages.touched_pages() + lags.sum::<usize>()
    }

    /// Returns the bytes of memory in use, including heap memory.
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
            + self.statuses.heap_bytes()
    }

    #[inline]
    pub(crate) fn record(&mut self, sample: &Sample<'_>, limits: &Limits) {
        let us = sample.response_time_us();
        let id = self.row_to_record(sample.method, sample.name, limits);
        let row = &mut self.rows[id];
        row.times.record(us);
        row.traffic.record(sample);
        self.pages.record(id, us);
        self.statuses.record(sample.status);
        if let Outcome::Failure(error) = sample.outcome {
            self.record_error(id, error, limits);
        }
    }

    pub(crate) fn record_aborted(&mut self, method: &str, name: &str, due_ns: u64, aborted_ns: u64, limits: &Limits) {
        let id = self.row_to_record(method, name, limits);
        self.rows[id].traffic.record_aborted(due_ns, aborted_ns);
    }

    pub(crate) fn record_exception(&mut self, message: &str, traceback: &str, limits: &Limits) {
        let message = self.overflow.truncate(message, limits.max_text_bytes);
        let traceback = self.overflow.truncate(traceback, limits.max_traceback_bytes);
        let fold = [FOLDED_EXCEPTION, ""];
        let folded = (self.exceptions).record([message, traceback], limits.max_exceptions, fold);
        self.overflow.exceptions_folded += u64::from(folded);
    }

    pub(crate) fn record_dropped_cookies(&mut self, count: u32) {
        self.overflow.dropped_cookies += u64::from(count);
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

    /// Returns the row of a method and name, and marks it as touched. The caller must record into it.
    #[inline]
    fn row_to_record(&mut self, method: &str, name: &str, limits: &Limits) -> u32 {
        let id = self.row_of_key(method, name, limits);
        if self.rows[id].is_empty() {
            self.touched.push(id);
        }
        id
    }

    #[inline]
    fn row_of_key(&mut self, method: &str, name: &str, limits: &Limits) -> u32 {
        let method = self.overflow.truncate(method, limits.max_text_bytes);
        let name = self.overflow.truncate(name, limits.max_text_bytes);
        let has_key = |id: &u32| self.rows.get(*id).is_some_and(|row| row.has_key(method, name));
        if let Some(id) = self.row_cache.get(method, name).filter(has_key) {
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
    /// Adds exactly, in any grouping. No limit applies: the sum has the names of both intervals.
    fn add_assign(&mut self, other: &Self) {
        for (id, row) in other.rows() {
            let id_here = self.find_or_insert_row(&row.method, &row.name);
            let sum = &mut self.rows[id_here];
            if sum.is_empty() {
                self.touched.push(id_here);
            }
            sum.times.add(&row.times);
            sum.traffic.add(&row.traffic);
            self.pages.add(id_here, &other.pages, id);
        }
        self.errors.merge(&other.errors);
        self.exceptions.merge(&other.exceptions);
        for (lag, more) in self.lags.iter_mut().zip(&other.lags) {
            lag.add(more);
        }
        self.statuses.add(&other.statuses);
        self.overflow += other.overflow;
    }
}

/// The counts of one (method, name) of an interval.
#[derive(Clone, Copy)]
pub struct IntervalEntry<'a> {
    interval: &'a Interval,
    row: u32,
}

impl<'a> IntervalEntry<'a> {
    /// Returns the method of the requests.
    pub fn method(&self) -> &'a str {
        &self.row().method
    }

    /// Returns the name of the requests.
    pub fn name(&self) -> &'a str {
        &self.row().name
    }

    /// Returns the number of requests, including failures.
    pub fn num_requests(&self) -> u64 {
        self.row().times.count
    }

    /// Returns the number of failures.
    pub fn num_failures(&self) -> u64 {
        self.row().traffic.num_failures
    }

    /// Returns the saturating sum of all response times.
    pub fn total_response_time_us(&self) -> u64 {
        self.row().times.total_us
    }

    /// Returns the exact shortest response time, or `None` without requests.
    pub fn min_us(&self) -> Option<u64> {
        self.row().times.min_us()
    }

    /// Returns the exact longest response time, or 0 without requests.
    pub fn max_us(&self) -> u64 {
        self.row().times.max_us
    }

    /// Returns the sum of bytes sent.
    pub fn bytes_out(&self) -> u64 {
        self.row().traffic.bytes_out
    }

    /// Returns the sum of body bytes received.
    pub fn bytes_in(&self) -> u64 {
        self.row().traffic.bytes_in
    }

    /// Returns the number of times that a request was sent again because a reused connection had lost it.
    pub fn num_retries(&self) -> u64 {
        self.row().traffic.num_retries
    }

    /// Returns the sum of one phase of the requests.
    pub fn phase(&self, phase: Phase) -> PhaseTotal {
        self.row().traffic.phases.of(phase)
    }

    /// Returns the aborted requests.
    pub fn aborted(&self) -> AbortedRequests {
        self.row().traffic.aborted
    }

    /// Returns the time that the requests cover, without aborted ones.
    pub fn span(&self) -> RequestSpan {
        self.row().traffic.span
    }

    /// Iterates over the buckets of the histogram in ascending order: (smallest value in microseconds, count).
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + use<'a> {
        (self.interval.pages.buckets(self.row)).map(|(bucket, count)| (crate::bucket::lowest_us(bucket), count))
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
    fn merge_cost_is_the_touched_pages() {
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
        // The pages are added to the entries and to the sum of the interval. That sum, which has as many pages here, is
        // added to the total and to the window.
        let mut summary = Summary::new(Limits::default());
        assert_eq!(added_pages(|| summary.add(&interval, 1.0)), 4 * 3);
    }
}
