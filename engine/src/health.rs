//! Self-measurement of the load generator: CPU time per thread, scheduling delays, and whether they were a bottleneck.
//!
//! Plain data and arithmetic. Threads record their lags into `gregaria_stats` and report their CPU time with each
//! interval. [`GeneratorHealth::verdict`] judges both. This file must not know how a thread measures.

use gregaria_stats::{Lag, Summary};

/// CPU and wall time of a thread of the swarm since the run started.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{ThreadLoad, ThreadRole};
///
/// let load = ThreadLoad { role: ThreadRole::Shard, cpu_ns: 250, wall_ns: 1_000 };
/// assert_eq!(load.name(2), "shard 2");
/// assert_eq!(load.cpu_share(), 0.25);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadLoad {
    /// Role of the thread.
    pub role: ThreadRole,
    /// CPU time of the thread, user and system, in nanoseconds.
    pub cpu_ns: u64,
    /// Wall time in which the CPU time was used, in nanoseconds.
    pub wall_ns: u64,
}

/// The role of a thread in a swarm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThreadRole {
    /// Runs Rust users.
    #[default]
    Shard,
    /// Runs the Python users.
    Python,
    /// Sends the requests of the Python users.
    Io,
}

impl ThreadLoad {
    /// Returns the name of the thread in messages. `index` is its position in the swarm.
    pub fn name(&self, index: usize) -> String {
        match self.role {
            ThreadRole::Shard => format!("shard {index}"),
            ThreadRole::Python => "the Python thread".to_owned(),
            ThreadRole::Io => "the I/O thread".to_owned(),
        }
    }

    /// Returns the CPU time as a share of one core, from 0 to 1.
    pub fn cpu_share(&self) -> f64 {
        if self.wall_ns == 0 { 0.0 } else { self.cpu_ns as f64 / self.wall_ns as f64 }
    }
}

/// Self-measurement of the load generator: CPU time per thread and scheduling delays.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{GeneratorHealth, GeneratorVerdict, ThreadLoad};
///
/// let load = ThreadLoad { cpu_ns: 250_000_000, wall_ns: 2_000_000_000, ..ThreadLoad::default() };
/// let health = GeneratorHealth { num_requests: 5_000, loads: vec![load], ..GeneratorHealth::default() };
/// assert_eq!(health.verdict(), GeneratorVerdict::NotBottleneck);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GeneratorHealth {
    /// Number of requests since the start or the last reset of the statistics.
    pub num_requests: u64,
    /// 99th percentile of the time from the end of a wait to the user running, in microseconds. `None` if there were
    /// fewer than 100 waits.
    pub wait_lag_p99_us: Option<u64>,
    /// 99th percentile of the time from the call of a request to its bytes being sent, in microseconds. `None` if there
    /// were fewer than 100 requests.
    pub send_lag_p99_us: Option<u64>,
    /// 99th percentile of the time from a completion in the kernel to the waiting user running, in microseconds. Shards
    /// sample it with their own timers. `None` if it was not sampled, or for Python users below 100 requests.
    pub resume_lag_p99_us: Option<u64>,
    /// Load of each thread of the swarm.
    pub loads: Vec<ThreadLoad>,
}

/// The verdict on whether the generator was the bottleneck of a run.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{GeneratorHealth, GeneratorVerdict};
///
/// let verdict = GeneratorHealth::default().verdict();
/// assert_eq!(verdict, GeneratorVerdict::TooShort("a verdict needs 1 s".into()));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GeneratorVerdict {
    /// The generator was the bottleneck, by the figure in this sentence.
    Bottleneck(String),
    /// No figure shows the generator as the bottleneck.
    NotBottleneck,
    /// The run was too short to tell, for the reason in this sentence.
    TooShort(String),
}

impl GeneratorHealth {
    /// Combines the lags of a summary with the loads of the threads.
    pub fn new(summary: &Summary, loads: &[ThreadLoad]) -> Self {
        let p99_us = |lag, min_count| {
            let lags = summary.lag(lag);
            // The 99th percentile of fewer values is their maximum: a single late event would decide.
            (lags.count() >= min_count).then(|| lags.percentile_us(0.99))
        };
        // The timers of shards fire 200 times per second, unless users block their thread: then few values are a sign.
        let is_sampled = loads.iter().any(|load| load.role == ThreadRole::Shard && load.wall_ns >= MIN_WALL_NS);
        let min_resume_lags = if is_sampled { 1 } else { MIN_OBSERVATIONS };
        Self {
            num_requests: summary.total().num_requests(),
            wait_lag_p99_us: p99_us(Lag::Wait, MIN_OBSERVATIONS),
            send_lag_p99_us: p99_us(Lag::Send, MIN_OBSERVATIONS),
            resume_lag_p99_us: p99_us(Lag::Resume, min_resume_lags),
            loads: loads.to_vec(),
        }
    }

    /// Returns the verdict on the run.
    ///
    /// The generator was the bottleneck if a thread used at least 95 % of a core or the 99th percentile of a lag is at
    /// least 10 ms. No verdict is possible on a run below 1 s. A run below 100 requests is too short as well, unless a
    /// busy thread or, with at least one request, a lag shows the bottleneck.
    pub fn verdict(&self) -> GeneratorVerdict {
        let wall_ns = self.loads.iter().map(|load| load.wall_ns).max().unwrap_or(0);
        if wall_ns < MIN_WALL_NS {
            return GeneratorVerdict::TooShort("a verdict needs 1 s".to_owned());
        }
        // Without requests there are no figures that a late thread could distort.
        let late_users = || self.late_users().filter(|_| self.num_requests > 0);
        if let Some(figure) = self.busy_thread().or_else(late_users) {
            return GeneratorVerdict::Bottleneck(figure);
        }
        match self.num_requests {
            0..MIN_OBSERVATIONS => GeneratorVerdict::TooShort(format!(
                "it had {} requests, and a verdict needs {MIN_OBSERVATIONS}",
                self.num_requests
            )),
            _ => GeneratorVerdict::NotBottleneck,
        }
    }

    fn busy_thread(&self) -> Option<String> {
        let busiest = self.loads.iter().enumerate().max_by(|a, b| a.1.cpu_share().total_cmp(&b.1.cpu_share()));
        let (index, load) = busiest.filter(|(_, load)| load.cpu_share() >= MIN_BUSY_CPU_SHARE)?;
        let name = if load.role == ThreadRole::Shard { "a thread".to_owned() } else { load.name(index) };
        Some(format!("{name} used {:.0} % of its core", load.cpu_share() * 100.0))
    }

    fn late_users(&self) -> Option<String> {
        let lags = [
            ("wake-ups were", self.resume_lag_p99_us),
            ("waits ended", self.wait_lag_p99_us),
            ("requests were sent", self.send_lag_p99_us),
        ];
        let lags = lags.into_iter().filter_map(|(action, p99_us)| Some((action, p99_us?)));
        let (action, p99_us) = lags.into_iter().find(|(_, p99_us)| *p99_us >= MIN_LATE_LAG_US)?;
        Some(format!("1 % of {action} {:.1} ms late or later", p99_us as f64 / 1000.0))
    }
}

/// The share of a core from which a thread counts as busy.
const MIN_BUSY_CPU_SHARE: f64 = 0.95;

/// The lag from which measured percentiles are distorted, 10 ms.
const MIN_LATE_LAG_US: u64 = 10_000;

/// The time of a run from which a verdict is possible, 1 s. In less, connecting and the first use of code decide.
const MIN_WALL_NS: u64 = 1_000_000_000;

/// The number of values from which a 99th percentile is not merely their maximum.
const MIN_OBSERVATIONS: u64 = 100;

#[cfg(test)]
mod tests {
    use gregaria_stats::{Interval, Limits, Recorder};

    use super::*;

    /// The load of a thread in two seconds.
    fn load(percent: u64) -> ThreadLoad {
        ThreadLoad { cpu_ns: percent * 20_000_000, wall_ns: 2_000_000_000, ..ThreadLoad::default() }
    }

    fn bottleneck(health: &GeneratorHealth) -> String {
        match health.verdict() {
            GeneratorVerdict::Bottleneck(figure) => figure,
            verdict => panic!("{verdict:?}"),
        }
    }

    #[test]
    fn bottleneck_names_the_decisive_figure() {
        let mut health = GeneratorHealth { num_requests: 100, loads: vec![load(50); 2], ..GeneratorHealth::default() };
        assert_eq!(health.verdict(), GeneratorVerdict::NotBottleneck);
        health.wait_lag_p99_us = Some(12_345);
        assert_eq!(bottleneck(&health), "1 % of waits ended 12.3 ms late or later");
        health.loads[1] = load(98);
        assert_eq!(bottleneck(&health), "a thread used 98 % of its core");
        health.loads[1].role = ThreadRole::Python;
        assert_eq!(bottleneck(&health), "the Python thread used 98 % of its core");
    }

    #[test]
    fn short_run_has_no_verdict() {
        let mut busy = ThreadLoad { wall_ns: 999_999_999, ..load(49) };
        let mut health = GeneratorHealth {
            num_requests: 99,
            send_lag_p99_us: Some(50_000),
            loads: vec![busy],
            ..GeneratorHealth::default()
        };
        let too_short = |reason: &str| GeneratorVerdict::TooShort(reason.into());
        assert_eq!(health.verdict(), too_short("a verdict needs 1 s"));
        busy.wall_ns = 1_000_000_000;
        health.loads = vec![busy];
        assert_eq!(bottleneck(&health), "a thread used 98 % of its core");
        health.loads = vec![load(50)];
        assert_eq!(bottleneck(&health), "1 % of requests were sent 50.0 ms late or later");
        health.num_requests = 0;
        assert_eq!(health.verdict(), too_short("it had 0 requests, and a verdict needs 100"), "no figure is distorted");
        (health.num_requests, health.send_lag_p99_us) = (99, None);
        assert_eq!(health.verdict(), too_short("it had 99 requests, and a verdict needs 100"));
    }

    #[test]
    fn few_lags_have_no_percentile() {
        let mut recorder = Recorder::new(Limits::default());
        (0..99).for_each(|_| recorder.record_lag(Lag::Send, 3));
        (0..99).for_each(|_| recorder.record_lag(Lag::Resume, 5));
        (0..100).for_each(|_| recorder.record_lag(Lag::Wait, 7));
        let mut summary = Summary::new(Limits::default());
        summary.add(&recorder.take(Interval::new()), 0.0);
        let lags_with = |role| {
            let health = GeneratorHealth::new(&summary, &[ThreadLoad { role, ..load(50) }]);
            [health.wait_lag_p99_us, health.send_lag_p99_us, health.resume_lag_p99_us]
        };
        assert_eq!(lags_with(ThreadRole::Python), [Some(7), None, None]);
        assert_eq!(lags_with(ThreadRole::Shard), [Some(7), None, Some(5)], "shards sample it by time");
        let short = GeneratorHealth::new(&summary, &[ThreadLoad { wall_ns: 1, ..load(50) }]);
        assert_eq!(short.resume_lag_p99_us, None);
    }
}
