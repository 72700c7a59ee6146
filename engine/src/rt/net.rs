//! Connections: one concrete stream over io_uring, epoll and the simulator, and how a connection is made.
//!
//! The [`Resolver`] returns the destination (`dns/resolver.rs`). If a host has several addresses,
//! `dns/happy_eyeballs.rs` races them. Sockets are opened in `sockets.rs`.

use std::{io, net::SocketAddr, os::fd::OwnedFd, path::Path};

use gregaria_http::{Error, Origin, Transport, allocate_discard_buffer};
use rustix::net::{SocketAddrAny, SocketFlags};

use super::{
    PooledFuture, Resolver, Runtime, RuntimeBackend,
    dns::{ConnectTarget, SourceAddrs, happy_eyeballs},
    driver::{Driver, ThreadBackend},
    epoll::EpollStream,
    io_uring::IoUringStream,
    sim::SimStream,
    sockets::{tcp_socket, unix_address, unix_socket},
};

/// A connection of a user. Dropping a stream closes the connection.
pub(crate) struct NetStream(StreamInner);

enum StreamInner {
    IoUring(IoUringStream),
    /// Boxed, like the next variant, so that the larger streams do not enlarge users on io_uring.
    Epoll(Box<EpollStream>),
    Sim(Box<SimStream>),
}

impl Transport for NetStream {
    async fn send(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.0 {
            StreamInner::IoUring(stream) => stream.send(buffer).await,
            StreamInner::Epoll(stream) => return PooledFuture::new(|| stream.send(buffer)).await,
            StreamInner::Sim(stream) => return stream.send(buffer),
        }
        Ok(())
    }

    async fn writable(&mut self) -> io::Result<()> {
        if let StreamInner::IoUring(stream) = &mut self.0 {
            stream.writable().await;
        }
        Ok(())
    }

    async fn recv(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        match &mut self.0 {
            StreamInner::IoUring(stream) => stream.recv(buffer).await,
            StreamInner::Epoll(stream) => PooledFuture::new(|| stream.recv(buffer)).await,
            StreamInner::Sim(stream) => stream.recv(buffer).await,
        }
    }

    async fn recv_direct(&mut self, buffer: &mut Vec<u8>, remaining_hint: u64) -> io::Result<usize> {
        match &mut self.0 {
            StreamInner::IoUring(stream) => stream.recv_direct(buffer, remaining_hint).await,
            _ => self.recv(buffer).await,
        }
    }

    async fn discard(&mut self, len: u64) -> io::Result<u64> {
        match &mut self.0 {
            StreamInner::IoUring(stream) => stream.discard(len).await,
            _ => {
                let mut discarded = allocate_discard_buffer(len);
                self.recv(&mut discarded).await.map(|count| count as u64)
            }
        }
    }

    fn is_stale(&self) -> bool {
        match &self.0 {
            StreamInner::IoUring(stream) => stream.is_readable(),
            StreamInner::Epoll(stream) => stream.is_readable(),
            StreamInner::Sim(stream) => stream.is_readable(),
        }
    }

    fn sent_ns(&self) -> u64 {
        match &self.0 {
            StreamInner::IoUring(stream) => stream.sent_ns(),
            StreamInner::Epoll(stream) => stream.sent_ns,
            StreamInner::Sim(stream) => stream.sent_ns(),
        }
    }

    fn received_ns(&self) -> u64 {
        match &self.0 {
            StreamInner::IoUring(stream) => stream.received_ns(),
            StreamInner::Epoll(stream) => stream.received_ns,
            StreamInner::Sim(stream) => stream.received_ns(),
        }
    }
}

/// Connects to `origin`, or to the Unix socket or the override that `resolver` has for it.
pub(super) async fn connect(
    rt: &Runtime,
    resolver: &Resolver,
    origin: &Origin,
    resolved_ns: &mut u64,
) -> Result<NetStream, Error> {
    let thread = match &rt.0.backend {
        RuntimeBackend::Thread(thread) => thread,
        RuntimeBackend::Sim(world) => {
            return Ok(NetStream(StreamInner::Sim(Box::new(world.connect(rt, origin).await?))));
        }
    };
    let port = origin.port();
    let stream = match resolver.resolve(rt, origin.host(), port, resolved_ns).await? {
        ConnectTarget::Address(address) => connect_address(thread, &resolver.sources, address).await,
        ConnectTarget::Host(host) => {
            let attempts = host.connect_order().map(|index| {
                let attempt = connect_address(thread, &resolver.sources, host.address(index, port));
                async move { attempt.await.map(|stream| (stream, index)) }
            });
            let winner = happy_eyeballs(rt, attempts).await;
            winner.map(|(stream, index)| {
                host.mark_reachable(index);
                stream
            })
        }
        ConnectTarget::UnixSocket(path) => connect_unix(rt, thread, path).await,
    };
    stream.map(NetStream)
}

/// Connects to one address, from the next source address. Other sources are tried only if a source has no free port.
async fn connect_address(
    thread: &ThreadBackend,
    sources: &SourceAddrs,
    address: SocketAddr,
) -> Result<StreamInner, Error> {
    let mut last_error = Error::NoSourceAddress;
    for source in sources.candidates(&address) {
        let open = |flags| tcp_socket(&address, source, flags);
        match connect_socket(thread, open, address.into()).await {
            Ok(stream) => return Ok(stream),
            Err(error) => last_error = Error::from_connect(&error),
        }
        if last_error != Error::NoLocalPorts {
            break;
        }
    }
    Err(last_error)
}

async fn connect_unix(rt: &Runtime, thread: &ThreadBackend, path: &Path) -> Result<StreamInner, Error> {
    let address = unix_address(path).map_err(|error| Error::from_connect(&error))?;
    loop {
        match connect_socket(thread, unix_socket, address.clone().into()).await {
            Ok(stream) => return Ok(stream),
            // The listener's backlog is full. The kernel does not report when there is room again.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                rt.sleep_until(rt.now_ns() + BACKLOG_RETRY_NS).await;
            }
            Err(error) => return Err(Error::from_connect(&error)),
        }
    }
}

/// Connects a socket. `open` opens it with the flags that the thread's driver needs.
async fn connect_socket(
    thread: &ThreadBackend,
    open: impl FnOnce(SocketFlags) -> io::Result<OwnedFd>,
    address: SocketAddrAny,
) -> io::Result<StreamInner> {
    match &thread.driver {
        Driver::IoUring(reactor) => {
            reactor.connect(open(SocketFlags::empty())?, address).await.map(StreamInner::IoUring)
        }
        Driver::Epoll(epoll) => {
            let stream = epoll.connect(open(SocketFlags::NONBLOCK)?, address).await;
            stream.map(|stream| StreamInner::Epoll(Box::new(stream)))
        }
    }
}

/// Time between two attempts to connect to a Unix socket with a full backlog: 1 ms.
const BACKLOG_RETRY_NS: u64 = 1_000_000;
