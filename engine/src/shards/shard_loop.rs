//! The loop of one shard: its thread agent, and the users that the agent spawns and stops.
//!
//! It runs on one thread, or in the simulator, from start to end. The agent decides when an action is due. The loop
//! sleeps in between and measures the delay of each of its own wake-ups.

use std::{rc::Rc, sync::Arc};

use gregaria_stats::Lag;

use crate::{
    accounting::Accounting,
    control::{AgentEnd, ThreadAgent, UserPool},
    user::{RustScenario, StopSignal, ThreadContext, UserHandle},
};

/// The loop of one shard.
pub(super) struct ShardLoop {
    user_pool: ShardUserPool,
    agent: ThreadAgent,
}

/// The users of a shard, as its thread agent controls them.
struct ShardUserPool {
    context: Rc<ThreadContext>,
    scenario: Arc<RustScenario>,
}

impl ShardLoop {
    pub(super) fn new(context: Rc<ThreadContext>, scenario: Arc<RustScenario>, channel: AgentEnd) -> Self {
        Self { user_pool: ShardUserPool { context, scenario }, agent: ThreadAgent::new(channel) }
    }

    /// Runs until the swarm shuts the agent down.
    pub(super) async fn run(mut self) {
        let rt = self.user_pool.context.rt.clone();
        loop {
            let now_ns = rt.now_ns();
            self.user_pool.context.activity.record_turn(now_ns);
            let Some(due_ns) = self.agent.tick(&self.user_pool, now_ns) else {
                return;
            };
            let wake_ns = due_ns.min(now_ns + MAX_SLEEP_NS);
            rt.sleep_until(wake_ns).await;
            self.record_wakeup_lag(rt.now_ns().saturating_sub(wake_ns));
        }
    }

    /// Records the delay of a wake-up of this loop as [`Lag::Resume`]. The loop waits in the same run queue as the
    /// users that wait for a response, so its delay is a sample of theirs.
    fn record_wakeup_lag(&self, lag_ns: u64) {
        if self.agent.is_running() {
            let accounting = &self.user_pool.context.accounting;
            delays_of_wakeups(lag_ns).for_each(|delay_ns| accounting.record_lag(Lag::Resume, delay_ns / 1000));
        }
    }
}

impl UserPool for ShardUserPool {
    fn accounting(&self) -> &Accounting {
        &self.context.accounting
    }

    fn spawn_user(&self, class: usize) {
        let handle = Rc::new(UserHandle::new(self.context.rt.clone(), class));
        self.context.registry.borrow_mut().add(&handle);
        self.scenario.spawn_user(class, &self.context, handle);
    }

    fn stop_user(&self, class: usize) {
        let stopped = self.context.registry.borrow_mut().stop_latest(class);
        if let Some(user) = stopped {
            user.signal(StopSignal::Graceful);
        }
    }

    fn stop_all(&self) {
        let users = self.context.registry.borrow_mut().stop_all();
        users.iter().for_each(|user| user.signal(StopSignal::Graceful));
    }

    fn abort_all(&self) {
        let users = self.context.registry.borrow_mut().stop_all();
        users.iter().for_each(|user| user.signal(StopSignal::Immediate));
    }

    fn user_counts(&self) -> Vec<u32> {
        self.context.registry.borrow().active_counts().to_vec()
    }

    fn is_empty(&self) -> bool {
        self.context.registry.borrow().is_empty()
    }

    fn thread_cpu_ns(&self) -> u64 {
        self.context.rt.thread_cpu_ns()
    }
}

/// Returns the delay of a wake-up and those of the wake-ups that it replaces, each shorter by the period of the loop.
/// Otherwise a gap of seconds would be one sample among thousands, and no percentile would show it.
fn delays_of_wakeups(lag_ns: u64) -> impl Iterator<Item = u64> {
    (0..=lag_ns / MAX_SLEEP_NS).map(move |missed| lag_ns - missed * MAX_SLEEP_NS)
}

/// The longest sleep of the loop: it reads the commands of the swarm at least this often.
const MAX_SLEEP_NS: u64 = 5_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_delay_counts_for_each_missed_wakeup() {
        let delays_us = |lag_ns| delays_of_wakeups(lag_ns).map(|delay_ns| delay_ns / 1000).collect::<Vec<_>>();
        assert_eq!(delays_us(3_000_000), [3_000]);
        assert_eq!(delays_us(12_000_000), [12_000, 7_000, 2_000]);
        assert_eq!(delays_us(2_000_000_000).len(), 401);
    }
}
