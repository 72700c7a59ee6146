//! The sending of a request's body: a short body together with the head, a long one after it in chunks.
//!
//! The target may respond before it has the whole body, or may be asked first (`Expect: 100-continue`). After a refusal
//! the rest is not sent, and the connection is closed. While the session waits for `100 Continue`, any final response
//! is a refusal. Later, a status below 300 is not: such a target responds while it reads, and its response is received
//! between the chunks. `message/body.rs` has the sources, `proto/encode.rs` the framing.

use std::cell::RefCell;
use std::future::poll_fn;

use super::exchange_io::ExchangeIo;
use super::exchange_timer::ExchangeTimer;
use super::timeouts::Timeouts;
use crate::proto::HeaderFlags;
use crate::proto::encode::{self, CHUNK_SIZE_PLACEHOLDER, LAST_CHUNK, RequestFraming};
use crate::{Body, BodySource, ClientConfig, ClientRuntime, Error, Request, Transport};

/// A body that is sent after its head.
pub(super) enum DeferredBody<'a> {
    Bytes(&'a [u8]),
    Source { source: &'a RefCell<dyn BodySource>, length: Option<u64> },
}

/// Ends the head of a request in `out`, and appends a short body unless the request waits for `100 Continue`. It waits
/// if its body has more than `expect_above_bytes` bytes.
pub(super) fn append_body<'a>(
    out: &mut Vec<u8>,
    request: &Request<'a>,
    expect_above_bytes: Option<u64>,
    header_flags: &mut HeaderFlags,
) -> Option<DeferredBody<'a>> {
    let (framing, deferred_body) = match request.body {
        Body::None => (RequestFraming::None, None),
        Body::Bytes(bytes) => (RequestFraming::Length(bytes.len() as u64), Some(DeferredBody::Bytes(bytes))),
        Body::Source(source) => {
            let length = source.borrow().len_bytes();
            if let Some(content_type) = source.borrow().content_type().filter(|_| !header_flags.has_content_type) {
                for part in ["Content-Type: ", &content_type, "\r\n"] {
                    out.extend_from_slice(part.as_bytes());
                }
            }
            let framing = length.map_or(RequestFraming::Chunked, RequestFraming::Length);
            (framing, Some(DeferredBody::Source { source, length }))
        }
    };
    if !header_flags.expects_continue && needs_expect_continue(framing, expect_above_bytes) {
        header_flags.expects_continue = true;
        out.extend_from_slice(b"Expect: 100-continue\r\n");
    }
    encode::append_head_end(out, request.method, framing);
    match deferred_body {
        Some(DeferredBody::Bytes(bytes)) if bytes.len() <= SEND_CHUNK_BYTES && !header_flags.expects_continue => {
            out.extend_from_slice(bytes);
            None
        }
        deferred_body => deferred_body,
    }
}

fn needs_expect_continue(framing: RequestFraming, expect_above_bytes: Option<u64>) -> bool {
    let Some(above_bytes) = expect_above_bytes else {
        return false;
    };
    match framing {
        RequestFraming::None => false,
        RequestFraming::Length(length) => length > above_bytes,
        RequestFraming::Chunked => true,
    }
}

/// Sends a request with a head in the buffer, and the body after it. If the target refuses the rest, the connection
/// must be closed.
pub(super) async fn send<N: ClientRuntime, T: Transport>(
    deferred_body: DeferredBody<'_>,
    runtime: &N,
    timeouts: Timeouts,
    exchange_io: &mut ExchangeIo<'_, T>,
    config: &ClientConfig,
    timer: &mut ExchangeTimer,
) -> Result<(), Error> {
    exchange_io.send_head(runtime, timeouts, timer.connected_at_ns()).await?;
    // The target or the source determines how fast the rest is sent.
    timer.request_sent(runtime.now_ns());
    let expects_continue = exchange_io.expects_continue;
    let mut sender = BodySender { runtime, timeouts, exchange_io, timer };
    let may_send = !expects_continue || sender.wait_for_continue(config.expect_continue_timeout_ns).await?;
    let is_complete = may_send
        && match deferred_body {
            DeferredBody::Bytes(bytes) => sender.send_bytes(bytes).await?,
            DeferredBody::Source { source, length: Some(length) } => sender.send_sized(source, length).await?,
            DeferredBody::Source { source, length: None } => sender.send_chunked(source).await?,
        };
    exchange_io.must_close |= !is_complete;
    if exchange_io.parser.head().is_none() {
        // The silence of the target starts when it has the whole request.
        exchange_io.receive_once(runtime, timeouts, runtime.now_ns()).await?;
    }
    Ok(())
}

/// The sending of one body. Its methods return `false` if the target has refused the rest.
struct BodySender<'a, 's, N, T: Transport> {
    runtime: &'a N,
    timeouts: Timeouts,
    exchange_io: &'a mut ExchangeIo<'s, T>,
    timer: &'a mut ExchangeTimer,
}

impl<N: ClientRuntime, T: Transport> BodySender<'_, '_, N, T> {
    /// Returns `true` if the body may be sent, also after a wait without a response.
    async fn wait_for_continue(&mut self, timeout_ns: u64) -> Result<bool, Error> {
        let timeouts = self.timeouts.with_read_timeout(timeout_ns);
        let started_ns = self.runtime.now_ns();
        loop {
            let parser = &self.exchange_io.parser;
            if parser.head().is_some() || parser.has_continue() {
                return Ok(parser.head().is_none());
            }
            match self.exchange_io.receive_once(self.runtime, timeouts, started_ns).await {
                Ok(()) => {}
                Err(Error::ReadTimeout) => return Ok(true),
                Err(error) => return Err(error),
            }
        }
    }

    async fn send_bytes(&mut self, bytes: &[u8]) -> Result<bool, Error> {
        for chunk in bytes.chunks(SEND_CHUNK_BYTES) {
            if !self.send_chunk(chunk.to_vec()).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends exactly `length` bytes. With fewer bytes the target would read the next request as the rest of the
    /// body.
    async fn send_sized(&mut self, source: &RefCell<dyn BodySource>, length: u64) -> Result<bool, Error> {
        let mut remaining = length;
        let mut has_more = true;
        while has_more {
            let mut chunk = Vec::with_capacity(SEND_CHUNK_BYTES);
            has_more = self.read_chunk(source, &mut chunk).await?;
            remaining = remaining.checked_sub(chunk.len() as u64).ok_or(Error::BodySourceFailed)?;
            if !chunk.is_empty() && !self.send_chunk(chunk).await? {
                return Ok(false);
            }
        }
        if remaining == 0 { Ok(true) } else { Err(Error::BodySourceFailed) }
    }

    async fn send_chunked(&mut self, source: &RefCell<dyn BodySource>) -> Result<bool, Error> {
        let mut has_more = true;
        while has_more {
            let mut chunk = Vec::with_capacity(SEND_CHUNK_BYTES);
            chunk.extend_from_slice(CHUNK_SIZE_PLACEHOLDER);
            has_more = self.read_chunk(source, &mut chunk).await?;
            if chunk.len() > CHUNK_SIZE_PLACEHOLDER.len() {
                encode::finish_chunk(&mut chunk);
            } else {
                chunk.clear();
            }
            if !has_more {
                chunk.extend_from_slice(LAST_CHUNK);
            }
            if !chunk.is_empty() && !self.send_chunk(chunk).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Reads the next chunk from the source. Returns `false` after the last one.
    async fn read_chunk(&self, source: &RefCell<dyn BodySource>, chunk: &mut Vec<u8>) -> Result<bool, Error> {
        let next = poll_fn(|cx| source.borrow_mut().poll_next(cx, chunk));
        self.timeouts.run_total(self.runtime, next).await?.map_err(|_| Error::BodySourceFailed)
    }

    async fn send_chunk(&mut self, chunk: Vec<u8>) -> Result<bool, Error> {
        let Self { runtime, timeouts, exchange_io, timer } = self;
        exchange_io.writable(*runtime, *timeouts).await?;
        while !exchange_io.parser.is_done() && exchange_io.is_readable() {
            exchange_io.receive_once(*runtime, *timeouts, runtime.now_ns()).await?;
            if let Some(head) = exchange_io.parser.head() {
                let is_refused = head.status >= 300;
                timer.first_byte_received(exchange_io.received_ns());
                if is_refused {
                    return Ok(false);
                }
            }
            exchange_io.writable(*runtime, *timeouts).await?;
        }
        let length = chunk.len();
        if let Err(error) = exchange_io.send_body_chunk(*runtime, *timeouts, chunk).await {
            return if self.has_response().await { Ok(false) } else { Err(error) };
        }
        timer.add_bytes_out(length);
        Ok(true)
    }

    /// Returns `true` if a target that stopped reading has sent a response.
    async fn has_response(&mut self) -> bool {
        let Self { runtime, timeouts, exchange_io, .. } = self;
        while exchange_io.parser.head().is_none() && exchange_io.is_readable() {
            if exchange_io.receive_once(*runtime, *timeouts, runtime.now_ns()).await.is_err() {
                break;
            }
        }
        exchange_io.parser.head().is_some()
    }
}

/// Largest body that is sent together with its head, and the size of a chunk of a larger body.
const SEND_CHUNK_BYTES: usize = 64 << 10;
