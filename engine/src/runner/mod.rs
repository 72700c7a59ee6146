//! The runner: the state machine of one run (ready, spawning, running, stopping, stopped) over a swarm.
//!
//! Other threads send [`RunCommand`]s and read the run through a [`RunHandle`] (`handle.rs`), or subscribe to
//! [`RunEvent`]s (`state.rs`). [`Runner::step`] takes the time as an argument, so the simulator and the tests drive the
//! same state machine as `thread.rs` does in a real run.
//!
//! The runner must not know shards, users or thread control. [`Runner::step`] must not print, wait or read a clock.

mod handle;
mod state;
mod thread;

use std::{
    sync::{Arc, mpsc},
    time::Duration,
};

use gregaria_stats::{Limits, Summary};

pub use handle::{RunHandle, RunStatus};
pub use state::{EndReason, RunEvent, RunnerState};

use crate::{
    health::GeneratorHealth,
    ramp::{Ramp, Segment},
    scenario::{Scenario, distribute_users},
    swarm::{Swarm, SwarmReport},
};
use handle::RunnerShared;

/// A command that changes a run.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{RunCommand, RunHandle};
///
/// /// Doubles the users, 20 per second.
/// fn double(run: &RunHandle) {
///     let users = run.status().target_users * 2;
///     run.send_command(RunCommand::Spawn { users, spawn_rate: 20.0 });
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RunCommand {
    /// Changes the number of users along a ramp. Starts a run if none is active.
    Spawn {
        /// Target number of users of all classes.
        users: u32,
        /// Users per second, greater than 0. Infinity changes the number immediately.
        spawn_rate: f64,
    },
    /// Stops the run. No request starts any more, and requests in flight may finish.
    Stop,
    /// Ends the run immediately. Requests in flight are aborted.
    Abort,
    /// Resets the statistics. The run continues.
    ResetStats,
}

/// Settings of a run.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use gregaria_engine::RunnerOptions;
///
/// let options = RunnerOptions {
///     run_time: Some(Duration::from_secs(600)),
///     stop_timeout: Duration::from_secs(5),
///     reset_stats: true,
///     ..RunnerOptions::default()
/// };
/// ```
#[derive(Clone, Debug)]
pub struct RunnerOptions {
    /// Duration after which the run ends. `None`, the default, sets no limit.
    pub run_time: Option<Duration>,
    /// Number of recorded requests after which the run ends, including failures. Exactly this many are recorded.
    /// `None`, the default, sets no limit.
    pub num_requests: Option<u64>,
    /// Time for requests in flight to finish at the end of the run. Default 1 s.
    pub stop_timeout: Duration,
    /// Whether the statistics are reset once the first ramp is complete. Default `false`.
    pub reset_stats: bool,
    /// Limits of the statistics.
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

/// The result of a run, besides its [`Summary`].
///
/// # Examples
///
/// ```
/// use gregaria_engine::{GeneratorVerdict, RunHandle, RunReport};
///
/// fn print_report(run: &RunHandle) {
///     let report: RunReport = run.wait();
///     println!("{:?} after {:?}, {} aborted", report.end_reason, report.elapsed, report.aborted);
///     if let GeneratorVerdict::Bottleneck(figure) = report.health.verdict() {
///         println!("the generator was the bottleneck: {figure}");
///     }
/// }
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct RunReport {
    /// Reason for the end of the run.
    pub end_reason: EndReason,
    /// Number of requests aborted since the start of the run; a reset does not change it. They are counted neither in
    /// the number of requests nor in that of failures.
    pub aborted: u64,
    /// Upper bound of the users that were active at a time.
    pub peak_users: u32,
    /// The start of the run on both clocks. It converts the times of [`RequestSpan`](gregaria_stats::RequestSpan).
    pub start: ClockReading,
    /// Time from the start of the run to the end of its last request. If requests were aborted, or without requests, it
    /// is the time to the last tick before the end of the run.
    pub elapsed: Duration,
    /// Time that the statistics cover, for rates: from the first request since the start or the last reset to the end
    /// of the last one. Aborted requests do not count. 0 without requests.
    pub measured: Duration,
    /// Self-measurement of the generator.
    pub health: GeneratorHealth,
}

/// One point in time, read from both clocks.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{ClockReading, rt};
///
/// let now = ClockReading { mono_ns: rt::now_ns(), unix_s: rt::unix_time_s() };
/// assert!(now.unix_s > 0.0);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ClockReading {
    /// Monotonic time in nanoseconds.
    pub mono_ns: u64,
    /// Unix time in seconds.
    pub unix_s: f64,
}

impl ClockReading {
    /// Returns the Unix time in seconds of a monotonic time.
    ///
    /// # Examples
    ///
    /// ```
    /// use gregaria_engine::ClockReading;
    ///
    /// let start = ClockReading { mono_ns: 5_000_000_000, unix_s: 1_700_000_000.0 };
    /// assert_eq!(start.unix_s_at(5_250_000_000), 1_700_000_000.25);
    /// assert_eq!(start.unix_s_at(4_000_000_000), 1_699_999_999.0);
    /// ```
    pub fn unix_s_at(self, mono_ns: u64) -> f64 {
        self.unix_s + (mono_ns as f64 - self.mono_ns as f64) / 1e9
    }
}

/// The state machine of a run over a swarm.
///
/// [`Runner::start`] runs it on a thread of its own. A caller with its own clock, such as a simulator, creates it with
/// [`Runner::new`] and calls [`step`](Self::step).
///
/// # Examples
///
/// ```
/// use std::sync::Arc;
///
/// use gregaria_engine::{
///     ClockReading, RunCommand, Runner, RunnerOptions, RunnerState, Scenario, Swarm,
/// };
///
/// fn spawn_ten(scenario: Arc<dyn Scenario>, swarm: impl Swarm) {
///     let (mut runner, run) = Runner::new(scenario, swarm, RunnerOptions::default());
///     run.send_command(RunCommand::Spawn { users: 10, spawn_rate: 1.0 });
///     let next_step_ns = runner.step(ClockReading { mono_ns: 0, unix_s: 1_700_000_000.0 });
///     assert!(next_step_ns > 0);
///     assert_eq!(run.status().state, RunnerState::Spawning);
/// }
/// ```
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
    aborted: u64,
    start_ns: u64,
    reset_due: bool,
    stop_deadline_ns: u64,
    /// Events that are sent once the status shows their change.
    pending_events: Vec<RunEvent>,
}

impl<S: Swarm> Runner<S> {
    /// Creates a runner that waits for its first [`RunCommand::Spawn`], and a handle of it.
    pub fn new(scenario: Arc<dyn Scenario>, swarm: S, options: RunnerOptions) -> (Self, RunHandle) {
        let (command_sender, commands) = mpsc::channel();
        let shared = Arc::new(RunnerShared::new(Summary::new(options.limits.clone())));
        let handle = RunHandle::new(command_sender, Arc::clone(&shared));
        let runner = Self {
            scenario,
            swarm,
            options,
            commands,
            shared,
            state: RunnerState::Ready,
            ramp: None,
            swarm_report: SwarmReport::default(),
            recorded: 0,
            aborted: 0,
            start_ns: 0,
            reset_due: false,
            stop_deadline_ns: 0,
            pending_events: Vec::new(),
        };
        (runner, handle)
    }

    /// Handles commands and all actions due at `now`. Returns the latest time of the next call, in monotonic
    /// nanoseconds.
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
                log::warn!("The new user count is ignored: the run is stopping")
            }
            RunCommand::ResetStats => self.reset_stats(now),
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
        (self.recorded, self.aborted) = (0, 0);
        self.start_ns = now.mono_ns;
        self.reset_due = self.options.reset_stats;
        self.shared.reset_status(now);
    }

    fn collect(&mut self, now: ClockReading) {
        let mut summary = self.shared.summary();
        let (recorded, aborted) = (&mut self.recorded, &mut self.aborted);
        self.swarm_report = self.swarm.collect(&mut |interval, middle_ns| {
            *recorded += interval.num_requests();
            *aborted += interval.num_aborted();
            summary.add(interval, now.unix_s_at(middle_ns));
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

    /// Returns `true` at the end of the line, once all users are active or the missing ones will not be spawned any
    /// more.
    fn is_spawning_complete(&self, now: ClockReading) -> bool {
        // The line ends one step after the last spawn, so the last step is the end of spawning.
        let end_ns = self.ramp.as_ref().and_then(|ramp| ramp.steps().last()).map_or(0, |last| last.due_ns);
        let is_complete = self.swarm_report.total_users() == self.shared.status().target_users;
        if is_complete { now.mono_ns > end_ns } else { self.is_settled(end_ns, now) }
    }

    /// Returns `true` once the swarm has had time to apply all steps due at `end_ns` and has reported a later state.
    fn is_settled(&self, end_ns: u64, now: ClockReading) -> bool {
        now.mono_ns > end_ns + SETTLE_TIMEOUT_NS && self.swarm_report.as_of_ns > end_ns
    }

    fn complete_spawning(&mut self, now: ClockReading) {
        self.state = RunnerState::Running;
        if std::mem::take(&mut self.reset_due) {
            self.reset_stats(now);
        }
        self.pending_events.push(RunEvent::SpawningComplete(self.swarm_report.total_users()));
    }

    /// Resets the statistics. Takes the reports of the swarm first, because they contain earlier requests. The measured
    /// time restarts where the last report ended.
    fn reset_stats(&mut self, now: ClockReading) {
        self.collect(now);
        self.shared.summary().reset(now.unix_s);
        self.shared.status().measured_from_ns = self.swarm_report.as_of_ns.max(self.start_ns);
    }

    fn end_reason(&self, now: ClockReading) -> Option<EndReason> {
        let elapsed_ns = now.mono_ns.saturating_sub(self.start_ns);
        if let Some(error) = &self.swarm_report.fatal_error {
            return Some(EndReason::FatalError(error.clone()));
        }
        if self.options.run_time.is_some_and(|run_time| u128::from(elapsed_ns) >= run_time.as_nanos()) {
            return Some(EndReason::RunTime);
        }
        if self.options.num_requests.is_some_and(|count| self.recorded >= count) {
            return Some(EndReason::NumRequests);
        }
        let settled = self.ramp.as_ref().is_some_and(|ramp| self.is_settled(ramp.end_ns(), now));
        let has_no_users = settled && self.shared.status().target_users > 0 && self.swarm_report.total_users() == 0;
        has_no_users.then_some(EndReason::NoUsersLeft)
    }

    fn stop(&mut self, reason: EndReason, grace: Duration, now: ClockReading) {
        if !self.is_active() {
            return;
        }
        let deadline_ns = now.mono_ns.saturating_add(grace.as_nanos().min(u128::from(u64::MAX)) as u64);
        if self.state != RunnerState::Stopping {
            self.state = RunnerState::Stopping;
            self.stop_deadline_ns = deadline_ns;
            // The status changes before the swarm stops, because users may read it.
            let mut status = self.shared.status();
            (status.state, status.end_reason) = (self.state, Some(reason.clone()));
            drop(status);
            self.pending_events.push(RunEvent::Stopping(reason));
        }
        self.stop_deadline_ns = self.stop_deadline_ns.min(deadline_ns);
        self.shared.status().stop_deadline_ns = Some(self.stop_deadline_ns);
        self.swarm.stop(self.stop_deadline_ns);
    }

    fn advance_stopping(&mut self, now: ClockReading) {
        let (stuck_timeout_ns, cause) = match &self.swarm_report.blocked_thread {
            Some(cause) => (BLOCKED_TIMEOUT_NS, format!(": {cause}")),
            None => (STUCK_TIMEOUT_NS, " within 5 s".to_owned()),
        };
        let is_stuck = now.mono_ns > self.stop_deadline_ns.saturating_add(stuck_timeout_ns);
        if is_stuck && !self.swarm_report.stopped {
            let error = self.swarm_report.fatal_error.get_or_insert_with(|| format!("the users did not stop{cause}"));
            let reason = EndReason::FatalError(error.clone());
            if self.shared.status().end_reason.replace(reason.clone()) != Some(reason.clone()) {
                self.pending_events.push(RunEvent::Stopping(reason));
            }
        }
        if self.swarm_report.stopped || is_stuck {
            self.state = RunnerState::Stopped;
            self.pending_events.push(RunEvent::Stopped);
        }
    }

    fn publish_status(&mut self, now: ClockReading) {
        let span = self.shared.summary().total().span();
        let mut status = self.shared.status();
        status.state = self.state;
        status.users_per_class.clone_from(&self.swarm_report.users_per_class);
        status.users = self.swarm_report.total_users();
        status.peak_users = self.swarm_report.peak_users;
        status.recorded = self.recorded;
        status.aborted = self.aborted;
        status.loads.clone_from(&self.swarm_report.loads);
        (status.span, status.as_of_ns) = (span, self.swarm_report.as_of_ns);
        if self.state != RunnerState::Stopped {
            status.now_ns = now.mono_ns;
        }
        drop(status);
        self.shared.notify_status_changed();
        self.pending_events.drain(..).for_each(|event| self.shared.emit(event));
    }
}

impl<S> Drop for Runner<S> {
    /// Ends the run with a fatal error if it is active, so that no thread waits for a dropped runner.
    fn drop(&mut self) {
        if !matches!(self.state, RunnerState::Ready | RunnerState::Stopped) {
            let reason = EndReason::FatalError("the runner has ended unexpectedly: this is a bug of gregaria".into());
            let mut status = self.shared.status();
            (status.state, status.end_reason) = (RunnerState::Stopped, Some(reason));
            drop(status);
            self.shared.notify_status_changed();
            self.shared.emit(RunEvent::Stopped);
        }
    }
}

/// The period in which measurements are collected and end conditions are checked.
const TICK_NS: u64 = 100_000_000;

/// The period while the run is stopping. It is short, because there is little to merge and the end is awaited.
const STOPPING_TICK_NS: u64 = 10_000_000;

/// A changed ramp starts this far in the future, so that no thread has passed its start when it receives the steps.
const RAMP_LEAD_NS: u64 = 10_000_000;

/// Threads report their users a tick later. After this time a report without users means that all have exited.
const SETTLE_TIMEOUT_NS: u64 = 1_000_000_000;

/// A swarm that has not stopped this long after its deadline counts as stuck.
const STUCK_TIMEOUT_NS: u64 = 5_000_000_000;

/// The same for a swarm with a thread that is known to be blocked: time for the last reports of the other threads.
const BLOCKED_TIMEOUT_NS: u64 = 200_000_000;

#[cfg(test)]
mod tests;
