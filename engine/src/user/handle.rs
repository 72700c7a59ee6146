//! Whether a user is to go on: what its shard wants of it, and what it is doing that must not be interrupted.

use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    pin::Pin,
    task::{Poll, Waker},
};

/// One user, as its shard sees it.
pub(crate) struct UserHandle {
    pub(crate) class: usize,
    stop_signal: Cell<StopSignal>,
    /// A request of this user's is on the wire.
    pub(crate) request_in_flight: Cell<bool>,
    /// It asked for a request that may never start.
    admission_closed: Cell<bool>,
    pub(crate) has_exited: Cell<bool>,
    /// How often it has waited for anything.
    yield_count: Cell<u32>,
    waker: RefCell<Option<Waker>>,
}

/// What the shard wants of a user. Only ever moves on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StopSignal {
    /// Go on.
    Unset,
    /// Finish the request on the wire, say farewell, go.
    Graceful,
    /// Go now.
    Immediate,
}

impl UserHandle {
    pub(crate) fn new(class: usize) -> Self {
        Self {
            class,
            stop_signal: Cell::new(StopSignal::Unset),
            request_in_flight: Cell::new(false),
            admission_closed: Cell::new(false),
            has_exited: Cell::new(false),
            yield_count: Cell::new(0),
            waker: RefCell::new(None),
        }
    }

    /// Counts how often the user has waited for anything: a task that never did must not starve the others.
    pub(crate) fn yield_count(&self) -> u32 {
        self.yield_count.get()
    }

    /// It asks for a request that may never start.
    pub(crate) fn mark_admission_closed(&self) {
        self.admission_closed.set(true);
    }

    pub(crate) fn stop_signal(&self) -> StopSignal {
        self.stop_signal.get()
    }

    pub(crate) fn signal(&self, signal: StopSignal) {
        self.stop_signal.set(self.stop_signal.get().max(signal));
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// Runs what the user does until it ends, or `None` when it is told to leave with nothing on the wire, or it is cut.
    pub(crate) fn run_until_stopped<'a, T>(
        &'a self,
        tasks: Pin<&'a mut impl Future<Output = T>>,
    ) -> impl Future<Output = Option<T>> {
        let over = move || match self.stop_signal() {
            StopSignal::Unset => false,
            StopSignal::Graceful => !self.request_in_flight.get(),
            StopSignal::Immediate => true,
        };
        self.run_until(tasks, over)
    }

    /// Runs the user's farewell until it ends, is cut, or asks for a request that may never start.
    pub(crate) fn run_until_aborted<'a, T>(
        &'a self,
        on_stop: Pin<&'a mut impl Future<Output = T>>,
    ) -> impl Future<Output = Option<T>> {
        // Its tasks may have halted; what it says now is something else.
        self.admission_closed.set(false);
        let over = move || self.stop_signal() == StopSignal::Immediate || self.admission_closed.get();
        self.run_until(on_stop, over)
    }

    /// Checks before as well: a user that was cut must not say another word. Takes its future pinned, so that a user's
    /// idle size holds it once.
    fn run_until<'a, T>(
        &'a self,
        mut future: Pin<&'a mut impl Future<Output = T>>,
        is_over: impl Fn() -> bool + 'a,
    ) -> impl Future<Output = Option<T>> {
        poll_fn(move |cx| {
            if is_over() {
                return Poll::Ready(None);
            }
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            if is_over() {
                return Poll::Ready(None);
            }
            self.yield_count.set(self.yield_count.get().wrapping_add(1));
            let mut waker = self.waker.borrow_mut();
            match waker.as_mut() {
                Some(known) => known.clone_from(cx.waker()),
                None => *waker = Some(cx.waker().clone()),
            }
            Poll::Pending
        })
    }
}
