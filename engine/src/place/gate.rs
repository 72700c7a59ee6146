//! May another request start? The one place where the end of a run and its number of requests take hold.
//!
//! A place leases blocks of the run's quota, so that places meet in one atomic number only every few hundred
//! requests; the blocks shrink towards the end, so that none sits on a lease that another needs.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Poll, Waker},
};

/// Requests of a run that no place has leased yet.
pub(super) type Quota = Arc<AtomicU64>;

/// A place's gate.
pub(crate) struct Gate {
    open: Cell<bool>,
    /// Nobody is left who could make a request.
    over: Cell<bool>,
    quota: RefCell<Option<Quota>>,
    limited: Cell<bool>,
    leased: Cell<u64>,
    waiting: RefCell<Vec<Waker>>,
}

impl Gate {
    pub(super) fn new() -> Self {
        Self {
            open: Cell::new(false),
            over: Cell::new(true),
            quota: RefCell::new(None),
            limited: Cell::new(false),
            leased: Cell::new(0),
            waiting: RefCell::default(),
        }
    }

    pub(super) fn open(&self, quota: Option<Quota>) {
        self.limited.set(quota.is_some());
        self.leased.set(0);
        *self.quota.borrow_mut() = quota;
        self.open.set(true);
        self.over.set(false);
    }

    pub(super) fn close(&self) {
        self.open.set(false);
        self.waiting.borrow_mut().clear();
    }

    /// The run is over: the place has handed over all that it will.
    pub(super) fn end(&self) {
        self.over.set(true);
    }

    /// Takes a permit for a request that is finished already. What closes the gate is the start of requests.
    pub(super) fn try_count(&self) -> bool {
        !self.over.get() && (!self.limited.get() || self.take_permit())
    }

    /// Takes a permit if there is one at once.
    pub(crate) fn try_admit(&self) -> bool {
        self.open.get() && (!self.limited.get() || self.take_permit())
    }

    pub(crate) fn is_open(&self) -> bool {
        self.open.get()
    }

    pub(super) fn has_room(&self) -> bool {
        let left = self.quota.borrow().as_ref().is_none_or(|quota| quota.load(Ordering::Relaxed) > 0);
        self.open.get() && (left || self.leased.get() > 0)
    }

    /// Waits for a permit: until one comes back, or for ever when the run is over, which `halt` is told.
    pub(crate) async fn admit(&self, halt: impl Fn()) {
        poll_fn(|cx| {
            if self.try_admit() {
                return Poll::Ready(());
            }
            if self.open.get() {
                self.waiting.borrow_mut().push(cx.waker().clone());
            } else {
                halt();
            }
            Poll::Pending
        })
        .await;
    }

    /// A request was admitted but never decided: its permit is another's.
    pub(super) fn give_back(&self) {
        if let Some(quota) = self.quota.borrow().as_ref() {
            quota.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Wakes those who wait when there is something to have again.
    pub(super) fn recheck(&self) {
        let left = self.quota.borrow().as_ref().is_some_and(|quota| quota.load(Ordering::Relaxed) > 0);
        if left {
            self.waiting.borrow_mut().drain(..).for_each(Waker::wake);
        }
    }

    fn take_permit(&self) -> bool {
        if self.leased.get() == 0 {
            self.leased.set(self.quota.borrow().as_ref().map_or(0, |quota| lease(quota)));
        }
        let has = self.leased.get() > 0;
        if has {
            self.leased.set(self.leased.get() - 1);
        }
        has
    }
}

/// Takes a block off the quota: the larger, the more is left.
fn lease(quota: &AtomicU64) -> u64 {
    let block = |left: u64| (left / BLOCKS_LEFT).clamp(1, LARGEST_BLOCK).min(left);
    let before = quota.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left - block(left)));
    before.map_or(0, block)
}

const BLOCKS_LEFT: u64 = 256;
const LARGEST_BLOCK: u64 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_add_up_to_the_quota_exactly() {
        let quota: Quota = Arc::new(AtomicU64::new(100_003));
        let gates = [Gate::new(), Gate::new(), Gate::new()];
        gates.iter().for_each(|gate| gate.open(Some(Arc::clone(&quota))));
        let mut admitted = 0;
        while gates.iter().any(|gate| gate.try_admit().then(|| admitted += 1).is_some()) {}
        assert_eq!(admitted, 100_003);
        gates[0].give_back();
        assert!(gates[1].try_admit() && !gates[0].try_admit());
    }

    #[test]
    fn a_closed_gate_admits_no_one() {
        let gate = Gate::new();
        assert!(!gate.try_admit());
        gate.open(None);
        assert!(gate.try_admit());
        gate.close();
        assert!(!gate.try_admit());
    }

    #[test]
    fn what_is_finished_counts_until_the_run_is_over_and_never_beyond_the_quota() {
        let gate = Gate::new();
        assert!(!gate.try_count());
        gate.open(Some(Arc::new(AtomicU64::new(2))));
        gate.close();
        assert!(gate.try_count() && gate.try_count() && !gate.try_count());
        gate.open(None);
        gate.close();
        assert!(gate.try_count());
        gate.end();
        assert!(!gate.try_count());
    }
}
