//! A place: users on one thread, and what follows the swarm's orders for them.
//!
//! Shards of Rust users and the hub of Python users are places. [`Place::turn`] is handed the time: it starts and
//! dismisses users when their steps are due, and hands over what was measured. Who the users are, and who waits until the
//! next turn, is not known here. The swarm's side is in `places.rs`; `link.rs` is all that lies between the two.

mod gate;
mod ledger;
mod link;
mod placement;
mod places;

use std::collections::VecDeque;

use gregaria_stats::Interval;

pub use ledger::{Ledger, phases};
pub use link::Link;
pub use places::Places;

use crate::{health::ShardLoad, ramp::Step};
use link::{HAND_OVERS, HandOver, Message};

/// The users of a place, and the thread that they live on.
pub trait Residents {
    /// What admits their requests and counts them.
    fn ledger(&self) -> &Ledger;
    /// A run begins.
    fn begin(&self) {}
    /// A user of this class comes.
    fn come(&self, class: usize);
    /// The class's latest user is to leave: it may finish the request that is on the wire.
    fn leave(&self, class: usize);
    /// Everyone is to leave.
    fn leave_all(&self);
    /// Everyone who is still there goes now.
    fn cut_all(&self);
    /// Users that nobody has told to leave, per class.
    fn users(&self) -> Vec<u32>;
    /// Whether nobody is left, those on their way out included.
    fn is_empty(&self) -> bool;
    /// CPU time of the thread in nanoseconds.
    fn thread_cpu_ns(&self) -> u64;
}

/// What follows the orders. See the top of this file.
pub struct Place {
    link: Link,
    spare: Vec<Interval>,
    steps: VecDeque<Step>,
    taken: Vec<Step>,
    phase: Phase,
    began_ns: u64,
    began_cpu_ns: u64,
    tick_ns: u64,
    quit: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    On,
    Stopping { deadline_ns: u64 },
}

impl Place {
    /// A place without orders.
    pub fn new(link: Link) -> Self {
        Self {
            link,
            spare: (0..HAND_OVERS).map(|_| Interval::new()).collect(),
            steps: VecDeque::new(),
            taken: Vec::new(),
            phase: Phase::Idle,
            began_ns: 0,
            began_cpu_ns: 0,
            tick_ns: 0,
            quit: false,
        }
    }

    /// Does what is due at `now_ns` (monotonic) and says when to be called again at the latest; `None` when the place is
    /// given up.
    pub fn turn(&mut self, residents: &impl Residents, now_ns: u64) -> Option<u64> {
        while let Ok(message) = self.link.inbox.pop() {
            self.obey(message, residents, now_ns);
        }
        if self.quit {
            return None;
        }
        self.take_steps(residents, now_ns);
        residents.ledger().gate.recheck();
        self.cut_late(residents, now_ns);
        if now_ns >= self.tick_ns || self.has_stopped(residents) {
            self.hand_over(residents, now_ns);
        }
        let step_ns = self.steps.front().map_or(u64::MAX, |step| step.due_ns);
        Some(self.tick_ns.min(step_ns).max(now_ns))
    }

    /// Whether a run is on and nobody has ended it.
    pub fn is_on(&self) -> bool {
        self.phase == Phase::On
    }

    fn obey(&mut self, message: Message, residents: &impl Residents, now_ns: u64) {
        match message {
            Message::Begin(quota) => {
                residents.ledger().begin(quota);
                residents.begin();
                self.phase = Phase::On;
                self.began_ns = now_ns;
                self.began_cpu_ns = residents.thread_cpu_ns();
                self.tick_ns = self.began_ns + TICK_NS;
            }
            Message::Plan { from_ns, steps } => self.plan(residents, from_ns, steps),
            Message::Stop { deadline_ns } => self.stop(residents, deadline_ns),
            Message::Emptied(interval) => self.spare.push(interval),
            Message::Quit => {
                residents.ledger().gate.close();
                self.quit = true;
            }
        }
    }

    /// Replaces what was planned from `from_ns` on. A step that was taken already is taken back.
    fn plan(&mut self, residents: &impl Residents, from_ns: u64, steps: Vec<Step>) {
        self.steps.retain(|step| step.due_ns < from_ns);
        while let Some(step) = self.taken.pop_if(|step| step.due_ns >= from_ns) {
            take(residents, Step { comes: !step.comes, ..step });
        }
        self.steps.extend(steps);
        self.taken.clear();
    }

    fn take_steps(&mut self, residents: &impl Residents, now_ns: u64) {
        while let Some(step) = self.steps.pop_front_if(|step| step.due_ns <= now_ns) {
            take(residents, step);
            self.taken.push(step);
        }
    }

    fn stop(&mut self, residents: &impl Residents, deadline_ns: u64) {
        residents.ledger().gate.close();
        self.steps.clear();
        self.taken.clear();
        self.phase = Phase::Stopping { deadline_ns };
        residents.leave_all();
    }

    fn cut_late(&self, residents: &impl Residents, now_ns: u64) {
        if matches!(self.phase, Phase::Stopping { deadline_ns } if now_ns >= deadline_ns) {
            residents.cut_all();
        }
    }

    fn hand_over(&mut self, residents: &impl Residents, now_ns: u64) {
        self.tick_ns = now_ns + TICK_NS;
        if self.phase == Phase::Idle || self.link.outbox.is_full() {
            return;
        }
        let Some(emptied) = self.spare.pop() else {
            return;
        };
        let stopped = self.has_stopped(residents);
        let hand_over = HandOver {
            interval: residents.ledger().recorder.borrow_mut().take(emptied),
            as_of_ns: now_ns,
            users: residents.users(),
            cut: residents.ledger().cut(),
            load: ShardLoad {
                cpu_ns: residents.thread_cpu_ns() - self.began_cpu_ns,
                wall_ns: now_ns - self.began_ns,
                ..ShardLoad::default()
            },
            stopped,
        };
        if self.link.outbox.push(hand_over).is_err() {
            unreachable!("the queue had room a moment ago, and this is its only writer");
        }
        if stopped {
            residents.ledger().gate.end();
            self.phase = Phase::Idle;
        }
    }

    fn has_stopped(&self, residents: &impl Residents) -> bool {
        matches!(self.phase, Phase::Stopping { .. }) && residents.is_empty()
    }
}

fn take(residents: &impl Residents, step: Step) {
    if step.comes {
        residents.come(step.class);
    } else {
        residents.leave(step.class);
    }
}

/// How often measurements are handed over.
const TICK_NS: u64 = 100_000_000;
