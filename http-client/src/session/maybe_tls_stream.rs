//! The connection of a session: the runtime's transport, or TLS around it. Each method forwards to one of the two.

use std::io;

use crate::{TlsStream, Transport};

/// A connection with or without TLS.
pub(crate) enum MaybeTlsStream<T: Transport> {
    Plain(T),
    Tls(TlsStream<T>),
}

impl<T: Transport> Transport for MaybeTlsStream<T> {
    async fn send(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Plain(transport) => transport.send(buffer).await,
            Self::Tls(stream) => stream.send(buffer).await,
        }
    }

    async fn writable(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(transport) => transport.writable().await,
            Self::Tls(stream) => stream.writable().await,
        }
    }

    async fn recv(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::Plain(transport) => transport.recv(buffer).await,
            Self::Tls(stream) => stream.recv(buffer).await,
        }
    }

    async fn recv_direct(&mut self, buffer: &mut Vec<u8>, remaining_hint: u64) -> io::Result<usize> {
        match self {
            Self::Plain(transport) => transport.recv_direct(buffer, remaining_hint).await,
            Self::Tls(stream) => stream.recv(buffer).await,
        }
    }

    async fn discard(&mut self, len: u64) -> io::Result<u64> {
        match self {
            Self::Plain(transport) => transport.discard(len).await,
            Self::Tls(stream) => stream.discard(len).await,
        }
    }

    fn sent_ns(&self) -> u64 {
        match self {
            Self::Plain(transport) => transport.sent_ns(),
            Self::Tls(stream) => stream.sent_ns(),
        }
    }

    fn received_ns(&self) -> u64 {
        match self {
            Self::Plain(transport) => transport.received_ns(),
            Self::Tls(stream) => stream.received_ns(),
        }
    }

    fn is_stale(&self) -> bool {
        match self {
            Self::Plain(transport) => transport.is_stale(),
            Self::Tls(stream) => stream.is_stale(),
        }
    }
}
