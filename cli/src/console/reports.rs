//! The reports of errors, of aborted requests and of exceptions.
//!
//! The first is Locust's `print_error_report`. The others have the same form. Locust shows exceptions on its web page
//! only, and aborted requests nowhere.

use gregaria_stats::Summary;

use super::{TableWidth, escape_control, format::format_wait};

/// Formats the errors and their occurrences. The text is empty without errors.
pub(crate) fn error_report(summary: &Summary, width: TableWidth) -> String {
    let row = |error: &gregaria_stats::ErrorEntry| {
        let text = format!("{} {}: {}", error.method(), error.name(), error.error());
        (error.occurrences(), escape_control(text.trim_start_matches([' ', ':'])).into_owned())
    };
    render_report(["Error report", "Error"], summary.errors().map(row), width)
}

/// Formats the aborted requests and the longest wait for each name. The text is empty without aborted requests.
pub(crate) fn aborted_report(summary: &Summary, width: TableWidth) -> String {
    let row = |entry: &gregaria_stats::StatsEntry| {
        let (aborted, name) = (entry.aborted(), format!("{} {}", entry.method(), entry.name()));
        let name = escape_control(name.trim_start()).into_owned();
        (aborted.count, format!("{name}: waited up to {} for a response", format_wait(aborted.max_wait_us)))
    };
    let entries = summary.entries().filter(|entry| entry.aborted().count > 0);
    render_report(["Unanswered requests", "Request"], entries.map(row), width)
}

/// Formats the exceptions, their occurrences and their tracebacks. The text is empty without exceptions.
pub(crate) fn exception_report(summary: &Summary, width: TableWidth) -> String {
    let row = |exception: &gregaria_stats::ExceptionEntry| {
        let lines = std::iter::once(exception.message()).chain(exception.traceback().lines());
        let lines: Vec<_> = lines.map(escape_control).collect();
        (exception.occurrences(), lines.join(&format!("\n{:19}", "")))
    };
    render_report(["Exception report", "Exception"], summary.exceptions().map(row), width)
}

fn render_report([title, column]: [&str; 2], rows: impl Iterator<Item = (u64, String)>, width: TableWidth) -> String {
    let rows: String = rows.map(|(occurrences, text)| format!("{occurrences:<18} {text}\n")).collect();
    if rows.is_empty() {
        return rows;
    }
    let rule = format!("{}|{}", "-".repeat(18), "-".repeat(80 + width.name_columns() - 19));
    format!("{title}\n{:18} {column}\n{rule}\n{rows}{rule}\n\n", "# occurrences")
}

#[cfg(test)]
mod tests {
    use gregaria_stats::{Limits, Outcome, Recorder};

    use super::*;
    use crate::fixture;

    const WIDTH: TableWidth = TableWidth(16);

    #[test]
    fn error_report_has_the_form_of_locust() {
        let mut recorder = Recorder::new(Limits::default());
        for (name, error) in [("/", "connection refused"), ("/", "connection refused"), ("/b", "bad\x1b[2J\nbody")] {
            recorder.record(&fixture::sample("GET", name, 1, Outcome::Failure(error)));
        }
        let expected = "\
Error report
# occurrences      Error
------------------|-----------------------------------------------------------------------------
2                  GET /: connection refused
1                  GET /b: bad\\u{1b}[2J\\nbody
------------------|-----------------------------------------------------------------------------

";
        assert_eq!(error_report(&fixture::summary_of(recorder), WIDTH), expected);
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
------------------|-----------------------------------------------------------------------------
1                  (further names): waited up to 7.00 ms for a response
2                  GET /slow: waited up to 4.01 s for a response
------------------|-----------------------------------------------------------------------------

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
------------------|-----------------------------------------------------------------------------
2                  boom
                   at load.rs:7
                   in task index
1                  bang
------------------|-----------------------------------------------------------------------------

";
        assert_eq!(exception_report(&fixture::summary_of(recorder), WIDTH), expected);
    }

    #[test]
    fn reports_are_empty_without_errors() {
        let summary = fixture::summary(&[("GET", "/", 1, None)]);
        let reports = [error_report, aborted_report, exception_report].map(|report| report(&summary, WIDTH));
        assert_eq!(reports.concat(), "");
    }
}
