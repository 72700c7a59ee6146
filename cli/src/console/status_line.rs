//! One line of figures that gives way to the room: long forms first, then the figures that matter least.

use super::color::{Colorizer, display_width, truncate};

/// A figure of a line, in its forms from long to short.
pub(super) struct LineSegment {
    /// 0 stays longest.
    rank: usize,
    forms: Vec<String>,
    color: Option<fn(Colorizer, &str) -> String>,
}

impl LineSegment {
    pub(super) fn new<const FORMS: usize>(rank: usize, forms: [String; FORMS]) -> Self {
        Self { rank, forms: forms.into(), color: None }
    }

    pub(super) fn colored(self, color: fn(Colorizer, &str) -> String) -> Self {
        Self { color: Some(color), ..self }
    }

    fn long_form(&self) -> &str {
        self.forms.first().map_or("", String::as_str)
    }

    fn short_form(&self) -> &str {
        self.forms.last().map_or("", String::as_str)
    }

    fn render(&self, text: &str, colors: Colorizer) -> String {
        self.color.map_or_else(|| text.to_owned(), |painted| painted(colors, text))
    }
}

/// The parts in their order, as many and as long as `width` allows; at worst the beginning of the one that matters
/// most.
pub(super) fn fit_line(segments: &[LineSegment], width: usize, colors: Colorizer) -> String {
    let last_rank = segments.iter().map(|part| part.rank).max().unwrap_or(0);
    let long = segments.iter().map(|part| (part, part.long_form())).collect();
    let short =
        |rank: usize| segments.iter().filter(|part| part.rank <= rank).map(|part| (part, part.short_form())).collect();
    let choices = [long].into_iter().chain((0..=last_rank).rev().map(short));
    let mut last = Vec::new();
    for choice in choices {
        last = choice;
        if total_width(&last) <= width {
            let shown: Vec<String> = last.iter().map(|(part, text)| part.render(text, colors)).collect();
            return shown.join(GAP);
        }
    }
    last.first().map_or_else(String::new, |(part, text)| part.render(truncate(text, width), colors))
}

/// The room that is taken when another part joins these.
pub(super) fn width_beside(segments: &[LineSegment]) -> usize {
    segments.iter().map(|part| display_width(part.long_form()) + GAP.len()).sum()
}

fn total_width(choice: &[(&LineSegment, &str)]) -> usize {
    let gaps = choice.len().saturating_sub(1) * GAP.len();
    choice.iter().map(|(_, text)| display_width(text)).sum::<usize>() + gaps
}

const GAP: &str = "  ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_forms_go_first_then_what_matters_least_then_all_but_a_beginning() {
        let part = |rank, long: &str, short: &str| LineSegment::new(rank, [long.into(), short.into()]);
        let parts =
            [part(1, "first", "1st"), part(0, "second", "2nd"), part(2, "third", "3rd").colored(Colorizer::failure)];
        let line = |width| fit_line(&parts, width, Colorizer::new(false));
        assert_eq!(line(20), "first  second  third");
        assert_eq!(line(19), "1st  2nd  3rd");
        assert_eq!(line(12), "1st  2nd");
        assert_eq!(line(7), "2nd");
        assert_eq!(line(2), "2n");
        assert_eq!(line(0), "");
        assert_eq!(fit_line(&parts, 13, Colorizer::new(true)), "1st  2nd  \x1b[31m3rd\x1b[0m", "colour takes no room");
    }
}
