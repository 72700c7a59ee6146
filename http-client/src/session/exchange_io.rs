//! One request's conversation with the target: its connection, and what has come of the response so far.
//!
//! It is filled in place, from the session down, because what is handed back by value is copied at each step.

use std::mem;
use std::pin::pin;

use super::exchange_timer::ExchangeTimer;
use super::maybe_tls_stream::MaybeTlsStream;
use super::pool::{PoolSlot, PooledConnection};
use super::timeouts::Timeouts;
use crate::message::response::ResponseHistory;
use crate::proto::ResponseParser;
use crate::{ClientRuntime, Error, Response, Transport};

/// A conversation, from before there is a connection to the end of the response.
pub(super) struct ExchangeIo<'s, T: Transport> {
    /// Taken when it is given back.
    pub(super) connection: Option<PooledConnection<MaybeTlsStream<T>>>,
    pub(super) pool_slot: PoolSlot,
    pub(super) parser: ResponseParser<'s>,
    pub(super) buffer: Vec<u8>,
    /// The request has asked for the connection's end, or was not sent wholly.
    pub(super) must_close: bool,
    pub(super) history: Option<Box<ResponseHistory>>,
}

impl<'s, T: Transport> ExchangeIo<'s, T> {
    pub(super) const fn new(parser: ResponseParser<'s>, buffer: Vec<u8>) -> Self {
        Self { connection: None, pool_slot: PoolSlot::Base, parser, buffer, must_close: false, history: None }
    }

    /// Sends what is in the buffer, and reads what comes first. All the time that nothing was heard since `since_ns` is
    /// one silence.
    pub(super) async fn send_and_receive(
        &mut self,
        runtime: &impl ClientRuntime,
        timeouts: Timeouts,
        idle_since_ns: u64,
    ) -> Result<(), Error> {
        let Self { connection: pooled, parser, buffer, .. } = self;
        let connection = require_connection(pooled)?;
        let received = {
            let asking = pin!(async {
                connection.send(buffer).await?;
                if buffer.capacity() > 0 {
                    parser.reserve(buffer);
                }
                connection.recv(buffer).await
            });
            timeouts.run_io(runtime, idle_since_ns, asking).await?
        };
        self.feed_parser(received)
    }

    /// Sends what is in the buffer, and no more.
    pub(super) async fn send_head(
        &mut self,
        runtime: &impl ClientRuntime,
        timeouts: Timeouts,
        idle_since_ns: u64,
    ) -> Result<(), Error> {
        let sending = pin!(require_connection(&mut self.connection)?.send(&mut self.buffer));
        timeouts.run_io(runtime, idle_since_ns, sending).await
    }

    /// Waits until a piece can be sent, or something has come.
    pub(super) async fn writable(&mut self, runtime: &impl ClientRuntime, timeouts: Timeouts) -> Result<(), Error> {
        let since_ns = runtime.now_ns();
        let waiting = pin!(require_connection(&mut self.connection)?.writable());
        timeouts.run_io(runtime, since_ns, waiting).await
    }

    /// Sends a piece of the body.
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

    /// Reads until there is enough; nothing was heard since `since_ns`.
    pub(super) async fn receive_until(
        &mut self,
        runtime: &impl ClientRuntime,
        timeouts: Timeouts,
        mut idle_since_ns: u64,
        timer: &mut ExchangeTimer,
        is_enough: impl Fn(&ResponseParser<'_>) -> bool,
    ) -> Result<(), Error> {
        while !is_enough(&self.parser) {
            self.receive_once(runtime, timeouts, idle_since_ns).await?;
            idle_since_ns = self.received_ns();
            self.stamp_first_byte(timer);
        }
        Ok(())
    }

    /// Reads what comes next, or the end.
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
            // A byte more, so that a surplus shows.
            let skipping = pin!(connection.discard(discardable.saturating_add(1)));
            return match timeouts.run_io(runtime, idle_since_ns, skipping).await? {
                0 => parser.feed_eof(buffer),
                skipped => {
                    parser.advance_discarded(skipped);
                    Ok(())
                }
            };
        }
        if buffer.capacity() > 0 {
            parser.reserve(buffer);
        }
        let received = match parser.remaining_hint() {
            // A wait that is given up must leave the buffer here: who asks for leave to send a body goes on.
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
        self.parser.stop_streaming(&mut self.buffer);
        let since_ns = self.received_ns();
        self.receive_until(runtime, timeouts, since_ns, timer, |parser| parser.is_done()).await
    }

    /// Stamps the first bytes of a response that is not complete with them.
    pub(super) fn stamp_first_byte(&self, timer: &mut ExchangeTimer) {
        if !self.parser.is_done() {
            timer.first_byte_received(self.received_ns());
        }
    }

    /// Whether something has come that nobody has read.
    pub(super) fn is_readable(&self) -> bool {
        self.connection.as_ref().is_some_and(|kept| kept.transport.is_stale())
    }

    pub(super) fn sent_ns(&self) -> u64 {
        self.connection.as_ref().map_or(0, |kept| kept.transport.sent_ns())
    }

    pub(super) fn received_ns(&self) -> u64 {
        self.connection.as_ref().map_or(0, |kept| kept.transport.received_ns())
    }

    /// The response as far as its head.
    pub(super) fn response_head(&self) -> Result<Response, Error> {
        Response::from_head(&self.buffer, &self.parser).ok_or(Error::ClosedBeforeResponse)
    }

    /// The buffer, for the network.
    pub(super) fn take_buffer(&mut self) -> Vec<u8> {
        mem::take(&mut self.buffer)
    }

    fn feed_parser(&mut self, received: usize) -> Result<(), Error> {
        match received {
            0 => self.parser.feed_eof(&self.buffer),
            _ => self.parser.feed(&mut self.buffer).map(drop),
        }
    }
}

/// Nobody speaks before there is a connection.
fn require_connection<T: Transport>(
    pooled: &mut Option<PooledConnection<MaybeTlsStream<T>>>,
) -> Result<&mut MaybeTlsStream<T>, Error> {
    pooled.as_mut().map(|kept| &mut kept.transport).ok_or(Error::ConnectFailed)
}
