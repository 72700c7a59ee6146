//! What a place keeps account of: which requests may start, what became of them, and which were cut off.
//!
//! One thread's, without locks. Every request that the gate admits ends as one sample in the recorder or as one cut.

use std::cell::{Cell, RefCell};

use gregaria_http::Exchange;
use gregaria_stats::{Limits, Phases, Recorder, Sample};

use super::admission::{Admission, Quota};

/// The account of a place.
pub struct Accounting {
    pub(crate) admission: Admission,
    pub(crate) recorder: RefCell<Recorder>,
    aborted: Cell<u64>,
}

impl Accounting {
    /// An empty one, whose gate is closed.
    pub fn new(limits: Limits) -> Self {
        Self { admission: Admission::new(), recorder: RefCell::new(Recorder::new(limits)), aborted: Cell::new(0) }
    }

    pub(super) fn start_run(&self, quota: Option<Quota>) {
        self.admission.open(quota);
        self.aborted.set(0);
    }

    /// Whether a request may start, at once. One that may must end in [`Ledger::record`] or [`Ledger::cut_off`].
    pub fn try_admit(&self) -> bool {
        self.admission.try_admit()
    }

    /// Whether the run is on: a request that is not admitted now may be later.
    pub fn is_open(&self) -> bool {
        self.admission.is_open()
    }

    /// Whether a request may be admitted, now or soon: somebody may be faster.
    pub fn may_admit_soon(&self) -> bool {
        self.admission.may_admit_soon()
    }

    /// An admitted request is finished.
    pub fn record(&self, sample: &Sample<'_>) {
        self.recorder.borrow_mut().record(sample);
    }

    /// An admitted request will never be counted: another may start in its place.
    pub fn record_aborted(&self) {
        self.count_aborted();
        self.admission.release();
    }

    /// An admitted request cannot be sent at all, which is not counted: another may start in its place.
    pub fn cancel_admission(&self) {
        self.admission.release();
    }

    /// Counts a request that a client of the scenario's own has made and finished. When the run is over, or its number of
    /// requests reached, it is one that was cut off.
    pub fn record_external(&self, sample: &Sample<'_>) {
        if self.admission.try_admit_finished() {
            self.record(sample);
        } else {
            self.count_aborted();
        }
    }

    /// A delay of the generator's own, in microseconds.
    pub fn record_lag(&self, lag: gregaria_stats::Lag, lag_us: u64) {
        self.recorder.borrow_mut().record_lag(lag, lag_us);
    }

    /// An exception in a user's own code.
    pub fn record_exception(&self, message: &str, traceback: &str) {
        self.recorder.borrow_mut().record_exception(message, traceback);
    }

    /// Requests cut off since the run began.
    pub fn aborted(&self) -> u64 {
        self.aborted.get()
    }

    fn count_aborted(&self) {
        self.aborted.set(self.aborted.get() + 1);
    }
}

/// The phases of an exchange, for its sample.
pub fn exchange_phases(exchange: &Exchange) -> Phases {
    let gregaria_http::ExchangePhases { resolve_ns, connect_ns, tls_ns, first_byte_ns, body_ns } = exchange.phases;
    Phases { resolve_ns, connect_ns, tls_ns, first_byte_ns, body_ns }
}
