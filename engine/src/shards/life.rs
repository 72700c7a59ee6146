//! Whether a user is to go on: what its shard wants of it, and what it is doing that must not be interrupted.

use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    pin::Pin,
    task::{Poll, Waker},
};

/// One user, as its shard sees it.
pub(crate) struct Life {
    pub(super) class: usize,
    order: Cell<Order>,
    /// A request of this user's is on the wire.
    pub(super) on_wire: Cell<bool>,
    /// It asked for a request that may never start.
    halted: Cell<bool>,
    pub(super) gone: Cell<bool>,
    /// How often it has waited for anything.
    waits: Cell<u32>,
    waker: RefCell<Option<Waker>>,
}

/// What the shard wants of a user. Only ever moves on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Order {
    /// Go on.
    Stay,
    /// Finish the request on the wire, say farewell, go.
    Leave,
    /// Go now.
    Cut,
}

impl Life {
    pub(super) fn new(class: usize) -> Self {
        Self {
            class,
            order: Cell::new(Order::Stay),
            on_wire: Cell::new(false),
            halted: Cell::new(false),
            gone: Cell::new(false),
            waits: Cell::new(0),
            waker: RefCell::new(None),
        }
    }

    /// Counts how often the user has waited for anything: a task that never did must not starve the others.
    pub(crate) fn waits(&self) -> u32 {
        self.waits.get()
    }

    /// It asks for a request that may never start.
    pub(crate) fn halt(&self) {
        self.halted.set(true);
    }

    pub(super) fn order(&self) -> Order {
        self.order.get()
    }

    pub(super) fn tell(&self, order: Order) {
        self.order.set(self.order.get().max(order));
        if let Some(waker) = self.waker.borrow().as_ref() {
            waker.wake_by_ref();
        }
    }

    /// Runs what the user does until it ends, or `None` when it is told to leave with nothing on the wire, or it is cut.
    pub(crate) fn while_wanted<'a, T>(
        &'a self,
        tasks: Pin<&'a mut impl Future<Output = T>>,
    ) -> impl Future<Output = Option<T>> {
        let over = move || match self.order() {
            Order::Stay => false,
            Order::Leave => !self.on_wire.get(),
            Order::Cut => true,
        };
        self.run_unless(tasks, over)
    }

    /// Runs the user's farewell until it ends, is cut, or asks for a request that may never start.
    pub(crate) fn until_cut<'a, T>(
        &'a self,
        farewell: Pin<&'a mut impl Future<Output = T>>,
    ) -> impl Future<Output = Option<T>> {
        // Its tasks may have halted; what it says now is something else.
        self.halted.set(false);
        let over = move || self.order() == Order::Cut || self.halted.get();
        self.run_unless(farewell, over)
    }

    /// Checks before as well: a user that was cut must not say another word. Takes its future pinned, so that a user's
    /// idle size holds it once.
    fn run_unless<'a, T>(
        &'a self,
        mut future: Pin<&'a mut impl Future<Output = T>>,
        over: impl Fn() -> bool + 'a,
    ) -> impl Future<Output = Option<T>> {
        poll_fn(move |cx| {
            if over() {
                return Poll::Ready(None);
            }
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            if over() {
                return Poll::Ready(None);
            }
            self.waits.set(self.waits.get().wrapping_add(1));
            let mut waker = self.waker.borrow_mut();
            match waker.as_mut() {
                Some(known) => known.clone_from(cx.waker()),
                None => *waker = Some(cx.waker().clone()),
            }
            Poll::Pending
        })
    }
}
