//! The guard of an admitted request until its response is received.
//!
//! Exactly one of two things happens to the request: its response is received, and it is recorded then or later; or the
//! future that sent it is dropped, and it is recorded as aborted. No path through the engine loses a request.

use std::rc::Rc;

use gregaria_http::Method;
use gregaria_stats::Outcome;

use super::{Accounting, ExchangeMetrics};

/// The sender of a request. A user with a request in flight is not stopped before the response is received.
pub(crate) trait RequestSender {
    /// Records whether a request of this sender is in flight.
    fn set_request_in_flight(&self, in_flight: bool);

    /// Returns the monotonic time in nanoseconds.
    fn now_ns(&self) -> u64;
}

/// An admitted request. Dropping it before [`response_received`](Self::response_received) or
/// [`complete`](Self::complete) records the request as aborted.
pub(crate) struct InFlightRequest<N: AsRef<str>, S: RequestSender> {
    accounting: Rc<Accounting>,
    sender: Rc<S>,
    pub(crate) method: Method,
    pub(crate) name: N,
    pub(crate) due_ns: u64,
    is_complete: bool,
}

impl<N: AsRef<str>, S: RequestSender> InFlightRequest<N, S> {
    /// Creates the guard of a request that `accounting` has admitted. The request is due now.
    pub(crate) fn new(accounting: Rc<Accounting>, sender: Rc<S>, method: Method, name: N) -> Self {
        sender.set_request_in_flight(true);
        let due_ns = sender.now_ns();
        Self { accounting, sender, method, name, due_ns, is_complete: false }
    }

    /// Ends the guard before the outcome is decided. The user may be stopped from now on. The caller records the
    /// request.
    pub(crate) fn response_received(mut self) {
        self.is_complete = true;
    }

    /// Records the request with its outcome.
    pub(crate) fn complete(mut self, metrics: &ExchangeMetrics, outcome: Outcome<'_>) {
        self.accounting.record_exchange(self.method, self.name.as_ref(), metrics, outcome);
        self.is_complete = true;
    }
}

impl<N: AsRef<str>, S: RequestSender> Drop for InFlightRequest<N, S> {
    fn drop(&mut self) {
        self.sender.set_request_in_flight(false);
        if !self.is_complete {
            let (method, name) = (self.method.as_str(), self.name.as_ref());
            self.accounting.record_aborted(method, name, self.due_ns, self.sender.now_ns());
        }
    }
}
