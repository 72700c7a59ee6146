//! The key figures of a run, which precede the tables: rate, failures, response times, status codes, data, run time and
//! users.

use std::time::Duration;

use gregaria_stats::{StatsEntry, Summary};

use super::{
    TableWidth,
    color::{Colorizer, wrap_words},
    format::{format_bytes_per_s, format_duration, format_ms, format_percentile, format_rate, pluralize},
};

/// Formats the key figures of a run with at most `users` users, in which the statistics cover the time `measured`.
pub(crate) fn key_figures(
    summary: &Summary,
    measured: Duration,
    users: u32,
    width: TableWidth,
    colors: Colorizer,
) -> String {
    let total = summary.total();
    let lines = [
        Some(format!("Requests/s:   {}", request_text(total, measured, users))),
        Some(failure_line(summary, colors)),
        (total.num_requests() > 0).then(|| format!("Times in ms:  {}", time_text(total))),
        status_text(summary).map(|text| format!("Status codes: {text}")),
        data_text(total, measured).map(|text| format!("Data:         {text}")),
    ];
    let lines: String = lines.into_iter().flatten().map(|line| line + "\n").collect();
    wrap_words(&lines, width.columns(), LABEL_INDENT) + "\n"
}

fn request_text(total: &StatsEntry, measured: Duration, users: u32) -> String {
    let rate = total.total_rps(measured.as_secs_f64());
    // Two decimals would be off by a quarter at one request in 75 s.
    let rate = if rate > 0.0 && rate < 1.0 { format!("{rate:.4}") } else { format_rate(rate, 7) };
    let requests = pluralize(total.num_requests(), "request");
    format!("{rate}  ({requests} in {} by {})", format_duration(measured), pluralize(users.into(), "user"))
}

fn failure_line(summary: &Summary, colors: Colorizer) -> String {
    let total = summary.total();
    let failures = pluralize(total.num_failures(), "failure");
    let line = format!("Failures:     {:.2} %  ({failures})", total.fail_ratio() * 100.0);
    let exceptions: u64 = summary.exceptions().map(gregaria_stats::ExceptionEntry::occurrences).sum();
    let line = if exceptions == 0 { line } else { format!("{line}, {}", pluralize(exceptions, "exception")) };
    if total.num_failures() + exceptions == 0 { line } else { colors.failure(&line) }
}

fn time_text(total: &StatsEntry) -> String {
    let percentiles = [("p50", 0.5), ("p95", 0.95), ("p99", 0.99)];
    let percentiles = percentiles.map(|(name, q)| format!("{name} {}", format_percentile(total.percentile_us(q))));
    let mean = format!("mean {}", format_ms(total.avg_us()));
    let max = format!("max {}", format_ms(total.max_us() as f64));
    [&percentiles[..], &[mean, max]].concat().join("  ")
}

/// Returns `None` if no request was of a protocol with status codes.
fn status_text(summary: &Summary) -> Option<String> {
    let mut statuses = summary.statuses().sorted();
    if statuses.first().is_some_and(|(status, _)| *status == 0) {
        // Requests without a response come last.
        statuses.rotate_left(1);
    }
    let texts = statuses.iter().map(|(status, count)| match status {
        0 => format!("no response: {count}"),
        _ => format!("{status}: {count}"),
    });
    Some(texts.collect::<Vec<_>>().join(", ")).filter(|text| !text.is_empty())
}

/// Returns `None` without bytes, or without a time to relate them to.
fn data_text(total: &StatsEntry, measured: Duration) -> Option<String> {
    let per_s = |bytes: u64| format_bytes_per_s(bytes as f64 / measured.as_secs_f64());
    (!measured.is_zero() && total.bytes_in() + total.bytes_out() > 0).then(|| {
        format!("{} in (bodies), {} out (heads and bodies)", per_s(total.bytes_in()), per_s(total.bytes_out()))
    })
}

/// The indent of a continued line: the width of the labels.
const LABEL_INDENT: &str = "              ";

#[cfg(test)]
mod tests {
    use gregaria_stats::{Limits, Outcome, Recorder, Sample};

    use super::*;
    use crate::fixture;

    const PLAIN: Colorizer = Colorizer::new(false);

    /// The summary of one request per status and response time in µs, sent 1,000 times.
    fn summary(requests: &[(u16, u64)]) -> Summary {
        let mut recorder = Recorder::new(Limits::default());
        for (status, us) in requests {
            let outcome = if *status == 200 { Outcome::Success } else { Outcome::Failure("bad") };
            let sample = Sample { status: Some(*status), ..fixture::sample("GET", "/", *us, outcome) };
            (0..1_000).for_each(|_| recorder.record(&sample));
        }
        fixture::summary_of(recorder)
    }

    fn figures(summary: &Summary, columns: Option<u16>) -> String {
        key_figures(summary, Duration::from_millis(500), 8, TableWidth::new(columns), PLAIN)
    }

    #[test]
    fn rate_failures_and_times_come_first() {
        let expected = "\
Requests/s:   6000.00  (3000 requests in 500 ms by 8 users)
Failures:     66.67 %  (2000 failures)
Times in ms:  p50 12.3  p95 250  p99 250  mean 87.5  max 250
Status codes: 200: 1000, 503: 1000, no response: 1000
Data:         600 kB/s in (bodies), 300 kB/s out (heads and bodies)

";
        assert_eq!(figures(&summary(&[(0, 250_000), (200, 64), (503, 12_300)]), None), expected);
    }

    #[test]
    fn exceptions_are_beside_the_failures() {
        let mut recorder = Recorder::new(Limits::default());
        (0..2).for_each(|_| recorder.record_exception("boom", ""));
        let expected = "\
Requests/s:   0.00  (0 requests in 500 ms by 8 users)
Failures:     0.00 %  (0 failures), 2 exceptions

";
        assert_eq!(figures(&fixture::summary_of(recorder), None), expected);
    }

    #[test]
    fn many_status_codes_are_wrapped() {
        let statuses: Vec<(u16, u64)> = (400..412).map(|status| (status, 1)).collect();
        let text = figures(&summary(&statuses), Some(80));
        let lines: Vec<&str> = text.lines().skip(3).take(2).collect();
        assert_eq!(lines[0], "Status codes: 400: 1000, 401: 1000, 402: 1000, 403: 1000, 404: 1000, 405: 1000,");
        assert!(lines[1].starts_with("              406: 1000, 407"), "{text}");
    }

    #[test]
    fn failures_are_red() {
        let colors = Colorizer::new(true);
        let text = |summary| key_figures(&summary, Duration::from_secs(1), 1, TableWidth::default(), colors);
        assert!(text(summary(&[(503, 1)])).contains("\x1b[31mFailures:     100.00 %  (1000 failures)\x1b[0m\n"));
        assert!(!text(summary(&[(200, 1)])).contains('\x1b'));
    }
}
