//! The body of a streamed response: chunks are requested one by one and arrive through the bridge.
//!
//! `Raw` of `response.py` makes a file of it.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread::ThreadId,
};

use pyo3::prelude::*;

use crate::bridge::EngineBridge;

/// The unread part of a body. Dropping it gives the rest up.
#[pyclass(frozen, module = "gregaria._engine")]
pub(crate) struct ResponseStream {
    bridge: Py<EngineBridge>,
    owner: ThreadId,
    request_id: usize,
    is_over: AtomicBool,
    /// Keeps the client session open: closing it drops the connection.
    _session: Py<PyAny>,
}

impl ResponseStream {
    pub(super) fn new(bridge: Py<EngineBridge>, owner: ThreadId, request_id: usize, session: Py<PyAny>) -> Self {
        Self { bridge, owner, request_id, is_over: AtomicBool::new(false), _session: session }
    }
}

#[pymethods]
impl ResponseStream {
    /// Whether the body has ended or its rest was given up.
    #[getter]
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Requests the next chunk. Returns the reader's number for `cancel_read`, or `None` if the body is over.
    /// `resume` is called with `bytes`, `None` at the end, or an exception.
    fn read_chunk(&self, py: Python<'_>, resume: Py<PyAny>) -> PyResult<Option<usize>> {
        let bridge = EngineBridge::on_owner_thread(self.bridge.bind(py), self.owner)?;
        Ok(if self.is_over() { None } else { Some(bridge.read_body_chunk(self.request_id, resume)) })
    }

    /// Cancels a read after its greenlet has stopped waiting, and gives up the rest of the body.
    fn cancel_read(&self, py: Python<'_>, reader: usize) -> PyResult<()> {
        EngineBridge::on_owner_thread(self.bridge.bind(py), self.owner)?.cancel_read(reader);
        self.close(py)
    }

    /// Gives up the rest of the body: a short rest is read and discarded, for a long one the connection is closed.
    pub(crate) fn close(&self, py: Python<'_>) -> PyResult<()> {
        if !self.is_over.swap(true, Ordering::Relaxed) {
            EngineBridge::on_owner_thread(self.bridge.bind(py), self.owner)?.drop_body(self.request_id);
        }
        Ok(())
    }
}

impl Drop for ResponseStream {
    fn drop(&mut self) {
        if !*self.is_over.get_mut() {
            // On another thread the body is dropped later, together with its session.
            let _ = Python::attach(|py| self.close(py));
        }
    }
}
