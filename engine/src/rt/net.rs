//! One concrete stream over all that a thread can run on and the simulator's links, and how it comes about.

use std::io;

use gregaria_http::{Error, Origin, Transport};

use super::{
    Backend, PooledFuture, Rt,
    fallback::FallbackStream,
    reactor::RingStream,
    resolve::resolve,
    sim::{SimLink, World},
};

/// A connection of a user. Closed when dropped.
pub struct Stream(Link);

enum Link {
    Ring(RingStream),
    /// Boxed, as is the next, so that they cost a user on the ring nothing.
    Fallback(Box<FallbackStream>),
    Sim(Box<SimLink>),
}

impl Transport for Stream {
    async fn send(&mut self, bytes: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        match &mut self.0 {
            Link::Ring(stream) => (Ok(()), stream.send(bytes).await),
            Link::Fallback(stream) => PooledFuture::new(stream.send(bytes)).await,
            Link::Sim(link) => link.send(bytes),
        }
    }

    async fn recv(&mut self, mut buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        match &mut self.0 {
            Link::Ring(stream) => (stream.recv(&mut buffer).await, buffer),
            Link::Fallback(stream) => PooledFuture::new(stream.recv(buffer)).await,
            Link::Sim(link) => (link.recv(&mut buffer).await, buffer),
        }
    }

    fn is_stale(&self) -> bool {
        match &self.0 {
            Link::Ring(stream) => stream.has_news(),
            Link::Fallback(stream) => stream.has_news(),
            Link::Sim(link) => link.has_news(),
        }
    }

    fn sent_ns(&self) -> u64 {
        match &self.0 {
            Link::Ring(stream) => stream.sent_ns(),
            Link::Fallback(stream) => stream.sent_ns,
            Link::Sim(link) => link.sent_ns(),
        }
    }

    fn received_ns(&self) -> u64 {
        match &self.0 {
            Link::Ring(stream) => stream.received_ns(),
            Link::Fallback(stream) => stream.received_ns,
            Link::Sim(link) => link.received_ns(),
        }
    }
}

/// Connects to the first address that accepts; the last refusal is what is reported.
pub(super) async fn connect(rt: &Rt, origin: &Origin) -> Result<Stream, Error> {
    if let Backend::Sim(world) = &rt.0.backend {
        return connect_in(world, rt, origin).await;
    }
    let mut refusal = Error::NameNotFound;
    for address in resolve(rt, origin.host(), origin.port()).await?.iter() {
        let link = match &rt.0.backend {
            Backend::Ring(ring) => ring.reactor.connect(*address).await.map(Link::Ring),
            _ => FallbackStream::connect(*address).await.map(|stream| Link::Fallback(Box::new(stream))),
        };
        match link {
            Ok(link) => return Ok(Stream(link)),
            Err(error) => refusal = Error::from_connect(&error),
        }
    }
    Err(refusal)
}

async fn connect_in(world: &World, rt: &Rt, origin: &Origin) -> Result<Stream, Error> {
    world.connect(rt, origin).await.map(|link| Stream(Link::Sim(Box::new(link))))
}
