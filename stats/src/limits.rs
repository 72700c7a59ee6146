//! The bounds on memory, and the counts of records beyond them.
//!
//! Folding keeps every count: a sample with an excess name still counts in the total and in one row for all such
//! samples. Only the distinction between the names is lost, and [`Overflow`] counts it.

use std::ops::AddAssign;

/// The maximum number of distinct texts and the maximum length of each, and the maximum length of the history.
///
/// # Examples
///
/// ```
/// use gregaria_stats::{FOLDED_NAME, Interval, Limits, Recorder, Sample};
///
/// let mut recorder = Recorder::new(Limits { max_names: 1, ..Limits::default() });
/// for name in ["/a", "/b", "/c"] {
///     recorder.record(&Sample { method: "GET", name, ..Sample::default() });
/// }
/// let interval = recorder.take(Interval::new());
/// let names: Vec<_> = interval.entries().map(|entry| (entry.name(), entry.num_requests())).collect();
/// assert_eq!(names, [("/a", 1), (FOLDED_NAME, 2)]);
/// assert_eq!(interval.overflow().names_folded, 2);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Number of distinct (method, name) pairs. Default 5,000.
    pub max_names: usize,
    /// Number of distinct (method, name, error text) triples. Default 1,000.
    pub max_errors: usize,
    /// Number of distinct (message, traceback) pairs. Default 500.
    pub max_exceptions: usize,
    /// Bytes kept of a method, a name, an error text or an exception's message. Default 1,024.
    pub max_text_bytes: usize,
    /// Bytes kept of an exception's traceback. Default 8,192.
    pub max_traceback_bytes: usize,
    /// Number of points of the histories of all names together, of 24 bytes each. Beyond it, the points of all names
    /// become longer ([`Summary::seconds_per_point`](crate::Summary::seconds_per_point)). Default 500,000: 10,000 s of
    /// 50 names that have requests in every second.
    pub max_history_points: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_names: 5_000,
            max_errors: 1_000,
            max_exceptions: 500,
            max_text_bytes: 1_024,
            max_traceback_bytes: 8_192,
            max_history_points: 500_000,
        }
    }
}

/// Counts of records beyond the limits. All are 0 in a run within its limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overflow {
    /// Number of samples counted under [`FOLDED_NAME`] because of too many names.
    pub names_folded: u64,
    /// Number of failures counted under [`FOLDED_ERROR`] because of too many errors.
    pub errors_folded: u64,
    /// Number of exceptions counted under [`FOLDED_EXCEPTION`] because of too many exceptions.
    pub exceptions_folded: u64,
    /// Number of texts that were longer than their limit and were truncated.
    pub texts_truncated: u64,
    /// Number of response times above 1 h, which have no percentiles. Their exact maximum is kept.
    pub beyond_range: u64,
    /// Number of cookies that users dropped because they held too many.
    pub dropped_cookies: u64,
}

impl Overflow {
    /// Returns `text`, truncated to at most `max_bytes` at a character boundary. Counts a truncation.
    pub(crate) fn truncate<'a>(&mut self, text: &'a str, max_bytes: usize) -> &'a str {
        if text.len() <= max_bytes {
            return text;
        }
        self.texts_truncated += 1;
        let end = (0..=max_bytes).rev().find(|end| text.is_char_boundary(*end));
        &text[..end.unwrap_or(0)]
    }
}

impl AddAssign for Overflow {
    fn add_assign(&mut self, other: Self) {
        self.names_folded += other.names_folded;
        self.errors_folded += other.errors_folded;
        self.exceptions_folded += other.exceptions_folded;
        self.texts_truncated += other.texts_truncated;
        self.beyond_range += other.beyond_range;
        self.dropped_cookies += other.dropped_cookies;
    }
}

/// Name of the entry (with an empty method) that counts the samples of excess names.
pub const FOLDED_NAME: &str = "(further names)";
/// Text of the error (with empty method and name) that counts excess errors.
pub const FOLDED_ERROR: &str = "(further errors)";
/// Message of the exception (with an empty traceback) that counts excess exceptions.
pub const FOLDED_EXCEPTION: &str = "(further exceptions)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_truncated_between_characters() {
        let mut overflow = Overflow::default();
        assert_eq!(overflow.truncate("añb", 4), "añb");
        assert_eq!(overflow.texts_truncated, 0);
        assert_eq!(overflow.truncate("añb", 2), "a");
        assert_eq!(overflow.truncate("añb", 3), "añ");
        assert_eq!(overflow.texts_truncated, 2);
    }
}
