//! What a task gets to see of an exchange: its response, and, if it asked for that, the say over the outcome.
//!
//! Whichever way a response is let go, its buffer returns to the shard, and a caught one is counted exactly once.

use std::{borrow::Cow, mem, ops::Deref, rc::Rc, time::Duration};

use gregaria_http::{Error, Exchange, ExchangePhases, Method, Response as HttpResponse};
use gregaria_stats::Outcome;

use super::outcome::OwnedOutcome;
use crate::{
    control::ExchangeMetrics,
    shards::{InFlightRequest, ShardContext},
};

/// A response, or the fact that there was none: then the status is 0 and the body empty.
pub struct Response {
    result: Result<HttpResponse, Error>,
    elapsed: Duration,
    phases: ExchangePhases,
    shard: Rc<ShardContext>,
}

impl Response {
    pub(super) fn new(exchange: Exchange, shard: Rc<ShardContext>) -> Self {
        let elapsed = Duration::from_nanos(exchange.done_ns - exchange.due_ns);
        Self { result: exchange.result, elapsed, phases: exchange.phases, shard }
    }

    /// The status code; 0 when there was no response.
    pub fn status(&self) -> u16 {
        self.result.as_ref().map_or(0, HttpResponse::status)
    }

    /// Whether there was a response with a status below 400.
    pub fn ok(&self) -> bool {
        (1..400).contains(&self.status())
    }

    /// What came, if anything did: reason, all headers, cookies, links, the redirects that led here.
    pub fn http_response(&self) -> Option<&HttpResponse> {
        self.result.as_ref().ok()
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.http_response()?.header(name)
    }

    /// The body; empty when there was no response or it was discarded.
    pub fn body(&self) -> &[u8] {
        self.result.as_ref().map_or(&[], HttpResponse::body)
    }

    /// The body as text: in the character set that the response names, else in the one that it looks like.
    pub fn text(&self) -> Cow<'_, str> {
        self.http_response().map_or(Cow::Borrowed(""), HttpResponse::text)
    }

    /// The body read as JSON.
    ///
    /// # Errors
    /// When it is not JSON, or not of this form.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(self.body())
    }

    /// Why there was no response.
    pub fn error(&self) -> Option<Error> {
        self.result.as_ref().err().copied()
    }

    /// From the call to the end of the body.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// What that time went to, as far as the request got. What the phases leave of it is the generator's own.
    pub fn phases(&self) -> ExchangePhases {
        self.phases
    }
}

impl Drop for Response {
    fn drop(&mut self) {
        if let Ok(response) = mem::replace(&mut self.result, Err(Error::ClosedBeforeResponse)) {
            self.shard.thread_network.release_buffer(response.into_buffer());
        }
    }
}

/// A response whose outcome the task decides: [`fail`](Self::fail) or [`succeed`](Self::succeed). When it does
/// neither, the status decides as for any other request. Either way it is counted once.
///
/// ```
/// use gregaria_engine::{HttpUser, TaskResult};
///
/// async fn check(user: &mut HttpUser) -> TaskResult {
///     let response = user.get("/health").catch_response().await;
///     if response.text() != "healthy" {
///         response.fail("wrong answer");
///     }
///     Ok(())
/// }
/// ```
pub struct CaughtResponse {
    response: Response,
    /// Taken when the outcome is decided.
    pending: Option<PendingOutcome>,
}

struct PendingOutcome {
    in_flight: InFlightRequest,
    method: Method,
    /// In a buffer of the shard's, so that catching allocates nothing.
    name: Vec<u8>,
    times: ExchangeMetrics,
    default_outcome: OwnedOutcome,
}

impl CaughtResponse {
    pub(super) fn new(
        in_flight: InFlightRequest,
        method: Method,
        name: &str,
        exchange: Exchange,
        default_outcome: OwnedOutcome,
        shard: Rc<ShardContext>,
    ) -> Self {
        in_flight.response_received();
        let mut buffer = shard.thread_network.acquire_buffer();
        buffer.extend_from_slice(name.as_bytes());
        let pending = PendingOutcome {
            in_flight,
            method,
            name: buffer,
            times: ExchangeMetrics::from(&exchange),
            default_outcome,
        };
        Self { response: Response::new(exchange, shard), pending: Some(pending) }
    }

    /// Counts the request as a failure with this text in the error table.
    pub fn fail(mut self, error: &str) {
        self.record_outcome(Some(Outcome::Failure(error)));
    }

    /// Counts the request as a success, whatever its status.
    pub fn succeed(mut self) {
        self.record_outcome(Some(Outcome::Success));
    }

    fn record_outcome(&mut self, chosen: Option<Outcome<'_>>) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        let PendingOutcome { in_flight: on_wire, method, name, times: stamps, default_outcome: verdict } = pending;
        let outcome = chosen.unwrap_or_else(|| verdict.as_outcome());
        on_wire.complete(method, &String::from_utf8_lossy(&name), &stamps, outcome);
        self.response.shard.thread_network.release_buffer(name);
    }
}

impl Deref for CaughtResponse {
    type Target = Response;

    fn deref(&self) -> &Response {
        &self.response
    }
}

impl Drop for CaughtResponse {
    fn drop(&mut self) {
        self.record_outcome(None);
    }
}
