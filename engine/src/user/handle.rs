//! The handle of one user: its stop signal, and the state that decides when the signal takes effect.

use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    pin::Pin,
    task::{Poll, Waker},
};

use crate::{accounting::RequestSender, rt::Runtime};

/// The handle of a user, shared by the user's future and the registry of its thread.
pub(crate) struct UserHandle {
    rt: Runtime,
    pub(super) class: usize,
    stop_signal: Cell<StopSignal>,
    request_in_flight: Cell<bool>,
    /// Whether the user waits for a request that will never be admitted.
    admission_closed: Cell<bool>,
    /// Whether the user runs its `on_stop`.
    is_in_on_stop: Cell<bool>,
    pub(super) has_exited: Cell<bool>,
    /// The number of times that the user's future returned `Pending`, wrapping.
    yield_count: Cell<u32>,
    waker: RefCell<Option<Waker>>,
}

/// A request to a user to end. The signal of a user only ever increases.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StopSignal {
    /// The user continues.
    Unset,
    /// The user finishes its request in flight, runs its `on_stop` and exits.
    Graceful,
    /// The user is aborted now.
    Immediate,
}

impl UserHandle {
    pub(crate) fn new(rt: Runtime, class: usize) -> Self {
        Self {
            rt,
            class,
            stop_signal: Cell::new(StopSignal::Unset),
            request_in_flight: Cell::new(false),
            admission_closed: Cell::new(false),
            is_in_on_stop: Cell::new(false),
            has_exited: Cell::new(false),
            yield_count: Cell::new(0),
            waker: RefCell::new(None),
        }
    }

    /// Returns the number of times that the user has yielded. A task during which the count does not change must be
    /// made to yield, so that it does not starve other users.
    pub(crate) fn yield_count(&self) -> u32 {
        self.yield_count.get()
    }

    /// Records that the user waits for a request that will never be admitted.
    pub(crate) fn mark_admission_closed(&self) {
        self.admission_closed.set(true);
    }

    pub(crate) fn stop_signal(&self) -> StopSignal {
        self.stop_signal.get()
    }

    /// Returns `true` if the next request of the user must not start: the user was asked to stop, and its tasks still
    /// run.
    pub(crate) fn is_stop_due(&self) -> bool {
        self.stop_signal() != StopSignal::Unset && !self.is_in_on_stop.get()
    }

    /// Raises the stop signal and wakes the user.
    pub(crate) fn signal(&self, signal: StopSignal) {
        self.stop_signal.set(self.stop_signal.get().max(signal));
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// Runs `on_start` or the tasks of the user to their end. Returns `None` if the user is aborted, or stopped while
    /// no request is in flight.
    pub(crate) fn run_until_stopped<'a, T>(
        &'a self,
        future: Pin<&'a mut impl Future<Output = T>>,
    ) -> impl Future<Output = Option<T>> {
        let is_stopped = move || match self.stop_signal() {
            StopSignal::Unset => false,
            StopSignal::Graceful => !self.request_in_flight.get(),
            StopSignal::Immediate => true,
        };
        self.run_until(future, is_stopped)
    }

    /// Runs the user's `on_stop` to its end. Returns `None` if the user is aborted, or waits for a request that will
    /// never be admitted.
    pub(crate) fn run_until_aborted<'a, T>(
        &'a self,
        on_stop: Pin<&'a mut impl Future<Output = T>>,
    ) -> impl Future<Output = Option<T>> {
        // Cleared, because a task may have set the flag. `on_stop` runs until a request of its own is not admitted.
        self.admission_closed.set(false);
        self.is_in_on_stop.set(true);
        let is_over = move || self.stop_signal() == StopSignal::Immediate || self.admission_closed.get();
        self.run_until(on_stop, is_over)
    }

    /// Polls `future` until it ends or `is_over` returns `true`.
    ///
    /// Also checks `is_over` before polling, so that an aborted user is never polled again. Takes the future pinned to
    /// avoid storing it twice in the user's task.
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

impl RequestSender for UserHandle {
    fn set_request_in_flight(&self, in_flight: bool) {
        self.request_in_flight.set(in_flight);
    }

    fn now_ns(&self) -> u64 {
        self.rt.now_ns()
    }
}
