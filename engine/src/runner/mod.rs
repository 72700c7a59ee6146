//! The runner: one state machine (ready, spawning, running, stopping, stopped) over a Swarm.
//!
//! All that wants something of a run sends a [`Command`]; all that wants to know subscribes to [`Notice`]s or reads
//! through the [`RunHandle`]. [`Runner::step`] is given the time and never asks for it, so the simulator and the
//! tests drive the same machine as `thread.rs` does for real.
//!
//! It must not know what a shard is, nor print, nor wait.

mod handle;
mod thread;

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use gregaria_stats::{Limits, Summary};

pub use handle::{RunHandle, RunStatus};

use crate::{
    health::GeneratorHealth,
    ramp::{Ramp, Segment},
    scenario::{Scenario, distribute_users},
    swarm::{Swarm, SwarmReport},
};
use handle::RunnerShared;

/// What one may want of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RunCommand {
    /// Move to this many users at this many users per second (infinite: at once). Starts the run if none is on.
    Spawn {
        /// Users of all classes.
        users: u32,
        /// Users per second, more than 0.
        spawn_rate: f64,
    },
    /// End the run: no request starts any more, those on the wire may finish.
    Stop,
    /// End the run at once: what is on the wire is cut off.
    Abort,
    /// Forget what was measured so far; the run goes on.
    ResetStats,
}

/// What a run tells those who listen.
#[derive(Clone, Debug, PartialEq)]
pub enum RunEvent {
    /// The run has begun.
    Started,
    /// The ramp has reached its end; this many users live.
    SpawningComplete(u32),
    /// The run is being stopped for this reason.
    Stopping(EndReason),
    /// No user is left and everything measured has been counted.
    Stopped,
}

/// Why a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The run time was over.
    RunTime,
    /// The number of requests was reached.
    NumRequests,
    /// A [`Command::Stop`] or [`Command::Cut`], or the last [`RunHandle`] went away.
    Requested,
    /// Every user had stopped by itself.
    NoUsersLeft,
    /// The swarm could not go on, for the reason given.
    FatalError(String),
}

/// A run's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RunnerState {
    /// No run so far.
    #[default]
    Ready,
    /// Users are coming or going along a ramp.
    Spawning,
    /// The ramp is at its end.
    Running,
    /// No request starts any more; some may still be on the wire.
    Stopping,
    /// The run is over.
    Stopped,
}

impl RunnerState {
    /// The state's name as Locust writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Spawning => "spawning",
            Self::Running => "running",
            Self::Stopping => "stopping",
            Self::Stopped => "stopped",
        }
    }
}

/// What holds for the whole of a run.
#[derive(Clone, Debug)]
pub struct RunnerOptions {
    /// End the run this long after its start.
    pub run_time: Option<Duration>,
    /// End the run when exactly this many requests are recorded, failures included.
    pub num_requests: Option<u64>,
    /// How long requests on the wire may take to finish when the run ends.
    pub stop_timeout: Duration,
    /// Forget what was measured when the first ramp is complete.
    pub reset_stats: bool,
    /// Caps of the statistics.
    pub limits: Limits,
}

impl Default for RunnerOptions {
    fn default() -> Self {
        Self {
            run_time: None,
            num_requests: None,
            stop_timeout: Duration::from_secs(1),
            reset_stats: false,
            limits: Limits::default(),
        }
    }
}

/// How a run went, as far as it is not in the [`Summary`].
#[derive(Clone, Debug, PartialEq)]
pub struct RunReport {
    /// Why it ended.
    pub end_reason: EndReason,
    /// Requests that were cut off on the wire: neither requests nor failures.
    pub aborted: u64,
    /// From the run's start to the end of its last request.
    pub elapsed: Duration,
    /// How the generator itself fared.
    pub health: GeneratorHealth,
}

/// A moment, in both clocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockReading {
    /// Monotonic.
    pub mono_ns: u64,
    /// Seconds since 1970.
    pub unix_s: f64,
}

/// The state machine. See the module's head.
pub struct Runner<S> {
    scenario: Arc<dyn Scenario>,
    swarm: S,
    options: RunnerOptions,
    commands: mpsc::Receiver<RunCommand>,
    shared: Arc<RunnerShared>,
    state: RunnerState,
    ramp: Option<Ramp>,
    swarm_report: SwarmReport,
    recorded: u64,
    start_ns: u64,
    reset_due: bool,
    stop_deadline_ns: u64,
    /// Told once the status shows it.
    pending_events: Vec<RunEvent>,
}

impl<S: Swarm> Runner<S> {
    /// A runner that waits for its first [`Command::Spawn`], and the handle to it.
    pub fn new(scenario: Arc<dyn Scenario>, swarm: S, options: RunnerOptions) -> (Self, RunHandle) {
        let (outbox, inbox) = mpsc::channel();
        let shared = Arc::new(RunnerShared::new(Summary::new(options.limits.clone())));
        let handle = RunHandle::new(outbox, Arc::clone(&shared));
        let runner = Self {
            scenario,
            swarm,
            options,
            commands: inbox,
            shared,
            state: RunnerState::Ready,
            ramp: None,
            swarm_report: SwarmReport::default(),
            recorded: 0,
            start_ns: 0,
            reset_due: false,
            stop_deadline_ns: 0,
            pending_events: Vec::new(),
        };
        (runner, handle)
    }

    /// Does what is due at `now` and returns when it wants to be called again at the latest (monotonic ns).
    pub fn step(&mut self, now: ClockReading) -> u64 {
        while let Ok(command) = self.commands.try_recv() {
            self.handle_command(command, now);
        }
        if self.is_active() {
            self.collect(now);
            self.advance(now);
            self.publish_status(now);
        }
        self.next_step_ns(now)
    }

    fn next_step_ns(&self, now: ClockReading) -> u64 {
        if self.state == RunnerState::Stopping {
            return now.mono_ns + STOPPING_TICK_NS;
        }
        let run_time_ns =
            self.options.run_time.map(|run_time| run_time.as_nanos().min(u128::from(u64::MAX / 2)) as u64);
        let end_ns =
            run_time_ns.filter(|_| self.is_active()).map_or(u64::MAX, |run_time_ns| self.start_ns + run_time_ns);
        end_ns.clamp(now.mono_ns, now.mono_ns + TICK_NS)
    }

    fn is_active(&self) -> bool {
        matches!(self.state, RunnerState::Spawning | RunnerState::Running | RunnerState::Stopping)
    }

    fn handle_command(&mut self, command: RunCommand, now: ClockReading) {
        match command {
            RunCommand::Spawn { users, spawn_rate } if self.state != RunnerState::Stopping => {
                self.spawn(users, spawn_rate, now)
            }
            RunCommand::Spawn { .. } => {
                log::warn!("the run is being stopped: the new user count is ignored")
            }
            RunCommand::ResetStats => self.shared.summary().reset(now.unix_s),
            RunCommand::Stop => self.stop(EndReason::Requested, self.options.stop_timeout, now),
            RunCommand::Abort => self.stop(EndReason::Requested, Duration::ZERO, now),
        }
    }

    fn spawn(&mut self, users: u32, spawn_rate: f64, now: ClockReading) {
        let is_new = !self.is_active();
        if is_new {
            self.start_run(now);
        }
        let start_ns = if is_new { now.mono_ns } else { now.mono_ns + RAMP_LEAD_NS };
        let classes = self.scenario.user_classes();
        let from = self.ramp.as_ref().map_or_else(|| vec![0; classes.len()], |ramp| ramp.counts_at(start_ns));
        let segment = Segment::at_rate(start_ns, from, distribute_users(classes, users), spawn_rate);
        self.swarm.apply_segment(&segment);
        self.ramp = Some(Ramp::new(&segment));
        self.state = RunnerState::Spawning;
        self.shared.status().target_users = users;
        if is_new {
            self.pending_events.push(RunEvent::Started);
        }
        self.publish_status(now);
    }

    fn start_run(&mut self, now: ClockReading) {
        self.swarm.start_run(self.options.num_requests);
        self.shared.summary().start(now.unix_s);
        self.ramp = None;
        self.recorded = 0;
        self.start_ns = now.mono_ns;
        self.reset_due = self.options.reset_stats;
        self.shared.reset_status(now.mono_ns);
    }

    fn collect(&mut self, now: ClockReading) {
        let mut summary = self.shared.summary();
        let recorded = &mut self.recorded;
        self.swarm_report = self.swarm.collect(&mut |interval| {
            *recorded += interval.num_requests();
            summary.add(interval, now.unix_s);
        });
    }

    fn advance(&mut self, now: ClockReading) {
        if self.state == RunnerState::Stopping {
            return self.advance_stopping(now);
        }
        if self.state == RunnerState::Spawning && self.is_spawning_complete(now) {
            self.complete_spawning(now);
        }
        if let Some(reason) = self.end_reason(now) {
            self.stop(reason, self.options.stop_timeout, now);
        }
    }

    /// The line is at its end and the users are there, or those that are missing never will be.
    fn is_spawning_complete(&self, now: ClockReading) -> bool {
        // The line ends one step after the last user has come.
        let end_ns = self.ramp.as_ref().and_then(|ramp| ramp.steps().last()).map_or(0, |last| last.due_ns);
        let all_there = self.swarm_report.total_users() == self.shared.status().target_users;
        if all_there { now.mono_ns > end_ns } else { self.is_settled(end_ns, now) }
    }

    /// Whoever was to be there by `end_ns` is, if the swarm has not been held up since.
    fn is_settled(&self, end_ns: u64, now: ClockReading) -> bool {
        now.mono_ns > end_ns + SETTLE_TIMEOUT_NS && self.swarm_report.as_of_ns > end_ns
    }

    fn complete_spawning(&mut self, now: ClockReading) {
        self.state = RunnerState::Running;
        if std::mem::take(&mut self.reset_due) {
            self.shared.summary().reset(now.unix_s);
            self.shared.status().measured_from_ns = now.mono_ns;
        }
        self.pending_events.push(RunEvent::SpawningComplete(self.swarm_report.total_users()));
    }

    fn end_reason(&self, now: ClockReading) -> Option<EndReason> {
        let elapsed_ns = now.mono_ns.saturating_sub(self.start_ns);
        if let Some(fault) = &self.swarm_report.fatal_error {
            return Some(EndReason::FatalError(fault.clone()));
        }
        if self.options.run_time.is_some_and(|run_time| u128::from(elapsed_ns) >= run_time.as_nanos()) {
            return Some(EndReason::RunTime);
        }
        if self.options.num_requests.is_some_and(|count| self.recorded >= count) {
            return Some(EndReason::NumRequests);
        }
        let settled = self.ramp.as_ref().is_some_and(|ramp| self.is_settled(ramp.end_ns(), now));
        let all_gone = settled && self.shared.status().target_users > 0 && self.swarm_report.total_users() == 0;
        all_gone.then_some(EndReason::NoUsersLeft)
    }

    fn stop(&mut self, reason: EndReason, grace: Duration, now: ClockReading) {
        if !self.is_active() {
            return;
        }
        let deadline_ns = now.mono_ns.saturating_add(grace.as_nanos().min(u128::from(u64::MAX)) as u64);
        if self.state != RunnerState::Stopping {
            self.state = RunnerState::Stopping;
            self.stop_deadline_ns = deadline_ns;
            // Published before the swarm hears of it: its users may ask.
            let mut status = self.shared.status();
            (status.state, status.end_reason) = (self.state, Some(reason.clone()));
            drop(status);
            self.pending_events.push(RunEvent::Stopping(reason));
        }
        self.stop_deadline_ns = self.stop_deadline_ns.min(deadline_ns);
        self.swarm.stop(self.stop_deadline_ns);
    }

    fn advance_stopping(&mut self, now: ClockReading) {
        let late = now.mono_ns > self.stop_deadline_ns.saturating_add(STUCK_TIMEOUT_NS);
        if late && !self.swarm_report.stopped {
            let fault = self.swarm_report.fatal_error.get_or_insert_with(|| "the users did not stop within 5 s".into());
            let end = EndReason::FatalError(fault.clone());
            if self.shared.status().end_reason.replace(end.clone()) != Some(end.clone()) {
                self.pending_events.push(RunEvent::Stopping(end));
            }
        }
        if self.swarm_report.stopped || late {
            self.state = RunnerState::Stopped;
            self.pending_events.push(RunEvent::Stopped);
        }
    }

    fn publish_status(&mut self, now: ClockReading) {
        let mut status = self.shared.status();
        status.state = self.state;
        status.users_per_class.clone_from(&self.swarm_report.users_per_class);
        status.users = self.swarm_report.total_users();
        status.recorded = self.recorded;
        status.aborted = self.swarm_report.aborted;
        status.loads.clone_from(&self.swarm_report.loads);
        if self.state != RunnerState::Stopped {
            status.now_ns = now.mono_ns;
        }
        drop(status);
        self.shared.notify_status_changed();
        self.pending_events.drain(..).for_each(|notice| self.shared.emit(notice));
    }
}

impl<S> Drop for Runner<S> {
    /// Nobody shall wait for a run whose runner is gone, however it went.
    fn drop(&mut self) {
        if !matches!(self.state, RunnerState::Ready | RunnerState::Stopped) {
            let fault = EndReason::FatalError("the runner has died: this is a bug of gregaria".into());
            let mut status = self.shared.status();
            (status.state, status.end_reason) = (RunnerState::Stopped, Some(fault));
            drop(status);
            self.shared.notify_status_changed();
            self.shared.emit(RunEvent::Stopped);
        }
    }
}

/// How often measurements are collected and conditions checked.
const TICK_NS: u64 = 100_000_000;

/// While the last requests end there is little to merge, and someone waits.
const STOPPING_TICK_NS: u64 = 10_000_000;

/// A changed ramp starts this far in the future, so that no shard has run past its start when it hears of it.
const RAMP_LEAD_NS: u64 = 10_000_000;

/// A shard tells of its users a tick later; after this long, no users means that they have gone.
const SETTLE_TIMEOUT_NS: u64 = 1_000_000_000;

/// A swarm that has not stopped this long after its deadline never will.
const STUCK_TIMEOUT_NS: u64 = 5_000_000_000;

#[cfg(test)]
mod tests;
