//! One user's way to the target: its session at the carrier.

use std::{
    sync::{Arc, PoisonError},
    thread::{self, ThreadId},
};

use gregaria_engine::{
    carrier::{Errand, SessionId},
    rt,
};
use gregaria_http::{BaseUrl, Method};
use pyo3::{
    buffer::PyBuffer,
    exceptions::{PyTypeError, PyValueError},
    prelude::*,
    types::{PyBytes, PyDict, PyString},
};

use crate::{
    hub::{ClosedSessions, Hub},
    response::Response,
    ticket::Ticket,
};

/// A user's session: connections and cookies. Closed when it is dropped.
#[pyclass(frozen)]
pub(crate) struct Wire {
    hub: Py<Hub>,
    thread: ThreadId,
    session: SessionId,
    base: Arc<BaseUrl>,
    closed: ClosedSessions,
}

#[pymethods]
impl Wire {
    #[new]
    fn new(hub: Bound<'_, Hub>, base_url: &str) -> PyResult<Self> {
        let (session, base) = hub.borrow().open(base_url).map_err(PyValueError::new_err)?;
        let closed = hub.borrow().closed_sessions();
        Ok(Self { hub: hub.unbind(), thread: thread::current().id(), session, base, closed })
    }

    /// Sends a request and gives its number; `None` when no request may start. `switch` is called with the response.
    #[expect(clippy::too_many_arguments, reason = "one call per request: a struct would be one more Python object")]
    fn send(
        &self,
        method: &str,
        url: Bound<'_, PyString>,
        name: Option<Bound<'_, PyString>>,
        headers: Option<&Bound<'_, PyDict>>,
        body: Option<&Bound<'_, PyAny>>,
        timeout_s: Option<f64>,
        is_caught: bool,
        switch: Py<PyAny>,
    ) -> PyResult<Option<usize>> {
        let hub = Hub::here(self.hub.bind(url.py()), self.thread)?;
        let due_ns = rt::now_ns();
        let method: Method =
            method.parse().map_err(|unknown| PyValueError::new_err(format!("method {method:?}: {unknown}")))?;
        let target = url.to_str()?;
        // Whatever could not be counted later must not be sent.
        name.as_ref().map(|name| name.to_str()).transpose()?;
        let mut errand = hub.errand();
        errand.request(method, target);
        if let Some(headers) = headers {
            add_headers(&mut errand, headers)?;
        }
        if let Some(body) = body {
            add_body(&mut errand, body)?;
        }
        if let Some(timeout_s) = timeout_s {
            errand.options().read_timeout_ns = Some((timeout_s.max(0.0) * 1e9) as u64);
        }
        if !hub.ledger.try_admit() {
            return Ok(None);
        }
        let ticket = Ticket {
            switch: Some(switch),
            session: self.session,
            method,
            name: name.map(Bound::unbind),
            url: url.unbind(),
            base: Arc::clone(&self.base),
            is_caught,
        };
        Ok(Some(hub.send(errand, self.session, due_ns, ticket)))
    }

    /// What a request comes to that does not start any more, because the run is over.
    fn unsent(
        &self,
        method: &str,
        url: Bound<'_, PyString>,
        name: Option<Bound<'_, PyString>>,
        is_caught: bool,
    ) -> PyResult<Response> {
        let hub = self.hub.bind(url.py()).clone();
        let ticket = Ticket {
            switch: None,
            session: self.session,
            method: method.parse().unwrap_or(Method::Get),
            name: name.map(Bound::unbind),
            url: url.unbind(),
            base: Arc::clone(&self.base),
            is_caught,
        };
        let buffers = Hub::here(&hub, self.thread)?.buffers();
        Ok(Response::unsent(&hub, ticket, buffers))
    }
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).push(self.session);
    }
}

fn add_headers(errand: &mut Errand, headers: &Bound<'_, PyDict>) -> PyResult<()> {
    for (name, value) in headers {
        // As in requests: a header that is None is not sent.
        if !value.is_none() {
            with_text(&name, |name| with_text(&value, |value| errand.header(name, value)))??;
        }
    }
    Ok(())
}

fn with_text<R>(text: &Bound<'_, PyAny>, read: impl FnOnce(&str) -> R) -> PyResult<R> {
    if let Ok(text) = text.cast::<PyString>() {
        return Ok(read(text.to_str()?));
    }
    if let Ok(bytes) = text.cast::<PyBytes>() {
        return Ok(read(std::str::from_utf8(bytes.as_bytes()).map_err(|_| PyValueError::new_err("not UTF-8"))?));
    }
    Err(PyTypeError::new_err(format!("header names and values are str or bytes, not {}", text.get_type().name()?)))
}

fn add_body(errand: &mut Errand, body: &Bound<'_, PyAny>) -> PyResult<()> {
    if let Ok(text) = body.cast::<PyString>() {
        errand.body(text.to_str()?.as_bytes());
    } else if let Ok(bytes) = body.cast::<PyBytes>() {
        errand.body(bytes.as_bytes());
    } else {
        errand.body(&PyBuffer::<u8>::get(body)?.to_vec(body.py())?);
    }
    Ok(())
}
