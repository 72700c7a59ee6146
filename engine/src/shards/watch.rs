//! The watch over shards: names a shard that does not turn, and measures its CPU time from outside.
//!
//! A task that computes without an `.await` keeps its thread from the loop: no user of the shard runs, and the shard
//! reports nothing. The watch runs on the runner's thread. It must not wait for a shard.

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
    is_blocked: bool,
}

impl ShardWatch {
    pub(super) fn new(index: usize, activity: Arc<ThreadActivity>) -> Self {
        Self { index, activity, run_start_ns: 0, run_start_cpu_ns: 0, is_blocked: false }
    }

    pub(super) fn start_run(&mut self, now_ns: u64) {
        self.run_start_ns = now_ns;
        self.run_start_cpu_ns = self.activity.cpu_ns().unwrap_or(0);
    }

    /// Returns `true` if the shard has not turned for [`BLOCKED_NS`].
    pub(super) fn is_blocked(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.activity.last_turn_ns()) > BLOCKED_NS
    }

    /// Logs when the shard blocks and when it runs again. Returns a sentence about a blocked shard, and brings its load
    /// up to date.
    pub(super) fn check(&mut self, now_ns: u64, scenario: &RustScenario, load: &mut ThreadLoad) -> Option<String> {
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

/// Time without a turn after which a shard counts as blocked: 200 missed turns.
const BLOCKED_NS: u64 = 1_000_000_000;
