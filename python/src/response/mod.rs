//! The response that a task receives, under the names of requests; with `catch_response` also the methods that decide
//! its outcome, under those of Locust.
//!
//! The bytes stay in the buffer in which the I/O thread received them. Python objects are made on first access. Parts
//! that are rarely used are made in Python (`response.py`). `head.rs` reads the head.
//!
//! A response is recorded exactly once (`outcome.rs`): before its greenlet is resumed; at the end of its `with`
//! block; or, if it was caught and never decided, when the last reference to it is dropped. A streamed body is in
//! `stream.rs`.

mod head;
mod history;
mod outcome;
mod stream;

use std::{
    sync::{Mutex, PoisonError},
    thread::{self, ThreadId},
};

use gregaria_engine::{accounting, io_thread::SharedBufferPool, rt};
use gregaria_http::{Error, Exchange, Response as HttpResponse, decode_header};
use gregaria_stats::Phase;
use pyo3::{
    exceptions::PyTypeError,
    prelude::*,
    sync::PyOnceLock,
    types::{PyBytes, PyDict, PyList, PyString, PyTuple},
};

pub(crate) use self::stream::ResponseStream;

use self::outcome::{OutcomeState, RequestOutcome, TaskOutcome};
use crate::{bridge::EngineBridge, exceptions, log::LOG, pending::PendingRequest};

/// A response. Without one from the target `status_code` is 0 and `error` gives the reason. If the body exceeded a
/// limit, `status_code` is still that of the response.
#[pyclass(frozen, dict, module = "gregaria")]
pub(crate) struct Response {
    bridge: Py<EngineBridge>,
    owner: ThreadId,
    request: PendingRequest,
    exchange: Exchange,
    /// For an intermediate response: the final response, and the index in its `history`.
    in_history_of: Option<(Py<Self>, usize)>,
    /// The body of a streamed response.
    stream: Option<Py<ResponseStream>>,
    /// Whether the request was not sent because the run was over.
    is_not_sent: bool,
    buffer_pool: SharedBufferPool,
    outcome: RequestOutcome,
    content: PyOnceLock<Py<PyBytes>>,
    raw: PyOnceLock<Py<PyAny>>,
    /// The character set that the task has set, which overrides that of the response.
    encoding: Mutex<Option<Option<String>>>,
    headers: PyOnceLock<Py<PyAny>>,
    cookies: PyOnceLock<Py<PyAny>>,
    context: PyOnceLock<Py<PyAny>>,
}

impl Response {
    /// Creates a response with a pending outcome. The caller is on the bridge's thread.
    pub(crate) fn new(bridge: &Bound<'_, EngineBridge>, exchange: Exchange, request: PendingRequest) -> Self {
        Self {
            owner: thread::current().id(),
            request,
            exchange,
            in_history_of: None,
            stream: None,
            is_not_sent: false,
            buffer_pool: bridge.borrow().buffer_pool(),
            bridge: bridge.clone().unbind(),
            outcome: RequestOutcome::pending(),
            content: PyOnceLock::new(),
            raw: PyOnceLock::new(),
            encoding: Mutex::default(),
            headers: PyOnceLock::new(),
            cookies: PyOnceLock::new(),
            context: PyOnceLock::new(),
        }
    }

    /// Adds the stream of a body that is still to be read.
    pub(crate) fn with_stream(mut self, py: Python<'_>, request_id: usize) -> PyResult<Self> {
        if let Some(session) = self.request.stream_session.take() {
            let stream = ResponseStream::new(self.bridge.clone_ref(py), self.owner, request_id, session);
            self.stream = Some(Py::new(py, stream)?);
        }
        Ok(self)
    }

    /// Creates the response of a request that was not sent because the run is over. It is not counted.
    pub(crate) fn not_sent(bridge: &Bound<'_, EngineBridge>, request: PendingRequest) -> Self {
        let mut response = Self::new(bridge, head::empty_exchange(rt::now_ns()), request);
        response.is_not_sent = true;
        response.outcome = RequestOutcome::not_counted();
        response
    }

    fn response(&self) -> Option<&HttpResponse> {
        match &self.in_history_of {
            Some((last, index)) => last.get().response()?.history().get(*index),
            None => self.exchange.result.as_ref().ok(),
        }
    }

    /// Returns the attribute with this name that `response.py` makes.
    fn python_part<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        static PART: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        PART.import(slf.py(), "gregaria.response", "part")?.call1((slf, name))
    }
}

/// The interface of `requests.Response`.
#[pymethods]
impl Response {
    #[getter]
    fn status_code(&self) -> u16 {
        self.response().map_or(self.exchange.status, HttpResponse::status)
    }

    #[getter]
    fn ok(&self) -> bool {
        self.response().is_some_and(|response| response.status() < 400)
    }

    #[getter]
    fn reason(&self) -> Option<String> {
        Some(decode_header(self.response()?.reason()).into_owned())
    }

    /// The body; `None` without a response, and for an intermediate response after its body was dropped.
    #[getter]
    fn content<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let (py, this) = (slf.py(), slf.get());
        let Some(response) = this.response() else {
            return Ok(None);
        };
        if this.in_history_of.is_some() && !response.has_whole_body() {
            return Ok(None);
        }
        let content = this.content.get_or_try_init(py, || {
            if this.stream.is_none() {
                return Ok(PyBytes::new(py, &this.decoded_body(py, response)?).unbind());
            }
            Ok::<_, PyErr>(Self::python_part(slf, "_rest")?.cast_into::<PyBytes>()?.unbind())
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
            None => Self::python_part(slf, "apparent_encoding")?
                .extract::<Option<_>>()?
                .unwrap_or_else(|| "utf-8".to_owned()),
        };
        let decoded = content.call_method1("decode", (charset, "replace"));
        decoded.or_else(|_| content.call_method1("decode", ("utf-8", "replace")))
    }

    /// The character set that the task has set, else that of the response.
    #[getter]
    fn encoding(&self) -> Option<String> {
        let overridden = self.encoding.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(encoding) = overridden {
            return encoding;
        }
        head::charset(self.response()?)
    }

    #[setter]
    fn set_encoding(&self, encoding: Option<String>) {
        *self.encoding.lock().unwrap_or_else(PoisonError::into_inner) = Some(encoding);
    }

    /// The intermediate responses of redirects and authentication, oldest first.
    #[getter]
    fn history<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, PyList>> {
        let (py, this) = (slf.py(), slf.get());
        let count = this.exchange.result.as_ref().map_or(0, |response| response.history().len());
        let responses = (0..count).map(|index| Bound::new(py, Self::intermediate(py, slf, index)));
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
        Self::python_part(slf, "iter_content")?.call1((128,))?.call_method0("__iter__")
    }

    /// Returns an attribute that the class `Response` of `response.py` defines.
    fn __getattr__<'py>(slf: &Bound<'py, Self>, name: &str) -> PyResult<Bound<'py, PyAny>> {
        Self::python_part(slf, name)
    }

    /// The subclass of `requests.Response` in `response.py`, so that `isinstance` holds.
    #[getter(__class__)]
    fn class<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        static CLASS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        CLASS.import(py, "gregaria.response", "Response").cloned()
    }

    /// Gives up the rest of the body.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.stream.as_ref().map_or(Ok(()), |stream| stream.get().close(py))
    }

    /// The source of `raw`; `None` if the body was read with the response.
    #[getter]
    fn stream(&self, py: Python<'_>) -> Option<Py<ResponseStream>> {
        self.stream.as_ref().map(|stream| stream.clone_ref(py))
    }

    /// The body as a file, with the head under the names of urllib3. A body that was read with the response is at its
    /// end.
    #[getter]
    fn raw<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let raw = self.raw.get_or_try_init(py, || {
            let version = head::version_number(self.response());
            let pairs = head::header_pairs(py, self.response())?;
            let parts = (self.stream(py), self.status_code(), version, self.reason(), pairs);
            py.import("gregaria.response")?.getattr("Raw")?.call1(parts).map(Bound::unbind)
        })?;
        Ok(raw.bind(py).clone())
    }

    /// Whether the whole body is in memory.
    #[getter]
    fn is_whole(&self, py: Python<'_>) -> bool {
        self.stream.is_none() || self.content.get(py).is_some()
    }

    /// The status codes of the responses before this one in its chain.
    #[getter]
    fn previous_statuses(&self) -> Vec<u16> {
        let (response, count) = match &self.in_history_of {
            Some((last, index)) => (last.get().response(), *index),
            None => (self.response(), usize::MAX),
        };
        response.into_iter().flat_map(HttpResponse::history).take(count).map(HttpResponse::status).collect()
    }

    #[pyo3(signature = (**kwargs))]
    fn json<'py>(slf: &Bound<'py, Self>, kwargs: Option<&Bound<'py, PyDict>>) -> PyResult<Bound<'py, PyAny>> {
        static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
        let loads = LOADS.import(slf.py(), "gregaria.response", "loads")?;
        loads.call((slf,), kwargs)
    }

    #[getter]
    fn headers<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let headers = self.headers.get_or_try_init(py, || self.convert_header_pairs(py, "headers"))?;
        Ok(headers.bind(py).clone())
    }

    #[getter]
    fn cookies<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let cookies = self.cookies.get_or_try_init(py, || self.convert_header_pairs(py, "cookies"))?;
        Ok(cookies.bind(py).clone())
    }

    /// The time from the call to the head of the response, as a `timedelta`.
    #[getter]
    fn elapsed<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let microseconds = self.exchange.first_byte_ns.saturating_sub(self.exchange.due_ns) / 1000;
        py.import("datetime")?.getattr("timedelta")?.call1((0, 0, microseconds))
    }

    /// The duration of each phase of the request in milliseconds, by name; 0 for a phase that did not happen.
    #[getter]
    fn phases<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let (phases_ns, by_name) = (accounting::phases_ns(&self.exchange.phases), PyDict::new(py));
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
        self.request.absolute_url(py)
    }

    /// The exception that requests would have raised; `None` if there is a response. It is made anew on each access,
    /// because an exception that is kept would keep the frames of the code that raised it.
    #[getter]
    fn error<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let Err(error) = self.exchange.result else {
            return Ok(None);
        };
        if self.is_not_sent {
            return exceptions::run_over_error(py).map(Some);
        }
        exceptions::requests_error(py, error).map(Some)
    }

    /// Raises the failure that the task has set in its block, else an exception for a failed status or a missing
    /// response.
    fn raise_for_status(slf: &Bound<'_, Self>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        match &*this.outcome.state() {
            OutcomeState::InBlock(Some(TaskOutcome::Success)) => return Ok(()),
            OutcomeState::InBlock(Some(TaskOutcome::Failure(exception))) => {
                return Err(PyErr::from_value(exception.bind(py).clone()));
            }
            _ => {}
        }
        if this.ok() {
            return Ok(());
        }
        if let Some(error) = this.error(py)? {
            return Err(PyErr::from_value(error));
        }
        // With the whole URL, as in requests; the tables show the sample's name in its place.
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

    // The methods that decide the outcome, under Locust's names.

    fn success(slf: &Bound<'_, Self>) -> PyResult<()> {
        outcome::require_caught(slf.py(), &slf.get().request, "success()")?;
        Self::set_outcome(slf, TaskOutcome::Success)
    }

    /// Makes the request a failure. `reason` is an exception, or the text of a `CatchResponseError`.
    fn failure(slf: &Bound<'_, Self>, reason: Bound<'_, PyAny>) -> PyResult<()> {
        outcome::require_caught(slf.py(), &slf.get().request, "failure()")?;
        Self::set_outcome(slf, TaskOutcome::failure(reason)?)
    }

    fn __enter__<'py>(slf: &Bound<'py, Self>) -> PyResult<Bound<'py, Self>> {
        if slf.get().request.is_caught {
            slf.get().outcome.enter_block();
        }
        Ok(slf.clone())
    }

    /// Closes the response. A caught one is recorded: a `ResponseError` makes it a failure and goes no further. For any
    /// other exception the status decides, and the exception is the task's.
    fn __exit__(
        slf: &Bound<'_, Self>,
        class: &Bound<'_, PyAny>,
        value: Bound<'_, PyAny>,
        _traceback: &Bound<'_, PyAny>,
    ) -> PyResult<bool> {
        let py = slf.py();
        slf.get().close(py)?;
        let Some(mut decision) = slf.get().outcome.leave_block() else {
            return Ok(false);
        };
        let mut suppress = false;
        if decision.is_none() && !class.is_none() {
            let response_error = py.import("gregaria.exception")?.getattr("ResponseError")?;
            if value.is_instance(&response_error)? {
                (decision, suppress) = (Some(TaskOutcome::Failure(value.unbind())), true);
            }
        }
        Self::record_decision(slf, decision)?;
        Ok(suppress)
    }

    /// Records a caught response that was never used in a block: the user has gone on without a decision.
    fn record_if_pending(slf: &Bound<'_, Self>) -> PyResult<()> {
        if slf.get().outcome.is_pending() { Self::record_decision(slf, None) } else { Ok(()) }
    }

    // For the listeners of requests.

    /// Returns method, name, response time in milliseconds, length of the body, time of the call in seconds since 1970,
    /// and the URL of the call.
    fn event_fields<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyTuple>> {
        let exchange = &self.exchange;
        let response_time_ms = (exchange.done_ns - exchange.due_ns) as f64 / 1e6;
        let start_time = rt::unix_time_s() - rt::now_ns().saturating_sub(exchange.due_ns) as f64 / 1e9;
        let name = self.request.sample_name(py);
        let url = self.request.absolute_url(py)?;
        (self.method(), name, response_time_ms, exchange.bytes_in, start_time, url).into_pyobject(py)
    }

    /// Returns the exception for a failed status or a missing response; `None` for a success.
    fn status_failure<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        if self.ok() { Ok(None) } else { self.failure_by_status(py).map(Some) }
    }

    /// The `RequestOptions` of the call; `None` for a plain request.
    #[getter]
    fn request_options<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.request.options.as_ref().map(|options| options.bind(py).clone())
    }

    /// The method of the first request of the chain.
    #[getter]
    fn method(&self) -> &str {
        self.request.method.as_str()
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
    /// Records the request by its status. No Python object is made for a success.
    pub(crate) fn record_by_status(&self, bridge: &EngineBridge, py: Python<'_>) {
        let failure = if self.ok() { None } else { Some(self.failure_by_status(py)) };
        self.outcome.record(bridge, py, &self.request, &self.exchange, failure.as_ref().map(Result::as_ref));
    }

    /// Records the request by the task's decision, else by its status, and calls the listeners of requests.
    fn record_decision(slf: &Bound<'_, Self>, decision: Option<TaskOutcome>) -> PyResult<()> {
        let (py, this) = (slf.py(), slf.get());
        let bridge = EngineBridge::on_owner_thread(this.bridge.bind(py), this.owner)?;
        let exception = match decision {
            Some(TaskOutcome::Success) => None,
            Some(TaskOutcome::Failure(exception)) => Some(exception.into_bound(py)),
            None if this.ok() => None,
            None => Some(this.failure_by_status(py)?),
        };
        this.outcome.record(&bridge, py, &this.request, &this.exchange, exception.as_ref().map(Ok));
        let notify_decided = bridge.notify_decided(py);
        // Listeners may wait, and may call the bridge.
        drop(bridge);
        notify_decided.call1(py, (slf, exception)).map(drop)
    }

    fn set_outcome(slf: &Bound<'_, Self>, decision: TaskOutcome) -> PyResult<()> {
        match slf.get().outcome.set(decision) {
            Some(decision) => Self::record_decision(slf, Some(decision)),
            None => Ok(()),
        }
    }

    fn failure_by_status<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        outcome::failure(py, &self.request, &self.exchange)
    }

    /// Calls `headers` or `cookies` of `response.py` with the pairs of the head, the URL and the options of the call.
    fn convert_header_pairs(&self, py: Python<'_>, function: &str) -> PyResult<Py<PyAny>> {
        let pairs = head::header_pairs(py, self.response())?;
        py.import("gregaria.response")?
            .getattr(function)?
            .call1((pairs, self.url(py)?, self.request_options(py)))
            .map(Bound::unbind)
    }
}

impl Drop for Response {
    fn drop(&mut self) {
        if !self.outcome.is_recorded() {
            Python::attach(|py| match EngineBridge::on_owner_thread(self.bridge.bind(py), self.owner) {
                Ok(bridge) => self.record_by_status(&bridge, py),
                Err(error) => log::error!(target: LOG, "Cannot count a response dropped on another thread: {error}"),
            });
        }
        let result = std::mem::replace(&mut self.exchange.result, Err(Error::ClosedBeforeResponse));
        if let Ok(response) = result {
            self.buffer_pool.recycle(response);
        }
    }
}
