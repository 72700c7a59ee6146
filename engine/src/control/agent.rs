//! The thread's side of thread control: spawns and stops the users of one thread, and reports to the coordinator.
//!
//! Shards of Rust users and the Python thread each have a [`ThreadAgent`]. The caller passes the time to
//! [`ThreadAgent::tick`] and waits between ticks. The agent sees users only through the [`UserPool`] trait. The other
//! side is `coordinator.rs`, the queues in between are in `channel.rs`.

use std::collections::VecDeque;

use gregaria_stats::Interval;

use super::channel::{AgentCommand, AgentEnd, AgentReport, REPORT_QUEUE_CAPACITY};
use crate::{
    accounting::Accounting,
    health::ThreadLoad,
    ramp::{RampStep, StepKind},
};

/// The users of one thread, as a thread agent controls them.
pub trait UserPool {
    /// Returns the accounting of the thread.
    fn accounting(&self) -> &Accounting;
    /// Prepares for a new run. The default implementation is empty.
    fn on_run_start(&self) {}
    /// Spawns a user of this class.
    fn spawn_user(&self, class: usize);
    /// Stops the latest user of the class. The user may finish its request in flight.
    fn stop_user(&self, class: usize);
    /// Stops all users. Each may finish its request in flight.
    fn stop_all(&self);
    /// Aborts all remaining users immediately.
    fn abort_all(&self);
    /// Returns the number of users per class that were not stopped.
    fn user_counts(&self) -> Vec<u32>;
    /// Returns `true` if all users have exited, including stopped ones.
    fn is_empty(&self) -> bool;
    /// Returns the CPU time of the thread in nanoseconds.
    fn thread_cpu_ns(&self) -> u64;
}

/// The agent of one thread: applies the coordinator's commands and sends an interval with each report.
pub struct ThreadAgent {
    channel: AgentEnd,
    spare_intervals: Vec<Interval>,
    steps: VecDeque<RampStep>,
    applied_steps: Vec<RampStep>,
    state: AgentState,
    peak_users: u32,
    run_start_ns: u64,
    run_start_cpu_ns: u64,
    last_report_ns: u64,
    next_report_ns: u64,
    is_shut_down: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum AgentState {
    Idle,
    Running,
    Stopping { deadline_ns: u64 },
}

impl ThreadAgent {
    /// Creates an agent that waits for a run.
    pub fn new(channel: AgentEnd) -> Self {
        Self {
            channel,
            spare_intervals: (0..REPORT_QUEUE_CAPACITY).map(|_| Interval::new()).collect(),
            steps: VecDeque::new(),
            applied_steps: Vec::new(),
            state: AgentState::Idle,
            peak_users: 0,
            run_start_ns: 0,
            run_start_cpu_ns: 0,
            last_report_ns: 0,
            next_report_ns: 0,
            is_shut_down: false,
        }
    }

    /// Performs all actions that are due at `now_ns` (monotonic), and returns the latest time of the next call. Returns
    /// `None` after a shutdown.
    pub fn tick(&mut self, users: &impl UserPool, now_ns: u64) -> Option<u64> {
        while let Ok(command) = self.channel.commands.pop() {
            self.handle_command(command, users, now_ns);
        }
        if self.is_shut_down {
            return None;
        }
        self.apply_due_steps(users, now_ns);
        users.accounting().admission.wake_waiters();
        self.abort_overdue(users, now_ns);
        if now_ns >= self.next_report_ns || self.has_stopped(users) {
            self.send_report(users, now_ns);
        }
        let step_ns = self.steps.front().map_or(u64::MAX, |step| step.due_ns);
        Some(self.next_report_ns.min(step_ns).max(now_ns))
    }

    /// Returns `true` during a run, until it is stopped.
    pub fn is_running(&self) -> bool {
        self.state == AgentState::Running
    }

    fn handle_command(&mut self, command: AgentCommand, users: &impl UserPool, now_ns: u64) {
        match command {
            AgentCommand::StartRun(quota) => {
                users.accounting().admission.open(quota);
                users.on_run_start();
                (self.state, self.peak_users) = (AgentState::Running, 0);
                (self.run_start_ns, self.last_report_ns) = (now_ns, now_ns);
                self.run_start_cpu_ns = users.thread_cpu_ns();
                self.next_report_ns = now_ns + REPORT_PERIOD_NS;
            }
            AgentCommand::ReplaceSteps { from_ns, steps } => self.replace_steps(users, from_ns, steps),
            AgentCommand::Stop { deadline_ns } => self.stop(users, deadline_ns),
            AgentCommand::ReturnInterval(interval) => self.spare_intervals.push(interval),
            AgentCommand::Shutdown => {
                users.accounting().admission.close();
                self.is_shut_down = true;
            }
        }
    }

    /// Replaces the steps that are due at `from_ns` or later. Steps of them that were already applied are undone.
    fn replace_steps(&mut self, users: &impl UserPool, from_ns: u64, steps: Vec<RampStep>) {
        self.steps.retain(|step| step.due_ns < from_ns);
        while let Some(step) = self.applied_steps.pop_if(|step| step.due_ns >= from_ns) {
            apply_step(users, step.inverse());
        }
        self.steps.extend(steps);
        self.applied_steps.clear();
    }

    fn apply_due_steps(&mut self, users: &impl UserPool, now_ns: u64) {
        let applied_before = self.applied_steps.len();
        while let Some(step) = self.steps.pop_front_if(|step| step.due_ns <= now_ns) {
            apply_step(users, step);
            self.applied_steps.push(step);
        }
        if self.applied_steps.len() > applied_before {
            // Counted here and not with each report, because users may stop themselves before the next report.
            self.peak_users = self.peak_users.max(users.user_counts().iter().sum());
        }
    }

    fn stop(&mut self, users: &impl UserPool, deadline_ns: u64) {
        users.accounting().admission.close();
        self.steps.clear();
        self.applied_steps.clear();
        self.state = AgentState::Stopping { deadline_ns };
        users.stop_all();
    }

    fn abort_overdue(&self, users: &impl UserPool, now_ns: u64) {
        if matches!(self.state, AgentState::Stopping { deadline_ns } if now_ns >= deadline_ns) {
            users.abort_all();
        }
    }

    fn send_report(&mut self, users: &impl UserPool, now_ns: u64) {
        // Multiples of the period since the start of the run: an interval then lies within one second of the run.
        let periods = now_ns.saturating_sub(self.run_start_ns) / REPORT_PERIOD_NS;
        self.next_report_ns = self.run_start_ns + (periods + 1) * REPORT_PERIOD_NS;
        if self.state == AgentState::Idle || self.channel.reports.is_full() {
            return;
        }
        let Some(spare_interval) = self.spare_intervals.pop() else {
            return;
        };
        let stopped = self.has_stopped(users);
        let report = AgentReport {
            interval: users.accounting().recorder.borrow_mut().take(spare_interval),
            middle_ns: std::mem::replace(&mut self.last_report_ns, now_ns).midpoint(now_ns),
            as_of_ns: now_ns,
            user_counts: users.user_counts(),
            peak_users: self.peak_users,
            load: ThreadLoad {
                cpu_ns: users.thread_cpu_ns() - self.run_start_cpu_ns,
                wall_ns: now_ns - self.run_start_ns,
                ..ThreadLoad::default()
            },
            stopped,
        };
        if self.channel.reports.push(report).is_err() {
            unreachable!("the report queue had room above, and the agent is its only writer");
        }
        if stopped {
            users.accounting().admission.finish();
            self.state = AgentState::Idle;
        }
    }

    fn has_stopped(&self, users: &impl UserPool) -> bool {
        matches!(self.state, AgentState::Stopping { .. }) && users.is_empty()
    }
}

fn apply_step(users: &impl UserPool, step: RampStep) {
    match step.kind {
        StepKind::Spawn => users.spawn_user(step.class),
        StepKind::Stop => users.stop_user(step.class),
    }
}

/// The period of reports.
const REPORT_PERIOD_NS: u64 = 100_000_000;
