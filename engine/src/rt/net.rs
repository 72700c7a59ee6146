//! One concrete stream over the kernel's sockets and the simulator's links, and how it comes about.

use std::{
    io,
    net::SocketAddr,
    os::fd::{AsRawFd, BorrowedFd},
};

use gregaria_http::{Error, Origin, Transport};
use monoio::{
    buf::{IoBuf, IoBufMut},
    io::{AsyncReadRent, AsyncWriteRent},
    net::TcpStream,
};
use rustix::{io::Errno, net::RecvFlags};

use super::{PooledFuture, Rt, connect_error, resolve::resolve, sim::SimLink};

/// A connection of a user. Closed when dropped.
pub struct Stream(Link);

/// Boxed: a connection is handed around for every request, monoio's stream is 72 bytes.
enum Link {
    Tcp(Box<TcpStream>),
    /// Boxed, so that simulation costs a real user nothing.
    Sim(Box<SimLink>),
}

impl Stream {
    pub(super) fn from_sim(link: SimLink) -> Self {
        Self(Link::Sim(Box::new(link)))
    }
}

impl Transport for Stream {
    async fn send(&mut self, bytes: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        match &mut self.0 {
            Link::Tcp(stream) => send_all(stream, bytes).await,
            Link::Sim(link) => (link.send(&bytes), bytes),
        }
    }

    async fn recv(&mut self, mut buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        match &mut self.0 {
            Link::Tcp(stream) => {
                let (filled, room) = (buffer.len(), buffer.capacity());
                let (result, slice) = stream.read(buffer.slice_mut(filled..room)).await;
                (result, slice.into_inner())
            }
            Link::Sim(link) => (link.recv(&mut buffer).await, buffer),
        }
    }

    fn is_stale(&self) -> bool {
        match &self.0 {
            Link::Tcp(stream) => has_news(stream),
            Link::Sim(link) => link.has_news(),
        }
    }
}

/// Connects to the first address that accepts; the last refusal is what is reported.
pub(super) async fn connect(rt: &Rt, origin: &Origin) -> Result<Stream, Error> {
    let mut refusal = Error::NameNotFound;
    for address in resolve(rt, origin.host(), origin.port()).await?.iter() {
        match connect_address(*address).await {
            Ok(stream) => return Ok(Stream(Link::Tcp(Box::new(stream)))),
            Err(error) => refusal = connect_error(&error),
        }
    }
    Err(refusal)
}

async fn connect_address(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_addr(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Sends everything; a request nearly always leaves in one piece.
async fn send_all(stream: &mut TcpStream, bytes: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
    match stream.write(bytes).await {
        (Ok(sent), bytes) if sent < bytes.len() => PooledFuture::new(send_rest(stream, bytes, sent)).await,
        (result, bytes) => (result.map(|_| ()), bytes),
    }
}

async fn send_rest(stream: &mut TcpStream, mut bytes: Vec<u8>, mut sent: usize) -> (io::Result<()>, Vec<u8>) {
    while sent < bytes.len() {
        let (result, rest) = stream.write(bytes.slice(sent..)).await;
        bytes = rest.into_inner();
        match result {
            Ok(0) => return (Err(io::ErrorKind::WriteZero.into()), bytes),
            Ok(more) => sent += more,
            Err(error) => return (Err(error), bytes),
        }
    }
    (Ok(()), bytes)
}

/// Whether the peer has closed an idle connection, or sent what nobody asked for.
fn has_news(stream: &TcpStream) -> bool {
    // SAFETY: the descriptor is open as long as `stream`, which outlives this borrow.
    let socket = unsafe { BorrowedFd::borrow_raw(stream.as_raw_fd()) };
    let peeked = rustix::net::recv(socket, &mut [0_u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT);
    !matches!(peeked, Err(Errno::AGAIN))
}
