//! TLS around a transport, itself a transport.
//!
//! Drops without a word: saying goodbye (`close_notify`) would mean waiting, and HTTP/1.1 does not ask for it.

use std::cell::RefCell;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::record_layer::{RecordLayer, TlsState};
use super::{TlsConfig, TlsSessionCache};
use crate::{Error, Transport};

/// A connection over TLS. Idle, it holds no buffers.
pub struct TlsStream<T>(Box<RefCell<TlsStreamInner<T>>>);

struct TlsStreamInner<T> {
    transport: T,
    record_layer: RecordLayer,
    /// Whether anything was received since something was sent.
    received_since_send: bool,
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
        session_cache: &TlsSessionCache,
        host: &str,
    ) -> Result<Self, Error> {
        let record_layer = RecordLayer::new(config, session_cache, host)?;
        let mut stream =
            Self(Box::new(RefCell::new(TlsStreamInner { transport, record_layer, received_since_send: false })));
        let inner = stream.0.get_mut();
        inner.record_layer.process_incoming(None);
        inner.flush().await.map_err(|error| Error::from_io(&error))?;
        loop {
            match inner.record_layer.state() {
                TlsState::Handshaking => {}
                TlsState::Established | TlsState::PeerClosed => return Ok(stream),
                TlsState::Failed(failure) => return Err(failure.into()),
            }
            if !inner.read_records(None).await.map_err(|error| Error::from_io(&error))? {
                return Err(Error::ClosedBeforeResponse);
            }
        }
    }
}

impl<T: Transport> Transport for TlsStream<T> {
    async fn send(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        let inner = self.0.get_mut();
        inner.received_since_send = false;
        inner.record_layer.encrypt(buffer)?;
        inner.transport.send(buffer).await
    }

    async fn writable(&mut self) -> io::Result<()> {
        self.0.get_mut().transport.writable().await
    }

    /// As promised by the trait. An end that the target has not announced is [`io::ErrorKind::UnexpectedEof`] once
    /// something was received since something was sent: whoever is on the way could have cut off the rest.
    async fn recv(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        let inner = self.0.get_mut();
        let before = buffer.len();
        loop {
            inner.record_layer.take_decrypted(buffer);
            if buffer.len() > before {
                inner.received_since_send = true;
                return Ok(buffer.len() - before);
            }
            match inner.record_layer.state() {
                TlsState::Handshaking | TlsState::Established => {}
                TlsState::PeerClosed => return Ok(0),
                TlsState::Failed(failure) => return Err(failure.into()),
            }
            if !inner.read_records(Some(buffer)).await? {
                return if inner.received_since_send { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(0) };
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
        while !inner.record_layer.has_decrypted() && inner.transport.is_stale() {
            if !inner.try_read_records() {
                return true;
            }
        }
        inner.record_layer.state() != TlsState::Established || inner.record_layer.has_decrypted()
    }
}

impl<T: Transport> TlsStreamInner<T> {
    /// Waits for bytes and goes through them; false at the end of the stream.
    async fn read_records(&mut self, plaintext: Option<&mut Vec<u8>>) -> io::Result<bool> {
        self.record_layer.reserve_record();
        if self.transport.recv(&mut self.record_layer.incoming).await? == 0 {
            return Ok(false);
        }
        self.record_layer.process_incoming(plaintext);
        let flushed = self.flush().await;
        // That the target is not there to hear of a failure is no other one.
        if !matches!(self.record_layer.state(), TlsState::Failed(_)) {
            flushed?;
        }
        Ok(true)
    }

    /// Goes through bytes that have come; false if there are none.
    fn try_read_records(&mut self) -> bool {
        self.record_layer.reserve_record();
        let received =
            pin!(self.transport.recv(&mut self.record_layer.incoming)).poll(&mut Context::from_waker(Waker::noop()));
        let has_come = matches!(received, Poll::Ready(Ok(1..)));
        if has_come {
            self.record_layer.process_incoming(None);
        }
        has_come
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.record_layer.has_flight() {
            self.transport.send(&mut self.record_layer.outgoing).await?;
            self.record_layer.outgoing = Vec::new();
        }
        Ok(())
    }
}
