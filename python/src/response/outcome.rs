//! How a response is counted: exactly once, by its status or by what the task says.
//!
//! How listeners hear of it is `report.py`'s affair.

use gregaria_stats::Outcome;
use pyo3::{prelude::*, sync::PyOnceLock};

use crate::{bridge::Hub, exceptions, response::Response};

/// How far the outcome is.
pub(crate) enum Verdict {
    /// Nobody has said anything.
    Open,
    /// Inside its `with` block, with what the task has said so far.
    Entered(Option<Told>),
    Decided,
}

/// What the task has said: a success, or the exception that makes it a failure.
pub(crate) enum Told {
    Success,
    Failure(Py<PyAny>),
}

impl Response {
    /// Counts it as its status says; nothing that fails is made into a Python object unless it has failed.
    pub(crate) fn decide_by_status(&self, hub: &Hub, py: Python<'_>) {
        let failure = if self.ok() { None } else { Some(self.failure(py)) };
        self.record(hub, py, failure.as_ref().map(Result::as_ref));
    }

    /// Counts it as the task says, or else its status, and tells who listens.
    pub(crate) fn decide(slf: &Bound<'_, Self>, told: Option<Told>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let hub = Hub::here(this.hub.bind(py), this.thread)?;
        let exception = match told {
            Some(Told::Success) => None,
            Some(Told::Failure(exception)) => Some(exception.into_bound(py)),
            None if this.ok() => None,
            None => Some(this.failure(py)?),
        };
        this.record(&hub, py, exception.as_ref().map(Ok));
        // Listeners may wait, and call back.
        drop(hub);
        static DECIDED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        DECIDED.import(py, "gregaria.request_events", "decided")?.call1((slf, exception)).map(drop)
    }

    /// Nothing in here can fail: an admitted request is counted.
    fn record(&self, hub: &Hub, py: Python<'_>, failure: Option<Result<&Bound<'_, PyAny>, &PyErr>>) {
        let text = failure.map(|failure| match failure {
            Ok(exception) => exceptions::error_text(exception),
            Err(error) => error.to_string(),
        });
        let outcome = text.as_deref().map_or(Outcome::Success, Outcome::Failure);
        hub.ledger.record_exchange(self.ticket.method, self.sample_name(py), &(&self.exchange).into(), outcome);
        let before = std::mem::replace(&mut *self.verdict(), Verdict::Decided);
        // What it held may call back as it goes.
        drop(before);
    }

    /// Why it is a failure, if it is one.
    pub(crate) fn failure<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &self.exchange.result {
            Ok(response) => {
                let reason = String::from_utf8_lossy(response.reason());
                exceptions::status_error(py, response.status(), &reason, self.sample_name(py))
            }
            Err(error) => exceptions::transport_error(py, *error),
        }
    }

    /// Both texts were read once before the request was sent, so they can be read.
    pub(crate) fn sample_name<'a>(&'a self, py: Python<'a>) -> &'a str {
        match &self.ticket.name {
            Some(name) => name.to_str(py).unwrap_or_default(),
            None => self.ticket.url.to_str(py).unwrap_or_default(),
        }
    }

    pub(crate) fn refuse_uncaught(&self, py: Python<'_>, what: &str) -> PyResult<()> {
        if self.ticket.is_caught {
            return Ok(());
        }
        let class = py.import("gregaria.exception")?.getattr("LocustError")?;
        Err(PyErr::from_value(class.call1((format!("{what} needs catch_response=True in the request"),))?))
    }

    /// Inside the `with` block it is kept until the end; elsewhere it counts at once, as in Locust 0.7.
    pub(crate) fn tell(slf: &Bound<'_, Self>, told: Told) -> PyResult<()> {
        let mut verdict = slf.get().verdict();
        match &mut *verdict {
            Verdict::Entered(said) => {
                let before = said.replace(told);
                drop(verdict);
                // What it held may call back as it goes.
                drop(before);
                return Ok(());
            }
            Verdict::Decided => return Ok(()),
            Verdict::Open => {}
        }
        drop(verdict);
        Self::decide(slf, Some(told))
    }
}
