//! Requests in flight, by number: which greenlet waits for each, and how it is to be counted.
//!
//! `bridge.rs` owns them while they are in flight; a response keeps its own afterwards. This file does not know the
//! engine's queues or how an outcome is decided.

use std::sync::Arc;

use gregaria_engine::io_thread::SessionId;
use gregaria_http::{BaseUrl, Method, encode_url, is_absolute_url, is_plain_target};
use pyo3::{prelude::*, types::PyString};
use slab::Slab;

/// The description of a request from its call until its response is dropped.
pub(crate) struct PendingRequest {
    /// Resumes the greenlet that waits, with the response as argument. Taken when that happens, because the callable
    /// keeps the greenlet's user alive. For an upload it is called before with an `UploadChunkNeeded` whenever a chunk
    /// is needed.
    pub(crate) resume: Option<Py<PyAny>>,
    pub(crate) session: SessionId,
    /// Monotonic time of the call; 0 for a request that is not sent.
    pub(crate) due_ns: u64,
    pub(crate) method: Method,
    pub(crate) name: Option<Py<PyString>>,
    pub(crate) url: Py<PyString>,
    pub(crate) base: Arc<BaseUrl>,
    /// Whether the task decides the outcome (`catch_response=True`).
    pub(crate) is_caught: bool,
    /// The `RequestOptions` of the call, for `response.request`.
    pub(crate) options: Option<Py<PyAny>>,
    /// For a streamed response: the client session, which must stay open until the body is read.
    pub(crate) stream_session: Option<Py<PyAny>>,
}

impl PendingRequest {
    /// Returns the name of the sample. Both texts were checked to be UTF-8 before the request was sent.
    pub(crate) fn sample_name<'a>(&'a self, py: Python<'a>) -> &'a str {
        match &self.name {
            Some(name) => name.to_str(py).unwrap_or_default(),
            None => self.url.to_str(py).unwrap_or_default(),
        }
    }

    /// Returns the absolute URL of the call, encoded as it is sent.
    pub(crate) fn absolute_url(&self, py: Python<'_>) -> PyResult<String> {
        let (url, base) = (self.url.to_str(py)?, &self.base);
        let absolute = if is_absolute_url(url) { url.to_owned() } else { base.join(url) };
        Ok(encode_url(&absolute).into_owned())
    }

    /// Returns the sample's name for a call without `name=`: path and query as they are sent, as in Locust.
    pub(crate) fn path_url(&self, py: Python<'_>) -> PyResult<String> {
        let absolute = self.absolute_url(py)?;
        let bare = absolute.split_once('#').map_or(&*absolute, |(bare, _)| bare).trim_end_matches('?');
        let after_scheme = bare.split_once("://").map_or(bare, |(_, rest)| rest);
        let path = after_scheme.find(['/', '?']).map_or("", |start| &after_scheme[start..]);
        Ok(if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
    }

    /// Returns `true` if the URL of the call equals [`path_url`](Self::path_url), so that no second text is needed.
    pub(crate) fn is_path_url(&self, py: Python<'_>) -> PyResult<bool> {
        let url = self.url.to_str(py)?;
        Ok(self.base.prefix().is_empty() && url.starts_with('/') && !url.ends_with('?') && is_plain_target(url))
    }

    /// Returns the description of an intermediate response for `Response.history`.
    pub(crate) fn for_history(&self, py: Python<'_>) -> Self {
        Self {
            resume: None,
            session: self.session,
            due_ns: self.due_ns,
            method: self.method,
            name: self.name.as_ref().map(|name| name.clone_ref(py)),
            url: self.url.clone_ref(py),
            base: Arc::clone(&self.base),
            is_caught: false,
            options: self.options.as_ref().map(|options| options.clone_ref(py)),
            stream_session: None,
        }
    }
}

/// Values by number. A number contains a generation, so that a late reference to a removed value is not taken for a
/// newer value in the same slot.
pub(crate) struct GenerationalSlab<T> {
    slots: Slab<(usize, T)>,
    generation: usize,
}

impl<T> GenerationalSlab<T> {
    /// Adds a value and returns its number.
    pub(crate) fn insert(&mut self, value: T) -> usize {
        self.generation = (self.generation + 1) % (1 << (usize::BITS - SLOT_BITS));
        self.slots.insert((self.generation, value)) | self.generation << SLOT_BITS
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Removes all values and returns them.
    pub(crate) fn take(&mut self) -> Vec<T> {
        self.slots.drain().map(|(_, value)| value).collect()
    }

    /// Returns the value with this number, or `None` if it was removed.
    pub(crate) fn get(&self, number: usize) -> Option<&T> {
        let (generation, value) = self.slots.get(number & SLOT_MASK)?;
        (*generation == number >> SLOT_BITS).then_some(value)
    }

    /// Removes the value with this number, or returns `None` if it was removed before.
    pub(crate) fn remove(&mut self, number: usize) -> Option<T> {
        self.get(number)?;
        Some(self.slots.remove(number & SLOT_MASK).1)
    }
}

impl<T> Default for GenerationalSlab<T> {
    fn default() -> Self {
        Self { slots: Slab::new(), generation: 0 }
    }
}

/// Bits of a number that are the slot: a million values at once.
const SLOT_BITS: u32 = 20;
const SLOT_MASK: usize = (1 << SLOT_BITS) - 1;
