//! The text of a run for people: tables, summary lines and the live display.
//!
//! Columns, widths and rules are those of Locust 2.x, so that readers and scripts find them unchanged. The values
//! differ: they are measured in microseconds and shown with three significant digits (`format.rs`). The functions
//! return text. They do not print, wait or read a clock. The callers are in `run/`, and `terminal/` writes the text.

mod color;
mod format;
mod live;
mod reports;
mod status_line;
mod summary_lines;
mod tables;

use std::borrow::Cow;

pub(crate) use color::Colorizer;
pub(crate) use live::{LiveSnapshot, NameStats, ResponseTimes, RunProgress, live_lines};
pub(crate) use reports::{aborted_report, error_report, exception_report};
pub(crate) use summary_lines::summary_lines;
pub(crate) use tables::{RateWindow, percentile_table, stats_table};

/// The width of the tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableWidth(usize);

impl TableWidth {
    /// Returns the width for a terminal of this many columns; `None` for a file or a pipe.
    ///
    /// Only the columns of names shrink: from 80, in 160 columns or a file, to 16.
    pub(crate) fn new(columns: Option<u16>) -> Self {
        let name_columns =
            columns.map_or(MAX_NAME_COLUMNS, |columns| usize::from(columns).saturating_sub(OTHER_COLUMNS));
        Self(name_columns.clamp(MIN_NAME_COLUMNS, MAX_NAME_COLUMNS))
    }

    fn name_columns(self) -> usize {
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

/// The width of all other columns of a table.
const OTHER_COLUMNS: usize = 80;
const MAX_NAME_COLUMNS: usize = 80;
const MIN_NAME_COLUMNS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_columns_shrink_on_narrow_terminals() {
        assert_eq!(TableWidth::new(None).name_columns(), 80);
        assert_eq!(TableWidth::new(Some(300)).name_columns(), 80);
        assert_eq!(TableWidth::new(Some(120)).name_columns(), 40);
        assert_eq!(TableWidth::new(Some(80)).name_columns(), 16);
        assert_eq!(TableWidth::new(Some(0)).name_columns(), 16);
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(escape_control("GET /ä"), "GET /ä");
        assert_eq!(escape_control("a\n\x1b[2Jb"), "a\\n\\u{1b}[2Jb");
    }
}
