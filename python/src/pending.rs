//! Requests that are under way, by number: who waits for which, and how it is to be counted.

use std::sync::Arc;

use gregaria_engine::io_thread::SessionId;
use gregaria_http::{BaseUrl, Method};
use pyo3::{prelude::*, types::PyString};
use slab::Slab;

use crate::session::Wire;

/// What is known of a request until it is done.
pub(crate) struct Ticket {
    /// Resumes the greenlet that waits; called with the response. Taken then, as it would keep the greenlet's user.
    /// Before, where a body is uploaded, called with a truth whenever a piece is wanted: whether that is the first again.
    pub(crate) switch: Option<Py<PyAny>>,
    pub(crate) session: SessionId,
    pub(crate) method: Method,
    pub(crate) name: Option<Py<PyString>>,
    pub(crate) url: Py<PyString>,
    pub(crate) base: Arc<BaseUrl>,
    /// The task decides the outcome.
    pub(crate) is_caught: bool,
    /// What was asked for beside method and URL, for `response.request`.
    pub(crate) details: Option<Py<PyAny>>,
    /// The body is read piece by piece, over this.
    pub(crate) stream: Option<Py<Wire>>,
}

impl Ticket {
    /// What was asked for, as requests would write it.
    pub(crate) fn whole_url(&self, py: Python<'_>) -> PyResult<String> {
        let (url, base) = (self.url.to_str(py)?, &self.base);
        let begins = |scheme: &str| url.get(..scheme.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(scheme));
        let is_whole = begins("http://") || begins("https://");
        let whole = if is_whole { url.to_owned() } else { format!("{}{}{url}", base.origin(), base.prefix()) };
        if whole.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Ok(whole);
        }
        py.import("requests.utils")?.getattr("requote_uri")?.call1((whole,))?.extract()
    }

    /// What names its sample unless the task does: path and query as they are on the wire, as in Locust.
    pub(crate) fn path_url(&self, py: Python<'_>) -> PyResult<String> {
        let whole = self.whole_url(py)?;
        let bare = whole.split_once('#').map_or(&*whole, |(bare, _)| bare).trim_end_matches('?');
        let rest = bare.split_once("://").map_or(bare, |(_, rest)| rest);
        let path = rest.find(['/', '?']).map_or("", |start| &rest[start..]);
        Ok(if path.starts_with('/') { path.to_owned() } else { format!("/{path}") })
    }

    /// Whether that is just what the task has written.
    pub(crate) fn is_path_url(&self, py: Python<'_>) -> PyResult<bool> {
        let url = self.url.to_str(py)?;
        let is_plain = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
        Ok(self.base.prefix().is_empty() && url.starts_with('/') && !url.ends_with('?') && url.bytes().all(is_plain))
    }

    /// What is known of a response that this request has brought on its way; nobody waits for that.
    pub(crate) fn again(&self, py: Python<'_>) -> Self {
        Self {
            switch: None,
            session: self.session,
            method: self.method,
            name: self.name.as_ref().map(|name| name.clone_ref(py)),
            url: self.url.clone_ref(py),
            base: Arc::clone(&self.base),
            is_caught: false,
            details: self.details.as_ref().map(|details| details.clone_ref(py)),
            stream: None,
        }
    }
}

/// Things that are waited for, by number. A number is not used again for long, so that one which is given up is not
/// mistaken for another.
pub(crate) struct Numbered<T> {
    slots: Slab<(usize, T)>,
    issued: usize,
}

impl<T> Numbered<T> {
    pub(crate) fn insert(&mut self, thing: T) -> usize {
        self.issued = (self.issued + 1) % (1 << (usize::BITS - SLOT_BITS));
        self.slots.insert((self.issued, thing)) | self.issued << SLOT_BITS
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// All of them, given up.
    pub(crate) fn take(&mut self) -> Vec<T> {
        self.slots.drain().map(|(_, thing)| thing).collect()
    }

    /// `None` when it was given up.
    pub(crate) fn get(&self, number: usize) -> Option<&T> {
        let (issue, thing) = self.slots.get(number & SLOT_MASK)?;
        (*issue == number >> SLOT_BITS).then_some(thing)
    }

    /// `None` when it was given up.
    pub(crate) fn remove(&mut self, number: usize) -> Option<T> {
        self.get(number)?;
        Some(self.slots.remove(number & SLOT_MASK).1)
    }
}

impl<T> Default for Numbered<T> {
    fn default() -> Self {
        Self { slots: Slab::new(), issued: 0 }
    }
}

/// A million at once.
const SLOT_BITS: u32 = 20;
const SLOT_MASK: usize = (1 << SLOT_BITS) - 1;
