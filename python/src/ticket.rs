//! Requests that are under way, by number: who waits for which, and how it is to be counted.

use std::sync::Arc;

use gregaria_engine::carrier::SessionId;
use gregaria_http::{BaseUrl, Method};
use pyo3::{prelude::*, types::PyString};
use slab::Slab;

/// What is known of a request until it is done.
pub(crate) struct Ticket {
    /// Resumes the greenlet that waits; called with the response. Taken then, as it would keep the greenlet's user.
    pub(crate) switch: Option<Py<PyAny>>,
    pub(crate) session: SessionId,
    pub(crate) method: Method,
    pub(crate) name: Option<Py<PyString>>,
    pub(crate) url: Py<PyString>,
    pub(crate) base: Arc<BaseUrl>,
    /// The task decides the outcome.
    pub(crate) is_caught: bool,
}

/// All that are under way. A number is not used again for long, so that one which is given up is not mistaken for another.
#[derive(Default)]
pub(crate) struct Tickets {
    slots: Slab<(usize, Ticket)>,
    issued: usize,
}

impl Tickets {
    pub(crate) fn insert(&mut self, ticket: Ticket) -> usize {
        self.issued = (self.issued + 1) % (1 << (usize::BITS - SLOT_BITS));
        self.slots.insert((self.issued, ticket)) | self.issued << SLOT_BITS
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// All of them, given up.
    pub(crate) fn take(&mut self) -> Vec<Ticket> {
        self.slots.drain().map(|(_, ticket)| ticket).collect()
    }

    /// `None` when it was given up.
    pub(crate) fn remove(&mut self, number: usize) -> Option<Ticket> {
        let slot = number & ((1 << SLOT_BITS) - 1);
        let (issue, _) = self.slots.get(slot)?;
        (*issue == number >> SLOT_BITS).then(|| self.slots.remove(slot).1)
    }
}

/// A million requests at once.
const SLOT_BITS: u32 = 20;
