//! Deadlines that have passed: when they may end their operations.
//!
//! A thread may be late: a task computed for long, or the process was stopped. Bytes that arrived before a deadline
//! then still wait in the kernel when the timer fires. A passed deadline therefore waits until the driver has found no
//! further completion, and the tasks of all completions have run. A long response needs several receives, so one turn
//! of the driver is not enough. This file makes no system calls; `driver.rs` turns the driver without a wait meanwhile.

use std::{
    cell::{Cell, RefCell},
    task::Waker,
};

/// The passed deadlines of one thread.
#[derive(Default)]
pub(super) struct OverdueDeadlines {
    /// All that arrived before this time was taken in.
    drained_until_ns: Cell<u64>,
    drain: Cell<Option<Drain>>,
    /// The tasks of the deadlines that wait for the end of the drain.
    wakers: RefCell<Vec<Waker>>,
}

/// The time in which a thread takes in what has arrived.
#[derive(Clone, Copy)]
struct Drain {
    start_ns: u64,
    max_end_ns: u64,
}

impl OverdueDeadlines {
    /// Returns `true` if all that arrived before `deadline_ns` was taken in. Otherwise wakes `waker` after a drain. The
    /// deadline must not be later than `now_ns`.
    pub(super) fn is_drained(&self, deadline_ns: u64, now_ns: u64, waker: &Waker) -> bool {
        if self.drained_until_ns.get() >= deadline_ns {
            return true;
        }
        if self.drain.get().is_none() {
            let max_drain_ns = (now_ns - deadline_ns).clamp(MIN_DRAIN_NS, MAX_DRAIN_NS);
            self.drain.set(Some(Drain { start_ns: now_ns, max_end_ns: now_ns + max_drain_ns }));
        }
        self.wakers.borrow_mut().push(waker.clone());
        false
    }

    /// Returns `true` if the thread must not wait in the kernel.
    pub(super) fn is_draining(&self) -> bool {
        self.drain.get().is_some()
    }

    /// Ends the drain after a turn of the driver that found no completion while no task was ready, or after the
    /// maximum time.
    pub(super) fn on_turn(&self, now_ns: u64, was_idle: bool) {
        let Some(drain) = self.drain.get() else {
            return;
        };
        if was_idle || now_ns >= drain.max_end_ns {
            self.drain.set(None);
            self.drained_until_ns.set(drain.start_ns);
            self.wakers.borrow_mut().drain(..).for_each(Waker::wake);
        }
    }
}

/// Lower bound of the maximum duration of a drain: 100 ms. The maximum is the time by which the deadline was overdue.
/// It ends the drain of a busy thread, which never finds an idle turn.
const MIN_DRAIN_NS: u64 = 100_000_000;
/// Upper bound of the maximum duration of a drain: 1 s.
const MAX_DRAIN_NS: u64 = 1_000_000_000;

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn idle_turn_ends_the_drain() {
        let deadlines = OverdueDeadlines::default();
        assert!(!deadlines.is_drained(100 * MS, 101 * MS, Waker::noop()));
        deadlines.on_turn(102 * MS, false);
        assert!(!deadlines.is_drained(100 * MS, 102 * MS, Waker::noop()) && deadlines.is_draining());
        deadlines.on_turn(103 * MS, true);
        assert!(deadlines.is_drained(101 * MS, 103 * MS, Waker::noop()) && !deadlines.is_draining());
        assert!(!deadlines.is_drained(102 * MS, 103 * MS, Waker::noop()), "passed after the drain began");
    }

    #[test]
    fn drain_of_a_busy_thread_is_bounded_by_lateness() {
        for (late_ns, max_drain_ns) in [(0, 100 * MS), (500 * MS, 500 * MS), (5000 * MS, 1000 * MS)] {
            let deadlines = OverdueDeadlines::default();
            let now_ns = MS + late_ns;
            assert!(!deadlines.is_drained(MS, now_ns, Waker::noop()));
            deadlines.on_turn(now_ns + max_drain_ns - 1, false);
            assert!(deadlines.is_draining());
            deadlines.on_turn(now_ns + max_drain_ns, false);
            assert!(deadlines.is_drained(MS, now_ns, Waker::noop()));
        }
    }
}
