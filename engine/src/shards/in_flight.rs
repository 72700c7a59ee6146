//! A request that was admitted and is not counted yet.
//!
//! Exactly one of two things becomes of it: its outcome is decided and one sample recorded, or the future that made it
//! is dropped and it is one request cut off. No path through the engine loses it.

use std::{cell::Cell, rc::Rc};

use gregaria_http::Method;
use gregaria_stats::Outcome;

use super::{shard::ShardContext, user_handle::UserHandle};
use crate::control::ExchangeMetrics;

/// Stands for the request until it is counted.
pub(crate) struct InFlightRequest {
    context: Rc<ShardContext>,
    user: Rc<UserHandle>,
    is_complete: Cell<bool>,
}

impl InFlightRequest {
    pub(crate) fn new(context: Rc<ShardContext>, user: Rc<UserHandle>) -> Self {
        user.request_in_flight.set(true);
        Self { context, user, is_complete: Cell::new(false) }
    }

    /// The response is here; whether it is good is not decided yet.
    pub(crate) fn response_received(&self) {
        self.user.request_in_flight.set(false);
    }

    /// The outcome is decided: one sample.
    pub(crate) fn complete(self, method: Method, name: &str, metrics: &ExchangeMetrics, outcome: Outcome<'_>) {
        self.context.accounting.record_exchange(method, name, metrics, outcome);
        self.is_complete.set(true);
    }
}

impl Drop for InFlightRequest {
    fn drop(&mut self) {
        self.user.request_in_flight.set(false);
        if !self.is_complete.get() {
            self.context.accounting.record_aborted();
        }
    }
}
