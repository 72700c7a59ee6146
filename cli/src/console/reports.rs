//! The reports of aborted requests, of errors and of exceptions.
//!
//! The report of errors is Locust's `print_error_report`. The others have the same form. Locust shows exceptions on its
//! web page only, and aborted requests nowhere.
//!
//! Errors and messages are wrapped to the width. Tracebacks are not, because their lines are copied.

use std::{borrow::Cow, time::Duration};

use gregaria_stats::Summary;

use super::{
    TableWidth,
    color::{display_width, wrap_words},
    escape_control,
    format::format_duration,
};

/// Formats the errors and their occurrences. `explain` returns an error's text with its remedy, if there is one. The
/// text is empty without errors.
pub(crate) fn error_report(summary: &Summary, width: TableWidth, explain: fn(&str) -> Cow<'_, str>) -> String {
    let row = |error: &gregaria_stats::ErrorEntry| {
        let text = format!("{} {}: {}", error.method(), error.name(), explain(error.error()));
        (error.occurrences(), wrap(&escape_control(text.trim_start_matches([' ', ':'])), width))
    };
    render_report(["Error report", "Error"], summary.errors().map(row), width)
}

/// Formats the aborted requests and the longest wait for each name. The text is empty without aborted requests.
pub(crate) fn aborted_report(summary: &Summary, width: TableWidth) -> String {
    let row = |entry: &gregaria_stats::StatsEntry| {
        let (aborted, name) = (entry.aborted(), format!("{} {}", entry.method(), entry.name()));
        let name = escape_control(name.trim_start()).into_owned();
        let wait = format_duration(Duration::from_micros(aborted.max_wait_us));
        (aborted.count, wrap(&format!("{name}: waited up to {wait}"), width))
    };
    let entries = summary.entries().filter(|entry| entry.aborted().count > 0);
    render_report(["Unanswered requests", "Request"], entries.map(row), width)
}

/// Formats the exceptions, their occurrences and their tracebacks. The text is empty without exceptions.
pub(crate) fn exception_report(summary: &Summary, width: TableWidth) -> String {
    let row = |exception: &gregaria_stats::ExceptionEntry| {
        let message = wrap(&escape_control(exception.message()), width);
        let traceback = exception.traceback().lines().map(|line| escape_control(line).into_owned());
        (exception.occurrences(), [message].into_iter().chain(traceback).collect::<Vec<_>>().join("\n"))
    };
    render_report(["Exception report", "Exception"], summary.exceptions().map(row), width)
}

fn render_report([title, column]: [&str; 2], rows: impl Iterator<Item = (u64, String)>, width: TableWidth) -> String {
    let rows: Vec<(u64, String)> = rows.collect();
    if rows.is_empty() {
        return String::new();
    }
    let longest = rows.iter().flat_map(|(_, text)| text.lines()).map(display_width).max().unwrap_or(0);
    let rule_columns = longest.max(MIN_TEXT_COLUMNS).min(text_columns(width).unwrap_or(usize::MAX));
    let rule = format!("{}|{}\n", "-".repeat(COUNT_COLUMNS), "-".repeat(rule_columns));
    let mut report = format!("{title}\n{:COUNT_COLUMNS$} {column}\n{rule}", "# occurrences");
    for (occurrences, text) in rows {
        let text = text.replace('\n', &format!("\n{:TEXT_START$}", ""));
        report += &format!("{occurrences:<COUNT_COLUMNS$} {text}\n");
    }
    report + &rule + "\n"
}

fn wrap(text: &str, width: TableWidth) -> String {
    wrap_words(text, text_columns(width), "")
}

/// Returns the columns beside the counts; `None` without a limit.
fn text_columns(width: TableWidth) -> Option<usize> {
    width.columns().map(|columns| columns.saturating_sub(TEXT_START).max(MIN_TEXT_COLUMNS))
}

/// The width of the column of counts.
const COUNT_COLUMNS: usize = 18;

/// The column in which the texts start.
const TEXT_START: usize = COUNT_COLUMNS + 1;

/// The least width of the column of texts.
const MIN_TEXT_COLUMNS: usize = 40;

#[cfg(test)]
mod tests {
    use gregaria_stats::{Limits, Outcome, Recorder};

    use super::*;
    use crate::fixture;

    const WIDTH: TableWidth = TableWidth(Some(80));

    fn explain(error: &str) -> Cow<'_, str> {
        if error.starts_with("bad") { format!("explained: {error}").into() } else { error.into() }
    }

    #[test]
    fn error_report_has_the_form_of_locust() {
        let mut recorder = Recorder::new(Limits::default());
        for (name, error) in [("/", "connection refused"), ("/", "connection refused"), ("/b", "bad\x1b[2J\nbody")] {
            recorder.record(&fixture::sample("GET", name, 1, Outcome::Failure(error)));
        }
        let expected = "\
Error report
# occurrences      Error
------------------|----------------------------------------
2                  GET /: connection refused
1                  GET /b: explained: bad\\u{1b}[2J\\nbody
------------------|----------------------------------------

";
        let report = error_report(&fixture::summary_of(recorder), WIDTH, explain);
        assert_eq!(report, expected);
    }

    #[test]
    fn long_error_is_wrapped_in_a_terminal() {
        let error = "connection refused: the port of the target is closed, or a firewall rejects connections to it";
        let summary = fixture::summary(&[("GET", "/", 1, Some(error))]);
        let expected = "\
Error report
# occurrences      Error
------------------|----------------------------------------------------------
1                  GET /: connection refused: the port of the target is
                   closed, or a firewall rejects connections to it
------------------|----------------------------------------------------------

";
        let report = error_report(&summary, TableWidth(Some(76)), explain);
        assert_eq!(report.replace(&"-".repeat(52), &"-".repeat(58)), expected);
        assert!(error_report(&summary, TableWidth(None), explain).contains(&format!("GET /: {error}\n")));
    }

    #[test]
    fn aborted_report_names_the_longest_wait() {
        let mut recorder = Recorder::new(Limits::default());
        recorder.record(&fixture::sample("GET", "/", 1, Outcome::Success));
        recorder.record_aborted("GET", "/slow", 0, 4_012_000_000);
        recorder.record_aborted("GET", "/slow", 3_000_000_000, 4_012_000_000);
        recorder.record_aborted("", "(further names)", 0, 7_000_000);
        let expected = "\
Unanswered requests
# occurrences      Request
------------------|----------------------------------------
1                  (further names): waited up to 7.00 ms
2                  GET /slow: waited up to 4.01 s
------------------|----------------------------------------

";
        assert_eq!(aborted_report(&fixture::summary_of(recorder), WIDTH), expected);
    }

    #[test]
    fn exception_is_followed_by_its_traceback() {
        let mut recorder = Recorder::new(Limits::default());
        recorder.record_exception("boom", "at load.rs:7\nin task index");
        recorder.record_exception("boom", "at load.rs:7\nin task index");
        recorder.record_exception("bang", "");
        let expected = "\
Exception report
# occurrences      Exception
------------------|----------------------------------------
2                  boom
                   at load.rs:7
                   in task index
1                  bang
------------------|----------------------------------------

";
        assert_eq!(exception_report(&fixture::summary_of(recorder), WIDTH), expected);
    }

    #[test]
    fn reports_are_empty_without_errors() {
        let summary = fixture::summary(&[("GET", "/", 1, None)]);
        let reports = [aborted_report, exception_report].map(|report| report(&summary, WIDTH));
        assert_eq!(error_report(&summary, WIDTH, explain) + &reports.concat(), "");
    }
}
