//! Colour, where it is welcome, and the room that text takes on a terminal.
//!
//! Only the terminal's own 16 colours, which its owner has chosen to be readable on its background.

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Whether and how text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Colorizer {
    has_color: bool,
}

impl Colorizer {
    /// With colour or without.
    pub(crate) const fn new(has_color: bool) -> Self {
        Self { has_color }
    }

    /// What has gone well.
    pub(super) fn success(self, text: &str) -> String {
        self.styled(AnsiColor::Green.on_default(), text)
    }

    /// What is on its way.
    pub(super) fn warning(self, text: &str) -> String {
        self.styled(AnsiColor::Yellow.on_default(), text)
    }

    /// What has failed.
    pub(super) fn failure(self, text: &str) -> String {
        self.styled(AnsiColor::Red.on_default(), text)
    }

    /// What makes all figures worthless.
    pub(super) fn critical(self, text: &str) -> String {
        self.styled(AnsiColor::Red.on_default().bold(), text)
    }

    fn styled(self, style: Style, text: &str) -> String {
        if self.has_color { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// The columns that plain text takes.
pub(super) fn display_width(text: &str) -> usize {
    text.width()
}

/// As much of plain text as fits.
pub(super) fn truncate(text: &str, width: usize) -> &str {
    let mut taken = 0;
    let end = text.char_indices().find(|(_, letter)| {
        taken += letter.width().unwrap_or(0);
        taken > width
    });
    end.map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colour_is_one_of_the_terminals_own_and_ends_with_its_text() {
        assert_eq!(Colorizer::new(true).failure("3"), "\x1b[31m3\x1b[0m");
        assert_eq!(Colorizer::new(false).failure("3"), "3");
    }

    #[test]
    fn wide_letters_count_twice() {
        assert_eq!(display_width("GET /日本"), 9);
        assert_eq!(truncate("日本", 3), "日");
        assert_eq!(truncate("abc", 3), "abc");
        assert_eq!(truncate("abc", 0), "");
    }
}
