//! What a place keeps account of: which requests may start, what became of them, and which were cut off.
//!
//! One thread's, without locks. Every request that the gate admits ends as one sample in the recorder or as one cut.

use std::cell::{Cell, RefCell};

use gregaria_http::Exchange;
use gregaria_stats::{Limits, Phases, Recorder, Sample};

use super::gate::{Gate, Quota};

/// The account of a place.
pub struct Ledger {
    pub(crate) gate: Gate,
    pub(crate) recorder: RefCell<Recorder>,
    cut: Cell<u64>,
}

impl Ledger {
    /// An empty one, whose gate is closed.
    pub fn new(limits: Limits) -> Self {
        Self { gate: Gate::new(), recorder: RefCell::new(Recorder::new(limits)), cut: Cell::new(0) }
    }

    pub(super) fn begin(&self, quota: Option<Quota>) {
        self.gate.open(quota);
        self.cut.set(0);
    }

    /// Whether a request may start, at once. One that may must end in [`Ledger::record`] or [`Ledger::cut_off`].
    pub fn try_admit(&self) -> bool {
        self.gate.try_admit()
    }

    /// Whether the run is on: a request that is not admitted now may be later.
    pub fn is_open(&self) -> bool {
        self.gate.is_open()
    }

    /// Whether a request may be admitted, now or soon: somebody may be faster.
    pub fn has_room(&self) -> bool {
        self.gate.has_room()
    }

    /// An admitted request is finished.
    pub fn record(&self, sample: &Sample<'_>) {
        self.recorder.borrow_mut().record(sample);
    }

    /// An admitted request will never be counted: another may start in its place.
    pub fn cut_off(&self) {
        self.count_cut();
        self.gate.give_back();
    }

    /// An admitted request cannot be sent at all, which is not counted: another may start in its place.
    pub fn take_back(&self) {
        self.gate.give_back();
    }

    /// Counts a request that a client of the scenario's own has made and finished. When the run is over, or its number of
    /// requests reached, it is one that was cut off.
    pub fn record_foreign(&self, sample: &Sample<'_>) {
        if self.gate.try_count() {
            self.record(sample);
        } else {
            self.count_cut();
        }
    }

    /// A delay of the generator's own, in microseconds.
    pub fn lag(&self, lag: gregaria_stats::Lag, lag_us: u64) {
        self.recorder.borrow_mut().record_lag(lag, lag_us);
    }

    /// An exception in a user's own code.
    pub fn exception(&self, message: &str, traceback: &str) {
        self.recorder.borrow_mut().record_exception(message, traceback);
    }

    /// Requests cut off since the run began.
    pub fn cut(&self) -> u64 {
        self.cut.get()
    }

    fn count_cut(&self) {
        self.cut.set(self.cut.get() + 1);
    }
}

/// The phases of an exchange, for its sample.
pub fn phases(exchange: &Exchange) -> Phases {
    let gregaria_http::ExchangePhases { resolve_ns, connect_ns, tls_ns, first_byte_ns, body_ns } = exchange.phases;
    Phases { resolve_ns, connect_ns, tls_ns, first_byte_ns, body_ns }
}
