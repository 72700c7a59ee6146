//! The outside of a run: send commands, read how it stands, wait for its end.
//!
//! Everything here is called from other threads than the runner's. Locks are held for a read of plain data only and
//! never on a request's way: shards do not know this file.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc},
    time::Duration,
};

use gregaria_stats::Summary;

use super::{EndReason, RunCommand, RunEvent, RunReport, RunnerState};
use crate::health::{GeneratorHealth, ThreadLoad};

/// Steers and reads a run. When the last clone goes away, the run is cut.
#[derive(Clone)]
pub struct RunHandle {
    commands: mpsc::Sender<RunCommand>,
    shared: Arc<RunnerShared>,
}

impl RunHandle {
    pub(super) fn new(commands: mpsc::Sender<RunCommand>, shared: Arc<RunnerShared>) -> Self {
        Self { commands, shared }
    }

    /// Sends a command. It is carried out at once by the runner's thread; after that thread's end it is ignored.
    pub fn send_command(&self, command: RunCommand) {
        // A runner that is gone has nothing left to steer.
        let _ = self.commands.send(command);
    }

    /// How the run stands.
    pub fn status(&self) -> RunStatus {
        self.shared.status().clone()
    }

    /// Reads the statistics. The runner waits while `read` runs, so keep it short.
    pub fn with_summary<R>(&self, read: impl FnOnce(&Summary) -> R) -> R {
        read(&self.shared.summary())
    }

    /// How the generator itself fares.
    pub fn health(&self) -> GeneratorHealth {
        let loads = self.status().loads;
        self.with_summary(|summary| GeneratorHealth::new(summary, &loads))
    }

    /// A new subscription to what happens from now on.
    pub fn events(&self) -> mpsc::Receiver<RunEvent> {
        let (sender, receiver) = mpsc::channel();
        self.subscribe(move |notice| sender.send(notice.clone()).is_ok());
        receiver
    }

    /// Calls `hear` with what happens from now on, until it returns false. The runner waits meanwhile: pass it on and
    /// return.
    pub fn subscribe(&self, on_event: impl FnMut(&RunEvent) -> bool + Send + 'static) {
        lock(&self.shared.subscribers).push(Box::new(on_event));
    }

    /// Blocks until a run has ended and says how it went.
    pub fn wait(&self) -> RunReport {
        let status = self.shared.wait_for(RunnerState::Stopped);
        RunReport {
            elapsed: status.elapsed(),
            aborted: status.aborted,
            end_reason: status.end_reason.unwrap_or(EndReason::Requested),
            health: self.with_summary(|summary| GeneratorHealth::new(summary, &status.loads)),
        }
    }
}

/// How a run stands. Refreshed at each tick of the runner (100 ms) and at each change of state.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RunStatus {
    /// The run's state.
    pub state: RunnerState,
    /// Users that live now.
    pub users: u32,
    /// Users that the last [`Command::Spawn`] asked for.
    pub target_users: u32,
    /// Users that live now, per class in the scenario's order.
    pub users_per_class: Vec<u32>,
    /// Requests recorded since the run began, whether or not the statistics were reset.
    pub recorded: u64,
    /// Requests cut off on the wire since the run began.
    pub aborted: u64,
    /// What each shard has cost.
    pub loads: Vec<ThreadLoad>,
    /// Why the run is ending or has ended.
    pub end_reason: Option<EndReason>,
    pub(super) start_ns: u64,
    pub(super) measured_from_ns: u64,
    pub(super) now_ns: u64,
}

impl RunStatus {
    /// Time since the run began, up to its end.
    pub fn elapsed(&self) -> Duration {
        Duration::from_nanos(self.now_ns.saturating_sub(self.start_ns))
    }

    /// The time that the statistics cover: [`Status::elapsed`], less what a reset forgot.
    pub fn measured(&self) -> Duration {
        Duration::from_nanos(self.now_ns.saturating_sub(self.measured_from_ns))
    }
}

/// What the runner's thread and the handles share.
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

    pub(super) fn reset_status(&self, now_ns: u64) {
        *self.status() = RunStatus { start_ns: now_ns, measured_from_ns: now_ns, now_ns, ..RunStatus::default() };
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
        lock(&self.subscribers).retain_mut(|hear| hear(&event));
    }
}

/// A panic elsewhere leaves plain counters behind, which are still worth showing.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
