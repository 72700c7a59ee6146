//! A response whose body a task reads in chunks. It is counted when it is dropped.
//!
//! The other responses are in `response.rs`.

use std::rc::Rc;

use gregaria_http::{BodyStream, Error, Exchange, Response as HttpResponse};

use super::{
    handle::UserHandle,
    outcome::{ExpectedStatus, OwnedOutcome},
    thread_context::ThreadContext,
};
use crate::{accounting::InFlightRequest, network::SessionNetwork};

/// A response whose head was received. [`next_chunk`](Self::next_chunk) and [`next_line`](Self::next_line) read the
/// body.
///
/// It is one sample, which is recorded when the response is dropped. The sample ends with the last bytes that were
/// read, and its length is the number of bytes read. Dropping the response before the end of the body closes the
/// connection. [`drain`](Self::drain) reads the rest of the body without keeping it.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{HttpUser, TaskResult};
///
/// async fn follow(user: &mut HttpUser) -> TaskResult {
///     let mut events = user.get("/events").stream().await;
///     while let Some(line) = events.next_line().await {
///         if line.as_slice() == b"data: done" {
///             break;
///         }
///     }
///     Ok(())
/// }
/// ```
pub struct StreamedResponse<'a> {
    body: Option<BodyStream<'a, SessionNetwork>>,
    exchange: Exchange,
    /// Bytes of the body that were received but not returned yet.
    buffered: Vec<u8>,
    expected_status: Option<ExpectedStatus>,
    /// Taken when the response is counted.
    in_flight: Option<InFlightRequest<String, UserHandle>>,
    thread: Rc<ThreadContext>,
}

impl<'a> StreamedResponse<'a> {
    pub(super) fn new(
        in_flight: InFlightRequest<String, UserHandle>,
        exchange: Exchange,
        body: Option<BodyStream<'a, SessionNetwork>>,
        expected_status: Option<ExpectedStatus>,
        thread: Rc<ThreadContext>,
    ) -> Self {
        Self { body, exchange, buffered: Vec::new(), expected_status, in_flight: Some(in_flight), thread }
    }

    /// Returns the status code; 0 if there is no response.
    pub fn status(&self) -> u16 {
        self.exchange.status
    }

    /// Returns the response of the HTTP client without its body: reason, headers, cookies, links and redirect history.
    /// `None` if there is no response.
    pub fn http_response(&self) -> Option<&HttpResponse> {
        self.exchange.result.as_ref().ok()
    }

    /// Returns the first header of this name, compared without regard to case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.http_response()?.header(name)
    }

    /// Returns the next bytes of the body as they arrive. `None` at the end of the body, or after an
    /// [`error`](Self::error).
    ///
    /// # Cancel safety
    /// Dropping the future can lose received bytes. The next read then fails with
    /// [`Error::ReadTimeout`].
    pub async fn next_chunk(&mut self) -> Option<Vec<u8>> {
        if !self.buffered.is_empty() {
            return Some(std::mem::take(&mut self.buffered));
        }
        let mut chunk = Vec::new();
        let has_more = self.body.as_mut()?.read_chunk(&mut chunk).await;
        (has_more == Ok(true)).then_some(chunk)
    }

    /// Returns the next line of the body without its line ending. `None` at the end of the body.
    ///
    /// The bytes before an [`error`](Self::error) are returned as a line.
    ///
    /// # Cancel safety
    /// As for [`next_chunk`](Self::next_chunk). Bytes of a line that is not complete yet are kept.
    pub async fn next_line(&mut self) -> Option<Vec<u8>> {
        let mut searched = 0;
        loop {
            let end = self.buffered[searched..].iter().position(|byte| *byte == b'\n').map(|at| searched + at);
            if let Some(end) = end {
                let mut line: Vec<u8> = self.buffered.drain(..=end).collect();
                line.truncate(end - usize::from(line[..end].ends_with(b"\r")));
                return Some(line);
            }
            searched = self.buffered.len();
            let has_more = self.body.as_mut()?.read_chunk(&mut self.buffered).await;
            if has_more != Ok(true) {
                let rest = std::mem::take(&mut self.buffered);
                return (!rest.is_empty()).then_some(rest);
            }
        }
    }

    /// Reads the rest of the body without keeping it, so that the connection can serve the next request.
    ///
    /// # Cancel safety
    /// As for [`next_chunk`](Self::next_chunk).
    ///
    /// # Examples
    ///
    /// ```
    /// use gregaria_engine::{HttpUser, TaskResult};
    ///
    /// async fn head_of_file(user: &mut HttpUser) -> TaskResult {
    ///     let mut file = user.get("/file").stream().await;
    ///     let first_chunk = file.next_chunk().await;
    ///     file.drain().await;
    ///     Ok(())
    /// }
    /// ```
    pub async fn drain(&mut self) {
        if let Some(body) = &mut self.body {
            // An error is kept by the stream and recorded when the response is dropped.
            let _ = body.drain().await;
        }
    }

    /// Returns the error in place of a response, or of the rest of its body.
    pub fn error(&self) -> Option<Error> {
        let body_error = self.body.as_ref().and_then(BodyStream::error);
        body_error.or_else(|| self.exchange.result.as_ref().err().copied())
    }
}

impl Drop for StreamedResponse<'_> {
    fn drop(&mut self) {
        let Some(in_flight) = self.in_flight.take() else {
            return;
        };
        if let Some(body) = &self.body {
            body.update_exchange(&mut self.exchange);
        }
        let outcome = OwnedOutcome::from_result(&self.exchange.result, self.expected_status.as_ref());
        in_flight.complete(&(&self.exchange).into(), outcome.as_outcome());
        if let Ok(response) = std::mem::replace(&mut self.exchange.result, Err(Error::ClosedBeforeResponse)) {
            self.thread.thread_network.release_buffer(response.into_buffer());
        }
    }
}
