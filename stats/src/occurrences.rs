//! Tables of texts with their counts: the errors of failures and the exceptions of user code.
//!
//! Both are the same table with a different number of texts per row. A table never exceeds its limit: excess texts are
//! counted in one row with a fixed text (`limits.rs`).

use crate::table::{KeyedTable, hash_texts};

/// An error: the failures of one (method, name) with the same text.
pub type ErrorEntry = Occurrence<3>;

/// An exception: the exceptions and panics in user code with the same message and traceback.
pub type ExceptionEntry = Occurrence<2>;

/// A combination of texts and the number of its occurrences.
///
/// # Examples
///
/// ```
/// use gregaria_stats::{Interval, Limits, Outcome, Recorder, Sample};
///
/// let mut recorder = Recorder::new(Limits::default());
/// for _ in 0..3 {
///     let outcome = Outcome::Failure("timeout");
///     recorder.record(&Sample { method: "GET", name: "/", outcome, ..Sample::default() });
/// }
/// let interval = recorder.take(Interval::new());
/// let error = interval.errors().next().unwrap();
/// assert_eq!((error.method(), error.name(), error.error()), ("GET", "/", "timeout"));
/// assert_eq!(error.occurrences(), 3);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Occurrence<const N: usize> {
    texts: [Box<str>; N],
    count: u64,
    seen_range: Option<SeenRange>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
struct SeenRange {
    first_unix_s: f64,
    last_unix_s: f64,
}

impl Occurrence<3> {
    /// Returns the method of the failed requests.
    pub fn method(&self) -> &str {
        &self.texts[0]
    }

    /// Returns the name of the failed requests.
    pub fn name(&self) -> &str {
        &self.texts[1]
    }

    /// Returns the text of the error.
    pub fn error(&self) -> &str {
        &self.texts[2]
    }
}

impl Occurrence<2> {
    /// Returns the message of the exception.
    pub fn message(&self) -> &str {
        &self.texts[0]
    }

    /// Returns the traceback of the exception.
    pub fn traceback(&self) -> &str {
        &self.texts[1]
    }
}

impl<const N: usize> Occurrence<N> {
    /// Returns the number of occurrences.
    pub fn occurrences(&self) -> u64 {
        self.count
    }

    /// Returns the time of the first interval with this row, in seconds since 1970. `None` within an interval.
    pub fn first_seen_unix_s(&self) -> Option<f64> {
        Some(self.seen_range?.first_unix_s)
    }

    /// Returns the time of the latest interval with this row, in seconds since 1970. `None` within an interval.
    pub fn last_seen_unix_s(&self) -> Option<f64> {
        Some(self.seen_range?.last_unix_s)
    }

    fn mark_seen(&mut self, unix_s: f64) {
        let first_unix_s = self.seen_range.map_or(unix_s, |seen| seen.first_unix_s);
        self.seen_range = Some(SeenRange { first_unix_s, last_unix_s: unix_s });
    }

    fn has_texts(&self, texts: [&str; N]) -> bool {
        (0..N).all(|i| *self.texts[i] == *texts[i])
    }
}

/// A bounded table of occurrences.
#[derive(Clone, Debug)]
pub(crate) struct OccurrenceTable<const N: usize> {
    table: KeyedTable<Occurrence<N>>,
    touched: Vec<u32>,
    folded: bool,
}

impl<const N: usize> OccurrenceTable<N> {
    pub(crate) fn new() -> Self {
        Self { table: KeyedTable::new(), touched: Vec::new(), folded: false }
    }

    /// Counts `texts`, or `fold` if `texts` are new and the table has `max` rows. Returns `true` if it counted `fold`.
    pub(crate) fn record(&mut self, texts: [&str; N], max: usize, fold: [&str; N]) -> bool {
        let existing = self.find(texts);
        let folds = existing.is_none() && self.table.len() >= max;
        self.folded |= folds;
        match existing {
            Some(id) => self.add_count(id, 1),
            None if folds => self.add_texts(fold, 1),
            None => self.add_texts(texts, 1),
        }
        folds
    }

    /// Adds all rows of `other`, without a limit.
    pub(crate) fn merge(&mut self, other: &Self) {
        for occurrence in other.iter() {
            self.add_texts(occurrence.texts.each_ref().map(|text| &**text), occurrence.count);
        }
        self.folded |= other.folded;
    }

    /// Adds all rows of `other`, seen at `unix_s`, up to `max` rows. Returns the number of occurrences counted as
    /// `fold`.
    pub(crate) fn merge_bounded(&mut self, other: &Self, unix_s: f64, max: usize, fold: [&str; N]) -> u64 {
        let mut folded = 0;
        for occurrence in other.iter() {
            let mut texts = occurrence.texts.each_ref().map(|text| &**text);
            if self.table.len() >= max && self.find(texts).is_none() && texts != fold {
                texts = fold;
                folded += occurrence.count;
            }
            let id = self.find_or_insert(texts);
            self.add_count(id, occurrence.count);
            self.table[id].mark_seen(unix_s);
        }
        folded
    }

    /// Iterates over the rows that occurred since the last `clear`, in the order of their first occurrence.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Occurrence<N>> {
        self.touched.iter().map(|id| &self.table[*id])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.touched.is_empty()
    }

    /// Sets all counts to 0. The texts stay in the table unless the table reached its limit. In that case it is
    /// emptied, so that texts that still occur have room.
    pub(crate) fn clear(&mut self) {
        if self.folded {
            self.table.clear();
        } else {
            for id in &self.touched {
                self.table[*id].count = 0;
            }
        }
        self.touched.clear();
        self.folded = false;
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        let texts = self.table.iter().flat_map(|occurrence| &occurrence.texts);
        self.table.heap_bytes()
            + self.touched.capacity() * size_of::<u32>()
            + texts.map(|text| text.len()).sum::<usize>()
    }

    fn add_texts(&mut self, texts: [&str; N], count: u64) {
        let id = self.find_or_insert(texts);
        self.add_count(id, count);
    }

    fn add_count(&mut self, id: u32, count: u64) {
        let occurrence = &mut self.table[id];
        if occurrence.count == 0 {
            self.touched.push(id);
        }
        occurrence.count += count;
    }

    fn find(&self, texts: [&str; N]) -> Option<u32> {
        self.table.find(hash_texts(texts), |occurrence| occurrence.has_texts(texts))
    }

    fn find_or_insert(&mut self, texts: [&str; N]) -> u32 {
        self.table.find_or_insert(
            hash_texts(texts),
            |occurrence| occurrence.has_texts(texts),
            || Occurrence { texts: texts.map(Box::from), count: 0, seen_range: None },
        )
    }
}
