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
use rustix::{buffer::spare_capacity, io::Errno, net::RecvFlags};

use super::{PooledFuture, Rt, resolve::resolve, sim::SimLink};

/// A connection of a user. Closed when dropped.
pub struct Stream(Link);

/// Boxed: a connection is handed around for every request, monoio's stream is 72 bytes.
enum Link {
    Tcp(Box<Tcp>),
    /// Boxed, so that simulation costs a real user nothing.
    Sim(Box<SimLink>),
}

struct Tcp {
    stream: TcpStream,
    eagerness: Eagerness,
}

impl Stream {
    pub(super) fn from_sim(link: SimLink) -> Self {
        Self(Link::Sim(Box::new(link)))
    }
}

impl Transport for Stream {
    async fn send(&mut self, bytes: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        match &mut self.0 {
            Link::Tcp(tcp) => send_all(&mut tcp.stream, bytes).await,
            Link::Sim(link) => (link.send(&bytes), bytes),
        }
    }

    async fn recv(&mut self, mut buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        match &mut self.0 {
            Link::Tcp(tcp) => {
                if let Some(received) = tcp.recv_at_once(&mut buffer) {
                    return (received, buffer);
                }
                let (filled, room) = (buffer.len(), buffer.capacity());
                let (received, slice) = tcp.stream.read(buffer.slice_mut(filled..room)).await;
                (received, slice.into_inner())
            }
            Link::Sim(link) => (link.recv(&mut buffer).await, buffer),
        }
    }

    fn is_stale(&self) -> bool {
        match &self.0 {
            Link::Tcp(tcp) => has_news(&tcp.stream),
            Link::Sim(link) => link.has_news(),
        }
    }
}

/// Connects to the first address that accepts; the last refusal is what is reported.
pub(super) async fn connect(rt: &Rt, origin: &Origin) -> Result<Stream, Error> {
    let mut refusal = Error::NameNotFound;
    for address in resolve(rt, origin.host(), origin.port()).await?.iter() {
        match connect_address(*address).await {
            Ok(stream) => return Ok(Stream(Link::Tcp(Box::new(Tcp { stream, eagerness: Eagerness::default() })))),
            Err(error) => refusal = Error::from_connect(&error),
        }
    }
    Err(refusal)
}

impl Tcp {
    /// What has arrived already, without the ring. By the time a busy thread comes to receive, a quick target has often
    /// answered; a call that finds the answer is cheaper than a submission, its completion, and another wake of the user.
    fn recv_at_once(&mut self, buffer: &mut Vec<u8>) -> Option<io::Result<usize>> {
        if !self.eagerness.tries() {
            return None;
        }
        let received = rustix::net::recv(socket(&self.stream), spare_capacity(buffer), RecvFlags::DONTWAIT);
        match received {
            Err(Errno::AGAIN | Errno::INTR) => {
                self.eagerness.missed();
                None
            }
            Ok((received, _)) => {
                self.eagerness.found();
                Some(Ok(received))
            }
            Err(errno) => Some(Err(errno.into())),
        }
    }
}

/// Whether it is worth to look for an answer at once: after each miss in a row, twice as many receives go by untried.
#[derive(Default)]
struct Eagerness {
    misses: u32,
    untried: u32,
}

impl Eagerness {
    fn tries(&mut self) -> bool {
        if self.untried == 0 {
            return true;
        }
        self.untried -= 1;
        false
    }

    fn found(&mut self) {
        self.misses = 0;
    }

    fn missed(&mut self) {
        self.misses = (self.misses + 1).min(MOST_MISSES);
        self.untried = (1 << self.misses) - 1;
    }
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
    let peeked = rustix::net::recv(socket(stream), &mut [0_u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT);
    !matches!(peeked, Err(Errno::AGAIN))
}

fn socket(stream: &TcpStream) -> BorrowedFd<'_> {
    // SAFETY: the descriptor is open as long as `stream`, which the result borrows.
    unsafe { BorrowedFd::borrow_raw(stream.as_raw_fd()) }
}

/// A target that does not answer at once is asked again after 255 receives.
const MOST_MISSES: u32 = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eagerness_fades_with_misses_and_comes_back_with_an_answer() {
        let mut eagerness = Eagerness::default();
        let untried_after_miss = |eagerness: &mut Eagerness| {
            eagerness.missed();
            (0..1000).take_while(|_| !eagerness.tries()).count()
        };
        let untried: Vec<usize> = (0..10).map(|_| untried_after_miss(&mut eagerness)).collect();
        assert_eq!(untried, [1, 3, 7, 15, 31, 63, 127, 255, 255, 255]);
        eagerness.found();
        assert!(eagerness.tries());
        assert_eq!(untried_after_miss(&mut eagerness), 1);
    }
}
