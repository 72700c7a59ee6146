//! A response whose body a task reads piece by piece, and which is counted when that is done.

use std::rc::Rc;

use gregaria_http::{BodyStream, Error, Exchange, Method, Response as HttpResponse};

use super::outcome::{Expect, Verdict};
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
    ahead: Vec<u8>,
    expect: Option<Expect>,
    method: Method,
    name: String,
    /// Taken when it is counted.
    on_wire: Option<InFlightRequest>,
    shard: Rc<ShardContext>,
}

impl<'a> StreamedResponse<'a> {
    pub(super) fn new(
        on_wire: InFlightRequest,
        method: Method,
        name: String,
        exchange: Exchange,
        body: Option<BodyStream<'a, UserNetwork>>,
        expect: Option<Expect>,
        shard: Rc<ShardContext>,
    ) -> Self {
        Self { body, exchange, ahead: Vec::new(), expect, method, name, on_wire: Some(on_wire), shard }
    }

    /// The status code; 0 when there was no response.
    pub fn status(&self) -> u16 {
        self.exchange.result.as_ref().map_or(0, HttpResponse::status)
    }

    /// What came as far as its head, if anything did: reason, all headers, cookies, links, the redirects that led here.
    pub fn received(&self) -> Option<&HttpResponse> {
        self.exchange.result.as_ref().ok()
    }

    /// The first header of this name, in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.received()?.header(name)
    }

    /// The next bytes of the body, as they come; `None` at its end, or when the rest will not come.
    pub async fn chunk(&mut self) -> Option<Vec<u8>> {
        if !self.ahead.is_empty() {
            return Some(std::mem::take(&mut self.ahead));
        }
        let mut piece = Vec::new();
        let more = self.body.as_mut()?.read_chunk(&mut piece).await;
        (more == Ok(true)).then_some(piece)
    }

    /// The next line of the body, without its end; `None` when there is none.
    pub async fn line(&mut self) -> Option<Vec<u8>> {
        let mut searched = 0;
        loop {
            let end = self.ahead[searched..].iter().position(|byte| *byte == b'\n').map(|at| searched + at);
            if let Some(end) = end {
                let mut line: Vec<u8> = self.ahead.drain(..=end).collect();
                line.truncate(end - usize::from(line[..end].ends_with(b"\r")));
                return Some(line);
            }
            searched = self.ahead.len();
            let more = self.body.as_mut()?.read_chunk(&mut self.ahead).await;
            if more != Ok(true) {
                let rest = std::mem::take(&mut self.ahead);
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
        let Some(on_wire) = self.on_wire.take() else {
            return;
        };
        if let Some(body) = &self.body {
            body.update_exchange(&mut self.exchange);
        }
        let verdict = Verdict::of(&self.exchange.result, self.expect.as_ref());
        on_wire.complete(self.method, &self.name, &self.exchange, verdict.outcome());
        if let Ok(response) = std::mem::replace(&mut self.exchange.result, Err(Error::ClosedBeforeResponse)) {
            self.shard.thread_network.give_buffer(response.into_buffer());
        }
    }
}
