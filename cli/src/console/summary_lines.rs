//! The last lines of a run: facts that the tables do not show, and whether the generator was the bottleneck.
//!
//! A line appears only if it applies. The line about the generator appears after each run (`generator_line.rs`).

use std::time::Duration;

use gregaria_engine::RunReport;
use gregaria_http::CookieJar;
use gregaria_stats::{FOLDED_ERROR, FOLDED_EXCEPTION, FOLDED_NAME, Overflow, Phase, StatsEntry};

use super::{
    TableWidth,
    color::wrap_words,
    format::{format_duration, format_ms, pluralize},
    generator_line::generator_line,
};

/// Formats the summary lines. `total` is the entry of all requests together.
pub(crate) fn summary_lines(report: &RunReport, total: &StatsEntry, overflow: &Overflow, width: TableWidth) -> String {
    let last = [connection_line(total), Some(generator_line(&report.health, total))];
    let retries = counted_line(total.num_retries(), "request", RETRIED);
    let lines = [aborted_line(total), retries].into_iter().chain(overflow_lines(overflow)).chain(last);
    let lines: String = lines.flatten().map(|line| line + "\n").collect();
    wrap_words(&lines, width.columns(), "  ")
}

/// Formats the number of aborted requests and the longest wait among them. Returns `None` if no request was aborted.
fn aborted_line(total: &StatsEntry) -> Option<String> {
    let aborted = total.aborted();
    let wait = format_duration(Duration::from_micros(aborted.max_wait_us));
    match aborted.count {
        1 => Some(format!("1 request cut off: it had waited {wait}")),
        count => counted_line(count, "request", &format!("cut off: the oldest had waited {wait}")),
    }
}

/// Formats the counts of samples that the limits on memory hide from the tables.
fn overflow_lines(overflow: &Overflow) -> [Option<String>; 6] {
    let folded = |row: &str, what: &str| format!("counted in the row \"{row}\": there were too many {what}");
    [
        counted_line(overflow.names_folded, "request", &folded(FOLDED_NAME, "names")),
        counted_line(overflow.errors_folded, "failure", &folded(FOLDED_ERROR, "different errors")),
        counted_line(overflow.exceptions_folded, "exception", &folded(FOLDED_EXCEPTION, "different exceptions")),
        counted_line(overflow.texts_truncated, "text", "cut short: see the beginnings of long names and messages"),
        counted_line(overflow.beyond_range, "response time", "above 3600 s: exact in average and maximum only"),
        counted_line(
            overflow.dropped_cookies,
            "cookie",
            &format!("dropped: a user holds at most {}", CookieJar::MAX_COOKIES),
        ),
    ]
}

/// Formats the connect, TLS and name resolution times, including failed attempts. Returns `None` if no request had to
/// open a connection.
fn connection_line(total: &StatsEntry) -> Option<String> {
    let parts = [(Phase::Connect, "a connect"), (Phase::Tls, "a TLS handshake"), (Phase::Resolve, "a name resolution")];
    let parts = parts.into_iter().map(|(phase, what)| (what, total.phase(phase))).filter(|(_, time)| time.count > 0);
    let parts = parts.map(|(what, time)| {
        let (avg, max) = (format_ms(time.avg_us()), format_ms(time.max_us as f64));
        format!("{what}: {} (avg {avg} ms, max {max} ms)", time.count)
    });
    let parts: Vec<String> = parts.collect();
    (!parts.is_empty()).then(|| format!("Requests with {}", parts.join(", ")))
}

/// The fact about a request that a reused connection lost.
const RETRIED: &str = "sent again: the target had closed the kept connection";

/// Formats a count: `3 requests WHAT`. Returns `None` for zero.
fn counted_line(count: u64, noun: &str, what: &str) -> Option<String> {
    (count > 0).then(|| format!("{} {what}", pluralize(count, noun)))
}

#[cfg(test)]
mod tests {
    use gregaria_engine::GeneratorHealth;
    use gregaria_stats::{Limits, Outcome, Recorder, Sample, Summary};

    use super::*;
    use crate::fixture::{self, report};

    fn no_requests() -> Summary {
        fixture::summary(&[])
    }

    #[test]
    fn run_without_problems_has_only_the_generator_line() {
        let lines = summary_lines(
            &report(fixture::health(45)),
            no_requests().total(),
            &Overflow::default(),
            TableWidth::new(Some(80)),
        );
        let expected = "\
Generator: it kept up, so the figures above are the target's; its thread used 45
  % of a core
";
        assert_eq!(lines, expected);
    }

    #[test]
    fn aborted_and_folded_samples_are_reported() {
        let overflow = Overflow {
            names_folded: 1,
            errors_folded: 2,
            exceptions_folded: 3,
            texts_truncated: 4,
            beyond_range: 5,
            dropped_cookies: 6,
        };
        let mut recorder = Recorder::new(Limits::default());
        recorder.record_aborted("GET", "/slow", 0, 900_000_000);
        recorder.record_aborted("GET", "/other", 0, 4_010_000_000);
        let summary = fixture::summary_of(recorder);
        let text =
            summary_lines(&report(GeneratorHealth::default()), summary.total(), &overflow, TableWidth::default());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..7],
            [
                "2 requests cut off: the oldest had waited 4.01 s",
                "1 request counted in the row \"(further names)\": there were too many names",
                "2 failures counted in the row \"(further errors)\": there were too many different errors",
                "3 exceptions counted in the row \"(further exceptions)\": there were too many different exceptions",
                "4 texts cut short: see the beginnings of long names and messages",
                "5 response times above 3600 s: exact in average and maximum only",
                "6 cookies dropped: a user holds at most 64",
            ]
        );
    }

    #[test]
    fn connection_times_are_reported() {
        let sample = fixture::sample("GET", "/", 1_000, Outcome::Success);
        let mut recorder = Recorder::new(Limits::default());
        recorder.record(&Sample { phases_ns: [0, 0, 0, 70_000, 0], ..sample });
        for connect_ns in [200_000, 400_000] {
            recorder.record(&Sample { phases_ns: [0, connect_ns, 0, 0, 0], ..sample });
        }
        let connects = "Requests with a connect: 2 (avg 0.300 ms, max 0.400 ms)";
        assert_eq!(connection_line(fixture::summary_of(recorder).total()).as_deref(), Some(connects));

        let mut recorder = Recorder::new(Limits::default());
        let phases_ns = [1_200_000, 300_000, 4_110_000, 0, 0];
        recorder.record(&Sample { phases_ns, ..sample });
        let text = summary_lines(
            &report(GeneratorHealth::default()),
            fixture::summary_of(recorder).total(),
            &Overflow::default(),
            TableWidth::default(),
        );
        assert_eq!(
            text.lines().next(),
            Some(
                "Requests with a connect: 1 (avg 0.300 ms, max 0.300 ms), \
                 a TLS handshake: 1 (avg 4.11 ms, max 4.11 ms), a name resolution: 1 (avg 1.20 ms, max 1.20 ms)"
            )
        );
    }
}
