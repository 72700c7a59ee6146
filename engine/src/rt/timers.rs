//! One heap of timers for a whole thread. Pure: it is told the time and wakes wakers.
//!
//! A cancelled timer leaves its heap entry behind until its deadline comes; [`Key`]s carry a generation, so a slot
//! can be used again at once.

use std::{cmp::Reverse, collections::BinaryHeap, task::Waker};

pub(super) struct Timers {
    heap: BinaryHeap<Reverse<(u64, TimerKey)>>,
    slots: Vec<TimerSlot>,
    free: Vec<u32>,
}

/// Names a timer that was inserted; worthless once it has fired or been cancelled.
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

    /// Makes the timer wake `waker`; false when it has fired or been cancelled.
    pub(super) fn set_waker(&mut self, key: TimerKey, waker: &Waker) -> bool {
        match self.live_waker(key) {
            Some(current) => {
                current.clone_from(waker);
                true
            }
            None => false,
        }
    }

    pub(super) fn cancel(&mut self, key: TimerKey) {
        if self.live_waker(key).is_some() {
            self.release(key.slot);
        }
    }

    /// Wakes everything due at `now_ns` and returns the next deadline.
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

    /// The first deadline, which may be that of a cancelled timer.
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

    struct Count(AtomicU32);

    impl std::task::Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn timers_fire_in_order_once_and_not_when_cancelled() {
        let count = Arc::new(Count(AtomicU32::new(0)));
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
    fn a_reused_slot_does_not_answer_to_its_old_key() {
        let waker = Waker::noop();
        let mut timers = Timers::new();
        let old = timers.insert(10, waker.clone());
        timers.cancel(old);
        let new = timers.insert(20, waker.clone());
        timers.cancel(old);
        assert!(timers.set_waker(new, waker));
    }
}
