//! What a person reads of a run: tables, lines and the live display, from figures to text.
//!
//! Columns, widths and rules are those of Locust 2.x, so that eyes and scripts find what they know; the values are
//! not: they come from microseconds and show what that carries (`figures.rs`). Nothing here prints, waits or asks a
//! clock; `app.rs` does with the text what it likes, and `terminal/` brings it to the screen.

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
pub(crate) use reports::{error_report, exception_report};
pub(crate) use summary_lines::summary_lines;
pub(crate) use tables::{RateWindow, percentile_table, stats_table};

/// The width of the space that tables have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TableWidth(usize);

impl TableWidth {
    /// For a terminal of so many columns; `None` when it is none, but a file or a pipe.
    ///
    /// Names give way first: they have 80 columns from 160 on and keep 16 on any terminal.
    pub(crate) fn new(columns: Option<u16>) -> Self {
        let names = columns.map_or(MAX_NAME_COLUMNS, |columns| usize::from(columns).saturating_sub(OTHER_COLUMNS));
        Self(names.clamp(MIN_NAME_COLUMNS, MAX_NAME_COLUMNS))
    }

    fn name_columns(self) -> usize {
        self.0
    }
}

/// Names and messages come from scenarios and servers: what would move the cursor is shown, not done.
fn escape_control(text: &str) -> Cow<'_, str> {
    if text.chars().any(char::is_control) {
        let shown = |c: char| {
            if c.is_control() { c.escape_default().to_string() } else { c.to_string() }
        };
        return Cow::Owned(text.chars().map(shown).collect());
    }
    Cow::Borrowed(text)
}

/// What all other columns of a table need together.
const OTHER_COLUMNS: usize = 80;
const MAX_NAME_COLUMNS: usize = 80;
const MIN_NAME_COLUMNS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_give_way_on_narrow_terminals() {
        assert_eq!(TableWidth::new(None).name_columns(), 80);
        assert_eq!(TableWidth::new(Some(300)).name_columns(), 80);
        assert_eq!(TableWidth::new(Some(120)).name_columns(), 40);
        assert_eq!(TableWidth::new(Some(80)).name_columns(), 16);
        assert_eq!(TableWidth::new(Some(0)).name_columns(), 16);
    }

    #[test]
    fn a_name_cannot_move_the_cursor() {
        assert_eq!(escape_control("GET /ä"), "GET /ä");
        assert_eq!(escape_control("a\n\x1b[2Jb"), "a\\n\\u{1b}[2Jb");
    }
}
