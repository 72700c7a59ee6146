//! What every user has, whatever protocol it speaks: its way to the shard, its place in the task sets, its waits.

use std::{cell::RefMut, collections::VecDeque, rc::Rc, sync::Arc};

use gregaria_stats::{Lag, Sample};
use rand::rngs::SmallRng;

use super::{
    flow::{TaskExit, TaskResult},
    handle::UserHandle,
    task::{AnyTask, run_task},
    task_set::{self, TaskSet},
    wait::Wait,
};
use crate::{accounting::InFlightRequest, shards::ShardContext};

/// A simulated user. [`HttpUser`](super::HttpUser) is one; users of other protocols implement it around their client.
pub trait User: Sized + 'static {
    /// The part that the engine keeps for this user.
    fn context(&mut self) -> &mut UserContext<Self>;

    /// Runs `task` before any randomly picked one of the task set that runs now; with `first` even before those
    /// that were scheduled earlier.
    fn schedule_task(&mut self, task: impl AsyncFn(&mut Self) -> TaskResult + Send + Sync + 'static, first: bool) {
        self.context().schedule(Arc::new(task), first);
    }
}

/// A user's way to its shard.
pub struct UserContext<U> {
    shard: Rc<ShardContext>,
    handle: Rc<UserHandle>,
    task_set_stack: Vec<TaskSetFrame<U>>,
    wait: Option<Wait>,
    task_started_ns: u64,
    /// How often this user had waited for anything when its last task started, or when it was last looked at.
    yields_at_task_start: u32,
}

/// A task set that the user is in.
struct TaskSetFrame<U> {
    set: Arc<TaskSet<U>>,
    scheduled: VecDeque<AnyTask<U>>,
}

impl<U: User> UserContext<U> {
    pub(crate) fn new(shard: Rc<ShardContext>, handle: Rc<UserHandle>, wait: Option<Wait>) -> Self {
        Self { shard, handle, task_set_stack: Vec::new(), wait, task_started_ns: 0, yields_at_task_start: 0 }
    }

    /// Monotonic time in nanoseconds, the clock of [`Sample`].
    pub fn now_ns(&self) -> u64 {
        self.shard.rt.now_ns()
    }

    /// Waits at least until `deadline_ns` on that clock.
    pub async fn sleep_until(&self, deadline_ns: u64) {
        self.shard.rt.sleep_until(deadline_ns).await;
    }

    /// Counts a request that a client of the scenario's own has made. When the run is over, or its number of requests
    /// reached, it is one that was cut off.
    pub fn record(&mut self, sample: &Sample<'_>) {
        self.shard.accounting.record_external(sample);
    }

    pub(crate) fn shard(&self) -> &Rc<ShardContext> {
        &self.shard
    }

    /// Waits until a request may start; for ever when the run is over.
    pub(crate) async fn admit(&self) -> InFlightRequest {
        let gate = &self.shard.accounting.admission;
        if !gate.try_admit() {
            gate.admit(|| self.handle.mark_admission_closed()).await;
        }
        InFlightRequest::new(Rc::clone(&self.shard), Rc::clone(&self.handle))
    }

    pub(super) fn record_exception(&self, message: &str, traceback: &str) {
        self.shard.accounting.record_exception(message, traceback);
    }

    pub(super) fn push_task_set(&mut self, set: Arc<TaskSet<U>>) {
        self.task_set_stack.push(TaskSetFrame { set, scheduled: VecDeque::new() });
    }

    pub(super) fn pop_task_set(&mut self) {
        self.task_set_stack.pop();
    }

    fn schedule(&mut self, task: AnyTask<U>, first: bool) {
        let Some(active) = self.task_set_stack.last_mut() else {
            log::warn!("schedule_task outside of a task set: {} is not run", task.name());
            return;
        };
        if first {
            active.scheduled.push_front(task);
        } else {
            active.scheduled.push_back(task);
        }
    }

    pub(super) fn task_started(&mut self, wait_of_set: Option<Wait>) {
        self.yields_at_task_start = self.handle.yield_count();
        if wait_of_set.or(self.wait).is_some_and(Wait::is_paced) {
            self.task_started_ns = self.now_ns();
        }
    }

    pub(super) fn next_scheduled(&mut self) -> Option<AnyTask<U>> {
        self.task_set_stack.last_mut()?.scheduled.pop_front()
    }

    pub(super) fn rng(&self) -> RefMut<'_, SmallRng> {
        self.shard.rng.borrow_mut()
    }

    /// Waits as the task set, or else the user's class, says.
    pub(super) async fn wait(&mut self, of_set: Option<Wait>) {
        let Some(wait) = of_set.or(self.wait) else {
            return self.ensure_yielded().await;
        };
        let now_ns = self.now_ns();
        let deadline_ns = wait.deadline_ns(now_ns, self.task_started_ns, &mut *self.shard.rng.borrow_mut());
        if deadline_ns <= now_ns {
            return self.ensure_yielded().await;
        }
        self.shard.rt.sleep_until(deadline_ns).await;
        let lag_us = self.now_ns().saturating_sub(deadline_ns) / 1000;
        self.shard.accounting.record_lag(Lag::Wait, lag_us);
    }

    /// Lets others run, and the ring deliver what has come, when the last task has waited for nothing. A thread in which
    /// someone can always run would never enter the kernel.
    pub(super) async fn ensure_yielded(&mut self) {
        if self.handle.yield_count() == self.yields_at_task_start {
            self.shard.rt.sleep_until(self.now_ns() + FORCED_YIELD_NS).await;
        }
        self.yields_at_task_start = self.handle.yield_count();
    }
}

/// What a task that waits for nothing costs at the least: 100 µs, so that a user does ten thousand of them a second.
const FORCED_YIELD_NS: u64 = 100_000;

/// What remains to be done for a user whose tasks are over: leave its task sets, innermost first.
pub(crate) trait UserLifecycle: User {
    /// Runs the outermost task set until the user stops by itself.
    async fn run_tasks(&mut self, root: &Arc<TaskSet<Self>>) {
        while task_set::run_task_set(Arc::clone(root), self).await != TaskExit::StopUser {
            self.context().ensure_yielded().await;
        }
    }

    /// Runs what the task sets that were cut short wanted to do on leaving.
    async fn unwind_task_sets(&mut self) {
        while let Some(active) = self.context().task_set_stack.pop() {
            if let Some(on_stop) = &active.set.on_stop {
                // The user goes whatever it answers.
                let _ = run_task(&**on_stop, self).await;
            }
        }
    }

    async fn run_hook(&mut self, hook: Option<&AnyTask<Self>>) -> TaskResult {
        match hook {
            Some(task) => run_task(&**task, self).await,
            None => Ok(()),
        }
    }
}

impl<U: User> UserLifecycle for U {}
