//! One heap of timers for a whole thread. It reads no clock: the caller passes the time and [`Timers::fire`] wakes the
//! tasks.
//!
//! A cancelled timer leaves its heap entry behind until its deadline. A [`TimerKey`] carries a generation, so its
//! slot can be reused at once.

use std::{cmp::Reverse, collections::BinaryHeap, task::Waker};

/// The timers of one thread.
pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(u64, TimerKey)>>,
    slots: Vec<TimerSlot>,
    free: Vec<u32>,
}

/// The key of an inserted timer. It is invalid once the timer has fired or was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TimerKey {
    slot: u32,
    generation: u32,
}

#[derive(Default)]
struct TimerSlot {
    generation: u32,
    waker: Option<Waker>,
}

impl Timers {
    pub(super) fn new() -> Self {
        Self { heap: BinaryHeap::new(), slots: Vec::new(), free: Vec::new() }
    }

    /// Adds a timer that wakes `waker` at `deadline_ns`.
    pub(super) fn insert(&mut self, deadline_ns: u64, waker: Waker) -> TimerKey {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(TimerSlot::default());
            self.slots.len() as u32 - 1
        });
        self.slots[slot as usize].waker = Some(waker);
        let key = TimerKey { slot, generation: self.slots[slot as usize].generation };
        self.heap.push(Reverse((deadline_ns, key)));
        key
    }

    /// Makes the timer wake `waker`. Returns `false` if the timer has fired or was cancelled.
    pub(super) fn set_waker(&mut self, key: TimerKey, waker: &Waker) -> bool {
        match self.live_waker(key) {
            Some(current) => {
                current.clone_from(waker);
                true
            }
            None => false,
        }
    }

    /// Cancels the timer. Has no effect if the timer has fired or was cancelled.
    pub(super) fn cancel(&mut self, key: TimerKey) {
        if self.live_waker(key).is_some() {
            self.release(key.slot);
        }
    }

    /// Wakes the tasks of all timers that are due at `now_ns` and returns the next deadline.
    pub(super) fn fire(&mut self, now_ns: u64) -> Option<u64> {
        while let Some(Reverse((deadline_ns, key))) = self.heap.peek().copied() {
            let is_live = self.live_waker(key).is_some();
            if is_live && deadline_ns > now_ns {
                return Some(deadline_ns);
            }
            self.heap.pop();
            if is_live && let Some(waker) = self.release(key.slot) {
                waker.wake();
            }
        }
        None
    }

    /// Returns the earliest deadline, which may belong to a cancelled timer.
    pub(super) fn next_deadline_ns(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((deadline_ns, _))| *deadline_ns)
    }

    fn live_waker(&mut self, key: TimerKey) -> Option<&mut Waker> {
        let slot = &mut self.slots[key.slot as usize];
        if slot.generation == key.generation { slot.waker.as_mut() } else { None }
    }

    fn release(&mut self, slot: u32) -> Option<Waker> {
        self.free.push(slot);
        let slot = &mut self.slots[slot as usize];
        slot.generation = slot.generation.wrapping_add(1);
        slot.waker.take()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    struct WakeCounter(AtomicU32);

    impl std::task::Wake for WakeCounter {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn timers_fire_once_in_order_unless_cancelled() {
        let count = Arc::new(WakeCounter(AtomicU32::new(0)));
        let waker = Waker::from(Arc::clone(&count));
        let mut timers = Timers::new();
        let late = timers.insert(30, waker.clone());
        let cancelled = timers.insert(10, waker.clone());
        let early = timers.insert(20, waker.clone());
        timers.cancel(cancelled);
        assert_eq!(timers.fire(19), Some(20));
        assert_eq!(count.0.load(Ordering::Relaxed), 0);
        assert_eq!(timers.fire(20), Some(30));
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
        assert!(!timers.set_waker(early, &waker));
        assert!(timers.set_waker(late, &waker));
        assert_eq!(timers.fire(31), None);
        assert_eq!(count.0.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn old_key_does_not_cancel_a_reused_slot() {
        let waker = Waker::noop();
        let mut timers = Timers::new();
        let old = timers.insert(10, waker.clone());
        timers.cancel(old);
        let new = timers.insert(20, waker.clone());
        timers.cancel(old);
        assert!(timers.set_waker(new, waker));
    }
}
