//! The handle of a run: sends commands, reads the status and the summary, waits for the end.
//!
//! Handles are used on threads other than the runner's. [`RunHandle::with_summary`] and subscribers run while a lock is
//! held. The request path takes none of these locks: threads of users must not know this file.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    time::Duration,
};

use gregaria_stats::{RequestSpan, Summary};

use super::{ClockReading, EndReason, RunCommand, RunEvent, RunReport, RunnerState};
use crate::health::{GeneratorHealth, ThreadLoad};

/// A handle that controls and reads a run from any thread.
///
/// The run is aborted when the last clone is dropped.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{RunCommand, RunHandle};
///
/// fn run_100_users(run: &RunHandle) {
///     run.send_command(RunCommand::Spawn { users: 100, spawn_rate: 10.0 });
///     let report = run.wait();
///     let requests = run.with_summary(|summary| summary.total().num_requests());
///     println!("{requests} requests in {:?}", report.elapsed);
/// }
/// ```
#[derive(Clone)]
pub struct RunHandle {
    commands: mpsc::Sender<RunCommand>,
    shared: Arc<RunnerShared>,
}

impl RunHandle {
    pub(super) fn new(commands: mpsc::Sender<RunCommand>, shared: Arc<RunnerShared>) -> Self {
        Self { commands, shared }
    }

    /// Sends a command, which the runner's thread handles at once. It is ignored after the end of that thread.
    pub fn send_command(&self, command: RunCommand) {
        // Without a runner there is no run that the command could change.
        let _ = self.commands.send(command);
    }

    /// Returns the status of the run.
    pub fn status(&self) -> RunStatus {
        self.shared.status().clone()
    }

    /// Calls `read` with the statistics and returns its result.
    ///
    /// The runner waits meanwhile, so `read` should be short. `read` must not use this handle, because the summary is
    /// locked.
    pub fn with_summary<R>(&self, read: impl FnOnce(&Summary) -> R) -> R {
        read(&self.shared.summary())
    }

    /// Returns the self-measurement of the generator so far.
    pub fn health(&self) -> GeneratorHealth {
        let loads = self.status().loads;
        self.with_summary(|summary| GeneratorHealth::new(summary, &loads))
    }

    /// Returns a receiver of the events from now on.
    pub fn events(&self) -> mpsc::Receiver<RunEvent> {
        let (sender, receiver) = mpsc::channel();
        self.subscribe(move |event| sender.send(event.clone()).is_ok());
        receiver
    }

    /// Calls `on_event` with each event from now on, until it returns `false`.
    ///
    /// The runner waits while `on_event` runs, so it should only pass the event on. `on_event` must not call
    /// [`subscribe`](Self::subscribe) or [`events`](Self::events), because the list of subscribers is locked.
    pub fn subscribe(&self, on_event: impl FnMut(&RunEvent) -> bool + Send + 'static) {
        lock(&self.shared.subscribers).push(Box::new(on_event));
    }

    /// Blocks until a run has ended and returns its report.
    pub fn wait(&self) -> RunReport {
        let status = self.shared.wait_for(RunnerState::Stopped);
        RunReport {
            start: status.start,
            elapsed: status.elapsed(),
            measured: status.measured(),
            aborted: status.aborted,
            peak_users: status.peak_users,
            end_reason: status.end_reason.unwrap_or(EndReason::Requested),
            health: self.with_summary(|summary| GeneratorHealth::new(summary, &status.loads)),
        }
    }
}

/// The status of a run. It is updated at each tick of the runner (100 ms) and at each change of state.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{RunHandle, RunStatus};
///
/// fn request_rate(run: &RunHandle) -> f64 {
///     let status: RunStatus = run.status();
///     status.recorded as f64 / status.elapsed().as_secs_f64()
/// }
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunStatus {
    /// State of the run.
    pub state: RunnerState,
    /// Active users.
    pub users: u32,
    /// Most users that were active at a time since the run started.
    pub peak_users: u32,
    /// Users requested by the last [`RunCommand::Spawn`].
    pub target_users: u32,
    /// Active users per class, in the order of the scenario.
    pub users_per_class: Vec<u32>,
    /// Requests recorded since the run started, including those before a reset of the statistics.
    pub recorded: u64,
    /// Requests aborted since the run started.
    pub aborted: u64,
    /// CPU and wall time of each thread of the swarm.
    pub loads: Vec<ThreadLoad>,
    /// Reason for the end of the run, once it is stopping.
    pub end_reason: Option<EndReason>,
    /// Monotonic time at which requests in flight are aborted, once the run is stopping.
    pub(super) stop_deadline_ns: Option<u64>,
    pub(super) start: ClockReading,
    pub(super) measured_from_ns: u64,
    pub(super) now_ns: u64,
    /// Time up to which the swarm has reported its requests.
    pub(super) as_of_ns: u64,
    pub(super) span: RequestSpan,
}

impl RunStatus {
    /// Returns the time from the start of the run to the tick of this status. Once the run has stopped, the time ends
    /// with the last request, unless there was none or requests were aborted.
    pub fn elapsed(&self) -> Duration {
        let last_end_ns = self.span.last_end_ns().filter(|_| self.is_over() && self.aborted == 0);
        Duration::from_nanos(last_end_ns.unwrap_or(self.now_ns).saturating_sub(self.start.mono_ns))
    }

    /// Returns the time that the statistics cover: from the first request since the start or the last reset to the
    /// latest report of the swarm. Once the run has stopped, the time ends with the last request. 0 without requests.
    pub fn measured(&self) -> Duration {
        let (Some(first_due_ns), Some(last_end_ns)) = (self.span.first_due_ns(), self.span.last_end_ns()) else {
            return Duration::ZERO;
        };
        let end_ns = if self.is_over() { last_end_ns } else { last_end_ns.max(self.as_of_ns) };
        Duration::from_nanos(end_ns.saturating_sub(first_due_ns.max(self.measured_from_ns)))
    }

    fn is_over(&self) -> bool {
        self.state == RunnerState::Stopped
    }

    /// Returns the time from the tick of this status until requests in flight are aborted. `None` unless the run is
    /// stopping.
    pub fn stop_time_left(&self) -> Option<Duration> {
        let deadline_ns = self.stop_deadline_ns.filter(|_| self.state == RunnerState::Stopping)?;
        Some(Duration::from_nanos(deadline_ns.saturating_sub(self.now_ns)))
    }
}

/// The state that the runner's thread and the handles share.
pub(super) struct RunnerShared {
    summary: Mutex<Summary>,
    status: Mutex<RunStatus>,
    status_changed: Condvar,
    subscribers: Mutex<Vec<Subscriber>>,
}

type Subscriber = Box<dyn FnMut(&RunEvent) -> bool + Send>;

impl RunnerShared {
    pub(super) fn new(summary: Summary) -> Self {
        Self {
            summary: Mutex::new(summary),
            status: Mutex::default(),
            status_changed: Condvar::new(),
            subscribers: Mutex::default(),
        }
    }

    pub(super) fn reset_status(&self, now: ClockReading) {
        let now_ns = now.mono_ns;
        *self.status() = RunStatus { start: now, measured_from_ns: now_ns, now_ns, ..RunStatus::default() };
    }

    pub(super) fn summary(&self) -> MutexGuard<'_, Summary> {
        lock(&self.summary)
    }

    pub(super) fn status(&self) -> MutexGuard<'_, RunStatus> {
        lock(&self.status)
    }

    fn wait_for(&self, state: RunnerState) -> RunStatus {
        let mut status = self.status();
        while status.state != state {
            status = self.status_changed.wait(status).unwrap_or_else(PoisonError::into_inner);
        }
        status.clone()
    }

    pub(super) fn notify_status_changed(&self) {
        self.status_changed.notify_all();
    }

    pub(super) fn emit(&self, event: RunEvent) {
        lock(&self.subscribers).retain_mut(|on_event| on_event(&event));
    }
}

/// Locks despite a panic of another holder: the data are plain counters, which are still valid.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
