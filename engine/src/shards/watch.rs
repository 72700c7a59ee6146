//! The watch over shards: names a shard that does not turn, and measures its CPU time from outside.
//!
//! A task that computes without an `.await` keeps its thread from the loop: no user of the shard runs, and the shard
//! reports nothing. The watch runs on the runner's thread. It must not wait for a shard. If the whole process was
//! stopped, the watch was late itself, and no shard counts as blocked for that time.

use std::sync::Arc;

use crate::{
    health::ThreadLoad,
    user::{RustScenario, ThreadActivity},
};

/// The watch over one shard.
pub(super) struct ShardWatch {
    index: usize,
    activity: Arc<ThreadActivity>,
    run_start_ns: u64,
    run_start_cpu_ns: u64,
    last_check_ns: u64,
    /// The latest time at which the watch was late itself. A shard is silent since then at the earliest.
    resumed_ns: u64,
    is_blocked: bool,
}

impl ShardWatch {
    pub(super) fn new(index: usize, activity: Arc<ThreadActivity>) -> Self {
        Self {
            index,
            activity,
            run_start_ns: 0,
            run_start_cpu_ns: 0,
            last_check_ns: 0,
            resumed_ns: 0,
            is_blocked: false,
        }
    }

    pub(super) fn start_run(&mut self, now_ns: u64) {
        self.run_start_ns = now_ns;
        self.run_start_cpu_ns = self.activity.cpu_ns().unwrap_or(0);
    }

    /// Returns `true` if the shard has not turned for [`BLOCKED_NS`].
    pub(super) fn is_blocked(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.activity.last_turn_ns().max(self.resumed_ns)) > BLOCKED_NS
    }

    /// Logs when the shard blocks and when it runs again. Returns a sentence about a blocked shard, and brings its load
    /// up to date.
    pub(super) fn check(&mut self, now_ns: u64, scenario: &RustScenario, load: &mut ThreadLoad) -> Option<String> {
        if now_ns.saturating_sub(self.last_check_ns) > MAX_CHECK_GAP_NS {
            self.resumed_ns = now_ns;
        }
        self.last_check_ns = now_ns;
        let (was_blocked, index) = (self.is_blocked, self.index);
        self.is_blocked = self.is_blocked(now_ns);
        if !self.is_blocked {
            if was_blocked {
                log::warn!("Shard {index} runs again");
            }
            return None;
        }
        let (class, number) = self.activity.last_task();
        let task = scenario.task_label(class, number);
        if !was_blocked {
            let silent_s = now_ns.saturating_sub(self.activity.last_turn_ns()) as f64 / 1e9;
            log::warn!(
                "Shard {index} has been blocked for {silent_s:.1} s in {task}: no user of the shard can run until it is \
                 released"
            );
        }
        if let Some(cpu_ns) = self.activity.cpu_ns() {
            load.cpu_ns = cpu_ns.saturating_sub(self.run_start_cpu_ns);
            load.wall_ns = now_ns.saturating_sub(self.run_start_ns);
        }
        Some(format!("shard {index} is blocked in {task}"))
    }
}

/// Time between two checks after which the watch counts as late. The runner checks every 100 ms.
const MAX_CHECK_GAP_NS: u64 = 500_000_000;

/// Time without a turn after which a shard counts as blocked: 200 missed turns.
const BLOCKED_NS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const TICK_NS: u64 = 100_000_000;

    /// Checks the shard at these ticks, and returns the ticks at which it counts as blocked.
    fn blocked_at(ticks: impl IntoIterator<Item = u64>) -> Vec<u64> {
        let scenario = RustScenario::new([]).unwrap();
        let mut watch = ShardWatch::new(0, Arc::new(ThreadActivity::new(0)));
        let mut load = ThreadLoad::default();
        ticks.into_iter().filter(|tick| watch.check(tick * TICK_NS, &scenario, &mut load).is_some()).collect()
    }

    #[test]
    fn silent_shard_is_blocked_after_a_second() {
        assert_eq!(blocked_at(1..=12), [11, 12]);
    }

    #[test]
    fn silence_of_a_stopped_process_does_not_count() {
        assert_eq!(blocked_at((1..=3).chain(53..=65)), [64, 65]);
    }
}
