//! One line of figures that gives way to the room: long forms first, then the figures that matter least.

use super::paint::{Paint, columns, cut};

/// A figure of a line, in its forms from long to short.
pub(super) struct Part {
    /// 0 stays longest.
    rank: usize,
    forms: Vec<String>,
    paint: Option<fn(Paint, &str) -> String>,
}

impl Part {
    pub(super) fn new<const FORMS: usize>(rank: usize, forms: [String; FORMS]) -> Self {
        Self { rank, forms: forms.into(), paint: None }
    }

    pub(super) fn painted(self, paint: fn(Paint, &str) -> String) -> Self {
        Self { paint: Some(paint), ..self }
    }

    fn long(&self) -> &str {
        self.forms.first().map_or("", String::as_str)
    }

    fn short(&self) -> &str {
        self.forms.last().map_or("", String::as_str)
    }

    fn shown(&self, text: &str, paint: Paint) -> String {
        self.paint.map_or_else(|| text.to_owned(), |painted| painted(paint, text))
    }
}

/// The parts in their order, as many and as long as `width` allows; at worst the beginning of the one that matters
/// most.
pub(super) fn fitted(parts: &[Part], width: usize, paint: Paint) -> String {
    let last_rank = parts.iter().map(|part| part.rank).max().unwrap_or(0);
    let long = parts.iter().map(|part| (part, part.long())).collect();
    let short = |rank: usize| parts.iter().filter(|part| part.rank <= rank).map(|part| (part, part.short())).collect();
    let choices = [long].into_iter().chain((0..=last_rank).rev().map(short));
    let mut last = Vec::new();
    for choice in choices {
        last = choice;
        if room_of(&last) <= width {
            let shown: Vec<String> = last.iter().map(|(part, text)| part.shown(text, paint)).collect();
            return shown.join(GAP);
        }
    }
    last.first().map_or_else(String::new, |(part, text)| part.shown(cut(text, width), paint))
}

/// The room that is taken when another part joins these.
pub(super) fn room_beside(parts: &[Part]) -> usize {
    parts.iter().map(|part| columns(part.long()) + GAP.len()).sum()
}

fn room_of(choice: &[(&Part, &str)]) -> usize {
    let gaps = choice.len().saturating_sub(1) * GAP.len();
    choice.iter().map(|(_, text)| columns(text)).sum::<usize>() + gaps
}

const GAP: &str = "  ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_forms_go_first_then_what_matters_least_then_all_but_a_beginning() {
        let part = |rank, long: &str, short: &str| Part::new(rank, [long.into(), short.into()]);
        let parts = [part(1, "first", "1st"), part(0, "second", "2nd"), part(2, "third", "3rd").painted(Paint::bad)];
        let line = |width| fitted(&parts, width, Paint::new(false));
        assert_eq!(line(20), "first  second  third");
        assert_eq!(line(19), "1st  2nd  3rd");
        assert_eq!(line(12), "1st  2nd");
        assert_eq!(line(7), "2nd");
        assert_eq!(line(2), "2n");
        assert_eq!(line(0), "");
        assert_eq!(fitted(&parts, 13, Paint::new(true)), "1st  2nd  \x1b[31m3rd\x1b[0m", "colour takes no room");
    }
}
