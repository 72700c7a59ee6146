//! The IO of one hop: its connection, and the response as far as it was received.
//!
//! The session passes one value down and each step fills it in place, because a value that is returned is copied at
//! each step. `hop.rs` drives it, `timeouts.rs` limits each operation.

use std::mem;
use std::pin::pin;

use super::exchange_timer::ExchangeTimer;
use super::maybe_tls_stream::MaybeTlsStream;
use super::pool::{PoolSlot, PooledConnection};
use super::timeouts::Timeouts;
use crate::message::response::ResponseHistory;
use crate::proto::ResponseParser;
use crate::{ClientRuntime, Error, Response, Transport};

/// The IO of one hop, from before a connection is chosen to the end of the response.
pub(super) struct ExchangeIo<'s, T: Transport> {
    /// The connection, until it returns to the pool.
    pub(super) connection: Option<PooledConnection<MaybeTlsStream<T>>>,
    pub(super) pool_slot: PoolSlot,
    pub(super) parser: ResponseParser<'s>,
    pub(super) buffer: Vec<u8>,
    /// Whether the connection must not be reused: the request has `Connection: close`, or was not sent completely.
    pub(super) must_close: bool,
    /// Whether the request has `Expect: 100-continue`.
    pub(super) expects_continue: bool,
    /// The failure that ended the body. The head arrived before it.
    pub(super) body_error: Option<Error>,
    pub(super) history: Option<Box<ResponseHistory>>,
}

impl<'s, T: Transport> ExchangeIo<'s, T> {
    pub(super) const fn new(parser: ResponseParser<'s>, buffer: Vec<u8>) -> Self {
        Self {
            connection: None,
            pool_slot: PoolSlot::Base,
            parser,
            buffer,
            must_close: false,
            expects_continue: false,
            body_error: None,
            history: None,
        }
    }

    /// Sends the buffer and receives the first bytes of the response.
    ///
    /// The time since `idle_since_ns` counts as one silence of the target.
    pub(super) async fn send_and_receive(
        &mut self,
        runtime: &impl ClientRuntime,
        timeouts: Timeouts,
        idle_since_ns: u64,
    ) -> Result<(), Error> {
        let Self { connection: pooled, parser, buffer, .. } = self;
        let connection = require_connection(pooled)?;
        let received = {
            let operation = pin!(async {
                connection.send(buffer).await?;
                reserve(parser, buffer);
                connection.recv(buffer).await
            });
            timeouts.run_io(runtime, idle_since_ns, operation).await?
        };
        self.feed_parser(received)
    }

    /// Sends the buffer without receiving.
    pub(super) async fn send_head(
        &mut self,
        runtime: &impl ClientRuntime,
        timeouts: Timeouts,
        idle_since_ns: u64,
    ) -> Result<(), Error> {
        let sending = pin!(require_connection(&mut self.connection)?.send(&mut self.buffer));
        timeouts.run_io(runtime, idle_since_ns, sending).await
    }

    /// Waits until a chunk can be sent, or until bytes have arrived.
    pub(super) async fn writable(&mut self, runtime: &impl ClientRuntime, timeouts: Timeouts) -> Result<(), Error> {
        let since_ns = runtime.now_ns();
        let waiting = pin!(require_connection(&mut self.connection)?.writable());
        timeouts.run_io(runtime, since_ns, waiting).await
    }

    /// Sends a chunk of the body.
    pub(super) async fn send_body_chunk(
        &mut self,
        runtime: &impl ClientRuntime,
        timeouts: Timeouts,
        mut chunk: Vec<u8>,
    ) -> Result<(), Error> {
        let since_ns = runtime.now_ns();
        let sending = pin!(require_connection(&mut self.connection)?.send(&mut chunk));
        timeouts.run_io(runtime, since_ns, sending).await
    }

    /// Receives until `is_enough` holds. The target has been silent since `idle_since_ns`.
    pub(super) async fn receive_until(
        &mut self,
        runtime: &impl ClientRuntime,
        timeouts: Timeouts,
        mut idle_since_ns: u64,
        timer: &mut ExchangeTimer,
        is_enough: impl Fn(&ResponseParser<'_>) -> bool,
    ) -> Result<(), Error> {
        while !is_enough(&self.parser) {
            if let Some(error) = self.body_error {
                return Err(error);
            }
            self.receive_once(runtime, timeouts, idle_since_ns).await?;
            idle_since_ns = self.received_ns();
            self.stamp_first_byte(timer);
        }
        Ok(())
    }

    /// Receives once, or reads the end of the stream.
    pub(super) async fn receive_once(
        &mut self,
        runtime: &impl ClientRuntime,
        timeouts: Timeouts,
        idle_since_ns: u64,
    ) -> Result<(), Error> {
        let Self { connection: pooled, parser, buffer, .. } = self;
        let connection = require_connection(pooled)?;
        let discardable = parser.discardable_bytes();
        if discardable > 0 {
            // One byte more, so that excess bytes are detected.
            let discarding = pin!(connection.discard(discardable.saturating_add(1)));
            return match timeouts.run_io(runtime, idle_since_ns, discarding).await? {
                0 => parser.feed_eof(buffer),
                discarded => {
                    parser.advance_discarded(discarded);
                    Ok(())
                }
            };
        }
        reserve(parser, buffer);
        let received = match parser.remaining_hint() {
            // A cancelled receive must leave the buffer here, because sending goes on after the timeout of a wait for
            // `100 Continue`.
            0 => {
                let receiving = pin!(connection.recv(buffer));
                timeouts.run_io(runtime, idle_since_ns, receiving).await?
            }
            remaining_hint => {
                let receiving = pin!(connection.recv_direct(buffer, remaining_hint));
                timeouts.run_io(runtime, idle_since_ns, receiving).await?
            }
        };
        self.feed_parser(received)
    }

    /// Reads to the end of the body.
    pub(super) async fn read_to_end(
        &mut self,
        runtime: &impl ClientRuntime,
        timeouts: Timeouts,
        timer: &mut ExchangeTimer,
    ) -> Result<(), Error> {
        let since_ns = self.received_ns();
        self.receive_until(runtime, timeouts, since_ns, timer, |parser| parser.is_done()).await
    }

    /// Reads over the body of a response that another request follows, so that the connection can be reused.
    ///
    /// Returns `true` if the whole body is in the buffer, which keeps at most `max_kept_bytes`. A broken body, and a
    /// body of more than `max_bytes`, is given up. Only a silent target is an error.
    pub(super) async fn skip_body(
        &mut self,
        runtime: &impl ClientRuntime,
        timeouts: Timeouts,
        timer: &mut ExchangeTimer,
        max_kept_bytes: u64,
        max_bytes: u64,
    ) -> Result<bool, Error> {
        let exceeds = |parser: &ResponseParser<'_>, max_bytes| parser.is_done() || parser.body_bytes() > max_bytes;
        let since_ns = self.received_ns();
        let is_enough = |parser: &ResponseParser<'_>| exceeds(parser, max_kept_bytes);
        let mut skipped = self.receive_until(runtime, timeouts, since_ns, timer, is_enough).await;
        if skipped.is_ok() && self.parser.body_bytes() > max_kept_bytes {
            self.parser.discard_body(&mut self.buffer);
            let since_ns = self.received_ns();
            let is_enough = |parser: &ResponseParser<'_>| exceeds(parser, max_bytes);
            skipped = self.receive_until(runtime, timeouts, since_ns, timer, is_enough).await;
        }
        match skipped {
            Err(error @ (Error::ReadTimeout | Error::TotalTimeout)) => Err(error),
            Err(_) => Ok(false),
            Ok(()) => Ok(self.parser.has_whole_body()),
        }
    }

    /// Keeps a failure within the response's body for the reader of that body. Returns `false` for a failure of the
    /// whole request.
    pub(super) fn keep_body_error(&mut self, error: Error) -> bool {
        // A receive that timed out may have lost the buffer with the head.
        let has_head = self.parser.head().is_some_and(|head| head.len <= self.buffer.len());
        let is_in_body = has_head && !self.parser.is_done() && error != Error::BodySourceFailed;
        self.body_error = is_in_body.then_some(error);
        is_in_body
    }

    /// Records the time of the first bytes, unless these complete the response.
    pub(super) fn stamp_first_byte(&self, timer: &mut ExchangeTimer) {
        if !self.parser.is_done() {
            timer.first_byte_received(self.received_ns());
        }
    }

    /// Returns `true` if the request failed because a reused connection ended before the first byte of a response. The
    /// target may never have seen the request (RFC 9110 §9.2.2).
    pub(super) fn is_lost(&self, error: Error) -> bool {
        matches!(error, Error::ClosedBeforeResponse | Error::ConnectionReset)
            && self.connection.as_ref().is_some_and(|pooled| pooled.requests_served > 0)
            && !self.parser.has_started()
    }

    /// Closes the connection and clears the buffer.
    pub(super) fn drop_connection(&mut self) {
        self.connection = None;
        self.buffer.clear();
    }

    /// Returns `true` if the connection has received bytes that were not read.
    pub(super) fn is_readable(&self) -> bool {
        self.connection.as_ref().is_some_and(|pooled| pooled.transport.is_stale())
    }

    pub(super) fn sent_ns(&self) -> u64 {
        self.connection.as_ref().map_or(0, |pooled| pooled.transport.sent_ns())
    }

    pub(super) fn received_ns(&self) -> u64 {
        self.connection.as_ref().map_or(0, |pooled| pooled.transport.received_ns())
    }

    /// Returns a copy of the response's head, without a body.
    pub(super) fn response_head(&self) -> Result<Response, Error> {
        Response::from_head(&self.buffer, &self.parser).ok_or(Error::ClosedBeforeResponse)
    }

    /// Takes the buffer, to return it to the runtime.
    pub(super) fn take_buffer(&mut self) -> Vec<u8> {
        mem::take(&mut self.buffer)
    }

    fn feed_parser(&mut self, received: usize) -> Result<(), Error> {
        let fed = match received {
            0 => self.parser.feed_eof(&self.buffer),
            _ => self.parser.feed(&mut self.buffer).map(drop),
        };
        fed.inspect_err(|error| {
            self.keep_body_error(*error);
        })
    }
}

/// Reserves space for the next bytes. A buffer without memory is left to the transport.
fn reserve(parser: &ResponseParser<'_>, buffer: &mut Vec<u8>) {
    if buffer.capacity() > 0 {
        parser.reserve(buffer);
    }
}

/// Returns the open connection, or [`Error::ConnectFailed`] if none was established.
fn require_connection<T: Transport>(
    pooled: &mut Option<PooledConnection<MaybeTlsStream<T>>>,
) -> Result<&mut MaybeTlsStream<T>, Error> {
    pooled.as_mut().map(|pooled| &mut pooled.transport).ok_or(Error::ConnectFailed)
}
