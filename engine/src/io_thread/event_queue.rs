//! The events of the I/O thread on their way to the owner: the queue, events that wait for room in it, and the wake-up.
//!
//! Events are collected while tasks run. They are flushed with one wake-up before the thread parks.

use std::{
    cell::RefCell,
    collections::VecDeque,
    sync::{Arc, atomic::Ordering},
};

use rtrb::Producer;

use super::{IoEvent, IoThreadShared};

/// The thread's end of the event queue.
pub(super) struct EventQueue {
    unsent: RefCell<VecDeque<IoEvent>>,
    producer: RefCell<Producer<IoEvent>>,
    shared: Arc<IoThreadShared>,
}

impl EventQueue {
    pub(super) fn new(producer: Producer<IoEvent>, shared: Arc<IoThreadShared>) -> Self {
        Self { unsent: RefCell::default(), producer: RefCell::new(producer), shared }
    }

    /// Adds an event. It is sent by the next [`flush`](Self::flush).
    pub(super) fn emit(&self, event: IoEvent) {
        self.unsent.borrow_mut().push_back(event);
    }

    /// Sends the events for which the queue has room, and notifies the owner once.
    pub(super) fn flush(&self) {
        let mut unsent = self.unsent.borrow_mut();
        if unsent.is_empty() {
            return;
        }
        let mut producer = self.producer.borrow_mut();
        while let Some(event) = unsent.pop_front() {
            if let Err(rtrb::PushError::Full(event)) = producer.push(event) {
                unsent.push_front(event);
                break;
            }
        }
        self.notify_owner();
    }

    /// Notifies the owner unless a notification is pending.
    pub(super) fn notify_owner(&self) {
        if !self.shared.wakeup_pending.swap(true, Ordering::SeqCst) {
            self.shared.event_fd.notify();
        }
    }

    /// Publishes the CPU time of the thread, in nanoseconds.
    pub(super) fn publish_cpu_time(&self, cpu_ns: u64) {
        self.shared.cpu_ns.store(cpu_ns, Ordering::Relaxed);
    }
}
