//! The guard of an admitted request that is not counted yet.
//!
//! Exactly one of two things happens to the request. Either its outcome is decided and one sample is recorded, or the
//! future that sent it is dropped and it is counted as aborted. No path through the engine loses a request.

use std::rc::Rc;

use gregaria_http::Method;
use gregaria_stats::Outcome;

use super::{Accounting, ExchangeMetrics};

/// The sender of a request. A user with a request in flight is not stopped before the response is received.
pub(crate) trait RequestOwner {
    /// Notes whether a request of this owner is in flight.
    fn set_request_in_flight(&self, in_flight: bool);
}

/// An admitted request. Dropping it before [`complete`](Self::complete) counts the request as aborted.
pub(crate) struct InFlightRequest<O: RequestOwner> {
    accounting: Rc<Accounting>,
    owner: Rc<O>,
    is_complete: bool,
}

impl<O: RequestOwner> InFlightRequest<O> {
    /// Creates the guard of a request that `accounting` has admitted.
    pub(crate) fn new(accounting: Rc<Accounting>, owner: Rc<O>) -> Self {
        owner.set_request_in_flight(true);
        Self { accounting, owner, is_complete: false }
    }

    /// Notes that the response is here. The outcome is not decided yet.
    pub(crate) fn response_received(&self) {
        self.owner.set_request_in_flight(false);
    }

    /// Records the request with its outcome.
    pub(crate) fn complete(mut self, method: Method, name: &str, metrics: &ExchangeMetrics, outcome: Outcome<'_>) {
        self.accounting.record_exchange(method, name, metrics, outcome);
        self.is_complete = true;
    }
}

impl<O: RequestOwner> Drop for InFlightRequest<O> {
    fn drop(&mut self) {
        self.owner.set_request_in_flight(false);
        if !self.is_complete {
            self.accounting.record_aborted();
        }
    }
}
