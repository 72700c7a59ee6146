//! Intermediate responses: redirects, authentication challenges and refused expectations.
//!
//! The final response keeps their bytes, in which the bodies still have their content codings.

use std::borrow::Cow;

use gregaria_http::Response as HttpResponse;
use pyo3::prelude::*;

use super::{Response, head, outcome::RequestOutcome};
use crate::{bridge::EngineBridge, exceptions};

impl Response {
    /// Creates the intermediate response at this index in the history of `last`, which keeps its bytes.
    pub(super) fn intermediate(py: Python<'_>, last: &Bound<'_, Self>, index: usize) -> Self {
        let this = last.get();
        let exchange = head::empty_exchange(this.exchange.due_ns);
        let mut response = Self::new(this.bridge.bind(py), exchange, this.request.for_history(py));
        response.in_history_of = Some((last.clone().unbind(), index));
        response.outcome = RequestOutcome::not_counted();
        response
    }

    /// Returns the body without content codings, which only an intermediate response still has.
    pub(super) fn decoded_body<'a>(&self, py: Python<'_>, response: &'a HttpResponse) -> PyResult<Cow<'a, [u8]>> {
        if self.in_history_of.is_none() {
            return Ok(Cow::Borrowed(response.body()));
        }
        let bridge = EngineBridge::on_owner_thread(self.bridge.bind(py), self.owner)?;
        match response.decoded_body(bridge.limits()) {
            Ok(body) => Ok(body),
            Err(error) => Err(PyErr::from_value(exceptions::read_error(py, error)?)),
        }
    }
}
