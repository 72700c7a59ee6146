//! TLS around a transport, itself a transport.
//!
//! Dropping a stream sends no `close_notify`, because that would require waiting and HTTP/1.1 does not need it. The
//! states of TLS are in `record_layer.rs`.

use std::cell::RefCell;
use std::io;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use super::record_layer::{RecordLayer, TlsState};
use super::{TlsConfig, TlsSessionCache};
use crate::{Error, Transport};

/// A TLS connection. It holds no buffers while idle.
pub struct TlsStream<T>(Box<RefCell<TlsStreamInner<T>>>);

struct TlsStreamInner<T> {
    transport: T,
    record_layer: RecordLayer,
    /// Whether bytes were received since the last send.
    received_since_send: bool,
}

impl<T: Transport> TlsStream<T> {
    /// Establishes TLS on a connection.
    ///
    /// The certificate must be valid for `host`. If `host` is a name, and not an address, it is also sent to the
    /// target (SNI). Sessions are resumed from `session_cache`, and new ones are stored there.
    ///
    /// # Errors
    /// - [`Error::Tls`] if the handshake fails.
    /// - [`Error::ClosedBeforeResponse`] or [`Error::ConnectionReset`] if the target closes the connection.
    /// - [`Error::InvalidRequest`] if `host` cannot be the name of a certificate.
    ///
    /// # Cancel safety
    /// A dropped future closes the connection.
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

    /// Receives plaintext as the trait requires.
    ///
    /// An end of the stream without `close_notify` is [`io::ErrorKind::UnexpectedEof`] if bytes were received since
    /// the last send, because an attacker on the path could have truncated the response.
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

    /// Processes session tickets and key updates, which may arrive at any time and do not make a connection stale.
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
    /// Waits for bytes and processes them. Returns `false` at the end of the stream.
    async fn read_records(&mut self, plaintext: Option<&mut Vec<u8>>) -> io::Result<bool> {
        self.record_layer.reserve_record();
        if self.transport.recv(&mut self.record_layer.incoming).await? == 0 {
            return Ok(false);
        }
        self.record_layer.process_incoming(plaintext);
        let flushed = self.flush().await;
        // If TLS failed, its reason takes precedence over the failure to send the alert.
        if !matches!(self.record_layer.state(), TlsState::Failed(_)) {
            flushed?;
        }
        Ok(true)
    }

    /// Processes bytes that have already arrived. Returns `false` if there are none.
    fn try_read_records(&mut self) -> bool {
        self.record_layer.reserve_record();
        let received =
            pin!(self.transport.recv(&mut self.record_layer.incoming)).poll(&mut Context::from_waker(Waker::noop()));
        let has_arrived = matches!(received, Poll::Ready(Ok(1..)));
        if has_arrived {
            self.record_layer.process_incoming(None);
        }
        has_arrived
    }

    async fn flush(&mut self) -> io::Result<()> {
        if self.record_layer.has_flight() {
            self.transport.send(&mut self.record_layer.outgoing).await?;
            self.record_layer.outgoing = Vec::new();
        }
        Ok(())
    }
}
