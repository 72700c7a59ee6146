//! What a task gets to see of an exchange, under requests' names; and, with `catch_response`, the say over the outcome.
//!
//! The bytes stay where the carrier received them; Python objects are made when they are asked for, once. Parts that are
//! rarely asked for are made in Python, by `response.py`. Whatever becomes of a response, it is counted exactly once, as
//! `verdict.rs` has it: at once by its status, at the end of its `with` block, or, when it was caught and never decided,
//! when nobody holds it any more. A body that is read piece by piece comes over the hub as it is asked for.

mod outcome;
mod stream;

use std::{
    borrow::Cow,
    str,
    sync::{Mutex, MutexGuard, PoisonError},
    thread::{self, ThreadId},
};

use gregaria_engine::{control, io_thread::SharedBufferPool, rt};
use gregaria_http::{Error, Exchange, ExchangePhases, Response as HttpResponse};
use gregaria_stats::Phase;
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyBytes, PyDict, PyList, PyString, PyTuple},
};

use self::{
    outcome::{Told, Verdict},
    stream::Stream,
};
use crate::{bridge::Hub, exceptions, log::LOG, pending::Ticket};

/// A response, or the fact that there was none: then `status_code` is 0 and `error` says why.
#[pyclass(frozen, dict, module = "gregaria")]
pub(crate) struct Response {
    pub(crate) hub: Py<Hub>,
    pub(crate) thread: ThreadId,
    pub(crate) ticket: Ticket,
    pub(crate) exchange: Exchange,
    /// One that led to another: which that is, and where in its history this one stands.
    led_to: Option<(Py<Self>, usize)>,
    /// A body that is read piece by piece.
    stream: Option<Py<Stream>>,
    /// It never left: the run was over.
    is_unsent: bool,
    buffers: SharedBufferPool,
    verdict: Mutex<Verdict>,
    content: PyOnceLock<Py<PyBytes>>,
    raw: PyOnceLock<Py<PyAny>>,
    /// The character set that the task wants, whatever the response says.
    encoding: Mutex<Option<Option<String>>>,
    headers: PyOnceLock<Py<PyAny>>,
    cookies: PyOnceLock<Py<PyAny>>,
    context: PyOnceLock<Py<PyAny>>,
}

impl Response {
    pub(crate) fn new(hub: &Bound<'_, Hub>, exchange: Exchange, ticket: Ticket, buffers: SharedBufferPool) -> Self {
        Self {
            hub: hub.clone().unbind(),
            thread: thread::current().id(),
            ticket,
            exchange,
            led_to: None,
            stream: None,
            is_unsent: false,
            buffers,
            verdict: Mutex::new(Verdict::Open),
            content: PyOnceLock::new(),
            raw: PyOnceLock::new(),
            encoding: Mutex::default(),
            headers: PyOnceLock::new(),
            cookies: PyOnceLock::new(),
            context: PyOnceLock::new(),
        }
    }

    /// One whose body is still to be read.
    pub(crate) fn with_stream(mut self, py: Python<'_>, number: usize) -> PyResult<Self> {
        if let Some(wire) = self.ticket.stream.take() {
            let stream = Stream::new(self.hub.clone_ref(py), self.thread, number, wire);
            self.stream = Some(Py::new(py, stream)?);
        }
        Ok(self)
    }

    /// What a user gets for a request that does not start any more: no response, and nothing to count.
    pub(crate) fn unsent(hub: &Bound<'_, Hub>, ticket: Ticket, buffers: SharedBufferPool) -> Self {
        let mut response = Self::new(hub, nothing(rt::now_ns()), ticket, buffers);
        response.is_unsent = true;
        *response.verdict() = Verdict::Decided;
        response
    }

    /// The one at this place in the history of another, which keeps its bytes.
    fn past(py: Python<'_>, last: &Bound<'_, Self>, at: usize) -> Self {
        let this = last.get();
        let ticket = this.ticket.again(py);
        let exchange = nothing(this.exchange.due_ns);
        let mut response = Self::new(this.hub.bind(py), exchange, ticket, this.buffers.clone());
        response.led_to = Some((last.clone().unbind(), at));
        *response.verdict() = Verdict::Decided;
        response
    }

    fn response(&self) -> Option<&HttpResponse> {
        match &self.led_to {
            Some((last, at)) => last.get().response()?.history().get(*at),
            None => self.exchange.result.as_ref().ok(),
        }
    }

    /// The part of this name that is made in Python.
    fn part<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        static PART: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        PART.import(slf.py(), "gregaria.response", "part")?.call1((slf, name))
    }

    pub(crate) fn verdict(&self) -> MutexGuard<'_, Verdict> {
        self.verdict.lock().unwrap_or_else(PoisonError::into_inner)
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
    pub(crate) fn ok(&self) -> bool {
        (1..400).contains(&self.status_code())
    }

    #[getter]
    fn reason(&self) -> Option<String> {
        Some(String::from_utf8_lossy(self.response()?.reason()).into_owned())
    }

    /// The body; `None` when there was no response.
    #[getter]
    fn content<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let (py, this) = (slf.py(), slf.get());
        let Some(response) = this.response() else {
            return Ok(None);
        };
        let content = this.content.get_or_try_init(py, || {
            if this.stream.is_none() {
                return Ok(PyBytes::new(py, response.body()).unbind());
            }
            Ok::<_, PyErr>(Self::part(slf, "_rest")?.cast_into::<PyBytes>()?.unbind())
        })?;
        Ok(Some(content.bind(py).clone()))
    }

    #[getter]
    fn text<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        let content = match Self::content(slf)? {
            Some(content) if content.len()? > 0 => content,
            _ => return Ok(PyString::new(slf.py(), "").into_any()),
        };
        let charset = match slf.get().encoding() {
            Some(charset) => charset,
            None => Self::part(slf, "apparent_encoding")?.extract::<Option<_>>()?.unwrap_or_else(|| "utf-8".to_owned()),
        };
        let decoded = content.call_method1("decode", (charset, "replace"));
        decoded.or_else(|_| content.call_method1("decode", ("utf-8", "replace")))
    }

    /// The character set that the response names; as HTTP once said, latin-1 for texts that name none.
    #[getter]
    fn encoding(&self) -> Option<String> {
        let wanted = self.encoding.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(wanted) = wanted {
            return wanted;
        }
        let content_type = self.response()?.header("content-type")?.to_ascii_lowercase();
        let charset = content_type.split(';').find_map(|part| part.trim().strip_prefix("charset="));
        match charset {
            Some(charset) => Some(charset.trim_matches(['"', '\'']).to_owned()),
            None if content_type.contains("text") => Some("ISO-8859-1".to_owned()),
            None if content_type.contains("application/json") => Some("utf-8".to_owned()),
            None => None,
        }
    }

    #[setter]
    fn set_encoding(&self, encoding: Option<String>) {
        *self.encoding.lock().unwrap_or_else(PoisonError::into_inner) = Some(encoding);
    }

    /// The responses that led to this one, oldest first.
    #[getter]
    fn history<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        let (py, this) = (slf.py(), slf.get());
        let past = this.exchange.result.as_ref().map_or(0, |response| response.history().len());
        let responses = (0..past).map(|at| Bound::new(py, Self::past(py, slf, at)));
        PyList::new(py, responses.collect::<PyResult<Vec<_>>>()?)
    }

    #[getter]
    fn is_redirect(&self) -> bool {
        self.response().is_some_and(HttpResponse::is_redirect)
    }

    #[getter]
    fn is_permanent_redirect(&self) -> bool {
        self.response().is_some_and(HttpResponse::is_permanent_redirect)
    }

    fn __iter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyAny>> {
        Self::part(slf, "iter_content")?.call1((128,))?.call_method0("__iter__")
    }

    /// What is rarely asked for: the class `Parts` of `response.py` has it.
    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        Self::part(slf, name)
    }

    /// Whoever asks is told that this is one of requests' responses too.
    #[getter(__class__)]
    fn class<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        CLASS.import(py, "gregaria.response", "Response").cloned()
    }

    /// Nothing more of the body is wanted.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.stream.as_ref().map_or(Ok(()), |stream| stream.get().close(py))
    }

    /// What `raw` reads; `None` when the body is here already.
    #[getter]
    fn stream(&self, py: Python<'_>) -> Option<Py<Stream>> {
        self.stream.as_ref().map(|stream| stream.clone_ref(py))
    }

    /// The body as a file; one that was read with the response is at its end.
    #[getter]
    fn raw<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let raw = self.raw.get_or_try_init(py, || {
            py.import("gregaria.response")?.getattr("Raw")?.call1((self.stream(py),)).map(Bound::unbind)
        })?;
        Ok(raw.bind(py).clone())
    }

    /// Whether the body is here as a whole.
    #[getter]
    fn is_whole(&self, py: Python<'_>) -> bool {
        self.stream.is_none() || self.content.get(py).is_some()
    }

    /// The status codes of those that led to this one.
    #[getter]
    fn led_by(&self) -> Vec<u16> {
        let (response, count) = match &self.led_to {
            Some((last, at)) => (last.get().response(), *at),
            None => (self.response(), usize::MAX),
        };
        response.into_iter().flat_map(HttpResponse::history).take(count).map(HttpResponse::status).collect()
    }

    #[pyo3(signature = (**kwargs))]
    fn json<'py>(slf: &Bound<'py, Self>, kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
        static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let loads = LOADS.import(slf.py(), "gregaria.response", "loads")?;
        loads.call((Self::content(slf)?,), kwargs)
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

    /// From the call until the head of the response, as a `timedelta`.
    #[getter]
    fn elapsed<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let microseconds = self.exchange.first_byte_ns.saturating_sub(self.exchange.due_ns) / 1000;
        py.import("datetime")?.getattr("timedelta")?.call1((0, 0, microseconds))
    }

    /// Milliseconds that each phase of the request took, by its name; 0 for one that did not happen.
    #[getter]
    fn phases<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (phases_ns, by_name) = (control::phases_ns(&self.exchange.phases), PyDict::new(py));
        for phase in Phase::ALL {
            by_name.set_item(phase.name(), phases_ns[phase.index()] as f64 / 1e6)?;
        }
        Ok(by_name)
    }

    #[getter]
    fn url(&self, py: Python<'_>) -> PyResult<String> {
        if let Some(url) = self.response().and_then(HttpResponse::redirected_to) {
            return Ok(url.to_owned());
        }
        self.ticket.whole_url(py)
    }

    /// Why there is no response, as the exception that requests would have raised; `None` when there is one.
    #[getter]
    fn error<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Err(error) = self.exchange.result else {
            return Ok(None);
        };
        if self.is_unsent {
            return exceptions::unsent_error(py).map(Some);
        }
        // Not kept: it would keep whoever raises it.
        exceptions::requests_error(py, error).map(Some)
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
        let exception = exceptions::status_error(py, this.status_code(), &reason, &this.url(py)?)?;
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
        let mut verdict = slf.get().verdict();
        if slf.get().ticket.is_caught && matches!(*verdict, Verdict::Open) {
            *verdict = Verdict::Entered(None);
        }
        drop(verdict);
        Ok(slf.clone())
    }

    /// Closes it. One that was caught is decided: a `ResponseError` makes it a failure and goes no further. Any other
    /// exception is the task's, and the status decides.
    fn __exit__(
        slf: &Bound<'_, Self>,
        class: &Bound<'_, PyAny>,
        value: Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let py = slf.py();
        slf.get().close(py)?;
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

    /// Method, name, response time in milliseconds, length of the body, when it was called for (seconds since 1970), and
    /// the URL that the task has asked for.
    fn facts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let exchange = &self.exchange;
        let response_time_ms = (exchange.done_ns - exchange.due_ns) as f64 / 1e6;
        let start_time = rt::unix_time_s() - rt::now_ns().saturating_sub(exchange.due_ns) as f64 / 1e9;
        let method = self.ticket.method.as_str();
        let url = self.ticket.whole_url(py)?;
        (method, self.sample_name(py), response_time_ms, exchange.bytes_in, start_time, url).into_pyobject(py)
    }

    /// The exception that its status, or the lack of one, stands for; `None` for a success.
    fn own_failure<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if self.ok() { Ok(None) } else { self.failure(py).map(Some) }
    }

    /// What was asked for beside method and URL, if anything.
    #[getter]
    fn details<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.ticket.details.as_ref().map(|details| details.bind(py).clone())
    }

    /// What listeners were told of the method: that of the first request, if there were several.
    #[getter]
    fn method(&self) -> &str {
        self.ticket.method.as_str()
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
            pairs.append((name, text(value)))?;
        }
        py.import("gregaria.response")?.getattr(what)?.call1((pairs, self.url(py)?)).map(Bound::unbind)
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
            self.buffers.recycle(response);
        }
    }
}

/// The value of a header: UTF-8, or else latin-1, as it once was.
fn text(value: &[u8]) -> Cow<'_, str> {
    str::from_utf8(value).map_or_else(|_| value.iter().map(|&byte| char::from(byte)).collect(), Cow::Borrowed)
}

/// What is known of an exchange that did not take place.
fn nothing(at_ns: u64) -> Exchange {
    Exchange {
        due_ns: at_ns,
        sent_ns: at_ns,
        first_byte_ns: at_ns,
        phases: ExchangePhases::default(),
        done_ns: at_ns,
        bytes_out: 0,
        bytes_in: 0,
        result: Err(Error::ConnectFailed),
    }
}
