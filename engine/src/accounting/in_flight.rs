//! The guard of an admitted request that is not counted yet.
//!
//! Exactly one of two things happens to the request. Either its outcome is decided and one sample is recorded, or the
//! future that sent it is dropped and it is counted as aborted. No path through the engine loses a request.

use std::rc::Rc;

use gregaria_http::Method;
use gregaria_stats::Outcome;

use super::{Accounting, ExchangeMetrics};

/// The sender of a request. A user with a request in flight is not stopped before the response is received.
pub(crate) trait RequestSender {
    /// Records whether a request of this sender is in flight.
    fn set_request_in_flight(&self, in_flight: bool);
}

/// An admitted request. Dropping it before [`complete`](Self::complete) counts the request as aborted.
pub(crate) struct InFlightRequest<S: RequestSender> {
    accounting: Rc<Accounting>,
    sender: Rc<S>,
    is_complete: bool,
}

impl<S: RequestSender> InFlightRequest<S> {
    /// Creates the guard of a request that `accounting` has admitted.
    pub(crate) fn new(accounting: Rc<Accounting>, sender: Rc<S>) -> Self {
        sender.set_request_in_flight(true);
        Self { accounting, sender, is_complete: false }
    }

    /// Records that the response was received. The user may be stopped from now on, although the outcome is not
    /// decided.
    pub(crate) fn response_received(&self) {
        self.sender.set_request_in_flight(false);
    }

    /// Records the request with its outcome.
    pub(crate) fn complete(mut self, method: Method, name: &str, metrics: &ExchangeMetrics, outcome: Outcome<'_>) {
        self.accounting.record_exchange(method, name, metrics, outcome);
        self.is_complete = true;
    }
}

impl<S: RequestSender> Drop for InFlightRequest<S> {
    fn drop(&mut self) {
        self.sender.set_request_in_flight(false);
        if !self.is_complete {
            self.accounting.record_aborted();
        }
    }
}
