//! Accounting of one thread: which requests may start, and how each of them is counted.
//!
//! [`Accounting`] belongs to one thread and needs no locks. `admission.rs` holds the quota of a run, `in_flight.rs` the
//! guard of a request in flight.
//!
//! Each admitted request ends as one sample or as one aborted request. The exception is an invalid request of a Python
//! user, which is raised in the task: its permit is returned and it is not counted.
//!
//! This folder must not know users (`user/`, `shards/`), thread control (`control/`) or the I/O thread. It is the same
//! for Rust and Python users.

mod admission;
mod in_flight;

use std::cell::RefCell;

use gregaria_http::{Exchange, ExchangePhases, Method};
use gregaria_stats::{Lag, Limits, Outcome, Phase, Recorder, Sample};

use admission::Admission;

pub(crate) use admission::Quota;
pub(crate) use in_flight::{InFlightRequest, RequestSender};

/// Admission and recorder of one thread.
pub struct Accounting {
    pub(crate) admission: Admission,
    pub(crate) recorder: RefCell<Recorder>,
}

impl Accounting {
    /// Creates an empty accounting that admits no request until a run starts.
    pub fn new(limits: Limits) -> Self {
        Self { admission: Admission::new(), recorder: RefCell::new(Recorder::new(limits)) }
    }

    /// Admits a request if one may start now.
    ///
    /// An admitted request must end in exactly one of [`record`](Self::record),
    /// [`record_exchange`](Self::record_exchange), [`record_aborted`](Self::record_aborted) and
    /// [`cancel_admission`](Self::cancel_admission).
    pub fn try_admit(&self) -> bool {
        self.admission.try_admit()
    }

    /// Returns `true` during a run: a request that is not admitted now may be admitted later.
    pub fn is_open(&self) -> bool {
        self.admission.is_open()
    }

    /// Returns `true` if a request may be admitted now or soon. Another thread may still take the last permit.
    pub fn may_admit_soon(&self) -> bool {
        self.admission.may_admit_soon()
    }

    /// Records an admitted request of any protocol.
    pub fn record(&self, sample: &Sample<'_>) {
        self.recorder.borrow_mut().record(sample);
    }

    /// Records an admitted HTTP request whose outcome is decided: one sample and its [`Lag::Send`].
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
            retries: metrics.retries,
            status: Some(metrics.status),
            outcome,
        });
        recorder.record_lag(Lag::Send, metrics.lag_ns / 1000);
        recorder.record_dropped_cookies(metrics.dropped_cookies);
    }

    /// Records an admitted request as aborted at `aborted_ns`. Returns its permit, so that another request may start.
    pub fn record_aborted(&self, method: &str, name: &str, due_ns: u64, aborted_ns: u64) {
        self.recorder.borrow_mut().record_aborted(method, name, due_ns, aborted_ns);
        self.admission.release();
    }

    /// Returns the permit of an admitted request that cannot be sent. The request is not counted.
    pub fn cancel_admission(&self) {
        self.admission.release();
    }

    /// Records a finished request of a client that the scenario brings itself.
    ///
    /// The request is counted as aborted if the run is over or its quota is used up.
    pub fn record_external(&self, sample: &Sample<'_>) {
        if self.admission.try_admit_finished() {
            self.record(sample);
        } else {
            let Sample { method, name, due_ns, done_ns, .. } = *sample;
            self.recorder.borrow_mut().record_aborted(method, name, due_ns, done_ns);
        }
    }

    /// Records a delay of the generator itself, in microseconds.
    pub fn record_lag(&self, lag: Lag, lag_us: u64) {
        self.recorder.borrow_mut().record_lag(lag, lag_us);
    }

    /// Records an exception in a user's own code.
    pub fn record_exception(&self, message: &str, traceback: &str) {
        self.recorder.borrow_mut().record_exception(message, traceback);
    }
}

/// The times and sizes of an exchange that its sample needs.
///
/// They outlive the exchange: an outcome may be decided after the response was handed to the user.
#[derive(Clone, Copy, Debug)]
pub struct ExchangeMetrics {
    due_ns: u64,
    done_ns: u64,
    phases_ns: [u64; Phase::COUNT],
    lag_ns: u64,
    bytes_out: u64,
    bytes_in: u64,
    retries: u32,
    dropped_cookies: u32,
    /// Status code of the response; 0 without a response.
    status: u16,
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
            retries: exchange.retries,
            dropped_cookies: exchange.dropped_cookies,
            status: exchange.status,
        }
    }
}

/// Returns the phases of an exchange in the order of [`Sample::phases_ns`].
pub fn phases_ns(phases: &ExchangePhases) -> [u64; Phase::COUNT] {
    Phase::ALL.map(|phase| match phase {
        Phase::Resolve => phases.resolve_ns,
        Phase::Connect => phases.connect_ns,
        Phase::Tls => phases.tls_ns,
        Phase::FirstByte => phases.first_byte_ns,
        Phase::Body => phases.body_ns,
    })
}
