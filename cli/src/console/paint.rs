//! Colour, where it is welcome, and the room that text takes on a terminal.
//!
//! Only the terminal's own 16 colours, which its owner has chosen to be readable on its background.

use anstyle::{AnsiColor, Style};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// Whether and how text is coloured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paint {
    has_colour: bool,
}

impl Paint {
    /// With colour or without.
    pub const fn new(has_colour: bool) -> Self {
        Self { has_colour }
    }

    /// What has gone well.
    pub(super) fn good(self, text: &str) -> String {
        self.with(AnsiColor::Green.on_default(), text)
    }

    /// What is on its way.
    pub(super) fn passing(self, text: &str) -> String {
        self.with(AnsiColor::Yellow.on_default(), text)
    }

    /// What has failed.
    pub(super) fn bad(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default(), text)
    }

    /// What makes all figures worthless.
    pub(super) fn alarm(self, text: &str) -> String {
        self.with(AnsiColor::Red.on_default().bold(), text)
    }

    fn with(self, style: Style, text: &str) -> String {
        if self.has_colour { format!("{style}{text}{style:#}") } else { text.to_owned() }
    }
}

/// The columns that plain text takes.
pub(super) fn columns(text: &str) -> usize {
    text.width()
}

/// As much of plain text as fits.
pub(super) fn cut(text: &str, width: usize) -> &str {
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
        assert_eq!(Paint::new(true).bad("3"), "\x1b[31m3\x1b[0m");
        assert_eq!(Paint::new(false).bad("3"), "3");
    }

    #[test]
    fn wide_letters_count_twice() {
        assert_eq!(columns("GET /日本"), 9);
        assert_eq!(cut("日本", 3), "日");
        assert_eq!(cut("abc", 3), "abc");
        assert_eq!(cut("abc", 0), "");
    }
}
