//! How quiet the machine was: all CPU time that its cores spent, so that what neither client nor server used can be
//! told. A comparison on a busy machine is still paired round by round, but nobody should quote its absolute figures.

use std::fs;

use anyhow::Context;

/// The machine's CPU time, stolen time included, since some moment.
pub(crate) struct BusyTime {
    ticks: f64,
}

impl BusyTime {
    /// Starts looking.
    pub(crate) fn now() -> anyhow::Result<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        Ok(Self { ticks: busy_ticks(&stat).context("no CPU line in /proc/stat")? })
    }

    /// CPU time of all cores together since then.
    pub(crate) fn elapsed_us(&self) -> anyhow::Result<f64> {
        let ticks = Self::now()?.ticks - self.ticks;
        Ok(ticks * 1e6 / rustix::param::clock_ticks_per_second() as f64)
    }
}

/// user nice system (idle iowait) irq softirq steal; guest time is in user already.
fn busy_ticks(stat: &str) -> Option<f64> {
    let fields: Vec<f64> =
        stat.lines().next()?.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    let idle: f64 = fields.get(3..5)?.iter().sum();
    Some(fields.get(..8)?.iter().sum::<f64>() - idle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_waiting_and_guest_time_is_not_busy() {
        assert_eq!(busy_ticks("cpu  1 2 3 100 200 4 5 6 7 8\ncpu0 0 0 0\n"), Some(21.0));
        assert_eq!(busy_ticks("cpu  1 2\n"), None);
    }
}
