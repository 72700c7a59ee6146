//! One concrete stream over all that a thread can run on and the simulator's links, and how it comes about.
//!
//! Where a connection goes is asked of the [`AddressBook`] (`resolve.rs`); which of several addresses, of their race
//! (`race.rs`).

use std::{
    io,
    net::{IpAddr, SocketAddr},
    os::fd::OwnedFd,
    path::Path,
};

use gregaria_http::{Error, Origin, Transport};
use nix::sys::socket::{setsockopt, sockopt::IpBindAddressNoPort};
use rustix::net::{
    AddressFamily, SocketAddrAny, SocketAddrUnix, SocketFlags, SocketType, bind, socket_with, sockopt::set_tcp_nodelay,
};

use super::{
    AddressBook, Backend, PooledFuture, Rt,
    epoll::EpollStream,
    race::race,
    reactor::RingStream,
    resolve::Route,
    ring::{Driver, Thread},
    sim::SimLink,
    sources::Sources,
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

    async fn writable(&mut self) -> io::Result<()> {
        if let Link::Ring(stream) = &mut self.0 {
            stream.until_sendable().await;
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

    async fn recv_direct(&mut self, buffer: &mut Vec<u8>, to_come: u64) -> io::Result<usize> {
        match &mut self.0 {
            Link::Ring(stream) => stream.recv_long(buffer, to_come).await,
            _ => self.recv(buffer).await,
        }
    }

    async fn discard(&mut self, len: u64) -> io::Result<u64> {
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

/// Connects to `origin`, or where the book says.
pub(super) async fn connect(
    rt: &Rt,
    book: &AddressBook,
    origin: &Origin,
    resolved_ns: &mut u64,
) -> Result<Stream, Error> {
    let thread = match &rt.0.backend {
        Backend::Thread(thread) => thread,
        Backend::Sim(world) => return Ok(Stream(Link::Sim(Box::new(world.connect(rt, origin).await?)))),
    };
    let port = origin.port();
    let link = match book.route(rt, origin.host(), port, resolved_ns).await? {
        Route::Address(address) => connect_address(thread, &book.sources, address).await,
        Route::Host(host) => {
            let attempts = host.order().map(|place| {
                let connecting = connect_address(thread, &book.sources, host.address(place, port));
                async move { connecting.await.map(|link| (link, place)) }
            });
            let won = race(rt, attempts).await;
            won.map(|(link, place)| {
                host.answered(place);
                link
            })
        }
        Route::Unix(path) => connect_unix(rt, thread, path).await,
    };
    link.map(Stream)
}

/// Whether connections can come from this address of this machine.
pub(crate) fn check_source(ip: IpAddr) -> io::Result<()> {
    tcp_socket(&SocketAddr::new(ip, 0), Some(ip), SocketFlags::empty()).map(|_| ())
}

/// Whether a Unix socket can have this path, be there one or not.
pub(crate) fn check_unix_path(path: &Path) -> io::Result<()> {
    Ok(SocketAddrUnix::new(path).map(|_| ())?)
}

async fn connect_address(thread: &Thread, sources: &Sources, address: SocketAddr) -> Result<Link, Error> {
    let mut refusal = Error::NoSourceAddress;
    for source in sources.in_turn(&address) {
        let socket = |flags| tcp_socket(&address, source, flags);
        match connect_socket(thread, socket, address.into()).await {
            Ok(link) => return Ok(link),
            Err(error) => refusal = Error::from_connect(&error),
        }
        if refusal != Error::NoLocalPorts {
            break;
        }
    }
    Err(refusal)
}

async fn connect_unix(rt: &Rt, thread: &Thread, path: &Path) -> Result<Link, Error> {
    let address = SocketAddrUnix::new(path).map_err(|error| Error::from_connect(&error.into()))?;
    let socket = |flags: SocketFlags| {
        Ok(socket_with(AddressFamily::UNIX, SocketType::STREAM, flags | SocketFlags::CLOEXEC, None)?)
    };
    loop {
        match connect_socket(thread, socket, address.clone().into()).await {
            Ok(link) => return Ok(link),
            // As many wait to be accepted as may. Nothing tells when there is room again.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                rt.sleep_until(rt.now_ns() + FULL_PAUSE_NS).await;
            }
            Err(error) => return Err(Error::from_connect(&error)),
        }
    }
}

/// `socket` makes one with the flags that the thread's way of waiting needs.
async fn connect_socket(
    thread: &Thread,
    socket: impl FnOnce(SocketFlags) -> io::Result<OwnedFd>,
    address: SocketAddrAny,
) -> io::Result<Link> {
    match &thread.driver {
        Driver::Reactor(reactor) => reactor.connect(socket(SocketFlags::empty())?, address).await.map(Link::Ring),
        Driver::Epoll(epoll) => {
            let stream = epoll.connect(socket(SocketFlags::NONBLOCK)?, address).await;
            stream.map(|stream| Link::Epoll(Box::new(stream)))
        }
    }
}

/// A socket for requests, which leave at once.
fn tcp_socket(target: &SocketAddr, source: Option<IpAddr>, flags: SocketFlags) -> io::Result<OwnedFd> {
    let family = if target.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, flags | SocketFlags::CLOEXEC, None)?;
    set_tcp_nodelay(&socket, true)?;
    if let Some(source) = source {
        // The port is chosen with the target in view, so that other targets can have the same. Where the system does not
        // know that, ports run out sooner.
        let _ = setsockopt(&socket, IpBindAddressNoPort, &true);
        bind(&socket, &SocketAddr::new(source, 0))?;
    }
    Ok(socket)
}

/// Without a ring, what nobody wants is received in pieces of this.
const MOST_SKIPPED: u64 = 16 << 10;
/// How often it is tried again to connect to a Unix socket where too many wait.
const FULL_PAUSE_NS: u64 = 1_000_000;

#[cfg(test)]
mod tests {
    use rustix::net::getsockname;

    use super::*;

    #[test]
    fn a_source_address_takes_no_port_before_it_is_known_for_what() {
        for ip in ["127.0.0.7", "::1"] {
            let target = SocketAddr::new(ip.parse().unwrap(), 80);
            let socket = tcp_socket(&target, Some(target.ip()), SocketFlags::empty()).unwrap();
            let bound = SocketAddr::try_from(getsockname(&socket).unwrap()).unwrap();
            assert_eq!(bound, SocketAddr::new(target.ip(), 0));
        }
    }
}
