//! What a task gets to see of an exchange, under requests' names; and, with `catch_response`, the say over the outcome.
//!
//! The bytes stay where the carrier received them; Python objects are made when they are asked for, once. Whatever
//! becomes of a response, it is counted exactly once: at once by its status, at the end of its `with` block, or, when it
//! was caught and never decided, when nobody holds it any more. How listeners hear of it is `report.py`'s affair.

use std::sync::{Mutex, MutexGuard, PoisonError};

use gregaria_engine::{carrier::Buffers, rt};
use gregaria_http::{Error, Exchange, Response as HttpResponse};
use gregaria_stats::{Outcome, Sample};
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyBytes, PyDict, PyList, PyString, PyTuple},
};

use crate::{hub::Hub, outcome, ticket::Ticket};

/// A response, or the fact that there was none: then `status_code` is 0 and `error` says why.
#[pyclass(frozen, module = "gregaria")]
pub(crate) struct Response {
    hub: Py<Hub>,
    ticket: Ticket,
    exchange: Exchange,
    buffers: Buffers,
    verdict: Mutex<Verdict>,
    content: PyOnceLock<Py<PyBytes>>,
    text: PyOnceLock<Py<PyAny>>,
    headers: PyOnceLock<Py<PyAny>>,
    cookies: PyOnceLock<Py<PyAny>>,
    error: PyOnceLock<Py<PyAny>>,
    context: PyOnceLock<Py<PyAny>>,
}

/// How far the outcome is.
enum Verdict {
    /// Nobody has said anything.
    Open,
    /// Inside its `with` block, with what the task has said so far.
    Entered(Option<Told>),
    Decided,
}

/// What the task has said: a success, or the exception that makes it a failure.
enum Told {
    Success,
    Failure(Py<PyAny>),
}

impl Response {
    pub(crate) fn new(hub: &Bound<'_, Hub>, exchange: Exchange, ticket: Ticket, buffers: Buffers) -> Self {
        Self {
            hub: hub.clone().unbind(),
            ticket,
            exchange,
            buffers,
            verdict: Mutex::new(Verdict::Open),
            content: PyOnceLock::new(),
            text: PyOnceLock::new(),
            headers: PyOnceLock::new(),
            cookies: PyOnceLock::new(),
            error: PyOnceLock::new(),
            context: PyOnceLock::new(),
        }
    }

    /// Counts it as its status says; nothing that fails is made into a Python object unless it has failed.
    pub(crate) fn decide_by_status(&self, py: Python<'_>) -> PyResult<()> {
        *self.verdict() = Verdict::Decided;
        if self.ok() {
            self.record(py, Outcome::Success)
        } else {
            let text = outcome::error_text(&self.failure(py)?)?;
            self.record(py, Outcome::Failure(&text))
        }
    }

    /// Counts it as the task says, or else its status, and tells who listens.
    fn decide(slf: &Bound<'_, Self>, told: Option<Told>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let exception = match told {
            Some(Told::Success) => None,
            Some(Told::Failure(exception)) => Some(exception.into_bound(py)),
            None if this.ok() => None,
            None => Some(this.failure(py)?),
        };
        *this.verdict() = Verdict::Decided;
        match &exception {
            None => this.record(py, Outcome::Success)?,
            Some(exception) => this.record(py, Outcome::Failure(&outcome::error_text(exception)?))?,
        }
        static DECIDED: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        DECIDED.import(py, "gregaria.report", "decided")?.call1((slf, exception)).map(drop)
    }

    fn record(&self, py: Python<'_>, outcome: Outcome<'_>) -> PyResult<()> {
        let exchange = &self.exchange;
        self.hub.bind(py).borrow().ledger.record(&Sample {
            method: self.ticket.method.as_str(),
            name: self.sample_name(py)?,
            due_ns: exchange.due_ns,
            sent_ns: exchange.sent_ns,
            first_byte_ns: exchange.first_byte_ns,
            done_ns: exchange.done_ns,
            bytes_out: exchange.bytes_out,
            bytes_in: exchange.bytes_in,
            outcome,
        });
        Ok(())
    }

    /// Why it is a failure, if it is one.
    fn failure<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &self.exchange.result {
            Ok(response) => {
                let reason = String::from_utf8_lossy(response.reason());
                outcome::status_error(py, response.status(), &reason, self.sample_name(py)?)
            }
            Err(error) => outcome::transport_error(py, *error),
        }
    }

    fn sample_name<'a>(&'a self, py: Python<'a>) -> PyResult<&'a str> {
        match &self.ticket.name {
            Some(name) => name.to_str(py),
            None => self.ticket.url.to_str(py).map(gregaria_engine::path_and_query),
        }
    }

    fn response(&self) -> Option<&HttpResponse> {
        self.exchange.result.as_ref().ok()
    }

    fn verdict(&self) -> MutexGuard<'_, Verdict> {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse_uncaught(&self, py: Python<'_>, what: &str) -> PyResult<()> {
        if self.ticket.is_caught {
            return Ok(());
        }
        let class = py.import("gregaria.exception")?.getattr("LocustError")?;
        Err(PyErr::from_value(class.call1((format!("{what} needs catch_response=True in the request"),))?))
    }

    /// Inside the `with` block it is kept until the end; elsewhere it counts at once, as in Locust 0.7.
    fn tell(slf: &Bound<'_, Self>, told: Told) -> PyResult<()> {
        match &mut *slf.get().verdict() {
            Verdict::Entered(said) => {
                *said = Some(told);
                return Ok(());
            }
            Verdict::Decided => return Ok(()),
            Verdict::Open => {}
        }
        Self::decide(slf, Some(told))
    }
}

/// Under the names of requests and Locust.
#[pymethods]
impl Response {
    #[getter]
    fn status_code(&self) -> u16 {
        self.response().map_or(0, HttpResponse::status)
    }

    #[getter]
    fn ok(&self) -> bool {
        (1..400).contains(&self.status_code())
    }

    #[getter]
    fn reason(&self) -> Option<String> {
        Some(String::from_utf8_lossy(self.response()?.reason()).into_owned())
    }

    /// The body; `None` when there was no response.
    #[getter]
    fn content<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let response = self.response()?;
        Some(self.content.get_or_init(py, || PyBytes::new(py, response.body()).unbind()).bind(py).clone())
    }

    #[getter]
    fn text<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let text = self.text.get_or_try_init(py, || match self.content(py) {
            None => Ok(PyString::new(py, "").into_any().unbind()),
            Some(content) => {
                let charset = self.encoding().unwrap_or_else(|| "utf-8".to_owned());
                let decoded = content.call_method1("decode", (charset, "replace"));
                decoded.or_else(|_| content.call_method1("decode", ("utf-8", "replace"))).map(Bound::unbind)
            }
        })?;
        Ok(text.bind(py).clone())
    }

    /// The character set that the response names; as HTTP once said, latin-1 for texts that name none.
    #[getter]
    fn encoding(&self) -> Option<String> {
        let content_type = self.response()?.header("content-type")?.to_ascii_lowercase();
        let charset = content_type.split(';').find_map(|part| part.trim().strip_prefix("charset="));
        match charset {
            Some(charset) => Some(charset.trim_matches(['"', '\'']).to_owned()),
            None if content_type.contains("text") => Some("ISO-8859-1".to_owned()),
            None => None,
        }
    }

    #[pyo3(signature = (**kwargs))]
    fn json<'py>(&self, py: Python<'py>, kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
        static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let loads = LOADS.import(py, "gregaria.response", "loads")?;
        loads.call((self.content(py),), kwargs)
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let headers = self.headers.get_or_try_init(py, || self.make(py, "headers"))?;
        Ok(headers.bind(py).clone())
    }

    #[getter]
    fn cookies<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let cookies = self.cookies.get_or_try_init(py, || self.make(py, "cookies"))?;
        Ok(cookies.bind(py).clone())
    }

    /// From the call until the end of the body, as a `timedelta`.
    #[getter]
    fn elapsed<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let microseconds = (self.exchange.done_ns - self.exchange.due_ns) / 1000;
        py.import("datetime")?.getattr("timedelta")?.call1((0, 0, microseconds))
    }

    #[getter]
    fn url(&self, py: Python<'_>) -> PyResult<String> {
        let (url, base) = (self.ticket.url.to_str(py)?, &self.ticket.base);
        Ok(if url.contains("://") { url.to_owned() } else { format!("{}{}{url}", base.origin(), base.prefix()) })
    }

    /// Why there is no response, as the exception that requests would have raised; `None` when there is one.
    #[getter]
    fn error<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Err(error) = self.exchange.result else {
            return Ok(None);
        };
        let exception = self.error.get_or_try_init(py, || outcome::requests_error(py, error).map(Bound::unbind))?;
        Ok(Some(exception.bind(py).clone()))
    }

    fn raise_for_status(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        match &*this.verdict() {
            Verdict::Entered(Some(Told::Success)) => return Ok(()),
            Verdict::Entered(Some(Told::Failure(exception))) => {
                return Err(PyErr::from_value(exception.bind(py).clone()));
            }
            _ => {}
        }
        if this.ok() {
            return Ok(());
        }
        // As requests raises it: with the whole URL, which the name of the sample replaces in tables.
        if let Some(error) = this.error(py)? {
            return Err(PyErr::from_value(error));
        }
        let reason = this.reason().unwrap_or_default();
        let exception = outcome::status_error(py, this.status_code(), &reason, &this.url(py)?)?;
        exception.setattr("response", slf)?;
        Err(PyErr::from_value(exception))
    }

    fn __bool__(&self) -> bool {
        self.ok()
    }

    fn __repr__(&self) -> String {
        format!("<Response [{}]>", self.status_code())
    }

    // The say over the outcome, under Locust's names.

    fn success(slf: &Bound<'_, Self>) -> PyResult<()> {
        slf.get().refuse_uncaught(slf.py(), "success()")?;
        Self::tell(slf, Told::Success)
    }

    /// `reason` is an exception, or what becomes the text of a `CatchResponseError`.
    #[pyo3(name = "failure")]
    fn fail(slf: &Bound<'_, Self>, reason: Bound<'_, PyAny>) -> PyResult<()> {
        let py = slf.py();
        slf.get().refuse_uncaught(py, "failure()")?;
        let is_exception = reason.is_instance_of::<pyo3::exceptions::PyException>();
        let exception = if is_exception {
            reason
        } else {
            py.import("gregaria.exception")?.getattr("CatchResponseError")?.call1((reason,))?
        };
        Self::tell(slf, Told::Failure(exception.unbind()))
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        slf.get().refuse_uncaught(slf.py(), "a with block around a request")?;
        let mut verdict = slf.get().verdict();
        if matches!(*verdict, Verdict::Open) {
            *verdict = Verdict::Entered(None);
        }
        drop(verdict);
        Ok(slf.clone())
    }

    /// A `ResponseError` makes it a failure and goes no further. Any other exception is the task's, and the status decides.
    fn __exit__(
        slf: &Bound<'_, Self>,
        class: &Bound<'_, PyAny>,
        value: Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let py = slf.py();
        let Verdict::Entered(mut told) = std::mem::replace(&mut *slf.get().verdict(), Verdict::Decided) else {
            return Ok(false);
        };
        let mut swallow = false;
        if told.is_none() && !class.is_none() {
            let response_error = py.import("gregaria.exception")?.getattr("ResponseError")?;
            if value.is_instance(&response_error)? {
                (told, swallow) = (Some(Told::Failure(value.unbind())), true);
            }
        }
        Self::decide(slf, told)?;
        Ok(swallow)
    }

    // What listeners are told.

    /// Method, name, response time in milliseconds, length of the body, when it was called for (seconds since 1970), URL.
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let exchange = &self.exchange;
        let response_time_ms = (exchange.done_ns - exchange.due_ns) as f64 / 1e6;
        let start_time = rt::unix_time_s() - rt::now_ns().saturating_sub(exchange.due_ns) as f64 / 1e9;
        let method = self.ticket.method.as_str();
        let url = self.url(py)?;
        (method, self.sample_name(py)?, response_time_ms, exchange.bytes_in, start_time, url).into_pyobject(py)
    }

    /// The exception that its status, or the lack of one, stands for; `None` for a success.
    fn own_failure<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if self.ok() { Ok(None) } else { self.failure(py).map(Some) }
    }

    #[getter]
    fn context<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.context.get(py).map(|context| context.bind(py).clone())
    }

    fn set_context(&self, py: Python<'_>, context: Py<PyAny>) -> PyResult<()> {
        self.context.set(py, context).map_err(|_| PyTypeError::new_err("the context is set once"))
    }
}

impl Response {
    /// Headers or cookies, made of the pairs by the Python half.
    fn make(&self, py: Python<'_>, what: &str) -> PyResult<Py<PyAny>> {
        let pairs = PyList::empty(py);
        for (name, value) in self.response().into_iter().flat_map(HttpResponse::headers) {
            pairs.append((name, String::from_utf8_lossy(value)))?;
        }
        let host = self.ticket.base.origin().host();
        py.import("gregaria.response")?.getattr(what)?.call1((pairs, host)).map(Bound::unbind)
    }
}

impl Drop for Response {
    fn drop(&mut self) {
        let is_open = !matches!(*self.verdict(), Verdict::Decided);
        if is_open {
            // An exception has nowhere to go from here.
            let _ = Python::attach(|py| self.decide_by_status(py));
        }
        let nothing = Err(Error::ClosedBeforeResponse);
        if let Ok(response) = std::mem::replace(&mut self.exchange.result, nothing) {
            self.buffers.give(response);
        }
    }
}
