//! A request that was admitted and is not counted yet.
//!
//! Exactly one of two things becomes of it: its outcome is decided and one sample recorded, or the future that made it
//! is dropped and it is one request cut off. No path through the engine loses it.

use std::{cell::Cell, rc::Rc};

use gregaria_http::{Exchange, Method};
use gregaria_stats::{Lag, Outcome, Phases, Sample};

use super::{life::Life, shard::Shard};
use crate::place::phases;

/// Stands for the request until it is counted.
pub(crate) struct OnWire {
    shard: Rc<Shard>,
    life: Rc<Life>,
    decided: Cell<bool>,
}

/// The times and sizes of an exchange that a sample needs.
pub(crate) struct Stamps {
    due_ns: u64,
    done_ns: u64,
    phases: Phases,
    lag_ns: u64,
    bytes_out: u64,
    bytes_in: u64,
}

impl Stamps {
    pub(crate) fn of(exchange: &Exchange) -> Self {
        Self {
            due_ns: exchange.due_ns,
            done_ns: exchange.done_ns,
            phases: phases(exchange),
            lag_ns: exchange.lag_ns(),
            bytes_out: exchange.bytes_out,
            bytes_in: exchange.bytes_in,
        }
    }
}

impl OnWire {
    pub(crate) fn new(shard: Rc<Shard>, life: Rc<Life>) -> Self {
        life.on_wire.set(true);
        Self { shard, life, decided: Cell::new(false) }
    }

    /// The response is here; whether it is good is not decided yet.
    pub(crate) fn answered(&self) {
        self.life.on_wire.set(false);
    }

    /// The outcome is decided: one sample.
    pub(crate) fn decided(self, method: Method, name: &str, exchange: &Exchange, outcome: Outcome<'_>) {
        self.decided_at(method, name, &Stamps::of(exchange), outcome);
    }

    /// As [`OnWire::decided`], with the times kept from earlier.
    pub(crate) fn decided_at(self, method: Method, name: &str, stamps: &Stamps, outcome: Outcome<'_>) {
        let mut recorder = self.shard.ledger.recorder.borrow_mut();
        recorder.record(&Sample {
            method: method.as_str(),
            name,
            due_ns: stamps.due_ns,
            done_ns: stamps.done_ns,
            phases: stamps.phases,
            bytes_out: stamps.bytes_out,
            bytes_in: stamps.bytes_in,
            outcome,
        });
        recorder.record_lag(Lag::Send, stamps.lag_ns / 1000);
        drop(recorder);
        self.decided.set(true);
    }
}

impl Drop for OnWire {
    fn drop(&mut self) {
        self.life.on_wire.set(false);
        if !self.decided.get() {
            self.shard.ledger.cut_off();
        }
    }
}
