//! The state that the engine keeps for each user: its thread, the task sets it is in, and its waits.
//!
//! It is the same for HTTP users and users of other protocols. This file, `task.rs` and `task_set.rs` refer to each
//! other: a task takes its user, and a user keeps a stack of task sets.

use std::{cell::RefMut, collections::VecDeque, future, rc::Rc, sync::Arc};

use gregaria_http::Method;
use gregaria_stats::{Lag, Sample};
use rand::rngs::SmallRng;

use super::{
    flow::{TaskExit, TaskResult},
    handle::UserHandle,
    task::{AnyTask, run_task},
    task_set::{self, TaskSet},
    thread_context::ThreadContext,
    wait::Wait,
};
use crate::accounting::InFlightRequest;

/// A simulated user.
///
/// [`HttpUser`](super::HttpUser) implements it. Users of other protocols implement it around their own client.
///
/// # Examples
///
/// A user that sends requests with its own client and records them:
///
/// ```
/// use gregaria_engine::{TaskResult, User, UserContext, stats::Sample};
///
/// struct RedisUser {
///     context: UserContext<Self>,
/// }
///
/// impl User for RedisUser {
///     fn context(&mut self) -> &mut UserContext<Self> {
///         &mut self.context
///     }
/// }
///
/// async fn ping(user: &mut RedisUser) -> TaskResult {
///     let due_ns = user.context.now_ns();
///     // Send the command and read the reply here.
///     let done_ns = user.context.now_ns();
///     user.context.record(&Sample { method: "PING", name: "redis", due_ns, done_ns, ..Sample::default() });
///     Ok(())
/// }
/// ```
pub trait User: Sized + 'static {
    /// Returns the state that the engine keeps for this user.
    fn context(&mut self) -> &mut UserContext<Self>;

    /// Schedules `task` before the next randomly picked task of the current task set.
    ///
    /// Scheduled tasks run in the order of the calls. With `first`, the task runs before those scheduled earlier.
    /// Outside of a task set the call only logs a warning.
    ///
    /// # Examples
    ///
    /// ```
    /// use gregaria_engine::{HttpUser, TaskResult, User};
    ///
    /// async fn add_to_cart(user: &mut HttpUser) -> TaskResult {
    ///     user.post("/cart").await;
    ///     user.schedule_task(pay, true);
    ///     Ok(())
    /// }
    /// async fn pay(user: &mut HttpUser) -> TaskResult {
    ///     user.post("/pay").await;
    ///     Ok(())
    /// }
    /// ```
    fn schedule_task(&mut self, task: impl AsyncFn(&mut Self) -> TaskResult + Send + Sync + 'static, first: bool) {
        self.context().schedule(Arc::new(task), first);
    }
}

/// The state that the engine keeps for a user: clock, recorder, task sets and waits.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{HttpUser, TaskResult, User};
///
/// async fn pause(user: &mut HttpUser) -> TaskResult {
///     let context = user.context();
///     context.sleep_until(context.now_ns() + 250_000_000).await;
///     Ok(())
/// }
/// ```
pub struct UserContext<U> {
    thread: Rc<ThreadContext>,
    handle: Rc<UserHandle>,
    task_set_stack: Vec<TaskSetFrame<U>>,
    wait: Option<Wait>,
    task_started_ns: u64,
    /// The yield count of the user at the start of its last task, or at the last check.
    yields_at_task_start: u32,
}

/// A task set that the user has entered.
struct TaskSetFrame<U> {
    set: Arc<TaskSet<U>>,
    scheduled: VecDeque<AnyTask<U>>,
}

impl<U: User> UserContext<U> {
    pub(crate) fn new(thread: Rc<ThreadContext>, handle: Rc<UserHandle>, wait: Option<Wait>) -> Self {
        Self { thread, handle, task_set_stack: Vec::new(), wait, task_started_ns: 0, yields_at_task_start: 0 }
    }

    /// Returns the monotonic time in nanoseconds, on the clock of [`Sample`].
    pub fn now_ns(&self) -> u64 {
        self.thread.rt.now_ns()
    }

    /// Sleeps at least until `deadline_ns` on the clock of [`now_ns`](Self::now_ns).
    ///
    /// # Cancel safety
    /// Dropping the future ends the sleep and has no other effect.
    pub async fn sleep_until(&self, deadline_ns: u64) {
        self.thread.rt.sleep_until(deadline_ns).await;
    }

    /// Records a finished request of a client that the scenario brings itself.
    ///
    /// The request is counted as aborted if the run is over or its number of requests is reached.
    pub fn record(&mut self, sample: &Sample<'_>) {
        self.thread.accounting.record_external(sample);
    }

    pub(crate) fn thread(&self) -> &Rc<ThreadContext> {
        &self.thread
    }

    /// Returns the index of the user's class in the scenario.
    pub(super) fn class(&self) -> usize {
        self.handle.class
    }

    /// Waits until a request may start. Never completes after the end of the run, or for a user that was asked to stop.
    pub(crate) async fn admit<N: AsRef<str>>(&self, method: Method, name: N) -> InFlightRequest<N, UserHandle> {
        if self.handle.is_stop_due() {
            // A task that sends one request after the other returns `Pending` only while a request is in flight. This
            // is its only point at which the user can end.
            future::pending::<()>().await;
        }
        let admission = &self.thread.accounting.admission;
        if !admission.try_admit() {
            admission.admit(|| self.handle.mark_admission_closed()).await;
        }
        InFlightRequest::new(Rc::clone(&self.thread.accounting), Rc::clone(&self.handle), method, name)
    }

    pub(super) fn record_exception(&self, message: &str, traceback: &str) {
        self.thread.accounting.record_exception(message, traceback);
    }

    pub(super) fn push_task_set(&mut self, set: Arc<TaskSet<U>>) {
        self.task_set_stack.push(TaskSetFrame { set, scheduled: VecDeque::new() });
    }

    pub(super) fn pop_task_set(&mut self) {
        self.task_set_stack.pop();
    }

    fn schedule(&mut self, task: AnyTask<U>, first: bool) {
        let Some(frame) = self.task_set_stack.last_mut() else {
            log::warn!("Task {} is not run: schedule_task was called outside of a task set", task.name());
            return;
        };
        if first {
            frame.scheduled.push_front(task);
        } else {
            frame.scheduled.push_back(task);
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
        self.thread.rng.borrow_mut()
    }

    /// Waits by the rule of the task set, or else of the user's class.
    pub(super) async fn wait(&mut self, wait_of_set: Option<Wait>) {
        let Some(wait) = wait_of_set.or(self.wait) else {
            return self.ensure_yielded().await;
        };
        let now_ns = self.now_ns();
        let deadline_ns = wait.deadline_ns(now_ns, self.task_started_ns, &mut *self.thread.rng.borrow_mut());
        if deadline_ns <= now_ns {
            return self.ensure_yielded().await;
        }
        self.thread.rt.sleep_until(deadline_ns).await;
        let lag_us = self.now_ns().saturating_sub(deadline_ns) / 1000;
        self.thread.accounting.record_lag(Lag::Wait, lag_us);
    }

    /// Sleeps for [`FORCED_YIELD_NS`] if the last task did not yield. A user whose future never returns `Pending` would
    /// keep its thread from entering the kernel, and no other user would get a completion.
    pub(super) async fn ensure_yielded(&mut self) {
        if self.handle.yield_count() == self.yields_at_task_start {
            self.thread.rt.sleep_until(self.now_ns() + FORCED_YIELD_NS).await;
        }
        self.yields_at_task_start = self.handle.yield_count();
    }
}

/// The least duration of a task that does not yield, 100 µs: a user runs at most 10,000 of them per second.
const FORCED_YIELD_NS: u64 = 100_000;

/// The steps that every user goes through: its tasks, its hooks, and leaving its task sets, innermost first.
pub(crate) trait UserLifecycle: User {
    /// Runs the outermost task set until the user stops itself.
    async fn run_tasks(&mut self, root: &Arc<TaskSet<Self>>) {
        while task_set::run_task_set(Arc::clone(root), self).await != TaskExit::StopUser {
            self.context().ensure_yielded().await;
        }
    }

    /// Runs the `on_stop` of each task set that the user was in when its tasks ended.
    async fn unwind_task_sets(&mut self) {
        while let Some(frame) = self.context().task_set_stack.pop() {
            if let Some(on_stop) = &frame.set.on_stop {
                // The user exits in any case, so the result has no effect.
                let _ = run_task(&**on_stop, 0, self).await;
            }
        }
    }

    async fn run_hook(&mut self, hook: Option<&AnyTask<Self>>) -> TaskResult {
        match hook {
            Some(task) => run_task(&**task, 0, self).await,
            None => Ok(()),
        }
    }
}

impl<U: User> UserLifecycle for U {}
