//! The responses that a task receives, and the outcome of a caught one.
//!
//! Dropping a response returns its buffer to the thread. A caught response is counted exactly once, at the latest
//! when it is dropped. Streamed responses are in `stream.rs`.

use std::{borrow::Cow, mem, ops::Deref, rc::Rc, time::Duration};

use gregaria_http::{Error, Exchange, ExchangePhases, Method, Response as HttpResponse};
use gregaria_stats::Outcome;

use super::{handle::UserHandle, outcome::OwnedOutcome, thread_context::ThreadContext};
use crate::accounting::{ExchangeMetrics, InFlightRequest};

/// The response to a request, or the error in its place.
///
/// Without a response the status is 0 and the body is empty. A response with a body beyond a limit keeps its status.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{HttpUser, TaskResult};
///
/// async fn first_item(user: &mut HttpUser) -> TaskResult {
///     let response = user.get("/items").await;
///     let Ok(ids) = response.json::<Vec<u64>>() else {
///         return Ok(());
///     };
///     drop(response);
///     if let Some(id) = ids.first() {
///         user.get(&format!("/items/{id}")).name("/items/[id]").await;
///     }
///     Ok(())
/// }
/// ```
pub struct Response {
    result: Result<HttpResponse, Error>,
    status: u16,
    elapsed: Duration,
    phases: ExchangePhases,
    thread: Rc<ThreadContext>,
}

impl Response {
    pub(super) fn new(exchange: Exchange, thread: Rc<ThreadContext>) -> Self {
        let elapsed = Duration::from_nanos(exchange.done_ns - exchange.due_ns);
        Self { result: exchange.result, status: exchange.status, elapsed, phases: exchange.phases, thread }
    }

    /// Returns the status code; 0 if there is no response. If the body exceeded a limit, which is the
    /// [`error`](Self::error), the status is still that of the response.
    pub fn status(&self) -> u16 {
        self.status
    }

    /// Returns `true` if there is a response with a status below 400.
    pub fn ok(&self) -> bool {
        self.result.is_ok() && self.status < 400
    }

    /// Returns the response of the HTTP client, with its reason, headers, cookies, links and redirect history. `None`
    /// if there is no response.
    pub fn http_response(&self) -> Option<&HttpResponse> {
        self.result.as_ref().ok()
    }

    /// Returns the first header of this name, compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.http_response()?.header(name)
    }

    /// Returns the body. It is empty if there is no response or the body was discarded.
    pub fn body(&self) -> &[u8] {
        self.result.as_ref().map_or(&[], HttpResponse::body)
    }

    /// Returns the body as text, decoded from the character set that the response declares, otherwise from the detected
    /// one.
    pub fn text(&self) -> Cow<'_, str> {
        self.http_response().map_or(Cow::Borrowed(""), HttpResponse::text)
    }

    /// Parses the body as JSON.
    ///
    /// # Errors
    /// Returns an error if the body is not JSON, or not of type `T`.
    pub fn json<T: serde::de::DeserializeOwned>(&self) -> serde_json::Result<T> {
        serde_json::from_slice(self.body())
    }

    /// Returns the error in place of a response.
    pub fn error(&self) -> Option<Error> {
        self.result.as_ref().err().copied()
    }

    /// Returns the time from the call to the end of the body.
    pub fn elapsed(&self) -> Duration {
        self.elapsed
    }

    /// Returns the times of the phases that the request reached. The part of [`elapsed`](Self::elapsed) outside all
    /// phases is the generator's own.
    pub fn phases(&self) -> ExchangePhases {
        self.phases
    }
}

impl Drop for Response {
    fn drop(&mut self) {
        if let Ok(response) = mem::replace(&mut self.result, Err(Error::ClosedBeforeResponse)) {
            self.thread.thread_network.release_buffer(response.into_buffer());
        }
    }
}

/// A response whose outcome the task decides, with [`fail`](Self::fail) or [`succeed`](Self::succeed).
///
/// A response that is dropped without a decision is counted by its status, like any other. In each case it is counted
/// once.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{CaughtResponse, HttpUser, TaskResult};
///
/// async fn check(user: &mut HttpUser) -> TaskResult {
///     let response: CaughtResponse = user.get("/health").catch_response().await;
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
    method: Method,
    /// Held in a buffer of the thread's pool, so that catching a response allocates no memory.
    name: Vec<u8>,
    metrics: ExchangeMetrics,
    default_outcome: OwnedOutcome,
}

impl CaughtResponse {
    pub(super) fn new(
        in_flight: InFlightRequest<&str, UserHandle>,
        exchange: Exchange,
        default_outcome: OwnedOutcome,
        thread: Rc<ThreadContext>,
    ) -> Self {
        let mut name = thread.thread_network.acquire_buffer();
        name.extend_from_slice(in_flight.name.as_bytes());
        let metrics = ExchangeMetrics::from(&exchange);
        let pending = PendingOutcome { method: in_flight.method, name, metrics, default_outcome };
        in_flight.response_received();
        Self { response: Response::new(exchange, thread), pending: Some(pending) }
    }

    /// Counts the request as a failure with this text in the error table.
    pub fn fail(mut self, error: &str) {
        self.record_outcome(Some(Outcome::Failure(error)));
    }

    /// Counts the request as a success, regardless of its status.
    pub fn succeed(mut self) {
        self.record_outcome(Some(Outcome::Success));
    }

    fn record_outcome(&mut self, decided: Option<Outcome<'_>>) {
        let Some(pending) = self.pending.take() else {
            return;
        };
        let PendingOutcome { method, name, metrics, default_outcome } = pending;
        let outcome = decided.unwrap_or_else(|| default_outcome.as_outcome());
        let thread = &self.response.thread;
        thread.accounting.record_exchange(method, &String::from_utf8_lossy(&name), &metrics, outcome);
        thread.thread_network.release_buffer(name);
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
