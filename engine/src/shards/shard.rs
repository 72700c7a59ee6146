//! One shard: its users, what they share, and the loop that turns their [`Place`].
//!
//! Runs on one thread (or in the simulator) from start to end. What is due when is the place's affair; the loop waits in
//! between, and probes its own punctuality with every wake.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use gregaria_stats::{Lag, Limits};
use rand::{SeedableRng, rngs::SmallRng};

use super::{
    life::{Life, Order},
    roster::Roster,
};
use crate::{
    network::Wires,
    place::{Ledger, Link, Place, Residents},
    rt::{AddressBook, Rt},
    user::RustScenario,
};

/// What the users of a shard share.
pub(crate) struct Shard {
    pub(crate) rt: Rt,
    pub(crate) wires: Rc<Wires>,
    pub(crate) ledger: Ledger,
    pub(crate) rng: RefCell<SmallRng>,
    roster: RefCell<Roster>,
}

impl Shard {
    pub(super) fn new(rt: Rt, book: Arc<AddressBook>, scenario: &RustScenario, limits: Limits, seed: u64) -> Rc<Self> {
        Rc::new(Self {
            wires: Wires::new(rt.clone(), book),
            rt,
            ledger: Ledger::new(limits),
            rng: RefCell::new(SmallRng::seed_from_u64(seed)),
            roster: RefCell::new(Roster::new(crate::Scenario::user_classes(scenario).len())),
        })
    }

    /// A user is gone.
    pub(crate) fn went(&self, life: &Life) {
        self.roster.borrow_mut().went(life);
    }
}

/// A shard's loop.
pub(super) struct ShardLoop {
    users: ShardUsers,
    place: Place,
}

struct ShardUsers {
    shard: Rc<Shard>,
    scenario: Arc<RustScenario>,
}

impl ShardLoop {
    pub(super) fn new(shard: Rc<Shard>, scenario: Arc<RustScenario>, link: Link) -> Self {
        Self { users: ShardUsers { shard, scenario }, place: Place::new(link) }
    }

    /// Runs until told to quit.
    pub(super) async fn run(mut self) {
        let rt = self.users.shard.rt.clone();
        loop {
            let now_ns = rt.now_ns();
            let Some(due_ns) = self.place.turn(&self.users, now_ns) else {
                return;
            };
            let wake_ns = due_ns.min(now_ns + PROBE_NS);
            rt.sleep_until(wake_ns).await;
            self.probe(rt.now_ns().saturating_sub(wake_ns));
        }
    }

    /// This wake waited in the same queue as every response does: its delay is theirs.
    fn probe(&self, lag_ns: u64) {
        if self.place.is_on() {
            self.users.shard.ledger.lag(Lag::Resume, lag_ns / 1000);
        }
    }
}

impl Residents for ShardUsers {
    fn ledger(&self) -> &Ledger {
        &self.shard.ledger
    }

    fn come(&self, class: usize) {
        let life = Rc::new(Life::new(class));
        self.shard.roster.borrow_mut().add(&life);
        self.scenario.spawn(class, &self.shard, life);
    }

    fn leave(&self, class: usize) {
        let dismissed = self.shard.roster.borrow_mut().dismiss_latest(class);
        if let Some(life) = dismissed {
            life.tell(Order::Leave);
        }
    }

    fn leave_all(&self) {
        let all = self.shard.roster.borrow_mut().dismiss_all();
        all.iter().for_each(|life| life.tell(Order::Leave));
    }

    fn cut_all(&self) {
        let all = self.shard.roster.borrow_mut().dismiss_all();
        all.iter().for_each(|life| life.tell(Order::Cut));
    }

    fn users(&self) -> Vec<u32> {
        self.shard.roster.borrow().counts().to_vec()
    }

    fn is_empty(&self) -> bool {
        self.shard.roster.borrow().is_empty()
    }

    fn thread_cpu_ns(&self) -> u64 {
        self.shard.rt.thread_cpu_ns()
    }
}

/// How often the loop looks for messages, at the least.
const PROBE_NS: u64 = 5_000_000;
