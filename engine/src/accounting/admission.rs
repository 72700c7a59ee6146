//! Admission of requests: the one file that enforces the end of a run and its request quota.
//!
//! A thread leases blocks of the run's quota, so that threads touch the shared counter only every few hundred requests.
//! The blocks shrink towards the end, so that no thread holds permits that another thread needs.

use std::{
    cell::{Cell, RefCell},
    future::poll_fn,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Poll, Waker},
};

/// The number of requests of a run that no thread has leased yet.
pub(crate) type Quota = Arc<AtomicU64>;

/// The admission of one thread.
pub(crate) struct Admission {
    is_open: Cell<bool>,
    /// Whether all users of the thread have exited, so that no finished request can still be recorded.
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

    /// Starts a run with this quota, or without a limit.
    pub(crate) fn open(&self, quota: Option<Quota>) {
        self.is_limited.set(quota.is_some());
        self.leased_permits.set(0);
        *self.quota.borrow_mut() = quota;
        self.is_open.set(true);
        self.is_finished.set(false);
    }

    /// Admits no further request.
    pub(crate) fn close(&self) {
        self.is_open.set(false);
        self.waiters.borrow_mut().clear();
    }

    /// Ends the run after its last report: finished requests are not recorded any more.
    pub(crate) fn finish(&self) {
        self.is_finished.set(true);
    }

    /// Takes a permit for a request that is finished already. [`close`](Self::close) does not reject it, because it
    /// only prevents the start of requests.
    pub(crate) fn try_admit_finished(&self) -> bool {
        !self.is_finished.get() && (!self.is_limited.get() || self.try_take_permit())
    }

    /// Takes a permit if one is available now.
    pub(crate) fn try_admit(&self) -> bool {
        self.is_open.get() && (!self.is_limited.get() || self.try_take_permit())
    }

    pub(crate) fn is_open(&self) -> bool {
        self.is_open.get()
    }

    pub(crate) fn may_admit_soon(&self) -> bool {
        let is_quota_left = self.quota.borrow().as_ref().is_none_or(|quota| quota.load(Ordering::Relaxed) > 0);
        self.is_open.get() && (is_quota_left || self.leased_permits.get() > 0)
    }

    /// Waits until a permit is available. After the end of the run it calls `on_closed` and never completes.
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

    /// Returns the permit of an admitted request that was never recorded.
    pub(crate) fn release(&self) {
        if let Some(quota) = self.quota.borrow().as_ref() {
            quota.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Wakes the waiting users if permits were returned.
    pub(crate) fn wake_waiters(&self) {
        let is_quota_left = self.quota.borrow().as_ref().is_some_and(|quota| quota.load(Ordering::Relaxed) > 0);
        if is_quota_left {
            self.waiters.borrow_mut().drain(..).for_each(Waker::wake);
        }
    }

    fn try_take_permit(&self) -> bool {
        if self.leased_permits.get() == 0 {
            self.leased_permits.set(self.quota.borrow().as_ref().map_or(0, |quota| lease_block(quota)));
        }
        let has_permit = self.leased_permits.get() > 0;
        if has_permit {
            self.leased_permits.set(self.leased_permits.get() - 1);
        }
        has_permit
    }
}

/// Takes a block of permits from the quota. The block is larger while more permits are left.
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
    fn leases_of_several_threads_add_up_to_the_quota() {
        let quota: Quota = Arc::new(AtomicU64::new(100_003));
        let threads = [Admission::new(), Admission::new(), Admission::new()];
        threads.iter().for_each(|admission| admission.open(Some(Arc::clone(&quota))));
        let mut admitted = 0;
        while threads.iter().any(|admission| admission.try_admit().then(|| admitted += 1).is_some()) {}
        assert_eq!(admitted, 100_003);
        threads[0].release();
        assert!(threads[1].try_admit() && !threads[0].try_admit());
    }

    #[test]
    fn closed_admission_admits_no_request() {
        let admission = Admission::new();
        assert!(!admission.try_admit());
        admission.open(None);
        assert!(admission.try_admit());
        admission.close();
        assert!(!admission.try_admit());
    }

    #[test]
    fn finished_requests_count_until_the_run_is_finished() {
        let admission = Admission::new();
        assert!(!admission.try_admit_finished());
        admission.open(Some(Arc::new(AtomicU64::new(2))));
        admission.close();
        assert!(admission.try_admit_finished() && admission.try_admit_finished() && !admission.try_admit_finished());
        admission.open(None);
        admission.close();
        assert!(admission.try_admit_finished());
        admission.finish();
        assert!(!admission.try_admit_finished());
    }
}
