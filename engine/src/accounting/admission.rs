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
pub(crate) type Quota = Arc<AtomicU64>;

/// A place's gate.
pub(crate) struct Admission {
    is_open: Cell<bool>,
    /// Nobody is left who could make a request.
    is_finished: Cell<bool>,
    quota: RefCell<Option<Quota>>,
    is_limited: Cell<bool>,
    leased_permits: Cell<u64>,
    waiters: RefCell<Vec<Waker>>,
}

impl Admission {
    pub(crate) fn new() -> Self {
        Self {
            is_open: Cell::new(false),
            is_finished: Cell::new(true),
            quota: RefCell::new(None),
            is_limited: Cell::new(false),
            leased_permits: Cell::new(0),
            waiters: RefCell::default(),
        }
    }

    pub(crate) fn open(&self, quota: Option<Quota>) {
        self.is_limited.set(quota.is_some());
        self.leased_permits.set(0);
        *self.quota.borrow_mut() = quota;
        self.is_open.set(true);
        self.is_finished.set(false);
    }

    pub(crate) fn close(&self) {
        self.is_open.set(false);
        self.waiters.borrow_mut().clear();
    }

    /// The run is over: the place has handed over all that it will.
    pub(crate) fn finish(&self) {
        self.is_finished.set(true);
    }

    /// Takes a permit for a request that is finished already. What closes the gate is the start of requests.
    pub(crate) fn try_admit_finished(&self) -> bool {
        !self.is_finished.get() && (!self.is_limited.get() || self.try_take_permit())
    }

    /// Takes a permit if there is one at once.
    pub(crate) fn try_admit(&self) -> bool {
        self.is_open.get() && (!self.is_limited.get() || self.try_take_permit())
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_open.get()
    }

    pub(crate) fn may_admit_soon(&self) -> bool {
        let left = self.quota.borrow().as_ref().is_none_or(|quota| quota.load(Ordering::Relaxed) > 0);
        self.is_open.get() && (left || self.leased_permits.get() > 0)
    }

    /// Waits for a permit: until one comes back, or for ever when the run is over, which `halt` is told.
    pub(crate) async fn admit(&self, on_closed: impl Fn()) {
        poll_fn(|cx| {
            if self.try_admit() {
                return Poll::Ready(());
            }
            if self.is_open.get() {
                self.waiters.borrow_mut().push(cx.waker().clone());
            } else {
                on_closed();
            }
            Poll::Pending
        })
        .await;
    }

    /// A request was admitted but never decided: its permit is another's.
    pub(crate) fn release(&self) {
        if let Some(quota) = self.quota.borrow().as_ref() {
            quota.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Wakes those who wait when there is something to have again.
    pub(crate) fn wake_waiters(&self) {
        let left = self.quota.borrow().as_ref().is_some_and(|quota| quota.load(Ordering::Relaxed) > 0);
        if left {
            self.waiters.borrow_mut().drain(..).for_each(Waker::wake);
        }
    }

    fn try_take_permit(&self) -> bool {
        if self.leased_permits.get() == 0 {
            self.leased_permits.set(self.quota.borrow().as_ref().map_or(0, |quota| lease_block(quota)));
        }
        let has = self.leased_permits.get() > 0;
        if has {
            self.leased_permits.set(self.leased_permits.get() - 1);
        }
        has
    }
}

/// Takes a block off the quota: the larger, the more is left.
fn lease_block(quota: &AtomicU64) -> u64 {
    let block = |left: u64| (left / LEASE_DIVISOR).clamp(1, MAX_LEASE_REQUESTS).min(left);
    let before = quota.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| Some(left - block(left)));
    before.map_or(0, block)
}

const LEASE_DIVISOR: u64 = 256;
const MAX_LEASE_REQUESTS: u64 = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_add_up_to_the_quota_exactly() {
        let quota: Quota = Arc::new(AtomicU64::new(100_003));
        let gates = [Admission::new(), Admission::new(), Admission::new()];
        gates.iter().for_each(|gate| gate.open(Some(Arc::clone(&quota))));
        let mut admitted = 0;
        while gates.iter().any(|gate| gate.try_admit().then(|| admitted += 1).is_some()) {}
        assert_eq!(admitted, 100_003);
        gates[0].release();
        assert!(gates[1].try_admit() && !gates[0].try_admit());
    }

    #[test]
    fn a_closed_gate_admits_no_one() {
        let gate = Admission::new();
        assert!(!gate.try_admit());
        gate.open(None);
        assert!(gate.try_admit());
        gate.close();
        assert!(!gate.try_admit());
    }

    #[test]
    fn what_is_finished_counts_until_the_run_is_over_and_never_beyond_the_quota() {
        let gate = Admission::new();
        assert!(!gate.try_admit_finished());
        gate.open(Some(Arc::new(AtomicU64::new(2))));
        gate.close();
        assert!(gate.try_admit_finished() && gate.try_admit_finished() && !gate.try_admit_finished());
        gate.open(None);
        gate.close();
        assert!(gate.try_admit_finished());
        gate.finish();
        assert!(!gate.try_admit_finished());
    }
}
