//! What a place keeps account of: which requests may start, what became of them, and which were cut off.
//!
//! One thread's, without locks. Every request that the gate admits ends as one sample in the recorder or as one cut.

use std::cell::{Cell, RefCell};

use gregaria_http::{Exchange, ExchangePhases, Method};
use gregaria_stats::{Lag, Limits, Outcome, Phase, Recorder, Sample};

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

    /// Records an admitted HTTP request whose outcome is decided: one sample, and the time from the call to the
    /// request being sent.
    pub fn record_exchange(&self, method: Method, name: &str, metrics: &ExchangeMetrics, outcome: Outcome<'_>) {
        let mut recorder = self.recorder.borrow_mut();
        recorder.record(&Sample {
            method: method.as_str(),
            name,
            due_ns: metrics.due_ns,
            done_ns: metrics.done_ns,
            phases_ns: metrics.phases_ns,
            bytes_out: metrics.bytes_out,
            bytes_in: metrics.bytes_in,
            outcome,
        });
        recorder.record_lag(Lag::Send, metrics.lag_ns / 1000);
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
    pub fn record_lag(&self, lag: Lag, lag_us: u64) {
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

/// The times and sizes of an exchange that its sample needs.
///
/// An outcome that is decided after the response was handed out is recorded from these.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeMetrics {
    due_ns: u64,
    done_ns: u64,
    phases_ns: [u64; Phase::COUNT],
    lag_ns: u64,
    bytes_out: u64,
    bytes_in: u64,
}

impl From<&Exchange> for ExchangeMetrics {
    fn from(exchange: &Exchange) -> Self {
        Self {
            due_ns: exchange.due_ns,
            done_ns: exchange.done_ns,
            phases_ns: phases_ns(&exchange.phases),
            lag_ns: exchange.lag_ns(),
            bytes_out: exchange.bytes_out,
            bytes_in: exchange.bytes_in,
        }
    }
}

/// Returns the phases of an exchange as [`Sample::phases_ns`] holds them.
pub fn phases_ns(phases: &ExchangePhases) -> [u64; Phase::COUNT] {
    Phase::ALL.map(|phase| match phase {
        Phase::Resolve => phases.resolve_ns,
        Phase::Connect => phases.connect_ns,
        Phase::Tls => phases.tls_ns,
        Phase::FirstByte => phases.first_byte_ns,
        Phase::Body => phases.body_ns,
    })
}
