//! The client session of one user: its connections and cookies on the I/O thread, and how it sends requests to that
//! thread.
//!
//! The way back is in `completions.rs`. Which arguments a request takes is known in `options.rs` only.

use std::{
    sync::{Arc, PoisonError},
    thread::{self, ThreadId},
};

use gregaria_engine::{io_thread::SessionId, rt};
use gregaria_http::{BaseUrl, Cookie, DefaultHeaders, Error, Method};
use pyo3::{buffer::PyBuffer, exceptions::PyValueError, prelude::*, types::PyString};

use crate::{
    bridge::{ClosedSessions, EngineBridge},
    options,
    pending::PendingRequest,
    response::Response,
};

/// A user's session. It is closed when it is dropped.
#[pyclass(frozen, module = "gregaria._engine")]
pub(crate) struct ClientSession {
    bridge: Py<EngineBridge>,
    owner: ThreadId,
    session: SessionId,
    base: Arc<BaseUrl>,
    closed_sessions: ClosedSessions,
}

#[pymethods]
impl ClientSession {
    /// Opens a session. Paths are appended to `base_url`.
    #[new]
    fn new(bridge: Bound<'_, EngineBridge>, base_url: &str) -> PyResult<Self> {
        let (session, base) = bridge.borrow().open_session(base_url).map_err(PyValueError::new_err)?;
        let closed_sessions = bridge.borrow().closed_sessions();
        Ok(Self { bridge: bridge.unbind(), owner: thread::current().id(), session, base, closed_sessions })
    }

    /// Sends a request and returns its number, or `None` if no request may start now. `resume` is called with the
    /// response. `options` is a `RequestOptions` of `request_options.py`, or `None` for a plain request.
    #[pyo3(signature = (method, url, name, is_caught, resume, options=None))]
    fn send(
        slf: &Bound<'_, Self>,
        method: &str,
        url: Bound<'_, PyString>,
        name: Option<Bound<'_, PyString>>,
        is_caught: bool,
        resume: Py<PyAny>,
        options: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Option<usize>> {
        let (py, this) = (slf.py(), slf.get());
        let bridge = this.bridge(py)?;
        let due_ns = rt::now_ns();
        let method: Method = method.parse().map_err(|error| PyValueError::new_err(format!("{method:?}: {error}")))?;
        let target = url.to_str()?;
        // A name that is not valid UTF-8 could not be recorded later, so the request must not be sent.
        name.as_ref().map(|name| name.to_str()).transpose()?;
        let mut packed = bridge.new_request();
        packed.request_line(method, target);
        let mut is_streamed = false;
        if let Some(options) = &options {
            is_streamed = options::pack(&mut packed, options, &bridge.transport_cache)?;
        }
        let mut request = this.pending_request(method, name, url, is_caught);
        request.due_ns = due_ns;
        request.resume = Some(resume);
        request.options = options.map(Bound::unbind);
        request.stream_session = is_streamed.then(|| slf.clone().into_any().unbind());
        if request.name.is_none() && !request.is_path_url(py)? {
            request.name = Some(PyString::new(py, &request.path_url(py)?).unbind());
        }
        if !bridge.accounting.try_admit() {
            return Ok(None);
        }
        Ok(Some(bridge.submit(packed, request)))
    }

    /// Sends the next chunk of an upload, or `None` for its end.
    fn send_upload_chunk(&self, py: Python<'_>, request_id: usize, chunk: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let chunk = chunk.map(|chunk| PyBuffer::<u8>::get(chunk)?.to_vec(py)).transpose()?;
        self.bridge(py)?.send_upload_chunk(request_id, chunk);
        Ok(())
    }

    /// Returns the response of a request that is not sent because the run is over: status 0, not counted.
    fn response_without_run(
        &self,
        method: &str,
        url: Bound<'_, PyString>,
        name: Option<Bound<'_, PyString>>,
        is_caught: bool,
    ) -> PyResult<Response> {
        let bridge = self.bridge.bind(url.py()).clone();
        self.bridge(url.py())?;
        let request = self.pending_request(method.parse().unwrap_or(Method::Get), name, url, is_caught);
        Ok(Response::not_sent(&bridge, request))
    }

    /// Returns all cookies: name, value, domain, path, https only, this host only, expiry in seconds since 1970.
    fn cookies(&self, py: Python<'_>) -> PyResult<Vec<OwnedCookie>> {
        self.bridge(py)?.with_cookies(self.session, |jar| jar.iter().map(owned_cookie).collect())
    }

    /// Adds a cookie in the form of `cookies`.
    fn set_cookie(&self, py: Python<'_>, cookie: OwnedCookie) -> PyResult<()> {
        let set = self.bridge(py)?.with_cookies(self.session, move |jar| {
            let (name, value, domain, path, secure, host_only, expires_unix_s) = &cookie;
            let (secure, host_only, expires_unix_s) = (*secure, *host_only, *expires_unix_s);
            jar.set(Cookie { name, value, domain, path, secure, host_only, expires_unix_s })
        })?;
        set.map_err(|error| PyValueError::new_err(Error::from(error).message()))
    }

    /// Removes the cookies with this name and, if given, this domain and path; all cookies without a name. Returns
    /// their number.
    fn remove_cookies(
        &self,
        py: Python<'_>,
        name: Option<String>,
        domain: Option<String>,
        path: Option<String>,
    ) -> PyResult<usize> {
        self.bridge(py)?.with_cookies(self.session, move |jar| match name {
            Some(name) => jar.remove(&name, domain.as_deref(), path.as_deref()),
            None => {
                let count = jar.len();
                jar.clear();
                count
            }
        })
    }
}

impl ClientSession {
    fn bridge<'py>(&self, py: Python<'py>) -> PyResult<PyRef<'py, EngineBridge>> {
        EngineBridge::on_owner_thread(self.bridge.bind(py), self.owner)
    }

    fn pending_request(
        &self,
        method: Method,
        name: Option<Bound<'_, PyString>>,
        url: Bound<'_, PyString>,
        is_caught: bool,
    ) -> PendingRequest {
        PendingRequest {
            resume: None,
            session: self.session,
            due_ns: 0,
            method,
            name: name.map(Bound::unbind),
            url: url.unbind(),
            base: Arc::clone(&self.base),
            is_caught,
            options: None,
            stream_session: None,
        }
    }
}

impl Drop for ClientSession {
    fn drop(&mut self) {
        self.closed_sessions.lock().unwrap_or_else(PoisonError::into_inner).push(self.session);
    }
}

type OwnedCookie = (String, String, String, String, bool, bool, Option<i64>);

fn owned_cookie(cookie: Cookie<'_>) -> OwnedCookie {
    let [name, value, domain, path] = [cookie.name, cookie.value, cookie.domain, cookie.path].map(ToOwned::to_owned);
    (name, value, domain, path, cookie.secure, cookie.host_only, cookie.expires_unix_s)
}

/// Returns name and value of the headers that a request carries unless it has its own.
#[pyfunction]
pub(crate) fn default_headers() -> Vec<(String, String)> {
    let defaults = DefaultHeaders::default();
    let pairs = defaults.block().lines().filter_map(|line| line.split_once(": "));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
