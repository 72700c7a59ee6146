//! The live display: how a run stands at one moment, as lines for a terminal of any size.
//!
//! A pure function. Of what does not fit, first the long forms of figures go, then the figures themselves, then lines;
//! what is left is never wider than asked. How the lines get to the terminal is in `terminal/screen.rs`, where the
//! figures come from in `display.rs`.

use std::time::Duration;

use gregaria_engine::RunnerState;

use super::{
    color::{Colorizer, display_width, truncate},
    escape_control,
    format::{format_ms, format_rate},
    status_line::{LineSegment, fit_line, width_beside},
};

/// How a run stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct LiveSnapshot {
    /// The run's state.
    pub(crate) state: RunnerState,
    /// Time since its start.
    pub(crate) elapsed: Duration,
    /// How far it has come, if it has an end.
    pub(crate) progress: Option<RunProgress>,
    /// Users that live now.
    pub(crate) users: u32,
    /// Users that there are to be.
    pub(crate) target_users: u32,
    /// Requests per second now.
    pub(crate) requests_per_s: f64,
    /// Requests counted.
    pub(crate) num_requests: u64,
    /// Those that failed.
    pub(crate) num_failures: u64,
    /// Response times of the last seconds; `None` without requests.
    pub(crate) response_times: Option<ResponseTimes>,
    /// What each shard uses of its core now, 0 to 1.
    pub(crate) cpu_shares: Vec<f64>,
    /// Why the figures are the generator's own, if they are.
    pub(crate) bottleneck: Option<String>,
    /// Names with the most requests now, the busiest first.
    pub(crate) names: Vec<NameStats>,
    /// Whether keys are read.
    pub(crate) has_keys: bool,
}

/// How far a run with an end has come.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct RunProgress {
    /// 0 to 1.
    pub(crate) fraction: f64,
    /// Time to its end, once it can be told.
    pub(crate) remaining: Option<Duration>,
}

/// Percentiles of response times, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ResponseTimes {
    /// Median.
    pub(crate) p50_us: u64,
    /// 95 %.
    pub(crate) p95_us: u64,
    /// 99 %.
    pub(crate) p99_us: u64,
    /// The longest.
    pub(crate) max_us: u64,
}

/// A name that is requested often.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct NameStats {
    /// The requests' method.
    pub(crate) method: String,
    /// Their name.
    pub(crate) name: String,
    /// Requests per second now.
    pub(crate) requests_per_s: f64,
    /// Those that failed since the start, 0 to 1.
    pub(crate) fail_ratio: f64,
    /// Median since the start, in microseconds.
    pub(crate) median_us: u64,
}

/// At most `rows` lines of at most `width` columns.
pub(crate) fn live_lines(snapshot: &LiveSnapshot, width: usize, rows: usize, colors: Colorizer) -> Vec<String> {
    let mut lines = vec![
        progress_line(snapshot, width, colors),
        fit_line(&count_segments(snapshot), width, colors),
        fit_line(&response_time_segments(snapshot.response_times), width, colors),
        fit_line(&generator_segments(snapshot), width, colors),
    ];
    if snapshot.bottleneck.is_some() {
        // Nothing but how far the run has come matters more.
        lines[1..].rotate_right(1);
    }
    let keys = snapshot.has_keys.then(|| fit_line(&key_segments(), width, colors));
    let taken = lines.len() + keys.iter().len();
    let room = (rows / 2).saturating_sub(taken);
    lines.extend(busiest_lines(&snapshot.names, width, room, colors));
    lines.extend(keys);
    lines.truncate(rows);
    lines
}

fn progress_line(snapshot: &LiveSnapshot, width: usize, colors: Colorizer) -> String {
    let elapsed = LineSegment::new(1, [format_clock(snapshot.elapsed)]);
    let Some(RunProgress { fraction: share, remaining: left }) = snapshot.progress else {
        return fit_line(&[state_segment(snapshot.state), elapsed], width, colors);
    };
    // Rounded down: 100 % is the end.
    let percent = LineSegment::new(0, [format!("{:3} %", (share * 100.0) as u64)]);
    let left = left.map(|left| LineSegment::new(2, [format!("{} left", format_clock(left))]));
    let mut parts: Vec<LineSegment> =
        [state_segment(snapshot.state), percent, elapsed].into_iter().chain(left).collect();
    if width < width_beside(&parts) + MIN_BAR_COLUMNS && parts.len() > 3 {
        // On a narrow terminal a bar says more than the time that has passed.
        parts.remove(2);
    }
    let room = width.saturating_sub(width_beside(&parts));
    if room >= MIN_BAR_COLUMNS {
        parts.insert(
            1,
            LineSegment::new(3, [progress_bar(share, room.min(MAX_BAR_COLUMNS))]).colored(Colorizer::success),
        );
    }
    fit_line(&parts, width, colors)
}

fn state_segment(state: RunnerState) -> LineSegment {
    let part = LineSegment::new(0, [format!("{:8}", state.as_str())]);
    part.colored(if state == RunnerState::Running { Colorizer::success } else { Colorizer::warning })
}

/// `[=====>    ]`.
fn progress_bar(fraction: f64, width: usize) -> String {
    let room = width - 2;
    let done = ((room as f64 * fraction) as usize).min(room);
    let head = if done < room { ">" } else { "" };
    format!("[{:room$}]", "=".repeat(done) + head)
}

fn count_segments(snapshot: &LiveSnapshot) -> [LineSegment; 4] {
    let LiveSnapshot { users, target_users, num_requests, num_failures, .. } = *snapshot;
    let is_there = users == target_users;
    let users = if is_there { pluralize(users.into(), "user") } else { format!("{users}/{target_users} users") };
    let ratio = if num_requests == 0 { 0.0 } else { num_failures as f64 / num_requests as f64 * 100.0 };
    let failures = [format!("{} ({ratio:.2} %)", pluralize(num_failures, "failure")), format!("{num_failures} failed")];
    let failures = LineSegment::new(1, failures);
    [
        LineSegment::new(0, [users]),
        LineSegment::new(0, [format!("{} req/s", format_rate(snapshot.requests_per_s, 7))]),
        if num_failures == 0 { failures } else { failures.colored(Colorizer::failure) },
        LineSegment::new(2, [pluralize(num_requests, "request")]),
    ]
}

fn response_time_segments(times: Option<ResponseTimes>) -> Vec<LineSegment> {
    let Some(ResponseTimes { p50_us, p95_us, p99_us, max_us }) = times else {
        return vec![LineSegment::new(0, ["no response in the last 10 s".to_owned(), "no response".to_owned()])];
    };
    let figure = |rank, name: &str, us| LineSegment::new(rank, [format!("{name} {}", format_ms(us as f64))]);
    vec![
        LineSegment::new(3, ["last 10 s, in ms:".to_owned(), "ms:".to_owned()]),
        figure(0, "p50", p50_us),
        figure(2, "p95", p95_us),
        figure(0, "p99", p99_us),
        figure(1, "max", max_us),
    ]
}

fn generator_segments(snapshot: &LiveSnapshot) -> Vec<LineSegment> {
    if let Some(verdict) = &snapshot.bottleneck {
        let forms = [format!("The generator is the bottleneck: {verdict}"), "The generator is the bottleneck".into()];
        return vec![LineSegment::new(0, forms).colored(Colorizer::critical)];
    }
    let busiest = snapshot.cpu_shares.iter().fold(0.0_f64, |busiest, share| busiest.max(*share)) * 100.0;
    let forms = match snapshot.cpu_shares.len() {
        0 => ["generator: not measured yet".to_owned(), "generator: ?".to_owned()],
        1 => [format!("generator: {busiest:.0} % of its core"), format!("CPU {busiest:.0} %")],
        cores => {
            [format!("generator: {busiest:.0} % of the busiest of {cores} threads"), format!("CPU {busiest:.0} %")]
        }
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

/// A head and as many names as there is room for. A single name would say what the lines above say.
fn busiest_lines(names: &[NameStats], width: usize, rows: usize, colors: Colorizer) -> Vec<String> {
    if names.len() < 2 || rows < 2 || width < MIN_NAME_TABLE_COLUMNS {
        return Vec::new();
    }
    let head = format!("{:>9} {:>8} {:>8}  name", "req/s", "failed", "med ms");
    let row = |busy: &NameStats| {
        let rate = format!("{:>9}", format_rate(busy.requests_per_s, 7));
        let failed = format!("{:>6.2} %", busy.fail_ratio * 100.0);
        let median = format!("{:>8}", format_ms(busy.median_us as f64));
        let room = width.saturating_sub(display_width(&rate) + display_width(&failed) + display_width(&median) + 4);
        let failed = if busy.fail_ratio > 0.0 { colors.failure(&failed) } else { failed };
        let name = format!("{} {}", busy.method, busy.name);
        format!("{rate} {failed} {median}  {}", truncate(&escape_control(name.trim_start()), room))
    };
    [head].into_iter().chain(names.iter().take(rows - 1).map(row)).collect()
}

fn pluralize(count: u64, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}

/// `0:07`, `12:34`, `1:02:03`.
fn format_clock(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

const MIN_BAR_COLUMNS: usize = 10;
const MAX_BAR_COLUMNS: usize = 60;

/// The columns of figures, and 8 letters of a name.
const MIN_NAME_TABLE_COLUMNS: usize = 37;

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Colorizer = Colorizer::new(false);

    fn busy(name: &str, requests_per_s: f64, fail_ratio: f64) -> NameStats {
        NameStats { method: "GET".into(), name: name.into(), requests_per_s, fail_ratio, median_us: 1_234 }
    }

    fn moment() -> LiveSnapshot {
        LiveSnapshot {
            state: RunnerState::Running,
            elapsed: Duration::from_secs(25),
            progress: Some(RunProgress { fraction: 0.42, remaining: Some(Duration::from_secs(35)) }),
            users: 64,
            target_users: 64,
            requests_per_s: 12_345.6,
            num_requests: 308_640,
            num_failures: 3,
            response_times: Some(ResponseTimes { p50_us: 1_230, p95_us: 3_450, p99_us: 6_700, max_us: 12_300 }),
            cpu_shares: vec![0.45, 0.44],
            bottleneck: None,
            names: vec![busy("/", 9_000.0, 0.0), busy("/a-rather-long-name-of-a-page", 345.6, 0.01)],
            has_keys: true,
        }
    }

    fn lines(moment: &LiveSnapshot, width: usize, rows: usize) -> String {
        live_lines(moment, width, rows, PLAIN).join("\n")
    }

    #[test]
    fn eighty_columns_have_room_for_everything() {
        let expected = "\
running   [==================>                        ]   42 %  0:25  0:35 left
64 users  12345.6 req/s  3 failures (0.00 %)  308640 requests
last 10 s, in ms:  p50 1.23  p95 3.45  p99 6.70  max 12.3
generator: 45 % of the busiest of 2 threads
    req/s   failed   med ms  name
  9000.00   0.00 %     1.23  GET /
   345.60   1.00 %     1.23  GET /a-rather-long-name-of-a-page
w/W +1/+10 users  s/S -1/-10  q quit";
        assert_eq!(lines(&moment(), 79, 23), expected);
    }

    #[test]
    fn sixty_columns_lose_the_long_forms() {
        let expected = "\
running   [=========>             ]   42 %  0:25  0:35 left
64 users  12345.6 req/s  3 failed  308640 requests
last 10 s, in ms:  p50 1.23  p95 3.45  p99 6.70  max 12.3
generator: 45 % of the busiest of 2 threads
    req/s   failed   med ms  name
  9000.00   0.00 %     1.23  GET /
   345.60   1.00 %     1.23  GET /a-rather-long-name-of-a-p
w/W +1/+10 users  s/S -1/-10  q quit";
        assert_eq!(lines(&moment(), 59, 23), expected);
    }

    #[test]
    fn forty_columns_and_ten_rows_keep_what_matters() {
        let expected = "\
running   [===>     ]   42 %  0:35 left
64 users  12345.6 req/s  3 failed
p50 1.23  p95 3.45  p99 6.70  max 12.3
CPU 45 %
w/W +1/+10 users  s/S -1/-10  q quit";
        assert_eq!(lines(&moment(), 39, 9), expected);
    }

    #[test]
    fn no_line_is_ever_wider_and_no_block_higher_than_asked() {
        let long = "x".repeat(200);
        let moments = [
            moment(),
            LiveSnapshot::default(),
            LiveSnapshot {
                users: 1_234_567,
                target_users: u32::MAX,
                requests_per_s: 1e9,
                num_requests: u64::MAX,
                num_failures: u64::MAX,
                elapsed: Duration::from_secs(1_000_000),
                progress: Some(RunProgress { fraction: 1.0, remaining: Some(Duration::from_secs(999_999)) }),
                bottleneck: Some(long.clone()),
                names: vec![busy(&long, 1e9, 1.0), busy(&"\u{65e5}".repeat(99), 0.1, 0.1)],
                ..moment()
            },
        ];
        for moment in &moments {
            for (width, rows) in (0..130).flat_map(|width| [0, 1, 3, 9, 23, 60].map(|rows| (width, rows))) {
                let lines = live_lines(moment, width, rows, PLAIN);
                assert!(lines.len() <= rows, "{rows} rows: {lines:#?}");
                assert!(lines.iter().all(|line| display_width(line) <= width), "{width} columns: {lines:#?}");
            }
        }
    }

    #[test]
    fn a_run_without_end_shows_only_how_long_it_takes() {
        let endless = LiveSnapshot { progress: None, elapsed: Duration::from_secs(3_725), ..moment() };
        assert_eq!(lines(&endless, 79, 1), "running   1:02:05");
        let unknown = LiveSnapshot { progress: Some(RunProgress { fraction: 0.0, remaining: None }), ..moment() };
        let line = lines(&unknown, 60, 1);
        assert!(line.starts_with("running   [>   ") && line.ends_with("]    0 %  0:25"), "{line}");
    }

    #[test]
    fn users_on_their_way_show_where_they_go() {
        let spawning =
            LiveSnapshot { state: RunnerState::Spawning, users: 3, target_users: 10, response_times: None, ..moment() };
        let text = lines(&spawning, 79, 23);
        assert!(text.starts_with("spawning  [") && text.contains("\n3/10 users  "), "{text}");
        assert!(text.contains("\nno response in the last 10 s\n"), "{text}");
    }

    #[test]
    fn a_bottleneck_comes_before_all_figures() {
        let verdict = Some("shard 0 used 99 % of its core".to_owned());
        let text = lines(&LiveSnapshot { bottleneck: verdict, ..moment() }, 79, 23);
        let line = "The generator is the bottleneck: shard 0 used 99 % of its core";
        assert_eq!(text.lines().nth(1), Some(line));
        assert!(!text.contains("generator: "), "{text}");
    }

    #[test]
    fn names_are_for_several_and_their_letters_do_not_move_the_cursor() {
        let one = LiveSnapshot { names: vec![busy("/", 1.0, 0.0)], ..moment() };
        assert!(!lines(&one, 79, 23).contains("name"));
        let evil = LiveSnapshot { names: vec![busy("/\x1b[2J\n", 1.0, 0.0), busy("/", 1.0, 0.0)], ..moment() };
        assert!(lines(&evil, 79, 23).contains("GET /\\u{1b}[2J\\n\n"));
    }

    #[test]
    fn without_keys_they_are_not_offered() {
        assert!(!lines(&LiveSnapshot { has_keys: false, ..moment() }, 79, 23).contains("quit"));
    }

    #[test]
    fn colour_marks_state_bar_failures_and_bottleneck() {
        let verdict = Some("late".to_owned());
        let coloured = live_lines(&LiveSnapshot { bottleneck: verdict, ..moment() }, 79, 23, Colorizer::new(true));
        assert!(coloured[0].starts_with("\x1b[32mrunning "), "{coloured:?}");
        assert!(coloured[1].starts_with("\x1b[1m\x1b[31mThe generator"), "{coloured:?}");
        assert!(coloured[2].contains("\x1b[31m3 failures"), "{coloured:?}");
        let fine =
            live_lines(&LiveSnapshot { num_failures: 0, names: vec![], ..moment() }, 79, 23, Colorizer::new(true));
        assert!(!fine.join("\n").contains("\x1b[31m"), "{fine:?}");
    }
}
