//! The outcome of a request: recorded exactly once, by the status or by the task's decision.
//!
//! Knows the request and its exchange, not the response object around them (`mod.rs`). Listeners of requests are called
//! by the Python package (`request_events.py`) after the outcome is recorded.

use std::sync::{Mutex, MutexGuard, PoisonError};

use gregaria_http::{Exchange, decode_header};
use gregaria_stats::Outcome;
use pyo3::{exceptions::PyException, prelude::*};

use crate::{bridge::EngineBridge, exceptions, pending::PendingRequest};

/// The progress of a decision.
pub(super) enum OutcomeState {
    /// Not decided.
    Pending,
    /// Inside the `with` block of the response, with the task's latest decision.
    InBlock(Option<TaskOutcome>),
    /// Recorded, or not to be recorded at all.
    Recorded,
}

/// A decision of the task.
pub(super) enum TaskOutcome {
    Success,
    /// The exception that describes the failure.
    Failure(Py<PyAny>),
}

impl TaskOutcome {
    /// Returns a failure for an exception, or for the text of a `CatchResponseError`.
    pub(super) fn failure(reason: Bound<'_, PyAny>) -> PyResult<Self> {
        if reason.is_instance_of::<PyException>() {
            return Ok(Self::Failure(reason.unbind()));
        }
        let class = reason.py().import("gregaria.exception")?.getattr("CatchResponseError")?;
        Ok(Self::Failure(class.call1((reason,))?.unbind()))
    }
}

/// The outcome of one request. No Python object is dropped while the lock is held, because its finalizer may call back.
pub(super) struct RequestOutcome(Mutex<OutcomeState>);

impl RequestOutcome {
    pub(super) fn pending() -> Self {
        Self(Mutex::new(OutcomeState::Pending))
    }

    /// Returns the outcome of a response that is not counted: intermediate, or of a request that was not sent.
    pub(super) fn not_counted() -> Self {
        Self(Mutex::new(OutcomeState::Recorded))
    }

    pub(super) fn state(&self) -> MutexGuard<'_, OutcomeState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_pending(&self) -> bool {
        matches!(*self.state(), OutcomeState::Pending)
    }

    pub(super) fn is_recorded(&self) -> bool {
        matches!(*self.state(), OutcomeState::Recorded)
    }

    /// Enters the `with` block of a caught response. Only the first block of a response decides.
    pub(super) fn enter_block(&self) {
        let mut state = self.state();
        if matches!(*state, OutcomeState::Pending) {
            *state = OutcomeState::InBlock(None);
        }
    }

    /// Leaves the block and returns the task's latest decision; `None` outside a block.
    pub(super) fn leave_block(&self) -> Option<Option<TaskOutcome>> {
        match &mut *self.state() {
            OutcomeState::InBlock(decision) => Some(decision.take()),
            OutcomeState::Pending | OutcomeState::Recorded => None,
        }
    }

    /// Keeps a decision made inside the block. Outside it returns the decision, which is then recorded at once, as in
    /// Locust 0.7; after the outcome is recorded it has no effect.
    pub(super) fn set(&self, decision: TaskOutcome) -> Option<TaskOutcome> {
        let mut state = self.state();
        let previous = match &mut *state {
            OutcomeState::InBlock(latest) => latest.replace(decision),
            OutcomeState::Recorded => Some(decision),
            OutcomeState::Pending => return Some(decision),
        };
        drop(state);
        drop(previous);
        None
    }

    /// Records the request. It cannot fail, because each admitted request must be counted: if the exception that
    /// describes the failure cannot be made, the error raised meanwhile stands for it.
    pub(super) fn record(
        &self,
        bridge: &EngineBridge,
        py: Python<'_>,
        request: &PendingRequest,
        exchange: &Exchange,
        failure: Option<Result<&Bound<'_, PyAny>, &PyErr>>,
    ) {
        let text = failure.map(|failure| match failure {
            Ok(exception) => exceptions::error_text(exception),
            Err(error) => error.to_string(),
        });
        let outcome = text.as_deref().map_or(Outcome::Success, Outcome::Failure);
        bridge.accounting.record_exchange(request.method, request.sample_name(py), &exchange.into(), outcome);
        let previous = std::mem::replace(&mut *self.state(), OutcomeState::Recorded);
        drop(previous);
    }
}

/// Returns the exception for an exchange that failed by its status or without a response.
pub(super) fn failure<'py>(
    py: Python<'py>,
    request: &PendingRequest,
    exchange: &Exchange,
) -> PyResult<Bound<'py, PyAny>> {
    match &exchange.result {
        Ok(response) => {
            let mut reason = decode_header(response.reason());
            if response.has_unsupported_challenge() {
                reason.to_mut().push_str(": no supported Digest challenge");
            }
            exceptions::status_error(py, response.status(), &reason, request.sample_name(py))
        }
        Err(error) => exceptions::transport_error(py, *error),
    }
}

/// Checks that the task may decide the outcome of this request.
///
/// # Errors
/// `LocustError` for a request without `catch_response`.
pub(super) fn require_caught(py: Python<'_>, request: &PendingRequest, method: &str) -> PyResult<()> {
    if request.is_caught {
        return Ok(());
    }
    let class = py.import("gregaria.exception")?.getattr("LocustError")?;
    Err(PyErr::from_value(class.call1((format!("{method} needs catch_response=True in the request"),))?))
}
