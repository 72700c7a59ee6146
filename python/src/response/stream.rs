//! The body of a response that is read piece by piece: each piece is asked for, and comes over the hub.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread::ThreadId,
};

use pyo3::prelude::*;

use crate::{bridge::Hub, session::Wire};

/// What is still to come. Dropped before its end, it is left.
#[pyclass(frozen)]
pub(crate) struct Stream {
    hub: Py<Hub>,
    thread: ThreadId,
    /// The number of the request.
    ticket: usize,
    is_over: AtomicBool,
    /// With its session the body would go.
    _wire: Py<Wire>,
}

impl Stream {
    pub(crate) fn new(hub: Py<Hub>, thread: ThreadId, ticket: usize, wire: Py<Wire>) -> Self {
        Self { hub, thread, ticket, is_over: AtomicBool::new(false), _wire: wire }
    }
}

#[pymethods]
impl Stream {
    /// Whether nothing more comes, or is wanted.
    #[getter]
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Asks for the next piece; `None` when there is none. `switch` is called with it: bytes, `None` for the end, or an
    /// exception. Gives a number for `give_up`.
    fn ask(&self, py: Python<'_>, switch: Py<PyAny>) -> PyResult<Option<usize>> {
        let hub = Hub::here(self.hub.bind(py), self.thread)?;
        Ok(if self.is_over() { None } else { Some(hub.read(self.ticket, switch)) })
    }

    /// Nobody waits for that piece any more.
    fn give_up(&self, py: Python<'_>, reader: usize) -> PyResult<()> {
        Hub::here(self.hub.bind(py), self.thread)?.unread(reader);
        self.close(py)
    }

    /// Nothing more is wanted: a short rest is read and dropped, a long one cut off.
    pub(crate) fn close(&self, py: Python<'_>) -> PyResult<()> {
        if !self.is_over.swap(true, Ordering::Relaxed) {
            Hub::here(self.hub.bind(py), self.thread)?.leave(self.ticket);
        }
        Ok(())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if !*self.is_over.get_mut() {
            // On another thread it is left when its session goes.
            let _ = Python::attach(|py| self.close(py));
        }
    }
}
