//! Self-measurement of the load generator: CPU time per thread, scheduling delays, and whether they were a bottleneck.
//!
//! Plain data and arithmetic. Threads record their lags into `gregaria_stats` and report their CPU time with each
//! interval. [`GeneratorHealth::bottleneck`] judges both. This file must not know how a thread measures.

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
/// use gregaria_engine::GeneratorHealth;
///
/// let health = GeneratorHealth { wait_lag_p99_us: 25_000, ..GeneratorHealth::default() };
/// let bottleneck = health.bottleneck().unwrap();
/// assert_eq!(bottleneck, "users woke late from their waits: p99 of the lag is 25.0 ms");
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GeneratorHealth {
    /// 99th percentile of the time from the end of a wait to the user running, in microseconds.
    pub wait_lag_p99_us: u64,
    /// 99th percentile of the time from the call of a request to its bytes being sent, in microseconds.
    pub send_lag_p99_us: u64,
    /// 99th percentile of the time from a completion in the kernel to the waiting user running, in microseconds. Shards
    /// sample it with their own timers.
    pub resume_lag_p99_us: u64,
    /// Load of each thread of the swarm.
    pub loads: Vec<ThreadLoad>,
}

impl GeneratorHealth {
    /// Combines the lags of a summary with the loads of the threads.
    pub fn new(summary: &Summary, loads: &[ThreadLoad]) -> Self {
        let p99_us = |lag| summary.lag(lag).percentile_us(0.99);
        Self {
            wait_lag_p99_us: p99_us(Lag::Wait),
            send_lag_p99_us: p99_us(Lag::Send),
            resume_lag_p99_us: p99_us(Lag::Resume),
            loads: loads.to_vec(),
        }
    }

    /// Returns a sentence with the figure that shows the generator as the bottleneck of the run. `None` if no figure
    /// does.
    ///
    /// The limits are 95 % of a core for a thread and 10 ms for the 99th percentile of a lag.
    pub fn bottleneck(&self) -> Option<String> {
        let busiest = self.loads.iter().enumerate().max_by(|a, b| a.1.cpu_share().total_cmp(&b.1.cpu_share()));
        if let Some((index, load)) = busiest.filter(|(_, load)| load.cpu_share() >= MIN_BUSY_CPU_SHARE) {
            return Some(format!("{} used {:.0} % of its core", load.name(index), load.cpu_share() * 100.0));
        }
        let lags = [
            ("users resumed late after a response", self.resume_lag_p99_us),
            ("users woke late from their waits", self.wait_lag_p99_us),
            ("requests were sent late", self.send_lag_p99_us),
        ];
        lags.into_iter()
            .find(|(_, p99_us)| *p99_us >= MIN_LATE_LAG_US)
            .map(|(symptom, p99_us)| format!("{symptom}: p99 of the lag is {:.1} ms", p99_us as f64 / 1000.0))
    }
}

/// The share of a core from which a thread counts as busy.
const MIN_BUSY_CPU_SHARE: f64 = 0.95;

/// The lag from which measured percentiles are distorted, 10 ms.
const MIN_LATE_LAG_US: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bottleneck_names_the_decisive_figure() {
        let mut health = GeneratorHealth {
            loads: vec![ThreadLoad { cpu_ns: 50, wall_ns: 100, ..ThreadLoad::default() }; 2],
            ..GeneratorHealth::default()
        };
        assert_eq!(health.bottleneck(), None);
        health.wait_lag_p99_us = 12_345;
        assert_eq!(health.bottleneck().unwrap(), "users woke late from their waits: p99 of the lag is 12.3 ms");
        health.loads[1].cpu_ns = 98;
        assert_eq!(health.bottleneck().unwrap(), "shard 1 used 98 % of its core");
        health.loads[1].role = ThreadRole::Python;
        assert_eq!(health.bottleneck().unwrap(), "the Python thread used 98 % of its core");
    }
}
