//! Texts that occurred, and how often: the errors of failures and the exceptions of user code.
//!
//! Both are the same table over a different number of texts. It never grows past its limit:
//! what comes later is counted in one row whose texts say so.

use crate::table::{KeyedTable, hash_texts};

/// An error: the failures of one (method, name) that had the same text.
pub type ErrorEntry = Occurrence<3>;

/// An exception or panic in user code: those with the same message and traceback.
pub type ExceptionEntry = Occurrence<2>;

/// Some texts that occurred together, and how often.
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
    /// Method of the failed requests.
    pub fn method(&self) -> &str {
        &self.texts[0]
    }

    /// Name of the failed requests.
    pub fn name(&self) -> &str {
        &self.texts[1]
    }

    /// The error's text.
    pub fn error(&self) -> &str {
        &self.texts[2]
    }
}

impl Occurrence<2> {
    /// What the exception said.
    pub fn message(&self) -> &str {
        &self.texts[0]
    }

    /// Where it came from.
    pub fn traceback(&self) -> &str {
        &self.texts[1]
    }
}

impl<const N: usize> Occurrence<N> {
    /// How often it occurred.
    pub fn occurrences(&self) -> u64 {
        self.count
    }

    /// Seconds since 1970 of the first interval with it; `None` inside an interval.
    pub fn first_seen_unix_s(&self) -> Option<f64> {
        Some(self.seen_range?.first_unix_s)
    }

    /// Seconds since 1970 of the latest interval with it; `None` inside an interval.
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

    /// Counts `texts`, or `fold` instead when `max` others are known already, and returns
    /// whether it was that.
    pub(crate) fn record(&mut self, texts: [&str; N], max: usize, fold: [&str; N]) -> bool {
        let known = self.find(texts);
        let folds = known.is_none() && self.table.len() >= max;
        self.folded |= folds;
        match known {
            Some(id) => self.add_count(id, 1),
            None if folds => self.add_texts(fold, 1),
            None => self.add_texts(texts, 1),
        }
        folds
    }

    /// Counts everything in `other` here, without a limit: there are as many as both had.
    pub(crate) fn merge(&mut self, other: &Self) {
        for occurrence in other.iter() {
            self.add_texts(occurrence.texts.each_ref().map(|text| &**text), occurrence.count);
        }
        self.folded |= other.folded;
    }

    /// Counts everything in `other`, seen at `unix_s`, and returns how many went into `fold`.
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

    /// Those that occurred since the last `clear`, in the order of their first occurrence.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &Occurrence<N>> {
        self.touched.iter().map(|id| &self.table[*id])
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.touched.is_empty()
    }

    /// Sets all counts to 0. The texts stay known, unless there was no room for all of them:
    /// then they make way for those that occur from now on.
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
        self.table.find(hash_texts(texts), |known| known.has_texts(texts))
    }

    fn find_or_insert(&mut self, texts: [&str; N]) -> u32 {
        self.table.find_or_insert(
            hash_texts(texts),
            |known| known.has_texts(texts),
            || Occurrence { texts: texts.map(Box::from), count: 0, seen_range: None },
        )
    }
}
