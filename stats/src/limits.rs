//! The bounds on memory, and the count of what went over them.
//!
//! Folding keeps every count: a sample of a name too many still counts in the total and in one
//! row of its own kind. Only the distinction is lost, and [`Overflow`] says how often.

use std::ops::AddAssign;

/// How many different texts are kept, and how much of each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Distinct (method, name) pairs.
    pub max_names: usize,
    /// Distinct (method, name, error text) triples.
    pub max_errors: usize,
    /// Distinct (message, traceback) pairs.
    pub max_exceptions: usize,
    /// Bytes kept of a method, a name, an error text or an exception's message.
    pub max_text_bytes: usize,
    /// Bytes kept of an exception's traceback.
    pub max_traceback_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_names: 5_000,
            max_errors: 1_000,
            max_exceptions: 500,
            max_text_bytes: 1_024,
            max_traceback_bytes: 8_192,
        }
    }
}

/// What the limits cost: all zero in a run that stayed within them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overflow {
    /// Samples counted under [`FOLDED_NAME`] because there were too many names.
    pub names_folded: u64,
    /// Failures counted under [`FOLDED_ERROR`] because there were too many error texts.
    pub errors_folded: u64,
    /// Exceptions counted under [`FOLDED_EXCEPTION`] because there were too many.
    pub exceptions_folded: u64,
    /// Texts that were too long and of which only the beginning was looked at.
    pub texts_truncated: u64,
    /// Response times too long for the histogram's last cell; their exact maximum is kept.
    pub clamped: u64,
}

impl Overflow {
    /// `text`, or as much of its beginning as `max_bytes` allow, which is then counted.
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
        self.clamped += other.clamped;
    }
}

/// Name of the entry (with an empty method) that counts the samples of names too many.
pub const FOLDED_NAME: &str = "(further names)";
/// Text of the error (with empty method and name) that counts error texts too many.
pub const FOLDED_ERROR: &str = "(further errors)";
/// Message of the exception (with an empty traceback) that counts exceptions too many.
pub const FOLDED_EXCEPTION: &str = "(further exceptions)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_cut_between_characters_and_counted() {
        let mut overflow = Overflow::default();
        assert_eq!(overflow.truncate("añb", 4), "añb");
        assert_eq!(overflow.texts_truncated, 0);
        assert_eq!(overflow.truncate("añb", 2), "a");
        assert_eq!(overflow.truncate("añb", 3), "añ");
        assert_eq!(overflow.texts_truncated, 2);
    }
}
