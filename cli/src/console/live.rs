//! The live display: the state of a run at one time, as lines for a terminal of any size.
//!
//! If the space is too small, first the long forms of figures are dropped, then figures, then lines. No line is wider
//! than the given width. `terminal/screen.rs` draws the lines, and `run/live_display.rs` collects the figures.

use std::time::Duration;

use gregaria_engine::RunnerState;

use super::{
    color::{Colorizer, cut_middle, display_width},
    escape_control,
    format::{format_ms, format_percentile, format_rate, pluralize},
    status_line::{LineSegment, fit_line, width_beside},
};

/// The state of a run at one time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LiveSnapshot {
    /// The state of the runner.
    pub(crate) state: RunnerState,
    /// Time since the start of the run.
    pub(crate) elapsed: Duration,
    /// The time that the last requests have; `None` unless the run is stopping.
    pub(crate) stop_time_left: Option<Duration>,
    /// Progress towards the end of the run; `None` without a limit.
    pub(crate) progress: Option<RunProgress>,
    /// Running users.
    pub(crate) users: u32,
    /// Users at the end of the ramp.
    pub(crate) target_users: u32,
    /// Current requests per second.
    pub(crate) requests_per_s: f64,
    /// Finished requests.
    pub(crate) num_requests: u64,
    /// Failures.
    pub(crate) num_failures: u64,
    /// Exceptions of user code.
    pub(crate) num_exceptions: u64,
    /// Response times of the last 10 s; `None` without requests.
    pub(crate) response_times: Option<ResponseTimes>,
    /// The current CPU share of each thread, 0 to 1 core.
    pub(crate) cpu_shares: Vec<f64>,
    /// The reason why the generator is the bottleneck; `None` if it is not.
    pub(crate) bottleneck: Option<String>,
    /// The names with the most requests per second, in descending order.
    pub(crate) names: Vec<NameStats>,
    /// Whether keys are read.
    pub(crate) has_keys: bool,
}

/// The progress of a run towards its limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RunProgress {
    /// The completed fraction, 0 to 1.
    pub(crate) fraction: f64,
    /// Time to the end of the run; `None` without an estimate.
    pub(crate) remaining: Option<Duration>,
}

/// Percentiles of response times, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ResponseTimes {
    /// Median.
    pub(crate) p50_us: u64,
    /// 95th percentile.
    pub(crate) p95_us: u64,
    /// 99th percentile.
    pub(crate) p99_us: u64,
    /// Maximum.
    pub(crate) max_us: u64,
}

/// The figures of one name.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NameStats {
    /// The method of the requests.
    pub(crate) method: String,
    /// The name of the requests.
    pub(crate) name: String,
    /// Current requests per second.
    pub(crate) requests_per_s: f64,
    /// The share of failures since the start, 0 to 1.
    pub(crate) fail_ratio: f64,
    /// The median response time since the start, in microseconds.
    pub(crate) median_us: u64,
}

/// Formats the live display: at most `rows` lines of at most `width` columns.
pub(crate) fn live_lines(snapshot: &LiveSnapshot, width: usize, rows: usize, colors: Colorizer) -> Vec<String> {
    let mut lines = vec![
        progress_line(snapshot, width, colors),
        fit_line(&count_segments(snapshot), width, colors),
        fit_line(&response_time_segments(snapshot.response_times), width, colors),
        fit_line(&generator_segments(snapshot), width, colors),
    ];
    if snapshot.bottleneck.is_some() {
        // Only the progress line is more important.
        lines[1..].rotate_right(1);
    }
    let keys = snapshot.has_keys.then(|| fit_line(&key_segments(), width, colors));
    // The names may fill the display up to half of the terminal.
    let used_rows = lines.len() + keys.iter().len();
    let free_rows = (rows / 2).saturating_sub(used_rows);
    lines.extend(busiest_lines(&snapshot.names, width, free_rows, colors));
    lines.extend(keys);
    lines.truncate(rows);
    lines
}

fn progress_line(snapshot: &LiveSnapshot, width: usize, colors: Colorizer) -> String {
    let elapsed = LineSegment::new(1, [format_clock(snapshot.elapsed)]);
    if let Some(left) = snapshot.stop_time_left {
        // Rounded up, so that 0:00 appears at the end only.
        let left = format_clock(left + Duration::from_nanos(999_999_999));
        let left = LineSegment::new(0, [format!("the last requests have {left} left"), format!("{left} left")]);
        return fit_line(&[state_segment(snapshot.state), elapsed, left], width, colors);
    }
    let Some(RunProgress { fraction, remaining }) = snapshot.progress else {
        return fit_line(&[state_segment(snapshot.state), elapsed], width, colors);
    };
    // Rounded down, so that 100 % appears at the end only.
    let percent = LineSegment::new(0, [format!("{:3} %", (fraction * 100.0) as u64)]);
    let remaining = remaining.map(|time| LineSegment::new(2, [format!("{} left", format_clock(time))]));
    let mut segments: Vec<LineSegment> =
        [state_segment(snapshot.state), percent, elapsed].into_iter().chain(remaining).collect();
    if width < width_beside(&segments) + MIN_BAR_COLUMNS && segments.len() > 3 {
        // On a narrow terminal the bar is more useful than the elapsed time.
        segments.remove(2);
    }
    let bar_columns = width.saturating_sub(width_beside(&segments)).min(MAX_BAR_COLUMNS);
    if bar_columns >= MIN_BAR_COLUMNS {
        let bar = LineSegment::new(3, [progress_bar(fraction, bar_columns)]);
        segments.insert(1, bar.colored(Colorizer::success));
    }
    fit_line(&segments, width, colors)
}

fn state_segment(state: RunnerState) -> LineSegment {
    let segment = LineSegment::new(0, [format!("{:8}", state.as_str())]);
    segment.colored(if state == RunnerState::Running { Colorizer::success } else { Colorizer::warning })
}

/// Formats a progress bar: `[=====>    ]`.
fn progress_bar(fraction: f64, width: usize) -> String {
    let inner_width = width - 2;
    let done = ((inner_width as f64 * fraction) as usize).min(inner_width);
    let tip = if done < inner_width { ">" } else { "" };
    format!("[{:inner_width$}]", "=".repeat(done) + tip)
}

fn failure_segment(num_failures: u64, num_requests: u64) -> LineSegment {
    let ratio = if num_requests == 0 { 0.0 } else { num_failures as f64 / num_requests as f64 * 100.0 };
    let failures = [format!("{} ({ratio:.2} %)", pluralize(num_failures, "failure")), format!("{num_failures} failed")];
    let failures = LineSegment::new(1, failures);
    if num_failures == 0 { failures } else { failures.colored(Colorizer::failure) }
}

fn count_segments(snapshot: &LiveSnapshot) -> Vec<LineSegment> {
    let LiveSnapshot { users, target_users, num_requests, num_failures, num_exceptions, .. } = *snapshot;
    let ramp_is_over = users == target_users;
    let users = if ramp_is_over { pluralize(users.into(), "user") } else { format!("{users}/{target_users} users") };
    let exceptions = LineSegment::new(1, [pluralize(num_exceptions, "exception"), format!("{num_exceptions} exc.")]);
    let mut segments = vec![
        LineSegment::new(0, [users]),
        LineSegment::new(0, [format!("{} req/s", format_rate(snapshot.requests_per_s, 7))]),
        failure_segment(num_failures, num_requests),
        LineSegment::new(2, [pluralize(num_requests, "request")]),
    ];
    if num_exceptions > 0 {
        segments.insert(3, exceptions.colored(Colorizer::failure));
    }
    if snapshot.stop_time_left.is_some() {
        // All users are stopped; those with a request in flight are not counted.
        segments.remove(0);
    }
    segments
}

fn response_time_segments(times: Option<ResponseTimes>) -> Vec<LineSegment> {
    let Some(ResponseTimes { p50_us, p95_us, p99_us, max_us }) = times else {
        return vec![LineSegment::new(0, ["no recent response".to_owned(), "no response".to_owned()])];
    };
    let figure = |rank, name: &str, time: String| LineSegment::new(rank, [format!("{name} {time}")]);
    vec![
        LineSegment::new(3, ["last 10 s, in ms:".to_owned(), "ms:".to_owned()]),
        figure(0, "p50", format_percentile(p50_us)),
        figure(2, "p95", format_percentile(p95_us)),
        figure(0, "p99", format_percentile(p99_us)),
        figure(1, "max", format_ms(max_us as f64)),
    ]
}

fn generator_segments(snapshot: &LiveSnapshot) -> Vec<LineSegment> {
    if let Some(reason) = &snapshot.bottleneck {
        let forms = [format!("The generator is the bottleneck: {reason}"), "The generator is the bottleneck".into()];
        return vec![LineSegment::new(0, forms).colored(Colorizer::critical)];
    }
    let busiest = snapshot.cpu_shares.iter().fold(0.0_f64, |busiest, share| busiest.max(*share)) * 100.0;
    let forms = match snapshot.cpu_shares.len() {
        0 => ["generator: not measured yet".to_owned(), "generator: ?".to_owned()],
        1 => [format!("generator: its thread uses {busiest:.0} % of a core"), format!("CPU {busiest:.0} %")],
        threads => [
            format!("generator: the busiest of {threads} threads uses {busiest:.0} % of a core"),
            format!("CPU {busiest:.0} %"),
        ],
    };
    vec![LineSegment::new(0, forms)]
}

fn key_segments() -> [LineSegment; 3] {
    [
        LineSegment::new(1, ["w/W +1/+10 users".to_owned(), "w/W +1/+10".to_owned()]),
        LineSegment::new(2, ["s/S -1/-10".to_owned()]),
        LineSegment::new(0, ["q quit".to_owned()]),
    ]
}

/// Formats a header and one line per name, at most `rows` lines. A single name would repeat the lines above.
fn busiest_lines(names: &[NameStats], width: usize, rows: usize, colors: Colorizer) -> Vec<String> {
    if names.len() < 2 || rows < 2 || width < MIN_NAME_TABLE_COLUMNS {
        return Vec::new();
    }
    let header = format!("{:>9} {:>8} {:>8}  name", "req/s", "failed", "med ms");
    let row = |stats: &NameStats| {
        let rate = format!("{:>9}", format_rate(stats.requests_per_s, 7));
        let failed = format!("{:>6.2} %", stats.fail_ratio * 100.0);
        let median = format!("{:>8}", format_percentile(stats.median_us));
        let figures_width = display_width(&rate) + display_width(&failed) + display_width(&median) + 4;
        let failed = if stats.fail_ratio > 0.0 { colors.failure(&failed) } else { failed };
        let name = format!("{} {}", stats.method, stats.name);
        let name = escape_control(name.trim_start());
        format!("{rate} {failed} {median}  {}", cut_middle(&name, width.saturating_sub(figures_width)))
    };
    [header].into_iter().chain(names.iter().take(rows - 1).map(row)).collect()
}

/// Formats a time as `0:07`, `12:34` or `1:02:03`.
fn format_clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

const MIN_BAR_COLUMNS: usize = 10;
const MAX_BAR_COLUMNS: usize = 60;

/// The columns of the figures and 8 columns of a name.
const MIN_NAME_TABLE_COLUMNS: usize = 37;

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Colorizer = Colorizer::new(false);

    fn name_stats(name: &str, requests_per_s: f64, fail_ratio: f64) -> NameStats {
        NameStats { method: "GET".into(), name: name.into(), requests_per_s, fail_ratio, median_us: 1_234 }
    }

    fn snapshot() -> LiveSnapshot {
        LiveSnapshot {
            state: RunnerState::Running,
            elapsed: Duration::from_secs(25),
            progress: Some(RunProgress { fraction: 0.42, remaining: Some(Duration::from_secs(35)) }),
            users: 64,
            target_users: 64,
            requests_per_s: 12_345.6,
            num_requests: 308_640,
            num_failures: 3,
            num_exceptions: 0,
            stop_time_left: None,
            response_times: Some(ResponseTimes { p50_us: 1_230, p95_us: 3_450, p99_us: 6_700, max_us: 12_300 }),
            cpu_shares: vec![0.45, 0.44],
            bottleneck: None,
            names: vec![name_stats("/", 9_000.0, 0.0), name_stats("/a-rather-long-name-of-a-page", 345.6, 0.01)],
            has_keys: true,
        }
    }

    fn lines(snapshot: &LiveSnapshot, width: usize, rows: usize) -> String {
        live_lines(snapshot, width, rows, PLAIN).join("\n")
    }

    #[test]
    fn eighty_columns_fit_all_figures() {
        let expected = "\
running   [==================>                        ]   42 %  0:25  0:35 left
64 users  12345.6 req/s  3 failures (0.00 %)  308640 requests
last 10 s, in ms:  p50 1.23  p95 3.45  p99 6.70  max 12.3
generator: the busiest of 2 threads uses 45 % of a core
    req/s   failed   med ms  name
  9000.00   0.00 %     1.23  GET /
   345.60   1.00 %     1.23  GET /a-rather-long-name-of-a-page
w/W +1/+10 users  s/S -1/-10  q quit";
        assert_eq!(lines(&snapshot(), 79, 23), expected);
    }

    #[test]
    fn sixty_columns_drop_long_forms() {
        let expected = "\
running   [=========>             ]   42 %  0:25  0:35 left
64 users  12345.6 req/s  3 failed  308640 requests
last 10 s, in ms:  p50 1.23  p95 3.45  p99 6.70  max 12.3
generator: the busiest of 2 threads uses 45 % of a core
    req/s   failed   med ms  name
  9000.00   0.00 %     1.23  GET /
   345.60   1.00 %     1.23  GET /a-rather-l…name-of-a-page
w/W +1/+10 users  s/S -1/-10  q quit";
        assert_eq!(lines(&snapshot(), 59, 23), expected);
    }

    #[test]
    fn forty_columns_keep_the_important_figures() {
        let expected = "\
running   [===>     ]   42 %  0:35 left
64 users  12345.6 req/s  3 failed
p50 1.23  p95 3.45  p99 6.70  max 12.3
CPU 45 %
w/W +1/+10 users  s/S -1/-10  q quit";
        assert_eq!(lines(&snapshot(), 39, 9), expected);
    }

    #[test]
    fn display_never_exceeds_width_and_rows() {
        let long = "x".repeat(200);
        let snapshots = [
            snapshot(),
            LiveSnapshot::default(),
            LiveSnapshot {
                users: 1_234_567,
                target_users: u32::MAX,
                requests_per_s: 1e9,
                num_requests: u64::MAX,
                num_failures: u64::MAX,
                num_exceptions: u64::MAX,
                elapsed: Duration::from_secs(1_000_000),
                progress: Some(RunProgress { fraction: 1.0, remaining: Some(Duration::from_secs(999_999)) }),
                bottleneck: Some(long.clone()),
                names: vec![name_stats(&long, 1e9, 1.0), name_stats(&"\u{65e5}".repeat(99), 0.1, 0.1)],
                ..snapshot()
            },
        ];
        for snapshot in &snapshots {
            for (width, rows) in (0..130).flat_map(|width| [0, 1, 3, 9, 23, 60].map(|rows| (width, rows))) {
                let lines = live_lines(snapshot, width, rows, PLAIN);
                assert!(lines.len() <= rows, "{rows} rows: {lines:#?}");
                assert!(lines.iter().all(|line| display_width(line) <= width), "{width} columns: {lines:#?}");
            }
        }
    }

    #[test]
    fn stopping_run_counts_the_grace_time_down() {
        let left = |ms| Some(Duration::from_millis(ms));
        let stopping = LiveSnapshot { state: RunnerState::Stopping, stop_time_left: left(4_001), ..snapshot() };
        assert_eq!(lines(&stopping, 79, 1), "stopping  0:25  the last requests have 0:05 left");
        assert_eq!(lines(&stopping, 30, 1), "stopping  0:25  0:05 left");
        assert!(!lines(&stopping, 79, 9).contains("64 users"), "all users are stopped");
        let over = LiveSnapshot { stop_time_left: left(0), ..stopping };
        assert_eq!(lines(&over, 79, 1), "stopping  0:25  the last requests have 0:00 left");
    }

    #[test]
    fn exceptions_are_beside_the_failures() {
        let failing = LiveSnapshot { num_exceptions: 2, ..snapshot() };
        let line = "64 users  12345.6 req/s  3 failures (0.00 %)  2 exceptions  308640 requests";
        assert_eq!(lines(&failing, 79, 2).lines().nth(1), Some(line));
        let short = "64 users  12345.6 req/s  3 failed  2 exc.";
        assert_eq!(lines(&failing, 45, 2).lines().nth(1), Some(short));
        let colored = live_lines(&failing, 79, 2, Colorizer::new(true));
        assert!(colored[1].contains("\x1b[31m2 exceptions"), "{colored:?}");
    }

    #[test]
    fn run_without_limit_shows_elapsed_time() {
        let unlimited = LiveSnapshot { progress: None, elapsed: Duration::from_secs(3_725), ..snapshot() };
        assert_eq!(lines(&unlimited, 79, 1), "running   1:02:05");
        let unknown = LiveSnapshot { progress: Some(RunProgress { fraction: 0.0, remaining: None }), ..snapshot() };
        let line = lines(&unknown, 60, 1);
        assert!(line.starts_with("running   [>   ") && line.ends_with("]    0 %  0:25"), "{line}");
    }

    #[test]
    fn ramp_shows_current_and_target_users() {
        let spawning = LiveSnapshot {
            state: RunnerState::Spawning,
            users: 3,
            target_users: 10,
            response_times: None,
            ..snapshot()
        };
        let text = lines(&spawning, 79, 23);
        assert!(text.starts_with("spawning  [") && text.contains("\n3/10 users  "), "{text}");
        assert!(text.contains("\nno recent response\n"), "{text}");
    }

    #[test]
    fn bottleneck_precedes_all_figures() {
        let reason = Some("shard 0 used 99 % of its core".to_owned());
        let text = lines(&LiveSnapshot { bottleneck: reason, ..snapshot() }, 79, 23);
        let line = "The generator is the bottleneck: shard 0 used 99 % of its core";
        assert_eq!(text.lines().nth(1), Some(line));
        assert!(!text.contains("generator: "), "{text}");
    }

    #[test]
    fn single_name_is_hidden_and_names_are_escaped() {
        let one = LiveSnapshot { names: vec![name_stats("/", 1.0, 0.0)], ..snapshot() };
        assert!(!lines(&one, 79, 23).contains("name"));
        let with_controls =
            LiveSnapshot { names: vec![name_stats("/\x1b[2J\n", 1.0, 0.0), name_stats("/", 1.0, 0.0)], ..snapshot() };
        assert!(lines(&with_controls, 79, 23).contains("GET /\\u{1b}[2J\\n\n"));
    }

    #[test]
    fn keys_are_hidden_without_a_keyboard() {
        assert!(!lines(&LiveSnapshot { has_keys: false, ..snapshot() }, 79, 23).contains("quit"));
    }

    #[test]
    fn state_bar_failures_and_bottleneck_are_colored() {
        let reason = Some("late".to_owned());
        let colored = live_lines(&LiveSnapshot { bottleneck: reason, ..snapshot() }, 79, 23, Colorizer::new(true));
        assert!(colored[0].starts_with("\x1b[32mrunning "), "{colored:?}");
        assert!(colored[1].starts_with("\x1b[1m\x1b[31mThe generator"), "{colored:?}");
        assert!(colored[2].contains("\x1b[31m3 failures"), "{colored:?}");
        let without_failures =
            live_lines(&LiveSnapshot { num_failures: 0, names: vec![], ..snapshot() }, 79, 23, Colorizer::new(true));
        assert!(!without_failures.join("\n").contains("\x1b[31m"), "{without_failures:?}");
    }
}
