//! The error report and the exception report.
//!
//! The first is Locust's `print_error_report`. The second has the same form. Locust shows it on its web page only.

use gregaria_stats::Summary;

use super::{TableWidth, escape_control};

/// Formats the errors and their occurrences. The text is empty without errors.
pub(crate) fn error_report(summary: &Summary, width: TableWidth) -> String {
    let row = |error: &gregaria_stats::ErrorEntry| {
        let text = format!("{} {}: {}", error.method(), error.name(), error.error());
        (error.occurrences(), escape_control(text.trim_start_matches([' ', ':'])).into_owned())
    };
    render_report(["Error report", "Error"], summary.errors().map(row), width)
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
        assert_eq!(error_report(&summary, WIDTH) + &exception_report(&summary, WIDTH), "");
    }
}
