//! Colors, and the width of text on a terminal.
//!
//! Only the 16 colors of the terminal's palette are used, because the user has chosen them to be readable on the
//! background.

use std::borrow::Cow;

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

/// Returns plain text in at most `width` columns. The middle of a longer text is replaced by `…`.
pub(super) fn cut_middle(text: &str, width: usize) -> Cow<'_, str> {
    if display_width(text) <= width {
        return Cow::Borrowed(text);
    }
    let Some(kept) = width.checked_sub(1) else {
        return Cow::Borrowed("");
    };
    let (start, end_width) = (truncate(text, kept.div_ceil(2)), kept / 2);
    let mut columns = 0;
    let last = text.char_indices().rev().take_while(|(_, letter)| {
        columns += letter.width().unwrap_or(0);
        columns <= end_width
    });
    let end = last.last().map_or("", |(index, _)| &text[index..]);
    Cow::Owned(format!("{start}…{end}"))
}

/// Breaks plain lines between words, so that each has at most `width` columns. Continuations begin with `indent`. A
/// longer word keeps a line of its own. Without a width the text stays as it is.
pub(super) fn wrap_words(text: &str, width: Option<usize>, indent: &str) -> String {
    let Some(width) = width else {
        return text.to_owned();
    };
    let mut wrapped = String::new();
    for line in text.split_inclusive('\n') {
        let mut columns = 0;
        for word in line.split_inclusive(' ') {
            let word_width = display_width(word.trim_end());
            if columns > display_width(indent) && columns + word_width > width {
                wrapped.truncate(wrapped.trim_end().len());
                wrapped = wrapped + "\n" + indent;
                columns = display_width(indent);
            }
            wrapped += word;
            columns += display_width(word.trim_end_matches('\n'));
        }
    }
    wrapped
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

    #[test]
    fn long_text_is_cut_in_the_middle() {
        assert_eq!(cut_middle("/items/17", 9), "/items/17");
        assert_eq!(cut_middle("/items/17", 8), "/ite…/17");
        assert_eq!(cut_middle("/items/17", 2), "/…");
        assert_eq!(cut_middle("/items/17", 1), "…");
        assert_eq!(cut_middle("/items/17", 0), "");
        assert_eq!(cut_middle("日本日本", 6), "日…本");
    }

    #[test]
    fn lines_are_wrapped_between_words() {
        let wrap = |text, width| wrap_words(text, Some(width), "  ");
        assert_eq!(wrap("ab cd ef\ngh\n", 8), "ab cd ef\ngh\n");
        assert_eq!(wrap("ab cd ef\ngh\n", 7), "ab cd\n  ef\ngh\n");
        assert_eq!(wrap("ab cd ef gh", 5), "ab cd\n  ef\n  gh");
        assert_eq!(wrap("abcdef gh", 4), "abcdef\n  gh");
        assert_eq!(wrap_words("ab cd", None, ""), "ab cd");
    }
}
