//! A request that was admitted and is not counted yet.
//!
//! Exactly one of two things becomes of it: its outcome is decided and one sample recorded, or the future that made it
//! is dropped and it is one request cut off. No path through the engine loses it.

use std::{cell::Cell, rc::Rc};

use gregaria_http::{Exchange, Method};
use gregaria_stats::{Lag, Outcome, Phases, Sample};

use super::{shard::ShardContext, user_handle::UserHandle};
use crate::control::exchange_phases;

/// Stands for the request until it is counted.
pub(crate) struct InFlightRequest {
    context: Rc<ShardContext>,
    user: Rc<UserHandle>,
    is_complete: Cell<bool>,
}

/// The times and sizes of an exchange that a sample needs.
pub(crate) struct ExchangeMetrics {
    due_ns: u64,
    done_ns: u64,
    phases: Phases,
    lag_ns: u64,
    bytes_out: u64,
    bytes_in: u64,
}

impl ExchangeMetrics {
    pub(crate) fn new(exchange: &Exchange) -> Self {
        Self {
            due_ns: exchange.due_ns,
            done_ns: exchange.done_ns,
            phases: exchange_phases(exchange),
            lag_ns: exchange.lag_ns(),
            bytes_out: exchange.bytes_out,
            bytes_in: exchange.bytes_in,
        }
    }
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
    pub(crate) fn complete(self, method: Method, name: &str, exchange: &Exchange, outcome: Outcome<'_>) {
        self.complete_with(method, name, &ExchangeMetrics::new(exchange), outcome);
    }

    /// As [`OnWire::decided`], with the times kept from earlier.
    pub(crate) fn complete_with(self, method: Method, name: &str, metrics: &ExchangeMetrics, outcome: Outcome<'_>) {
        let mut recorder = self.context.accounting.recorder.borrow_mut();
        recorder.record(&Sample {
            method: method.as_str(),
            name,
            due_ns: metrics.due_ns,
            done_ns: metrics.done_ns,
            phases: metrics.phases,
            bytes_out: metrics.bytes_out,
            bytes_in: metrics.bytes_in,
            outcome,
        });
        recorder.record_lag(Lag::Send, metrics.lag_ns / 1000);
        drop(recorder);
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
