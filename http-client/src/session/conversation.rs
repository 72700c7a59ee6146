//! One request's conversation with the target: its connection, and what has come of the response so far.
//!
//! It is filled in place, from the session down, because what is handed back by value is copied at each step.

use std::mem;
use std::pin::pin;

use super::connections::{Kept, Place};
use super::patience::Patience;
use super::trace::Trace;
use crate::connection::Connection;
use crate::proto::ResponseParser;
use crate::response::Chain;
use crate::{Error, Network, Response, Transport};

/// A conversation, from before there is a connection to the end of the response.
pub(super) struct Conversation<'s, T: Transport> {
    /// Taken when it is given back.
    pub(super) kept: Option<Kept<Connection<T>>>,
    pub(super) place: Place,
    pub(super) parser: ResponseParser<'s>,
    pub(super) buffer: Vec<u8>,
    /// The request has asked for the connection's end, or was not sent wholly.
    pub(super) closes: bool,
    pub(super) chain: Option<Box<Chain>>,
}

impl<'s, T: Transport> Conversation<'s, T> {
    pub(super) const fn new(parser: ResponseParser<'s>, buffer: Vec<u8>) -> Self {
        Self { kept: None, place: Place::Home, parser, buffer, closes: false, chain: None }
    }

    /// Sends what is in the buffer, and reads what comes first. All the time that nothing was heard since `since_ns` is
    /// one silence.
    pub(super) async fn ask(&mut self, network: &impl Network, patience: Patience, since_ns: u64) -> Result<(), Error> {
        let Self { kept, parser, buffer, .. } = self;
        let connection = connection_of(kept)?;
        let received = {
            let asking = pin!(async {
                connection.send(buffer).await?;
                if buffer.capacity() > 0 {
                    parser.reserve(buffer);
                }
                connection.recv(buffer).await
            });
            patience.wait(network, since_ns, asking).await?
        };
        self.take_in(received)
    }

    /// Sends what is in the buffer, and no more.
    pub(super) async fn send_head(
        &mut self,
        network: &impl Network,
        patience: Patience,
        since_ns: u64,
    ) -> Result<(), Error> {
        let sending = pin!(connection_of(&mut self.kept)?.send(&mut self.buffer));
        patience.wait(network, since_ns, sending).await
    }

    /// Waits until a piece can be sent, or something has come.
    pub(super) async fn until_sendable(&mut self, network: &impl Network, patience: Patience) -> Result<(), Error> {
        let since_ns = network.now_ns();
        let waiting = pin!(connection_of(&mut self.kept)?.until_sendable());
        patience.wait(network, since_ns, waiting).await
    }

    /// Sends a piece of the body.
    pub(super) async fn send_piece(
        &mut self,
        network: &impl Network,
        patience: Patience,
        mut piece: Vec<u8>,
    ) -> Result<(), Error> {
        let since_ns = network.now_ns();
        let sending = pin!(connection_of(&mut self.kept)?.send(&mut piece));
        patience.wait(network, since_ns, sending).await
    }

    /// Reads until there is enough; nothing was heard since `since_ns`.
    pub(super) async fn receive(
        &mut self,
        network: &impl Network,
        patience: Patience,
        mut since_ns: u64,
        trace: &mut Trace,
        is_enough: impl Fn(&ResponseParser<'_>) -> bool,
    ) -> Result<(), Error> {
        while !is_enough(&self.parser) {
            self.receive_once(network, patience, since_ns).await?;
            since_ns = self.received_ns();
            self.note_first_byte(trace);
        }
        Ok(())
    }

    /// Reads what comes next, or the end.
    pub(super) async fn receive_once(
        &mut self,
        network: &impl Network,
        patience: Patience,
        since_ns: u64,
    ) -> Result<(), Error> {
        let Self { kept, parser, buffer, .. } = self;
        let connection = connection_of(kept)?;
        let unwanted = parser.discardable_bytes();
        if unwanted > 0 {
            // A byte more, so that a surplus shows.
            let skipping = pin!(connection.skip(unwanted.saturating_add(1)));
            return match patience.wait(network, since_ns, skipping).await? {
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
                patience.wait(network, since_ns, receiving).await?
            }
            to_come => {
                let receiving = pin!(connection.recv_long(buffer, to_come));
                patience.wait(network, since_ns, receiving).await?
            }
        };
        self.take_in(received)
    }

    /// Reads to the end of the body.
    pub(super) async fn read_on(
        &mut self,
        network: &impl Network,
        patience: Patience,
        trace: &mut Trace,
    ) -> Result<(), Error> {
        self.parser.stop_streaming(&mut self.buffer);
        let since_ns = self.received_ns();
        self.receive(network, patience, since_ns, trace, |parser| parser.is_done()).await
    }

    /// Stamps the first bytes of a response that is not complete with them.
    pub(super) fn note_first_byte(&self, trace: &mut Trace) {
        if !self.parser.is_done() {
            trace.first_byte(self.received_ns());
        }
    }

    /// Whether something has come that nobody has read.
    pub(super) fn has_news(&self) -> bool {
        self.kept.as_ref().is_some_and(|kept| kept.transport.is_stale())
    }

    pub(super) fn sent_ns(&self) -> u64 {
        self.kept.as_ref().map_or(0, |kept| kept.transport.sent_ns())
    }

    pub(super) fn received_ns(&self) -> u64 {
        self.kept.as_ref().map_or(0, |kept| kept.transport.received_ns())
    }

    /// The response as far as its head.
    pub(super) fn head_alone(&self) -> Result<Response, Error> {
        Response::of_head(&self.buffer, &self.parser).ok_or(Error::ClosedBeforeResponse)
    }

    /// The buffer, for the network.
    pub(super) fn take_buffer(&mut self) -> Vec<u8> {
        mem::take(&mut self.buffer)
    }

    fn take_in(&mut self, received: usize) -> Result<(), Error> {
        match received {
            0 => self.parser.feed_eof(&self.buffer),
            _ => self.parser.feed(&mut self.buffer).map(drop),
        }
    }
}

/// Nobody speaks before there is a connection.
fn connection_of<T: Transport>(kept: &mut Option<Kept<Connection<T>>>) -> Result<&mut Connection<T>, Error> {
    kept.as_mut().map(|kept| &mut kept.transport).ok_or(Error::ConnectFailed)
}
