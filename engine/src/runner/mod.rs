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

pub use handle::{RunHandle, Status};

use crate::{
    health::Health,
    ramp::{Ramp, Segment},
    scenario::{Scenario, distribute},
    swarm::{Swarm, SwarmReport},
};
use handle::Shared;

/// What one may want of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Command {
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
    Cut,
    /// Forget what was measured so far; the run goes on.
    ResetStats,
}

/// What a run tells those who listen.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
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
    Commanded,
    /// Every user had stopped by itself.
    NoUsersLeft,
    /// The swarm could not go on, for the reason given.
    Fault(String),
}

/// A run's state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum State {
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

impl State {
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
    pub end: EndReason,
    /// Requests that were cut off on the wire: neither requests nor failures.
    pub cut: u64,
    /// From the run's start to the end of its last request.
    pub elapsed: Duration,
    /// How the generator itself fared.
    pub health: Health,
}

/// A moment, in both clocks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Now {
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
    inbox: mpsc::Receiver<Command>,
    shared: Arc<Shared>,
    state: State,
    ramp: Option<Ramp>,
    report: SwarmReport,
    recorded: u64,
    start_ns: u64,
    reset_due: bool,
    stop_deadline_ns: u64,
    /// Told once the status shows it.
    news: Vec<Notice>,
}

impl<S: Swarm> Runner<S> {
    /// A runner that waits for its first [`Command::Spawn`], and the handle to it.
    pub fn new(scenario: Arc<dyn Scenario>, swarm: S, options: RunnerOptions) -> (Self, RunHandle) {
        let (outbox, inbox) = mpsc::channel();
        let shared = Arc::new(Shared::new(Summary::new(options.limits.clone())));
        let handle = RunHandle::new(outbox, Arc::clone(&shared));
        let runner = Self {
            scenario,
            swarm,
            options,
            inbox,
            shared,
            state: State::Ready,
            ramp: None,
            report: SwarmReport::default(),
            recorded: 0,
            start_ns: 0,
            reset_due: false,
            stop_deadline_ns: 0,
            news: Vec::new(),
        };
        (runner, handle)
    }

    /// Does what is due at `now` and returns when it wants to be called again at the latest (monotonic ns).
    pub fn step(&mut self, now: Now) -> u64 {
        while let Ok(command) = self.inbox.try_recv() {
            self.obey(command, now);
        }
        if self.is_on() {
            self.collect(now);
            self.advance(now);
            self.publish(now);
        }
        self.next_step_ns(now)
    }

    fn next_step_ns(&self, now: Now) -> u64 {
        if self.state == State::Stopping {
            return now.mono_ns + STOPPING_TICK_NS;
        }
        let run_time_ns =
            self.options.run_time.map(|run_time| run_time.as_nanos().min(u128::from(u64::MAX / 2)) as u64);
        let end_ns = run_time_ns.filter(|_| self.is_on()).map_or(u64::MAX, |run_time_ns| self.start_ns + run_time_ns);
        end_ns.clamp(now.mono_ns, now.mono_ns + TICK_NS)
    }

    fn is_on(&self) -> bool {
        matches!(self.state, State::Spawning | State::Running | State::Stopping)
    }

    fn obey(&mut self, command: Command, now: Now) {
        match command {
            Command::Spawn { users, spawn_rate } if self.state != State::Stopping => self.spawn(users, spawn_rate, now),
            Command::Spawn { .. } => {
                log::warn!("the run is being stopped: the new user count is ignored")
            }
            Command::ResetStats => self.shared.summary().reset(now.unix_s),
            Command::Stop => self.stop(EndReason::Commanded, self.options.stop_timeout, now),
            Command::Cut => self.stop(EndReason::Commanded, Duration::ZERO, now),
        }
    }

    fn spawn(&mut self, users: u32, spawn_rate: f64, now: Now) {
        let is_new = !self.is_on();
        if is_new {
            self.begin(now);
        }
        let start_ns = if is_new { now.mono_ns } else { now.mono_ns + LEAD_NS };
        let classes = self.scenario.user_classes();
        let from = self.ramp.as_ref().map_or_else(|| vec![0; classes.len()], |ramp| ramp.counts_before(start_ns));
        let segment = Segment::at_rate(start_ns, from, distribute(classes, users), spawn_rate);
        self.swarm.ramp(&segment);
        self.ramp = Some(Ramp::new(&segment));
        self.state = State::Spawning;
        self.shared.status().target_users = users;
        if is_new {
            self.news.push(Notice::Started);
        }
        self.publish(now);
    }

    fn begin(&mut self, now: Now) {
        self.swarm.begin(self.options.num_requests);
        self.shared.summary().start(now.unix_s);
        self.ramp = None;
        self.recorded = 0;
        self.start_ns = now.mono_ns;
        self.reset_due = self.options.reset_stats;
        self.shared.begin(now.mono_ns);
    }

    fn collect(&mut self, now: Now) {
        let mut summary = self.shared.summary();
        let recorded = &mut self.recorded;
        self.report = self.swarm.collect(&mut |interval| {
            *recorded += interval.num_requests();
            summary.add(interval, now.unix_s);
        });
    }

    fn advance(&mut self, now: Now) {
        if self.state == State::Stopping {
            return self.advance_stopping(now);
        }
        if self.state == State::Spawning && self.has_spawned(now) {
            self.spawning_complete(now);
        }
        if let Some(reason) = self.end_reason(now) {
            self.stop(reason, self.options.stop_timeout, now);
        }
    }

    /// The line is at its end and the users are there, or those that are missing never will be.
    fn has_spawned(&self, now: Now) -> bool {
        // The line ends one step after the last user has come.
        let end_ns = self.ramp.as_ref().and_then(|ramp| ramp.steps().last()).map_or(0, |last| last.due_ns);
        let all_there = self.report.total_users() == self.shared.status().target_users;
        if all_there { now.mono_ns > end_ns } else { self.is_settled(end_ns, now) }
    }

    /// Whoever was to be there by `end_ns` is, if the swarm has not been held up since.
    fn is_settled(&self, end_ns: u64, now: Now) -> bool {
        now.mono_ns > end_ns + SETTLE_NS && self.report.as_of_ns > end_ns
    }

    fn spawning_complete(&mut self, now: Now) {
        self.state = State::Running;
        if std::mem::take(&mut self.reset_due) {
            self.shared.summary().reset(now.unix_s);
            self.shared.status().measured_from_ns = now.mono_ns;
        }
        self.news.push(Notice::SpawningComplete(self.report.total_users()));
    }

    fn end_reason(&self, now: Now) -> Option<EndReason> {
        let elapsed_ns = now.mono_ns.saturating_sub(self.start_ns);
        if let Some(fault) = &self.report.fault {
            return Some(EndReason::Fault(fault.clone()));
        }
        if self.options.run_time.is_some_and(|run_time| u128::from(elapsed_ns) >= run_time.as_nanos()) {
            return Some(EndReason::RunTime);
        }
        if self.options.num_requests.is_some_and(|count| self.recorded >= count) {
            return Some(EndReason::NumRequests);
        }
        let settled = self.ramp.as_ref().is_some_and(|ramp| self.is_settled(ramp.end_ns(), now));
        let all_gone = settled && self.shared.status().target_users > 0 && self.report.total_users() == 0;
        all_gone.then_some(EndReason::NoUsersLeft)
    }

    fn stop(&mut self, reason: EndReason, grace: Duration, now: Now) {
        if !self.is_on() {
            return;
        }
        let deadline_ns = now.mono_ns.saturating_add(grace.as_nanos().min(u128::from(u64::MAX)) as u64);
        if self.state != State::Stopping {
            self.state = State::Stopping;
            self.stop_deadline_ns = deadline_ns;
            // Published before the swarm hears of it: its users may ask.
            let mut status = self.shared.status();
            (status.state, status.end) = (self.state, Some(reason.clone()));
            drop(status);
            self.news.push(Notice::Stopping(reason));
        }
        self.stop_deadline_ns = self.stop_deadline_ns.min(deadline_ns);
        self.swarm.stop(self.stop_deadline_ns);
    }

    fn advance_stopping(&mut self, now: Now) {
        let late = now.mono_ns > self.stop_deadline_ns.saturating_add(STUCK_NS);
        if late && !self.report.stopped {
            let fault = self.report.fault.get_or_insert_with(|| "the users did not stop within 5 s".into());
            let end = EndReason::Fault(fault.clone());
            if self.shared.status().end.replace(end.clone()) != Some(end.clone()) {
                self.news.push(Notice::Stopping(end));
            }
        }
        if self.report.stopped || late {
            self.state = State::Stopped;
            self.news.push(Notice::Stopped);
        }
    }

    fn publish(&mut self, now: Now) {
        let mut status = self.shared.status();
        status.state = self.state;
        status.users_per_class.clone_from(&self.report.users);
        status.users = self.report.total_users();
        status.recorded = self.recorded;
        status.cut = self.report.cut;
        status.loads.clone_from(&self.report.loads);
        if self.state != State::Stopped {
            status.now_ns = now.mono_ns;
        }
        drop(status);
        self.shared.changed();
        self.news.drain(..).for_each(|notice| self.shared.notify(notice));
    }
}

impl<S> Drop for Runner<S> {
    /// Nobody shall wait for a run whose runner is gone, however it went.
    fn drop(&mut self) {
        if !matches!(self.state, State::Ready | State::Stopped) {
            let fault = EndReason::Fault("the runner has died: this is a bug of gregaria".into());
            let mut status = self.shared.status();
            (status.state, status.end) = (State::Stopped, Some(fault));
            drop(status);
            self.shared.changed();
            self.shared.notify(Notice::Stopped);
        }
    }
}

/// How often measurements are collected and conditions checked.
const TICK_NS: u64 = 100_000_000;

/// While the last requests end there is little to merge, and someone waits.
const STOPPING_TICK_NS: u64 = 10_000_000;

/// A changed ramp starts this far in the future, so that no shard has run past its start when it hears of it.
const LEAD_NS: u64 = 10_000_000;

/// A shard tells of its users a tick later; after this long, no users means that they have gone.
const SETTLE_NS: u64 = 1_000_000_000;

/// A swarm that has not stopped this long after its deadline never will.
const STUCK_NS: u64 = 5_000_000_000;

#[cfg(test)]
mod tests;
