//! The statistics of a run: the runner adds intervals, and all reports read them.
//!
//! Adding an interval costs its touched pages twice: once for the entries, and once for a sum of the interval. That
//! sum is added to the total and to the window of current percentiles (`window.rs`).

use crate::{
    entry::{AddTime, StatsEntry},
    histogram::PagedHistogram,
    history::MAX_POINTS_PER_RUN,
    interval::Interval,
    limits::{FOLDED_ERROR, FOLDED_EXCEPTION, FOLDED_NAME, Limits, Overflow},
    occurrences::{ErrorEntry, ExceptionEntry, OccurrenceTable},
    row::{IntervalRow, Traffic},
    sample::Lag,
    status_counts::StatusCounts,
    table::{KeyedTable, hash_texts},
    window::PercentileWindow,
};

/// The sum of all intervals since the start or the last reset.
///
/// # Examples
///
/// ```
/// use gregaria_stats::{Interval, Limits, Outcome, Recorder, Sample, Summary};
///
/// let mut recorder = Recorder::new(Limits::default());
/// recorder.record(&Sample { method: "GET", name: "/", done_ns: 4_000_000, ..Sample::default() });
/// recorder.record(&Sample {
///     method: "POST",
///     name: "/cart",
///     outcome: Outcome::Failure("500 Internal Server Error"),
///     ..Sample::default()
/// });
///
/// let mut summary = Summary::new(Limits::default());
/// summary.start(1_700_000_000.0);
/// summary.add(&recorder.take(Interval::new()), 1_700_000_001.0);
/// assert_eq!(summary.total().fail_ratio(), 0.5);
/// assert_eq!(summary.errors().next().unwrap().error(), "500 Internal Server Error");
/// ```
#[derive(Clone, Debug)]
pub struct Summary {
    limits: Limits,
    entries: KeyedTable<StatsEntry>,
    /// Ids of all entries, sorted by (name, method).
    sorted: Vec<u32>,
    total: StatsEntry,
    window: PercentileWindow,
    errors: OccurrenceTable<3>,
    exceptions: OccurrenceTable<2>,
    lags: [PagedHistogram; 3],
    statuses: StatusCounts,
    overflow: Overflow,
    /// The length of the points of all histories.
    seconds_per_point: u64,
    /// The number of points of the entries' histories.
    history_points: usize,
    /// Buffer of [`add`](Self::add): all response times of the interval.
    interval_times: PagedHistogram,
}

impl Summary {
    /// Creates an empty summary with the start time 0. [`start`](Self::start) sets the start time.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            entries: KeyedTable::new(),
            sorted: Vec::new(),
            total: StatsEntry::new("", TOTAL_NAME, 0.0),
            window: PercentileWindow::new(),
            errors: OccurrenceTable::new(),
            exceptions: OccurrenceTable::new(),
            lags: std::array::from_fn(|_| PagedHistogram::new()),
            statuses: StatusCounts::default(),
            overflow: Overflow::default(),
            seconds_per_point: 1,
            history_points: 0,
            interval_times: PagedHistogram::new(),
        }
    }

    /// Starts a new run: removes all entries and counts.
    pub fn start(&mut self, unix_time_s: f64) {
        *self = Self::new(self.limits.clone());
        self.total.reset(unix_time_s);
    }

    /// Resets the counts within a run. Entries stay with 0 requests; errors, exceptions and lags are removed.
    pub fn reset(&mut self, unix_time_s: f64) {
        for entry in self.entries.iter_mut() {
            entry.reset(unix_time_s);
        }
        self.total.reset(unix_time_s);
        self.window.clear();
        self.errors = OccurrenceTable::new();
        self.exceptions = OccurrenceTable::new();
        self.lags.iter_mut().for_each(PagedHistogram::clear);
        self.statuses.clear();
        self.overflow = Overflow::default();
        (self.seconds_per_point, self.history_points) = (1, 0);
    }

    /// Adds an interval with the time of its middle. Its requests are counted in that second, or in the first one if
    /// the time is before the start.
    pub fn add(&mut self, interval: &Interval, unix_time_s: f64) {
        self.interval_times.clear();
        let unix_s = unix_time_s.max(self.start_unix_s());
        let time = AddTime { unix_s, seconds_per_point: self.seconds_per_point };
        let traffic = self.add_rows(interval, time);
        self.total.add_all(&self.interval_times, &traffic, time);
        if !self.interval_times.is_empty() {
            self.window.add(unix_s as u64, &self.interval_times);
        }
        self.thin_long_history(unix_s);
        self.add_texts(interval, unix_s);
        for lag in Lag::ALL {
            self.lags[lag as usize].add(interval.lag(lag));
        }
        self.statuses.add(interval.statuses());
        self.overflow += interval.overflow();
    }

    /// Iterates over all entries, sorted by name, then method.
    pub fn entries(&self) -> impl Iterator<Item = &StatsEntry> {
        self.sorted.iter().map(|id| &self.entries[*id])
    }

    /// Returns the entry of a method and name, or `None` without such requests.
    pub fn entry(&self, method: &str, name: &str) -> Option<&StatsEntry> {
        let id = (self.entries).find(hash_texts([method, name]), |entry| has_key(entry, method, name))?;
        Some(&self.entries[id])
    }

    /// Returns the sum of all requests.
    pub fn total(&self) -> &StatsEntry {
        &self.total
    }

    /// Returns the response time that the fraction `q` (0 to 1) of the recent requests do not exceed, or `None` without
    /// such requests. Recent are the last ten seconds and the current one.
    pub fn current_percentile_us(&self, q: f64, now_unix_s: f64) -> Option<u64> {
        self.window.percentile_us(q, now_unix_s as u64)
    }

    /// Iterates over the errors, in the order of their first occurrence.
    pub fn errors(&self) -> impl Iterator<Item = &ErrorEntry> {
        self.errors.iter()
    }

    /// Iterates over the exceptions, in the order of their first occurrence.
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

    /// Returns the counts of records beyond the limits of the recorders and of this summary.
    pub fn overflow(&self) -> &Overflow {
        &self.overflow
    }

    /// Returns the number of seconds that each point of [`StatsEntry::num_reqs_per_sec`] covers: 1, or a power of two
    /// in a run that is longer than 10,000 s or has many names.
    pub fn seconds_per_point(&self) -> u64 {
        self.seconds_per_point
    }

    /// Returns the time of the last start or reset, in seconds since 1970.
    pub fn start_unix_s(&self) -> f64 {
        self.total.start_unix_s()
    }

    /// Returns the bytes of memory in use, including heap memory.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.entries.heap_bytes()
            + self.entries.iter().map(StatsEntry::heap_bytes).sum::<usize>()
            + self.sorted.capacity() * size_of::<u32>()
            + self.total.heap_bytes()
            + self.window.heap_bytes()
            + self.errors.heap_bytes()
            + self.exceptions.heap_bytes()
            + self.lags.iter().map(PagedHistogram::heap_bytes).sum::<usize>()
            + self.statuses.heap_bytes()
            + self.interval_times.heap_bytes()
    }

    /// Adds every row to its entry and to `interval_times`. Returns the sum of the traffic.
    fn add_rows(&mut self, interval: &Interval, time: AddTime) -> Traffic {
        let mut traffic = Traffic::default();
        let pages = interval.pages();
        for (row_id, row) in interval.rows() {
            let id = self.entry_for_row(row);
            let entry = &mut self.entries[id];
            self.history_points -= entry.history_points();
            entry.add_row(row, pages, row_id, time);
            self.history_points += entry.history_points();
            self.interval_times.add_row(&row.times, pages, row_id);
            traffic.add(&row.traffic);
        }
        traffic
    }

    /// Doubles the length of all points if there are too many. Once per interval is enough, because an interval adds at
    /// most one point per entry.
    fn thin_long_history(&mut self, unix_s: f64) {
        let points_of_run = (unix_s - self.start_unix_s()) as u64 / self.seconds_per_point;
        if points_of_run < MAX_POINTS_PER_RUN && self.history_points <= self.limits.max_history_points {
            return;
        }
        self.seconds_per_point *= 2;
        self.total.thin_history(self.seconds_per_point);
        self.entries.iter_mut().for_each(|entry| entry.thin_history(self.seconds_per_point));
        self.history_points = self.entries.iter().map(StatsEntry::history_points).sum();
    }

    fn add_texts(&mut self, interval: &Interval, unix_s: f64) {
        let Limits { max_errors, max_exceptions, .. } = self.limits;
        let fold = ["", "", FOLDED_ERROR];
        self.overflow.errors_folded += (self.errors).merge_bounded(interval.error_table(), unix_s, max_errors, fold);
        let fold = [FOLDED_EXCEPTION, ""];
        self.overflow.exceptions_folded +=
            (self.exceptions).merge_bounded(interval.exception_table(), unix_s, max_exceptions, fold);
    }

    /// Returns the id of the entry that counts `row`: the existing one, a new one, or that of excess names.
    fn entry_for_row(&mut self, row: &IntervalRow) -> u32 {
        let (method, name) = (&*row.method, &*row.name);
        let row_hash = hash_texts([method, name]);
        if let Some(id) = (self.entries).find(row_hash, |entry| has_key(entry, method, name)) {
            return id;
        }
        if self.entries.len() < self.limits.max_names || row.has_key("", FOLDED_NAME) {
            return self.insert_entry(row_hash, method, name);
        }
        self.overflow.names_folded += row.times.count + row.traffic.aborted.count;
        let fold_hash = hash_texts(["", FOLDED_NAME]);
        match (self.entries).find(fold_hash, |entry| has_key(entry, "", FOLDED_NAME)) {
            Some(id) => id,
            None => self.insert_entry(fold_hash, "", FOLDED_NAME),
        }
    }

    fn insert_entry(&mut self, hash: u64, method: &str, name: &str) -> u32 {
        let entry = StatsEntry::new(method, name, self.total.start_unix_s());
        let id = self.entries.insert(hash, entry);
        let position = self.sorted.partition_point(|other| {
            let other = &self.entries[*other];
            (other.name(), other.method()) < (name, method)
        });
        self.sorted.insert(position, id);
        id
    }
}

fn has_key(entry: &StatsEntry, method: &str, name: &str) -> bool {
    entry.name() == name && entry.method() == method
}

const TOTAL_NAME: &str = "Aggregated";
