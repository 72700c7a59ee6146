//! One concrete stream over all that a thread can run on and the simulator's links, and how it comes about.

use std::{io, net::SocketAddr, os::fd::OwnedFd};

use gregaria_http::{Error, Origin, Transport};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with, sockopt::set_tcp_nodelay};

use super::{
    Backend, PooledFuture, Rt,
    epoll::EpollStream,
    reactor::RingStream,
    resolve::resolve,
    ring::{Driver, Thread},
    sim::SimLink,
};

/// A connection of a user. Closed when dropped.
pub struct Stream(Link);

enum Link {
    Ring(RingStream),
    /// Boxed, as is the next, so that they cost a user on the ring nothing.
    Epoll(Box<EpollStream>),
    Sim(Box<SimLink>),
}

impl Transport for Stream {
    async fn send(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.0 {
            Link::Ring(stream) => stream.send(buffer).await,
            Link::Epoll(stream) => return PooledFuture::new(|| stream.send(buffer)).await,
            Link::Sim(link) => return link.send(buffer),
        }
        Ok(())
    }

    async fn recv(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        match &mut self.0 {
            Link::Ring(stream) => stream.recv(buffer).await,
            Link::Epoll(stream) => PooledFuture::new(|| stream.recv(buffer)).await,
            Link::Sim(link) => link.recv(buffer).await,
        }
    }

    async fn recv_long(&mut self, buffer: &mut Vec<u8>, to_come: u64) -> io::Result<usize> {
        match &mut self.0 {
            Link::Ring(stream) => stream.recv_long(buffer, to_come).await,
            _ => self.recv(buffer).await,
        }
    }

    async fn skip(&mut self, len: u64) -> io::Result<u64> {
        match &mut self.0 {
            Link::Ring(stream) => stream.skip(len).await,
            _ => {
                let mut unwanted = Vec::with_capacity(len.min(MOST_SKIPPED) as usize);
                self.recv(&mut unwanted).await.map(|count| count as u64)
            }
        }
    }

    fn is_stale(&self) -> bool {
        match &self.0 {
            Link::Ring(stream) => stream.has_news(),
            Link::Epoll(stream) => stream.has_news(),
            Link::Sim(link) => link.has_news(),
        }
    }

    fn sent_ns(&self) -> u64 {
        match &self.0 {
            Link::Ring(stream) => stream.sent_ns(),
            Link::Epoll(stream) => stream.sent_ns,
            Link::Sim(link) => link.sent_ns(),
        }
    }

    fn received_ns(&self) -> u64 {
        match &self.0 {
            Link::Ring(stream) => stream.received_ns(),
            Link::Epoll(stream) => stream.received_ns,
            Link::Sim(link) => link.received_ns(),
        }
    }
}

/// Connects to the first address that accepts; the last refusal is what is reported.
pub(super) async fn connect(rt: &Rt, origin: &Origin, resolved_ns: &mut u64) -> Result<Stream, Error> {
    let thread = match &rt.0.backend {
        Backend::Thread(thread) => thread,
        Backend::Sim(world) => return Ok(Stream(Link::Sim(Box::new(world.connect(rt, origin).await?)))),
    };
    let mut refusal = Error::NameNotFound;
    for address in resolve(rt, origin.host(), origin.port(), resolved_ns).await?.iter() {
        match connect_address(thread, *address).await {
            Ok(link) => return Ok(Stream(link)),
            Err(error) => refusal = Error::from_connect(&error),
        }
    }
    Err(refusal)
}

async fn connect_address(thread: &Thread, address: SocketAddr) -> io::Result<Link> {
    match &thread.driver {
        Driver::Reactor(reactor) => reactor.connect(address).await.map(Link::Ring),
        Driver::Epoll(epoll) => epoll.connect(address).await.map(|stream| Link::Epoll(Box::new(stream))),
    }
}

/// A socket for requests, which leave at once.
pub(super) fn tcp_socket(address: &SocketAddr, flags: SocketFlags) -> io::Result<OwnedFd> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, flags | SocketFlags::CLOEXEC, None)?;
    set_tcp_nodelay(&socket, true)?;
    Ok(socket)
}

/// Without a ring, what nobody wants is received in pieces of this.
const MOST_SKIPPED: u64 = 16 << 10;
