//! Whether the generator itself was the bottleneck: what each shard cost, and the verdict on a run.
//!
//! Plain data and arithmetic. The lags are measured by the shards into `gregaria_stats`; the CPU times come with
//! each hand-over; [`Health::verdict`] puts both into one sentence with the figure that decided.

use gregaria_stats::{Lag, Summary};

/// What a thread of the swarm has cost since the run began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadLoad {
    /// What the thread does.
    pub role: ThreadRole,
    /// CPU time of the shard's thread, user and system, in nanoseconds.
    pub cpu_ns: u64,
    /// Wall time over which it was spent, in nanoseconds.
    pub wall_ns: u64,
}

/// What a thread of a swarm does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ThreadRole {
    /// It runs Rust users.
    #[default]
    Shard,
    /// It runs the Python users.
    Python,
    /// It carries requests for the Python users.
    Io,
}

impl ThreadLoad {
    /// The thread's name for people; `index` counts the swarm's threads.
    pub fn name(&self, index: usize) -> String {
        match self.role {
            ThreadRole::Shard => format!("shard {index}"),
            ThreadRole::Python => "the Python hub".to_owned(),
            ThreadRole::Io => "the thread that carries requests".to_owned(),
        }
    }

    /// CPU time as a share of one core, 0 to 1.
    pub fn cpu_share(&self) -> f64 {
        if self.wall_ns == 0 { 0.0 } else { self.cpu_ns as f64 / self.wall_ns as f64 }
    }
}

/// How the generator itself fared.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GeneratorHealth {
    /// 99th percentile of wait deadline -> user runs, in microseconds.
    pub wait_lag_p99_us: u64,
    /// 99th percentile of request called -> request sent, in microseconds.
    pub send_lag_p99_us: u64,
    /// 99th percentile of operation complete in the kernel -> whoever waits for it runs, as the shards' own timers
    /// sample it, in microseconds.
    pub resume_lag_p99_us: u64,
    /// One per shard.
    pub loads: Vec<ThreadLoad>,
}

impl GeneratorHealth {
    /// Reads the lags of a summary beside the shards' loads.
    pub fn new(summary: &Summary, loads: &[ThreadLoad]) -> Self {
        let p99_us = |lag| summary.lag(lag).percentile_us(0.99);
        Self {
            wait_lag_p99_us: p99_us(Lag::Wait),
            send_lag_p99_us: p99_us(Lag::Send),
            resume_lag_p99_us: p99_us(Lag::Resume),
            loads: loads.to_vec(),
        }
    }

    /// Why the run's figures are the generator's rather than the target's, in one sentence; `None` when they are not.
    pub fn bottleneck(&self) -> Option<String> {
        let busiest = self.loads.iter().enumerate().max_by(|a, b| a.1.cpu_share().total_cmp(&b.1.cpu_share()));
        if let Some((shard, load)) = busiest.filter(|(_, load)| load.cpu_share() >= MIN_BUSY_CPU_SHARE) {
            return Some(format!("{} used {:.0} % of its core", load.name(shard), load.cpu_share() * 100.0));
        }
        let lags = [
            ("users resumed late after a response", self.resume_lag_p99_us),
            ("users woke late from their waits", self.wait_lag_p99_us),
            ("requests left late", self.send_lag_p99_us),
        ];
        lags.into_iter()
            .find(|(_, p99_us)| *p99_us >= MIN_LATE_LAG_US)
            .map(|(what, p99_us)| format!("{what}: p99 of the lag is {:.1} ms", p99_us as f64 / 1000.0))
    }
}

/// A shard that used this share of its core had no room left.
const MIN_BUSY_CPU_SHARE: f64 = 0.95;

/// A lag that shows in percentiles of the target: 10 ms.
const MIN_LATE_LAG_US: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verdict_names_the_figure_that_decided() {
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
        assert_eq!(health.bottleneck().unwrap(), "the Python hub used 98 % of its core");
    }
}
