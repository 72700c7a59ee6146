//! One shard: its users, what they share, and the loop that starts and dismisses them.
//!
//! Runs on one thread (or in the simulator) from start to end. It follows the steps it is given at their due times,
//! hands its measurements over every tick, and probes its own punctuality with every wake of the loop.

use std::{
    cell::{Cell, RefCell},
    collections::VecDeque,
    rc::Rc,
    sync::Arc,
};

use gregaria_http::proto::HeadMemo;
use gregaria_stats::{Interval, Lag, Limits, Recorder};
use rand::{SeedableRng, rngs::SmallRng};

use super::{
    gate::Gate,
    life::{Life, Order},
    link::{HAND_OVERS, HandOver, Link, Message},
    roster::Roster,
};
use crate::{health::ShardLoad, ramp::Step, rt::Rt, user::RustScenario};

/// What the users of a shard share.
pub(crate) struct Shard {
    pub(crate) rt: Rt,
    pub(crate) gate: Gate,
    pub(crate) recorder: RefCell<Recorder>,
    pub(crate) rng: RefCell<SmallRng>,
    pub(super) head_memo: RefCell<HeadMemo>,
    cut: Cell<u64>,
    roster: RefCell<Roster>,
    buffers: RefCell<Vec<Vec<u8>>>,
}

impl Shard {
    pub(super) fn new(rt: Rt, scenario: &RustScenario, limits: Limits, seed: u64) -> Rc<Self> {
        Rc::new(Self {
            rt,
            gate: Gate::new(),
            recorder: RefCell::new(Recorder::new(limits)),
            rng: RefCell::new(SmallRng::seed_from_u64(seed)),
            head_memo: RefCell::default(),
            cut: Cell::new(0),
            roster: RefCell::new(Roster::new(crate::Scenario::user_classes(scenario).len())),
            buffers: RefCell::default(),
        })
    }

    /// A request was started and will never be counted.
    pub(crate) fn count_cut(&self) {
        self.cut.set(self.cut.get() + 1);
    }

    /// A user is gone.
    pub(crate) fn went(&self, life: &Life) {
        self.roster.borrow_mut().went(life);
    }

    /// An empty buffer: a user holds one only while a request is on the wire.
    pub(crate) fn take_buffer(&self) -> Vec<u8> {
        self.buffers.borrow_mut().pop().unwrap_or_else(|| Vec::with_capacity(BUFFER_BYTES))
    }

    pub(crate) fn give_buffer(&self, mut buffer: Vec<u8>) {
        let mut buffers = self.buffers.borrow_mut();
        if buffers.len() < KEPT_BUFFERS && (1..=LARGEST_KEPT_BYTES).contains(&buffer.capacity()) {
            buffer.clear();
            buffers.push(buffer);
        }
    }
}

/// A shard's loop.
pub(super) struct ShardLoop {
    shard: Rc<Shard>,
    scenario: Arc<RustScenario>,
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

impl ShardLoop {
    pub(super) fn new(shard: Rc<Shard>, scenario: Arc<RustScenario>, link: Link) -> Self {
        Self {
            shard,
            scenario,
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

    /// Runs until told to quit.
    pub(super) async fn run(mut self) {
        while !self.quit {
            while let Ok(message) = self.link.inbox.pop() {
                self.obey(message);
            }
            let now_ns = self.shard.rt.now_ns();
            self.take_steps(now_ns);
            self.shard.gate.recheck();
            self.cut_late(now_ns);
            if now_ns >= self.tick_ns || self.has_stopped() {
                self.hand_over(now_ns);
            }
            let wake_ns = self.next_wake_ns(now_ns);
            self.shard.rt.sleep_until(wake_ns).await;
            self.probe(wake_ns);
        }
    }

    fn obey(&mut self, message: Message) {
        match message {
            Message::Begin(quota) => {
                self.shard.gate.open(quota);
                self.shard.cut.set(0);
                self.phase = Phase::On;
                self.began_ns = self.shard.rt.now_ns();
                self.began_cpu_ns = self.shard.rt.thread_cpu_ns();
                self.tick_ns = self.began_ns + TICK_NS;
            }
            Message::Plan { from_ns, steps } => self.plan(from_ns, steps),
            Message::Stop { deadline_ns } => self.stop(deadline_ns),
            Message::Emptied(interval) => self.spare.push(interval),
            Message::Quit => {
                self.shard.gate.close();
                self.quit = true;
            }
        }
    }

    /// Replaces what was planned from `from_ns` on. A step that was taken already is taken back.
    fn plan(&mut self, from_ns: u64, steps: Vec<Step>) {
        self.steps.retain(|step| step.due_ns < from_ns);
        while let Some(step) = self.taken.pop_if(|step| step.due_ns >= from_ns) {
            self.take(Step { comes: !step.comes, ..step });
        }
        self.steps.extend(steps);
        self.taken.clear();
    }

    fn take_steps(&mut self, now_ns: u64) {
        while let Some(step) = self.steps.pop_front_if(|step| step.due_ns <= now_ns) {
            self.take(step);
            self.taken.push(step);
        }
    }

    fn take(&self, step: Step) {
        if !step.comes {
            let dismissed = self.shard.roster.borrow_mut().dismiss_latest(step.class);
            if let Some(life) = dismissed {
                life.tell(Order::Leave);
            }
            return;
        }
        let life = Rc::new(Life::new(step.class));
        self.shard.roster.borrow_mut().add(&life);
        self.scenario.spawn(step.class, &self.shard, life);
    }

    fn stop(&mut self, deadline_ns: u64) {
        self.shard.gate.close();
        self.steps.clear();
        self.taken.clear();
        self.phase = Phase::Stopping { deadline_ns };
        let all = self.shard.roster.borrow_mut().dismiss_all();
        all.iter().for_each(|life| life.tell(Order::Leave));
    }

    fn cut_late(&self, now_ns: u64) {
        if !matches!(self.phase, Phase::Stopping { deadline_ns } if now_ns >= deadline_ns) {
            return;
        }
        let all = self.shard.roster.borrow_mut().dismiss_all();
        all.iter().for_each(|life| life.tell(Order::Cut));
    }

    fn hand_over(&mut self, now_ns: u64) {
        self.tick_ns = now_ns + TICK_NS;
        if self.phase == Phase::Idle || self.link.outbox.is_full() {
            return;
        }
        let Some(emptied) = self.spare.pop() else {
            return;
        };
        let stopped = self.has_stopped();
        let hand_over = HandOver {
            interval: self.shard.recorder.borrow_mut().take(emptied),
            users: self.shard.roster.borrow().counts().to_vec(),
            cut: self.shard.cut.get(),
            load: ShardLoad {
                cpu_ns: self.shard.rt.thread_cpu_ns() - self.began_cpu_ns,
                wall_ns: now_ns - self.began_ns,
            },
            stopped,
        };
        if self.link.outbox.push(hand_over).is_err() {
            unreachable!("the queue had room a moment ago, and this is its only writer");
        }
        if stopped {
            self.phase = Phase::Idle;
        }
    }

    fn has_stopped(&self) -> bool {
        matches!(self.phase, Phase::Stopping { .. }) && self.shard.roster.borrow().is_empty()
    }

    fn next_wake_ns(&self, now_ns: u64) -> u64 {
        let step_ns = self.steps.front().map_or(u64::MAX, |step| step.due_ns);
        (now_ns + PROBE_NS).min(self.tick_ns).min(step_ns).max(now_ns)
    }

    /// This wake waited in the same queue as every response does: its delay is theirs.
    fn probe(&self, wake_ns: u64) {
        if self.phase == Phase::On {
            let lag_us = self.shard.rt.now_ns().saturating_sub(wake_ns) / 1000;
            self.shard.recorder.borrow_mut().lag(Lag::Resume, lag_us);
        }
    }
}

/// How often measurements are handed over.
const TICK_NS: u64 = 100_000_000;
/// How often the loop looks for messages, at the least.
const PROBE_NS: u64 = 5_000_000;
/// Holds a small request and its response; one that was too small comes back larger.
const BUFFER_BYTES: usize = 1024;
const KEPT_BUFFERS: usize = 1024;
const LARGEST_KEPT_BYTES: usize = 64 * 1024;
