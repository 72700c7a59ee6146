//! A line of figures that fits into a width: it shortens the figures first, then drops the least important ones.

use super::color::{Colorizer, display_width, truncate};

/// A figure of a line.
pub(super) struct LineSegment {
    /// The importance. Segments with the highest rank are dropped first, and 0 last.
    rank: usize,
    /// The texts for the figure, from long to short.
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
        self.color.map_or_else(|| text.to_owned(), |color| color(colors, text))
    }
}

/// Returns the segments in their order, as many and as long as `width` columns allow. If no segment fits, returns a
/// prefix of the most important one.
pub(super) fn fit_line(segments: &[LineSegment], width: usize, colors: Colorizer) -> String {
    let all_long: Vec<_> = segments.iter().map(|segment| (segment, segment.long_form())).collect();
    if total_width(&all_long) <= width {
        return render_all(&all_long, colors);
    }
    let last_rank = segments.iter().map(|segment| segment.rank).max().unwrap_or(0);
    let mut candidate = Vec::new();
    for max_rank in (0..=last_rank).rev() {
        let kept = segments.iter().filter(|segment| segment.rank <= max_rank);
        candidate = kept.map(|segment| (segment, segment.short_form())).collect();
        if total_width(&candidate) <= width {
            return render_all(&candidate, colors);
        }
    }
    candidate.first().map_or_else(String::new, |(segment, text)| segment.render(truncate(text, width), colors))
}

/// Returns the columns that these segments and the gaps take beside one more segment.
pub(super) fn width_beside(segments: &[LineSegment]) -> usize {
    segments.iter().map(|segment| display_width(segment.long_form()) + GAP.len()).sum()
}

fn render_all(texts: &[(&LineSegment, &str)], colors: Colorizer) -> String {
    let rendered: Vec<String> = texts.iter().map(|(segment, text)| segment.render(text, colors)).collect();
    rendered.join(GAP)
}

fn total_width(texts: &[(&LineSegment, &str)]) -> usize {
    let gaps = texts.len().saturating_sub(1) * GAP.len();
    texts.iter().map(|(_, text)| display_width(text)).sum::<usize>() + gaps
}

const GAP: &str = "  ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_forms_then_segments_are_dropped() {
        let segment = |rank, long: &str, short: &str| LineSegment::new(rank, [long.into(), short.into()]);
        let third = segment(2, "third", "3rd").colored(Colorizer::failure);
        let segments = [segment(1, "first", "1st"), segment(0, "second", "2nd"), third];
        let line = |width| fit_line(&segments, width, Colorizer::new(false));
        assert_eq!(line(20), "first  second  third");
        assert_eq!(line(19), "1st  2nd  3rd");
        assert_eq!(line(12), "1st  2nd");
        assert_eq!(line(7), "2nd");
        assert_eq!(line(2), "2n");
        assert_eq!(line(0), "");
        assert_eq!(
            fit_line(&segments, 13, Colorizer::new(true)),
            "1st  2nd  \x1b[31m3rd\x1b[0m",
            "color takes no columns"
        );
    }
}
