//! The activity of one thread of users, for a watcher on another thread: the last turn of its loop, its current task,
//! and its CPU clock.
//!
//! The thread writes with relaxed stores to a cache line of its own. The watcher (`shards/watch.rs`) reads them while
//! the thread does not turn. This file must not know the watcher.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::rt::ThreadCpuClock;

/// The activity of one thread of users, as another thread reads it.
#[repr(align(64))]
pub(crate) struct ThreadActivity {
    last_turn_ns: AtomicU64,
    /// The latest task that was polled: the class in the upper half, the number of the task in the lower half.
    task: AtomicU64,
    cpu_clock: ThreadCpuClock,
}

impl ThreadActivity {
    /// Creates the activity of the calling thread.
    pub(crate) fn new(now_ns: u64) -> Self {
        let cpu_clock = ThreadCpuClock::of_this_thread();
        Self { last_turn_ns: AtomicU64::new(now_ns), task: AtomicU64::new(0), cpu_clock }
    }

    /// Records that the loop of the thread turned at `now_ns`.
    pub(crate) fn record_turn(&self, now_ns: u64) {
        self.last_turn_ns.store(now_ns, Relaxed);
    }

    /// Records that a task is about to be polled. Number 0 stands for a hook or a scheduled task.
    pub(crate) fn record_task(&self, class: usize, number: u32) {
        self.task.store((class as u64) << 32 | u64::from(number), Relaxed);
    }

    /// Returns the time of the last turn in monotonic nanoseconds.
    pub(crate) fn last_turn_ns(&self) -> u64 {
        self.last_turn_ns.load(Relaxed)
    }

    /// Returns the class and the number of the task that was polled last.
    pub(crate) fn last_task(&self) -> (usize, u32) {
        let task = self.task.load(Relaxed);
        ((task >> 32) as usize, task as u32)
    }

    /// Returns the CPU time of the thread in nanoseconds; `None` if the thread has ended.
    pub(crate) fn cpu_ns(&self) -> Option<u64> {
        self.cpu_clock.read_ns()
    }
}
