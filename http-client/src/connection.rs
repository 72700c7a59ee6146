//! A connection as a session keeps it: the network's own, or TLS over that. Only passes on.

use std::io;

use crate::{TlsStream, Transport};

/// What requests are sent on.
pub(crate) enum Connection<T: Transport> {
    Plain(T),
    Tls(TlsStream<T>),
}

impl<T: Transport> Transport for Connection<T> {
    async fn send(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Self::Plain(transport) => transport.send(buffer).await,
            Self::Tls(stream) => stream.send(buffer).await,
        }
    }

    async fn until_sendable(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(transport) => transport.until_sendable().await,
            Self::Tls(stream) => stream.until_sendable().await,
        }
    }

    async fn recv(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            Self::Plain(transport) => transport.recv(buffer).await,
            Self::Tls(stream) => stream.recv(buffer).await,
        }
    }

    async fn recv_long(&mut self, buffer: &mut Vec<u8>, to_come: u64) -> io::Result<usize> {
        match self {
            Self::Plain(transport) => transport.recv_long(buffer, to_come).await,
            Self::Tls(stream) => stream.recv(buffer).await,
        }
    }

    async fn skip(&mut self, len: u64) -> io::Result<u64> {
        match self {
            Self::Plain(transport) => transport.skip(len).await,
            Self::Tls(stream) => stream.skip(len).await,
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
