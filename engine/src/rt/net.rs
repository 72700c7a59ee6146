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
    Backend, PooledFuture, Resolver, Runtime,
    dns::{ConnectTarget, SourceAddrs, happy_eyeballs},
    driver::{Driver, ThreadBackend},
    epoll::EpollStream,
    io_uring::IoUringStream,
    sim::SimStream,
};

/// A connection of a user. Closed when dropped.
pub struct NetStream(StreamInner);

enum StreamInner {
    IoUring(IoUringStream),
    /// Boxed, as is the next, so that they cost a user on the ring nothing.
    Epoll(Box<EpollStream>),
    Sim(Box<SimStream>),
}

impl Transport for NetStream {
    async fn send(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        match &mut self.0 {
            StreamInner::IoUring(stream) => stream.send(buffer).await,
            StreamInner::Epoll(stream) => return PooledFuture::new(|| stream.send(buffer)).await,
            StreamInner::Sim(link) => return link.send(buffer),
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
            StreamInner::Sim(link) => link.recv(buffer).await,
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
                let mut unwanted = Vec::with_capacity(len.min(MAX_DISCARD_BYTES) as usize);
                self.recv(&mut unwanted).await.map(|count| count as u64)
            }
        }
    }

    fn is_stale(&self) -> bool {
        match &self.0 {
            StreamInner::IoUring(stream) => stream.is_readable(),
            StreamInner::Epoll(stream) => stream.is_readable(),
            StreamInner::Sim(link) => link.is_readable(),
        }
    }

    fn sent_ns(&self) -> u64 {
        match &self.0 {
            StreamInner::IoUring(stream) => stream.sent_ns(),
            StreamInner::Epoll(stream) => stream.sent_ns,
            StreamInner::Sim(link) => link.sent_ns(),
        }
    }

    fn received_ns(&self) -> u64 {
        match &self.0 {
            StreamInner::IoUring(stream) => stream.received_ns(),
            StreamInner::Epoll(stream) => stream.received_ns,
            StreamInner::Sim(link) => link.received_ns(),
        }
    }
}

/// Connects to `origin`, or where the book says.
pub(super) async fn connect(
    rt: &Runtime,
    resolver: &Resolver,
    origin: &Origin,
    resolved_ns: &mut u64,
) -> Result<NetStream, Error> {
    let thread = match &rt.0.backend {
        Backend::Thread(thread) => thread,
        Backend::Sim(world) => return Ok(NetStream(StreamInner::Sim(Box::new(world.connect(rt, origin).await?)))),
    };
    let port = origin.port();
    let link = match resolver.resolve(rt, origin.host(), port, resolved_ns).await? {
        ConnectTarget::Address(address) => connect_address(thread, &resolver.sources, address).await,
        ConnectTarget::Host(host) => {
            let attempts = host.connect_order().map(|place| {
                let connecting = connect_address(thread, &resolver.sources, host.address(place, port));
                async move { connecting.await.map(|link| (link, place)) }
            });
            let won = happy_eyeballs(rt, attempts).await;
            won.map(|(link, place)| {
                host.mark_reachable(place);
                link
            })
        }
        ConnectTarget::UnixSocket(path) => connect_unix(rt, thread, path).await,
    };
    link.map(NetStream)
}

/// Whether connections can come from this address of this machine.
pub(crate) fn check_source_ip(ip: IpAddr) -> io::Result<()> {
    tcp_socket(&SocketAddr::new(ip, 0), Some(ip), SocketFlags::empty()).map(|_| ())
}

/// Whether a Unix socket can have this path, be there one or not.
pub(crate) fn check_unix_path(path: &Path) -> io::Result<()> {
    Ok(SocketAddrUnix::new(path).map(|_| ())?)
}

async fn connect_address(
    thread: &ThreadBackend,
    sources: &SourceAddrs,
    address: SocketAddr,
) -> Result<StreamInner, Error> {
    let mut refusal = Error::NoSourceAddress;
    for source in sources.candidates(&address) {
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

async fn connect_unix(rt: &Runtime, thread: &ThreadBackend, path: &Path) -> Result<StreamInner, Error> {
    let address = SocketAddrUnix::new(path).map_err(|error| Error::from_connect(&error.into()))?;
    let socket = |flags: SocketFlags| {
        Ok(socket_with(AddressFamily::UNIX, SocketType::STREAM, flags | SocketFlags::CLOEXEC, None)?)
    };
    loop {
        match connect_socket(thread, socket, address.clone().into()).await {
            Ok(link) => return Ok(link),
            // As many wait to be accepted as may. Nothing tells when there is room again.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                rt.sleep_until(rt.now_ns() + BACKLOG_RETRY_NS).await;
            }
            Err(error) => return Err(Error::from_connect(&error)),
        }
    }
}

/// `socket` makes one with the flags that the thread's way of waiting needs.
async fn connect_socket(
    thread: &ThreadBackend,
    socket: impl FnOnce(SocketFlags) -> io::Result<OwnedFd>,
    address: SocketAddrAny,
) -> io::Result<StreamInner> {
    match &thread.driver {
        Driver::IoUring(reactor) => {
            reactor.connect(socket(SocketFlags::empty())?, address).await.map(StreamInner::IoUring)
        }
        Driver::Epoll(epoll) => {
            let stream = epoll.connect(socket(SocketFlags::NONBLOCK)?, address).await;
            stream.map(|stream| StreamInner::Epoll(Box::new(stream)))
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
const MAX_DISCARD_BYTES: u64 = 16 << 10;
/// How often it is tried again to connect to a Unix socket where too many wait.
const BACKLOG_RETRY_NS: u64 = 1_000_000;

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
