//! One user's way to the target: its session at the carrier.

use std::{
    sync::{Arc, PoisonError},
    thread::{self, ThreadId},
};

use gregaria_engine::{io_thread::SessionId, rt};
use gregaria_http::{BaseUrl, Cookie, DefaultHeaders, Error, Method};
use pyo3::{buffer::PyBuffer, exceptions::PyValueError, prelude::*, types::PyString};

use crate::{
    bridge::{ClosedSessions, Hub},
    options::Details,
    pending::Ticket,
    response::Response,
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
    /// `details` are what is asked for beside method and URL, if anything: see [`Details`].
    #[pyo3(signature = (method, url, name, is_caught, switch, details=None))]
    fn send(
        slf: &Bound<'_, Self>,
        method: &str,
        url: Bound<'_, PyString>,
        name: Option<Bound<'_, PyString>>,
        is_caught: bool,
        switch: Py<PyAny>,
        details: Option<Bound<'_, PyAny>>,
    ) -> PyResult<Option<usize>> {
        let this = slf.get();
        let hub = Hub::here(this.hub.bind(slf.py()), this.thread)?;
        let due_ns = rt::now_ns();
        let method: Method = method.parse().map_err(|error| PyValueError::new_err(format!("{method:?}: {error}")))?;
        let target = url.to_str()?;
        // Whatever could not be counted later must not be sent.
        name.as_ref().map(|name| name.to_str()).transpose()?;
        let mut errand = hub.errand();
        errand.request_line(method, target);
        let mut is_streamed = false;
        if let Some(details) = &details {
            let details: Details<'_> = details.extract()?;
            details.pack(slf.py(), &mut errand, &hub)?;
            is_streamed = details.is_streamed;
        }
        let mut ticket = Ticket {
            switch: Some(switch),
            session: this.session,
            method,
            name: name.map(Bound::unbind),
            url: url.unbind(),
            base: Arc::clone(&this.base),
            is_caught,
            details: details.map(Bound::unbind),
            stream: is_streamed.then(|| slf.clone().unbind()),
        };
        if ticket.name.is_none() && !ticket.is_path_url(slf.py())? {
            ticket.name = Some(PyString::new(slf.py(), &ticket.path_url(slf.py())?).unbind());
        }
        if !hub.ledger.try_admit() {
            return Ok(None);
        }
        Ok(Some(hub.send(errand, this.session, due_ns, ticket)))
    }

    /// The piece of an upload that was asked for; `None` when there is nothing more.
    fn feed(&self, py: Python<'_>, number: usize, piece: Option<&Bound<'_, PyAny>>) -> PyResult<()> {
        let piece = piece.map(|piece| PyBuffer::<u8>::get(piece)?.to_vec(py)).transpose()?;
        Hub::here(self.hub.bind(py), self.thread)?.feed(number, piece);
        Ok(())
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
            details: None,
            stream: None,
        };
        let buffers = Hub::here(&hub, self.thread)?.buffers();
        Ok(Response::unsent(&hub, ticket, buffers))
    }

    /// All cookies: name, value, domain, path, whether they are for https only and for that host only, when they expire.
    fn cookies(&self, py: Python<'_>) -> PyResult<Vec<OwnedCookie>> {
        let hub = Hub::here(self.hub.bind(py), self.thread)?;
        hub.with_jar(self.session, |jar| {
            let owned = |cookie: Cookie<'_>| {
                let [name, value, domain, path] =
                    [cookie.name, cookie.value, cookie.domain, cookie.path].map(ToOwned::to_owned);
                (name, value, domain, path, cookie.secure, cookie.host_only, cookie.expires_unix_s)
            };
            jar.iter().map(owned).collect()
        })
    }

    /// Puts in a cookie, as [`Wire::cookies`] gives it.
    fn set_cookie(&self, py: Python<'_>, cookie: OwnedCookie) -> PyResult<()> {
        let hub = Hub::here(self.hub.bind(py), self.thread)?;
        let set = hub.with_jar(self.session, move |jar| {
            let (name, value, domain, path, secure, host_only, expires_unix_s) = &cookie;
            let (secure, host_only, expires_unix_s) = (*secure, *host_only, *expires_unix_s);
            jar.set(Cookie { name, value, domain, path, secure, host_only, expires_unix_s })
        })?;
        set.map_err(|error| PyValueError::new_err(Error::from(error).message()))
    }

    /// Removes cookies with this name, domain and path, as far as these are given; without a name all. Says how many.
    fn remove_cookies(
        &self,
        py: Python<'_>,
        name: Option<String>,
        domain: Option<String>,
        path: Option<String>,
    ) -> PyResult<usize> {
        let hub = Hub::here(self.hub.bind(py), self.thread)?;
        hub.with_jar(self.session, move |jar| match name {
            Some(name) => jar.remove(&name, domain.as_deref(), path.as_deref()),
            None => {
                let count = jar.len();
                jar.clear();
                count
            }
        })
    }
}

type OwnedCookie = (String, String, String, String, bool, bool, Option<i64>);

/// Name and value of the headers that every request carries unless it has its own.
#[pyfunction]
pub(crate) fn default_headers() -> Vec<(String, String)> {
    let defaults = DefaultHeaders::default();
    let pairs = defaults.block().lines().filter_map(|line| line.split_once(": "));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.closed.lock().unwrap_or_else(PoisonError::into_inner).push(self.session);
    }
}
