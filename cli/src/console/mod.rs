//! The text of a run for people: tables, summary lines and the live display.
//!
//! The tables have Locust's columns in Locust's order, with units in their headers. The values are measured in
//! microseconds and shown with three significant digits (`format.rs`). The functions return text. They do not print,
//! wait or read a clock. The callers are in `run/`, and `terminal/` writes the text.

mod color;
mod format;
mod generator_line;
mod key_figures;
mod live;
mod reports;
mod status_line;
mod summary_lines;
mod table;
mod tables;

use std::borrow::Cow;

pub(crate) use color::Colorizer;
pub(crate) use key_figures::key_figures;
pub(crate) use live::{LiveSnapshot, NameStats, ResponseTimes, RunProgress, live_lines};
pub(crate) use reports::{aborted_report, error_report, exception_report};
pub(crate) use summary_lines::summary_lines;
pub(crate) use tables::{RateWindow, percentile_table, stats_table};

/// The width of tables and lines. The default is that of a file or a pipe, in which no line is wrapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TableWidth(Option<usize>);

impl TableWidth {
    /// Returns the width for a terminal of this many columns; `None` for a file or a pipe.
    pub(crate) fn new(columns: Option<u16>) -> Self {
        Self(columns.map(usize::from))
    }

    fn columns(self) -> Option<usize> {
        self.0
    }
}

/// Replaces control characters by escapes. Names and messages come from scenarios and targets, and must not move the
/// cursor.
fn escape_control(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        let escaped = |c: char| {
            if c.is_control() { c.escape_default().to_string() } else { c.to_string() }
        };
        return Cow::Owned(text.chars().map(escaped).collect());
    }
    Cow::Borrowed(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(escape_control("GET /ä"), "GET /ä");
        assert_eq!(escape_control("a\n\x1b[2Jb"), "a\\n\\u{1b}[2Jb");
    }
}
