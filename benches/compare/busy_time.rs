//! The CPU time of all cores of the machine. Without the time of client and server, it is the time of other processes.
//! Ratios of a comparison on a busy machine are still paired by round, but its absolute figures are not to be quoted.

use std::fs;

use anyhow::Context;

/// A reading of the machine's CPU time, including stolen time.
pub(crate) struct BusyTime {
    ticks: f64,
}

impl BusyTime {
    /// Reads the CPU time that the machine has used so far.
    pub(crate) fn now() -> anyhow::Result<Self> {
        let stat = fs::read_to_string("/proc/stat")?;
        Ok(Self { ticks: busy_ticks(&stat).context("cannot parse /proc/stat: no CPU line")? })
    }

    /// Returns the CPU time of all cores since this reading, in microseconds.
    pub(crate) fn elapsed_us(&self) -> anyhow::Result<f64> {
        let ticks = Self::now()?.ticks - self.ticks;
        Ok(ticks * 1e6 / rustix::param::clock_ticks_per_second() as f64)
    }
}

/// Sums the fields user, nice, system, irq, softirq and steal. Guest time is part of user.
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
    fn busy_time_excludes_idle_iowait_and_guest() {
        assert_eq!(busy_ticks("cpu  1 2 3 100 200 4 5 6 7 8\ncpu0 0 0 0\n"), Some(21.0));
        assert_eq!(busy_ticks("cpu  1 2\n"), None);
    }
}
