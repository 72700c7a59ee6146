//! A place: users on one thread, and what follows the swarm's orders for them.
//!
//! Shards of Rust users and the hub of Python users are places. [`Place::turn`] is handed the time: it starts and
//! dismisses users when their steps are due, and hands over what was measured. Who the users are, and who waits until the
//! next turn, is not known here. The swarm's side is in `places.rs`; `link.rs` is all that lies between the two.

mod accounting;
mod admission;
mod channel;
mod coordinator;
mod placement;

use std::collections::VecDeque;

use gregaria_stats::Interval;

pub use accounting::{Accounting, ExchangeMetrics, phases_ns};
pub use channel::AgentEnd;
pub use coordinator::Coordinator;

use crate::{health::ThreadLoad, ramp::RampStep};
use channel::{AgentCommand, AgentReport, REPORT_QUEUE_CAPACITY};

/// The users of a place, and the thread that they live on.
pub trait UserPool {
    /// What admits their requests and counts them.
    fn accounting(&self) -> &Accounting;
    /// A run begins.
    fn on_run_start(&self) {}
    /// A user of this class comes.
    fn spawn_user(&self, class: usize);
    /// The class's latest user is to leave: it may finish the request that is on the wire.
    fn stop_user(&self, class: usize);
    /// Everyone is to leave.
    fn stop_all(&self);
    /// Everyone who is still there goes now.
    fn abort_all(&self);
    /// Users that nobody has told to leave, per class.
    fn user_counts(&self) -> Vec<u32>;
    /// Whether nobody is left, those on their way out included.
    fn is_empty(&self) -> bool;
    /// CPU time of the thread in nanoseconds.
    fn thread_cpu_ns(&self) -> u64;
}

/// What follows the orders. See the top of this file.
pub struct ThreadAgent {
    channel: AgentEnd,
    spare_intervals: Vec<Interval>,
    steps: VecDeque<RampStep>,
    applied_steps: Vec<RampStep>,
    state: AgentState,
    run_start_ns: u64,
    run_start_cpu_ns: u64,
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
    /// A place without orders.
    pub fn new(channel: AgentEnd) -> Self {
        Self {
            channel,
            spare_intervals: (0..REPORT_QUEUE_CAPACITY).map(|_| Interval::new()).collect(),
            steps: VecDeque::new(),
            applied_steps: Vec::new(),
            state: AgentState::Idle,
            run_start_ns: 0,
            run_start_cpu_ns: 0,
            next_report_ns: 0,
            is_shut_down: false,
        }
    }

    /// Does what is due at `now_ns` (monotonic) and says when to be called again at the latest; `None` when the place is
    /// given up.
    pub fn tick(&mut self, users: &impl UserPool, now_ns: u64) -> Option<u64> {
        while let Ok(message) = self.channel.commands.pop() {
            self.handle_command(message, users, now_ns);
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

    /// Whether a run is on and nobody has ended it.
    pub fn is_running(&self) -> bool {
        self.state == AgentState::Running
    }

    fn handle_command(&mut self, command: AgentCommand, users: &impl UserPool, now_ns: u64) {
        match command {
            AgentCommand::StartRun(quota) => {
                users.accounting().start_run(quota);
                users.on_run_start();
                self.state = AgentState::Running;
                self.run_start_ns = now_ns;
                self.run_start_cpu_ns = users.thread_cpu_ns();
                self.next_report_ns = self.run_start_ns + REPORT_PERIOD_NS;
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

    /// Replaces what was planned from `from_ns` on. A step that was taken already is taken back.
    fn replace_steps(&mut self, users: &impl UserPool, from_ns: u64, steps: Vec<RampStep>) {
        self.steps.retain(|step| step.due_ns < from_ns);
        while let Some(step) = self.applied_steps.pop_if(|step| step.due_ns >= from_ns) {
            apply_step(users, RampStep { is_spawn: !step.is_spawn, ..step });
        }
        self.steps.extend(steps);
        self.applied_steps.clear();
    }

    fn apply_due_steps(&mut self, users: &impl UserPool, now_ns: u64) {
        while let Some(step) = self.steps.pop_front_if(|step| step.due_ns <= now_ns) {
            apply_step(users, step);
            self.applied_steps.push(step);
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
        self.next_report_ns = now_ns + REPORT_PERIOD_NS;
        if self.state == AgentState::Idle || self.channel.reports.is_full() {
            return;
        }
        let Some(emptied) = self.spare_intervals.pop() else {
            return;
        };
        let stopped = self.has_stopped(users);
        let hand_over = AgentReport {
            interval: users.accounting().recorder.borrow_mut().take(emptied),
            as_of_ns: now_ns,
            user_counts: users.user_counts(),
            aborted: users.accounting().aborted(),
            load: ThreadLoad {
                cpu_ns: users.thread_cpu_ns() - self.run_start_cpu_ns,
                wall_ns: now_ns - self.run_start_ns,
                ..ThreadLoad::default()
            },
            stopped,
        };
        if self.channel.reports.push(hand_over).is_err() {
            unreachable!("the queue had room a moment ago, and this is its only writer");
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
    if step.is_spawn {
        users.spawn_user(step.class);
    } else {
        users.stop_user(step.class);
    }
}

/// How often measurements are handed over.
const REPORT_PERIOD_NS: u64 = 100_000_000;
