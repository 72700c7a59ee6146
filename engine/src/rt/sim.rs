//! The simulator: a seeded world with a clock that jumps and links in memory, under the whole engine.
//!
//! Everything runs on the caller's thread in an order that depends on the seed alone, so a failing test is repeated
//! by its seed. A [`SimServer`] decides what a connection answers and when; [`World::run_until`] moves the time.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    future::{Future, poll_fn},
    io,
    rc::Rc,
    task::{Context, Poll, Waker},
};

use gregaria_http::{Error, Origin};
use rand::{SeedableRng, rngs::SmallRng};

use super::{Backend, Runtime, executor::Executor};

/// A simulated world. Clones are the same world.
#[derive(Clone)]
pub struct SimWorld(Rc<SimWorldInner>);

struct SimWorldInner {
    now_ns: Cell<u64>,
    executor: Executor,
    servers: RefCell<HashMap<(String, u16), Rc<dyn SimServer>>>,
    rng: RefCell<SmallRng>,
}

/// The other end of simulated links.
pub trait SimServer {
    /// What happens when a user connects: a delay in nanoseconds, or a refusal.
    ///
    /// # Errors
    /// What the user shall see instead of a connection.
    fn connect(&self, _rng: &mut SmallRng) -> Result<u64, Error> {
        Ok(0)
    }

    /// Called whenever bytes arrive; takes from `received` what it has understood and says what happens then.
    fn respond(&self, received: &mut Vec<u8>, now_ns: u64, rng: &mut SmallRng) -> Vec<SimReply>;
}

/// Something that a server does on a link, `after_ns` from the call of [`SimServer::answer`].
pub struct SimReply {
    /// The delay in nanoseconds.
    pub delay_ns: u64,
    /// What happens.
    pub event: SimEvent,
}

/// What can happen on a link.
pub enum SimEvent {
    /// Bytes arrive at the user.
    Bytes(Vec<u8>),
    /// The server closes in order.
    Close,
    /// The server resets the connection.
    Reset,
}

impl SimWorld {
    /// A world at time 0, and the runtime that shards in it use.
    pub fn new(seed: u64) -> (Self, Runtime) {
        let world = Self(Rc::new(SimWorldInner {
            now_ns: Cell::new(0),
            executor: Executor::new(|| {}),
            servers: RefCell::default(),
            rng: RefCell::new(SmallRng::seed_from_u64(seed)),
        }));
        let rt = Runtime::new(Backend::Sim(world.clone()));
        (world, rt)
    }

    /// Puts a server at `host:port`.
    pub fn listen(&self, host: &str, port: u16, server: impl SimServer + 'static) {
        self.0.servers.borrow_mut().insert((host.into(), port), Rc::new(server));
    }

    /// The world's time in nanoseconds.
    pub fn now_ns(&self) -> u64 {
        self.0.now_ns.get()
    }

    /// Lets everything happen that happens up to and at `until_ns`, in order.
    pub fn run_until(&self, rt: &Runtime, until_ns: u64) {
        let executor = &self.0.executor;
        let _entered = executor.enter();
        loop {
            while executor.has_ready() {
                executor.run_ready();
            }
            match rt.fire_timers(self.now_ns()) {
                _ if executor.has_ready() => {}
                Some(next_ns) if next_ns <= until_ns => self.0.now_ns.set(next_ns),
                _ => break,
            }
        }
        self.0.now_ns.set(until_ns.max(self.now_ns()));
    }

    pub(super) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        self.0.executor.spawn(future);
    }

    pub(super) async fn connect(&self, rt: &Runtime, origin: &Origin) -> Result<SimStream, Error> {
        let server = self.0.servers.borrow().get(&(origin.host().to_owned(), origin.port())).cloned();
        let server = server.ok_or(Error::ConnectRefused)?;
        let outcome = server.connect(&mut self.0.rng.borrow_mut());
        rt.sleep_until(self.now_ns() + outcome.unwrap_or(0)).await;
        outcome?;
        let (rt, world) = (rt.clone(), self.clone());
        Ok(SimStream { rt, world, server, received: Vec::new(), pipe: Rc::default(), sent_ns: 0 })
    }
}

/// The user's end of a link.
pub(super) struct SimStream {
    rt: Runtime,
    world: SimWorld,
    server: Rc<dyn SimServer>,
    received: Vec<u8>,
    pipe: Rc<RefCell<SimPipe>>,
    sent_ns: u64,
}

/// What is on its way to the user.
#[derive(Default)]
struct SimPipe {
    bytes: VecDeque<u8>,
    closed: bool,
    reset: bool,
    reader: Option<Waker>,
    received_ns: u64,
}

impl SimStream {
    pub(super) fn send(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        self.sent_ns = 0;
        if self.pipe.borrow().reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        self.received.append(buffer);
        let now_ns = self.world.now_ns();
        self.sent_ns = now_ns;
        let replies = self.server.respond(&mut self.received, now_ns, &mut self.world.0.rng.borrow_mut());
        for reply in replies {
            let (rt, pipe) = (self.rt.clone(), Rc::clone(&self.pipe));
            self.world.spawn(async move {
                rt.sleep_until(now_ns + reply.delay_ns).await;
                pipe.borrow_mut().deliver(reply.event, rt.now_ns());
            });
        }
        Ok(())
    }

    pub(super) async fn recv(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        poll_fn(|cx| self.pipe.borrow_mut().poll_read(buffer, cx)).await
    }

    pub(super) fn sent_ns(&self) -> u64 {
        self.sent_ns
    }

    pub(super) fn received_ns(&self) -> u64 {
        self.pipe.borrow().received_ns
    }

    pub(super) fn is_readable(&self) -> bool {
        let pipe = self.pipe.borrow();
        pipe.closed || pipe.reset || !pipe.bytes.is_empty()
    }
}

impl SimPipe {
    fn deliver(&mut self, event: SimEvent, now_ns: u64) {
        self.received_ns = now_ns;
        match event {
            SimEvent::Bytes(bytes) => self.bytes.extend(bytes),
            SimEvent::Close => self.closed = true,
            SimEvent::Reset => self.reset = true,
        }
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
    }

    fn poll_read(&mut self, buffer: &mut Vec<u8>, cx: &Context<'_>) -> Poll<io::Result<usize>> {
        if self.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let count = self.bytes.len().min(buffer.capacity() - buffer.len());
        if count > 0 || self.closed {
            buffer.extend(self.bytes.drain(..count));
            return Poll::Ready(Ok(count));
        }
        self.reader = Some(cx.waker().clone());
        Poll::Pending
    }
}
