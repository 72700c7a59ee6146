//! Colors, and the width of text on a terminal.
//!
//! Only the 16 colors of the terminal's palette are used, because the user has chosen them to be readable on the
//! background.

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// A switch that colors text or leaves it plain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colorizer {
    has_color: bool,
}

impl Colorizer {
    /// Creates a colorizer that adds colors only if `has_color`.
    pub(crate) const fn new(has_color: bool) -> Self {
        Self { has_color }
    }

    /// Colors a good state.
    pub(super) fn success(self, text: &str) -> String {
        self.styled(AnsiColor::Green.on_default(), text)
    }

    /// Colors a state that will change.
    pub(super) fn warning(self, text: &str) -> String {
        self.styled(AnsiColor::Yellow.on_default(), text)
    }

    /// Colors a failure.
    pub(super) fn failure(self, text: &str) -> String {
        self.styled(AnsiColor::Red.on_default(), text)
    }

    /// Colors a state that invalidates all figures.
    pub(super) fn critical(self, text: &str) -> String {
        self.styled(AnsiColor::Red.on_default().bold(), text)
    }

    fn styled(self, style: Style, text: &str) -> String {
        if self.has_color { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// Returns the number of columns that plain text occupies.
pub(super) fn display_width(text: &str) -> usize {
    text.width()
}

/// Returns the longest prefix of plain text that fits into `width` columns.
pub(super) fn truncate(text: &str, width: usize) -> &str {
    let mut columns = 0;
    let end = text.char_indices().find(|(_, letter)| {
        columns += letter.width().unwrap_or(0);
        columns > width
    });
    end.map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn color_is_reset_after_the_text() {
        assert_eq!(Colorizer::new(true).failure("3"), "\x1b[31m3\x1b[0m");
        assert_eq!(Colorizer::new(false).failure("3"), "3");
    }

    #[test]
    fn wide_characters_take_two_columns() {
        assert_eq!(display_width("GET /日本"), 9);
        assert_eq!(truncate("日本", 3), "日");
        assert_eq!(truncate("abc", 3), "abc");
        assert_eq!(truncate("abc", 0), "");
    }
}
