//! The display of a run in progress: the live display on a terminal, Locust's table every two seconds anywhere else.
//!
//! Reads the run through its handle and turns it into figures. The text is made in `console/`.

use std::{collections::VecDeque, io, time::Duration};

use gregaria_engine::{GeneratorHealth, GeneratorVerdict, RunHandle, RunStatus, RunnerState, ThreadLoad, rt};
use gregaria_stats::{ExceptionEntry, StatsEntry, Summary};

use super::output::{FinishedRun, RunOutput};
use crate::{
    args::LoadPlan,
    console::{self, Colorizer, LiveSnapshot, NameStats, RateWindow, ResponseTimes, RunProgress, TableWidth},
    terminal::{Screen, TerminalSize},
};

/// The state of a run, redrawn on every tick.
pub(super) struct LiveDisplay<'a> {
    screen: &'a Screen,
    load: &'a LoadPlan,
    has_keys: bool,
    /// The time of the run at which the next table is due.
    next_table: Duration,
    /// The state at the last tick.
    last_state: RunnerState,
    /// The loads of all threads at the last ticks, the oldest first.
    load_samples: VecDeque<Vec<ThreadLoad>>,
}

impl<'a> LiveDisplay<'a> {
    /// Creates the display of a run with this plan. `has_keys` is whether it offers keys.
    pub(super) fn new(screen: &'a Screen, load: &'a LoadPlan, has_keys: bool) -> Self {
        Self {
            screen,
            load,
            has_keys,
            next_table: TABLE_INTERVAL,
            last_state: RunnerState::Ready,
            load_samples: VecDeque::new(),
        }
    }

    fn snapshot(&mut self, run: &RunHandle, status: &RunStatus) -> LiveSnapshot {
        let loads = self.recent_loads(&status.loads);
        let unix_s = rt::unix_time_s();
        let rates = RateWindow::Current(unix_s);
        let statistics = run.with_summary(|summary| LiveSnapshot {
            requests_per_s: rates.rates_of(summary.total()).0,
            num_requests: summary.total().num_requests(),
            num_failures: summary.total().num_failures(),
            num_exceptions: summary.exceptions().map(ExceptionEntry::occurrences).sum(),
            response_times: response_times(summary, unix_s),
            bottleneck: bottleneck(&GeneratorHealth::new(summary, &loads)),
            names: busiest_names(summary, rates),
            ..LiveSnapshot::default()
        });
        LiveSnapshot {
            state: status.state,
            elapsed: status.elapsed(),
            stop_time_left: status.stop_time_left(),
            progress: run_progress(self.load.run_time, self.load.num_requests, status.elapsed(), status.recorded),
            users: status.users,
            target_users: status.target_users,
            cpu_shares: loads.iter().map(ThreadLoad::cpu_share).collect(),
            has_keys: self.has_keys && status.state != RunnerState::Stopping,
            ..statistics
        }
    }

    /// Returns `true` if a table is due. The final table of a run that ends soon stands for it.
    fn is_table_due(&mut self, status: &RunStatus) -> bool {
        let elapsed = status.elapsed();
        let has_changed = self.last_state != status.state;
        self.last_state = status.state;
        if status.state == RunnerState::Stopping && has_changed {
            self.next_table = elapsed + TABLE_INTERVAL;
        }
        if elapsed < self.next_table {
            return false;
        }
        while elapsed >= self.next_table {
            self.next_table += TABLE_INTERVAL;
        }
        let progress = run_progress(self.load.run_time, self.load.num_requests, elapsed, status.recorded);
        let remaining = progress.and_then(|progress| progress.remaining).unwrap_or(TABLE_INTERVAL);
        status.state == RunnerState::Stopping || remaining >= MIN_REMAINING
    }

    /// Returns the loads since the oldest sample. A mean since the start would hide that a thread has become busy.
    fn recent_loads(&mut self, now: &[ThreadLoad]) -> Vec<ThreadLoad> {
        self.load_samples.push_back(now.to_vec());
        if self.load_samples.len() > LOAD_WINDOW_SAMPLES {
            self.load_samples.pop_front();
        }
        let oldest = self.load_samples.front().filter(|_| self.load_samples.len() > 1);
        let Some(oldest) = oldest.filter(|oldest| oldest.len() == now.len()) else {
            return now.to_vec();
        };
        let difference = |(now, oldest): (&ThreadLoad, &ThreadLoad)| ThreadLoad {
            role: now.role,
            cpu_ns: now.cpu_ns.saturating_sub(oldest.cpu_ns),
            wall_ns: now.wall_ns.saturating_sub(oldest.wall_ns),
        };
        now.iter().zip(oldest).map(difference).collect()
    }
}

impl RunOutput for LiveDisplay<'_> {
    fn tick(&mut self, run: &RunHandle) {
        let status = run.status();
        let colors = Colorizer::new(self.screen.has_color());
        let is_table_due = self.is_table_due(&status);
        if let Some(TerminalSize { columns, rows }) = self.screen.live_area() {
            let snapshot = self.snapshot(run, &status);
            // The last column stays free: behind it, some terminals wrap the cursor to the next line and some do not.
            let (columns, rows) = (usize::from(columns).saturating_sub(1), usize::from(rows).saturating_sub(1));
            self.screen.show(&console::live_lines(&snapshot, columns, rows, colors));
        } else if is_table_due {
            let width = TableWidth::new(self.screen.text_columns());
            let window = RateWindow::Current(rt::unix_time_s());
            let table = run.with_summary(|summary| console::stats_table(summary, window, width, colors));
            self.screen.write_lines(&table);
        }
    }

    fn end_ticks(&mut self) {
        self.screen.clear();
    }

    fn finish(&mut self, _: &FinishedRun<'_>) -> io::Result<()> {
        Ok(())
    }

    fn destination(&self) -> String {
        "the screen".to_owned()
    }
}

/// Returns the progress towards the limit that ends the run first; `None` without a limit.
fn run_progress(
    run_time: Option<Duration>,
    num_requests: Option<u64>,
    elapsed: Duration,
    recorded: u64,
) -> Option<RunProgress> {
    let by_time = run_time.map(|run_time| RunProgress {
        fraction: (elapsed.as_secs_f64() / run_time.as_secs_f64()).min(1.0),
        remaining: Some(run_time.saturating_sub(elapsed)),
    });
    let by_requests = num_requests.map(|num_requests| {
        let fraction = (recorded as f64 / num_requests as f64).min(1.0);
        let remaining_s = elapsed.as_secs_f64() * (1.0 - fraction) / fraction;
        let remaining = (fraction > 0.0).then(|| Duration::try_from_secs_f64(remaining_s));
        RunProgress { fraction, remaining: remaining.and_then(Result::ok) }
    });
    let limits = [by_time, by_requests].into_iter().flatten();
    limits.max_by(|one, other| one.fraction.total_cmp(&other.fraction))
}

fn bottleneck(health: &GeneratorHealth) -> Option<String> {
    match health.verdict() {
        GeneratorVerdict::Bottleneck(figure) => Some(figure),
        GeneratorVerdict::NotBottleneck | GeneratorVerdict::TooShort(_) => None,
    }
}

fn response_times(summary: &Summary, now_unix_s: f64) -> Option<ResponseTimes> {
    let percentile_us = |q| summary.current_percentile_us(q, now_unix_s);
    Some(ResponseTimes {
        p50_us: percentile_us(0.5)?,
        p95_us: percentile_us(0.95)?,
        p99_us: percentile_us(0.99)?,
        max_us: percentile_us(1.0)?,
    })
}

fn busiest_names(summary: &Summary, window: RateWindow) -> Vec<NameStats> {
    let mut entries: Vec<(f64, &StatsEntry)> =
        summary.entries().map(|entry| (window.rates_of(entry).0, entry)).collect();
    entries.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    let name_stats = |(requests_per_s, entry): &(f64, &StatsEntry)| NameStats {
        method: entry.method().to_owned(),
        name: entry.name().to_owned(),
        requests_per_s: *requests_per_s,
        fail_ratio: entry.fail_ratio(),
        median_us: entry.median_us(),
    };
    entries.iter().take(MAX_NAMES).map(name_stats).collect()
}

/// The interval between two tables where there is no live display. Locust's is the same.
const TABLE_INTERVAL: Duration = Duration::from_secs(2);

/// The remaining time of a run below which no table is printed, because the final table follows.
const MIN_REMAINING: Duration = Duration::from_millis(500);

/// The number of ticks over which the load of a thread is measured: about 2 s.
const LOAD_WINDOW_SAMPLES: usize = 10;

/// The number of names in the live display. The final tables have all names.
const MAX_NAMES: usize = 5;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_follows_the_nearer_limit() {
        let progress = |run_time_s: Option<u64>, num_requests, recorded| {
            run_progress(run_time_s.map(Duration::from_secs), num_requests, Duration::from_secs(30), recorded).map(
                |RunProgress { fraction, remaining }| {
                    ((fraction * 100.0).round() as u64, remaining.map(|remaining| remaining.as_secs()))
                },
            )
        };
        assert_eq!(progress(None, None, 7), None);
        assert_eq!(progress(Some(120), None, 7), Some((25, Some(90))));
        assert_eq!(progress(None, Some(100), 0), Some((0, None)), "no request, no estimate");
        assert_eq!(progress(None, Some(100), 75), Some((75, Some(10))));
        assert_eq!(progress(Some(120), Some(100), 75), Some((75, Some(10))));
        assert_eq!(progress(Some(40), Some(100), 50), Some((75, Some(10))));
        assert_eq!(progress(Some(20), None, 7), Some((100, Some(0))), "the run is stopping");
    }

    #[test]
    fn five_busiest_names_are_shown_in_order() {
        let names: Vec<String> = (0..9).map(|index| format!("/{index}")).collect();
        let times = names.iter().enumerate().flat_map(|(index, name)| vec![("GET", name.as_str(), 64, None); index]);
        let summary = crate::fixture::summary(&times.collect::<Vec<_>>());
        let busiest: Vec<(String, f64)> = busiest_names(&summary, RateWindow::Total(2.0))
            .into_iter()
            .map(|stats| (stats.name, stats.requests_per_s))
            .collect();
        assert_eq!(busiest.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["/8", "/7", "/6", "/5", "/4"]);
        assert_eq!(busiest[0].1, 4.0);
    }
}
