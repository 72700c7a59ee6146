//! TLS around a transport, itself a transport.
//!
//! Drops without a word: saying goodbye (`close_notify`) would mean waiting, and HTTP/1.1 does not ask for it.

use std::cell::RefCell;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::records::{Phase, Records};
use super::{TlsConfig, TlsSessions};
use crate::{Error, Transport};

/// A connection over TLS. Idle, it holds no buffers.
pub struct TlsStream<T>(Box<RefCell<Inner<T>>>);

struct Inner<T> {
    transport: T,
    records: Records,
    /// Whether anything was received since something was sent.
    is_answered: bool,
}

impl<T: Transport> TlsStream<T> {
    /// Makes a connection safe. `host` is whom the certificate must name; as a name, not as an address, it is also told to
    /// the target (SNI). What the user may resume is taken from `sessions`, and put there.
    ///
    /// # Errors
    /// [`Error::Tls`] if it cannot be made safe, [`Error::ClosedBeforeResponse`] and [`Error::Reset`] if the target hangs
    /// up, [`Error::InvalidRequest`] for a host that no certificate can name.
    pub async fn handshake(
        transport: T,
        config: &TlsConfig,
        sessions: &TlsSessions,
        host: &str,
    ) -> Result<Self, Error> {
        let records = Records::new(config, sessions, host)?;
        let mut stream = Self(Box::new(RefCell::new(Inner { transport, records, is_answered: false })));
        let inner = stream.0.get_mut();
        inner.records.advance(None);
        inner.flush().await.map_err(|error| Error::from_io(&error))?;
        loop {
            match inner.records.phase() {
                Phase::Handshake => {}
                Phase::Open | Phase::Closed => return Ok(stream),
                Phase::Failed(failure) => return Err(failure.into()),
            }
            if !inner.hear(None).await.map_err(|error| Error::from_io(&error))? {
                return Err(Error::ClosedBeforeResponse);
            }
        }
    }
}

impl<T: Transport> Transport for TlsStream<T> {
    async fn send(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        let inner = self.0.get_mut();
        inner.is_answered = false;
        inner.records.encrypt(buffer)?;
        inner.transport.send(buffer).await
    }

    async fn until_sendable(&mut self) -> io::Result<()> {
        self.0.get_mut().transport.until_sendable().await
    }

    /// As promised by the trait. An end that the target has not announced is [`io::ErrorKind::UnexpectedEof`] once
    /// something was received since something was sent: whoever is on the way could have cut off the rest.
    async fn recv(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let inner = self.0.get_mut();
        let before = buffer.len();
        loop {
            inner.records.hand_over(buffer);
            if buffer.len() > before {
                inner.is_answered = true;
                return Ok(buffer.len() - before);
            }
            match inner.records.phase() {
                Phase::Handshake | Phase::Open => {}
                Phase::Closed => return Ok(0),
                Phase::Failed(failure) => return Err(failure.into()),
            }
            if !inner.hear(Some(buffer)).await? {
                return if inner.is_answered { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(0) };
            }
        }
    }

    fn sent_ns(&self) -> u64 {
        self.0.borrow().transport.sent_ns()
    }

    fn received_ns(&self) -> u64 {
        self.0.borrow().transport.received_ns()
    }

    /// Session tickets and new keys may come at any time, and mean nothing: they are taken in here.
    fn is_stale(&self) -> bool {
        let inner = &mut *self.0.borrow_mut();
        while !inner.records.has_surplus() && inner.transport.is_stale() {
            if !inner.hear_at_once() {
                return true;
            }
        }
        inner.records.phase() != Phase::Open || inner.records.has_surplus()
    }
}

impl<T: Transport> Inner<T> {
    /// Waits for bytes and goes through them; false at the end of the stream.
    async fn hear(&mut self, plaintext: Option<&mut Vec<u8>>) -> io::Result<bool> {
        self.records.make_room();
        if self.transport.recv(&mut self.records.incoming).await? == 0 {
            return Ok(false);
        }
        self.records.advance(plaintext);
        let flushed = self.flush().await;
        // That the target is not there to hear of a failure is no other one.
        if !matches!(self.records.phase(), Phase::Failed(_)) {
            flushed?;
        }
        Ok(true)
    }

    /// Goes through bytes that have come; false if there are none.
    fn hear_at_once(&mut self) -> bool {
        self.records.make_room();
        let received =
            pin!(self.transport.recv(&mut self.records.incoming)).poll(&mut Context::from_waker(Waker::noop()));
        let has_come = matches!(received, Poll::Ready(Ok(1..)));
        if has_come {
            self.records.advance(None);
        }
        has_come
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.records.has_flight() {
            self.transport.send(&mut self.records.outgoing).await?;
            self.records.outgoing = Vec::new();
        }
        Ok(())
    }
}
