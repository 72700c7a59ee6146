//! A response whose body a task reads piece by piece, and which is counted when that is done.

use std::rc::Rc;

use gregaria_http::{BodyStream, Error, Exchange, Method, Response as HttpResponse};

use super::outcome::{ExpectedStatus, OwnedOutcome};
use crate::network::UserNetwork;
use crate::shards::{InFlightRequest, ShardContext};

/// A response of which only the head is there: [`chunk`](Self::chunk) and [`line`](Self::line) bring the body.
///
/// It is one sample, counted when it is dropped: its time goes to the last bytes that were read, its length is what was
/// read. A body that is not read to its end closes the connection; [`drain`](Self::drain) reads it without keeping it.
///
/// ```
/// use gregaria_engine::{HttpUser, TaskResult};
///
/// async fn follow(user: &mut HttpUser) -> TaskResult {
///     let mut events = user.get("/events").stream().await;
///     while let Some(line) = events.line().await {
///         if line.as_slice() == b"data: done" {
///             break;
///         }
///     }
///     Ok(())
/// }
/// ```
pub struct StreamedResponse<'a> {
    body: Option<BodyStream<'a, UserNetwork>>,
    exchange: Exchange,
    /// Read and not given yet.
    buffered: Vec<u8>,
    expected_status: Option<ExpectedStatus>,
    method: Method,
    name: String,
    /// Taken when it is counted.
    in_flight: Option<InFlightRequest>,
    shard: Rc<ShardContext>,
}

impl<'a> StreamedResponse<'a> {
    pub(super) fn new(
        in_flight: InFlightRequest,
        method: Method,
        name: String,
        exchange: Exchange,
        body: Option<BodyStream<'a, UserNetwork>>,
        expected_status: Option<ExpectedStatus>,
        shard: Rc<ShardContext>,
    ) -> Self {
        Self { body, exchange, buffered: Vec::new(), expected_status, method, name, in_flight: Some(in_flight), shard }
    }

    /// The status code; 0 when there was no response.
    pub fn status(&self) -> u16 {
        self.exchange.result.as_ref().map_or(0, HttpResponse::status)
    }

    /// What came as far as its head, if anything did: reason, all headers, cookies, links, the redirects that led here.
    pub fn http_response(&self) -> Option<&HttpResponse> {
        self.exchange.result.as_ref().ok()
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.http_response()?.header(name)
    }

    /// The next bytes of the body, as they come; `None` at its end, or when the rest will not come.
    pub async fn next_chunk(&mut self) -> Option<Vec<u8>> {
        if !self.buffered.is_empty() {
            return Some(std::mem::take(&mut self.buffered));
        }
        let mut piece = Vec::new();
        let more = self.body.as_mut()?.read_chunk(&mut piece).await;
        (more == Ok(true)).then_some(piece)
    }

    /// The next line of the body, without its end; `None` when there is none.
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
            let more = self.body.as_mut()?.read_chunk(&mut self.buffered).await;
            if more != Ok(true) {
                let rest = std::mem::take(&mut self.buffered);
                return (!rest.is_empty()).then_some(rest);
            }
        }
    }

    /// Reads the rest without keeping it, so that the connection serves the next request.
    pub async fn drain(&mut self) {
        if let Some(body) = &mut self.body {
            // What went wrong is known when it is counted.
            let _ = body.drain().await;
        }
    }

    /// Why there was no response, or not all of it.
    pub fn error(&self) -> Option<Error> {
        let of_body = self.body.as_ref().and_then(BodyStream::error);
        of_body.or_else(|| self.exchange.result.as_ref().err().copied())
    }
}

impl Drop for StreamedResponse<'_> {
    fn drop(&mut self) {
        let Some(on_wire) = self.in_flight.take() else {
            return;
        };
        if let Some(body) = &self.body {
            body.update_exchange(&mut self.exchange);
        }
        let verdict = OwnedOutcome::from_result(&self.exchange.result, self.expected_status.as_ref());
        on_wire.complete(self.method, &self.name, &(&self.exchange).into(), verdict.as_outcome());
        if let Ok(response) = std::mem::replace(&mut self.exchange.result, Err(Error::ClosedBeforeResponse)) {
            self.shard.thread_network.release_buffer(response.into_buffer());
        }
    }
}
