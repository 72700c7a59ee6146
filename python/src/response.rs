//! What a task gets to see of an exchange, under requests' names; and, with `catch_response`, the say over the outcome.
//!
//! The bytes stay where the carrier received them; Python objects are made when they are asked for, once. Whatever
//! becomes of a response, it is counted exactly once: at once by its status, at the end of its `with` block, or, when it
//! was caught and never decided, when nobody holds it any more. How listeners hear of it is `report.py`'s affair.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
};

use gregaria_engine::{carrier::Buffers, place, rt};
use gregaria_http::{Error, Exchange, Phases, Response as HttpResponse};
use gregaria_stats::{Outcome, Phase, Sample};
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyBytes, PyDict, PyList, PyString, PyTuple},
};

use crate::{hub::Hub, log::LOG, outcome, ticket::Ticket};

/// A response, or the fact that there was none: then `status_code` is 0 and `error` says why.
#[pyclass(frozen, module = "gregaria")]
pub(crate) struct Response {
    hub: Py<Hub>,
    thread: ThreadId,
    ticket: Ticket,
    exchange: Exchange,
    /// It never left: the run was over.
    is_unsent: bool,
    buffers: Buffers,
    verdict: Mutex<Verdict>,
    content: PyOnceLock<Py<PyBytes>>,
    /// The character set that the task wants, whatever the response says.
    encoding: Mutex<Option<String>>,
    headers: PyOnceLock<Py<PyAny>>,
    cookies: PyOnceLock<Py<PyAny>>,
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
            thread: thread::current().id(),
            ticket,
            exchange,
            is_unsent: false,
            buffers,
            verdict: Mutex::new(Verdict::Open),
            content: PyOnceLock::new(),
            encoding: Mutex::default(),
            headers: PyOnceLock::new(),
            cookies: PyOnceLock::new(),
            context: PyOnceLock::new(),
        }
    }

    /// What a user gets for a request that does not start any more: no response, and nothing to count.
    pub(crate) fn unsent(hub: &Bound<'_, Hub>, ticket: Ticket, buffers: Buffers) -> Self {
        let now_ns = rt::now_ns();
        let exchange = Exchange {
            due_ns: now_ns,
            sent_ns: now_ns,
            first_byte_ns: now_ns,
            phases: Phases::default(),
            done_ns: now_ns,
            bytes_out: 0,
            bytes_in: 0,
            result: Err(Error::ConnectFailed),
        };
        let mut response = Self::new(hub, exchange, ticket, buffers);
        response.is_unsent = true;
        *response.verdict() = Verdict::Decided;
        response
    }

    /// Counts it as its status says; nothing that fails is made into a Python object unless it has failed.
    pub(crate) fn decide_by_status(&self, hub: &Hub, py: Python<'_>) {
        let failure = if self.ok() { None } else { Some(self.failure(py)) };
        self.record(hub, py, failure.as_ref().map(Result::as_ref));
    }

    /// Counts it as the task says, or else its status, and tells who listens.
    fn decide(slf: &Bound<'_, Self>, told: Option<Told>) -> PyResult<()> {
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
        DECIDED.import(py, "gregaria.report", "decided")?.call1((slf, exception)).map(drop)
    }

    /// Nothing in here can fail: an admitted request is counted.
    fn record(&self, hub: &Hub, py: Python<'_>, failure: Option<Result<&Bound<'_, PyAny>, &PyErr>>) {
        let text = failure.map(|failure| match failure {
            Ok(exception) => outcome::error_text(exception),
            Err(error) => error.to_string(),
        });
        let exchange = &self.exchange;
        hub.ledger.record(&Sample {
            method: self.ticket.method.as_str(),
            name: self.sample_name(py),
            due_ns: exchange.due_ns,
            done_ns: exchange.done_ns,
            phases: place::phases(exchange),
            bytes_out: exchange.bytes_out,
            bytes_in: exchange.bytes_in,
            outcome: text.as_deref().map_or(Outcome::Success, Outcome::Failure),
        });
        let before = std::mem::replace(&mut *self.verdict(), Verdict::Decided);
        // What it held may call back as it goes.
        drop(before);
    }

    /// Why it is a failure, if it is one.
    fn failure<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        match &self.exchange.result {
            Ok(response) => {
                let reason = String::from_utf8_lossy(response.reason());
                outcome::status_error(py, response.status(), &reason, self.sample_name(py))
            }
            Err(error) => outcome::transport_error(py, *error),
        }
    }

    /// Both texts were read once before the request was sent, so they can be read.
    fn sample_name<'a>(&'a self, py: Python<'a>) -> &'a str {
        match &self.ticket.name {
            Some(name) => name.to_str(py).unwrap_or_default(),
            None => self.ticket.url.to_str(py).map_or("", gregaria_engine::path_and_query),
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
        let Some(content) = self.content(py) else {
            return Ok(PyString::new(py, "").into_any());
        };
        let charset = self.encoding().unwrap_or_else(|| "utf-8".to_owned());
        let decoded = content.call_method1("decode", (charset, "replace"));
        decoded.or_else(|_| content.call_method1("decode", ("utf-8", "replace")))
    }

    /// The character set that the response names; as HTTP once said, latin-1 for texts that name none.
    #[getter]
    fn encoding(&self) -> Option<String> {
        let wanted = self.encoding.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if wanted.is_some() {
            return wanted;
        }
        let content_type = self.response()?.header("content-type")?.to_ascii_lowercase();
        let charset = content_type.split(';').find_map(|part| part.trim().strip_prefix("charset="));
        match charset {
            Some(charset) => Some(charset.trim_matches(['"', '\'']).to_owned()),
            None if content_type.contains("text") => Some("ISO-8859-1".to_owned()),
            None => None,
        }
    }

    #[setter]
    fn set_encoding(&self, encoding: Option<String>) {
        *self.encoding.lock().unwrap_or_else(PoisonError::into_inner) = encoding;
    }

    /// Redirects are not followed yet, so there is never any.
    #[getter]
    fn history<'py>(&self, py: Python<'py>) -> Bound<'py, PyList> {
        PyList::empty(py)
    }

    /// The whole body has been read already.
    fn close(&self) {}

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

    /// Milliseconds that each phase of the request took, by its name; 0 for one that did not happen.
    #[getter]
    fn phases<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (phases, by_name) = (place::phases(&self.exchange), PyDict::new(py));
        for phase in Phase::ALL {
            by_name.set_item(phase.name(), phases.of(phase) as f64 / 1e6)?;
        }
        Ok(by_name)
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
        if self.is_unsent {
            return outcome::unsent_error(py).map(Some);
        }
        // Not kept: it would keep whoever raises it.
        outcome::requests_error(py, error).map(Some)
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
        let mut verdict = slf.get().verdict();
        let Verdict::Entered(told) = &mut *verdict else {
            return Ok(false);
        };
        let mut told = told.take();
        drop(verdict);
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

    /// Counts one that was caught and is in nobody's hands: the user goes on without having said anything.
    fn settle(slf: &Bound<'_, Self>) -> PyResult<()> {
        let is_open = matches!(*slf.get().verdict(), Verdict::Open);
        if is_open { Self::decide(slf, None) } else { Ok(()) }
    }

    // What listeners are told.

    /// Method, name, response time in milliseconds, length of the body, when it was called for (seconds since 1970), URL.
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let exchange = &self.exchange;
        let response_time_ms = (exchange.done_ns - exchange.due_ns) as f64 / 1e6;
        let start_time = rt::unix_time_s() - rt::now_ns().saturating_sub(exchange.due_ns) as f64 / 1e9;
        let method = self.ticket.method.as_str();
        let url = self.url(py)?;
        (method, self.sample_name(py), response_time_ms, exchange.bytes_in, start_time, url).into_pyobject(py)
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
            Python::attach(|py| match Hub::here(self.hub.bind(py), self.thread) {
                Ok(hub) => self.decide_by_status(&hub, py),
                Err(error) => log::error!(target: LOG, "a response is dropped that nobody can count here: {error}"),
            });
        }
        let nothing = Err(Error::ClosedBeforeResponse);
        if let Ok(response) = std::mem::replace(&mut self.exchange.result, nothing) {
            self.buffers.give(response);
        }
    }
}
