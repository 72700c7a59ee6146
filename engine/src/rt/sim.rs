//! The simulator: a seeded world with a clock that jumps and links in memory, under the whole engine.
//!
//! Everything runs on the caller's thread in an order that depends on the seed alone, so a failing test is repeated
//! by its seed. A [`SimServer`] decides what a connection answers and when; [`World::run_until`] moves the time.

use std::{
    cell::{Cell, RefCell},
    collections::{HashMap, VecDeque},
    future::{Future, poll_fn},
    io,
    pin::Pin,
    rc::Rc,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, Wake, Waker},
};

use gregaria_http::{Error, Origin};
use rand::{SeedableRng, rngs::SmallRng};

use super::{Backend, Rt};

/// A simulated world. Clones are the same world.
#[derive(Clone)]
pub struct World(Rc<Inner>);

struct Inner {
    now_ns: Cell<u64>,
    ready: Arc<Mutex<VecDeque<usize>>>,
    tasks: RefCell<HashMap<usize, Task>>,
    next_task: Cell<usize>,
    servers: RefCell<HashMap<(String, u16), Rc<dyn SimServer>>>,
    rng: RefCell<SmallRng>,
}

type Task = Pin<Box<dyn Future<Output = ()>>>;

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
    fn answer(&self, received: &mut Vec<u8>, now_ns: u64, rng: &mut SmallRng) -> Vec<SimReply>;
}

/// Something that a server does on a link, `after_ns` from the call of [`SimServer::answer`].
pub struct SimReply {
    /// The delay in nanoseconds.
    pub after_ns: u64,
    /// What happens.
    pub what: SimEvent,
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

impl World {
    /// A world at time 0, and the runtime that shards in it use.
    pub fn new(seed: u64) -> (Self, Rt) {
        let world = Self(Rc::new(Inner {
            now_ns: Cell::new(0),
            ready: Arc::default(),
            tasks: RefCell::default(),
            next_task: Cell::new(0),
            servers: RefCell::default(),
            rng: RefCell::new(SmallRng::seed_from_u64(seed)),
        }));
        let rt = Rt::new(Backend::Sim(world.clone()));
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
    pub fn run_until(&self, rt: &Rt, until_ns: u64) {
        loop {
            while let Some(task) = self.next_ready() {
                self.run(task);
            }
            match rt.fire_timers(self.now_ns()) {
                _ if self.has_ready() => {}
                Some(next_ns) if next_ns <= until_ns => self.0.now_ns.set(next_ns),
                _ => break,
            }
        }
        self.0.now_ns.set(until_ns.max(self.now_ns()));
    }

    pub(super) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        let id = self.0.next_task.replace(self.0.next_task.get() + 1);
        self.0.tasks.borrow_mut().insert(id, Box::pin(future));
        self.waker(id).wake();
    }

    pub(super) async fn connect(&self, rt: &Rt, origin: &Origin) -> Result<SimLink, Error> {
        let server = self.0.servers.borrow().get(&(origin.host().to_owned(), origin.port())).cloned();
        let server = server.ok_or(Error::ConnectRefused)?;
        let outcome = server.connect(&mut self.0.rng.borrow_mut());
        rt.sleep_until(self.now_ns() + outcome.unwrap_or(0)).await;
        outcome?;
        Ok(SimLink { rt: rt.clone(), world: self.clone(), server, received: Vec::new(), pipe: Rc::default() })
    }

    fn next_ready(&self) -> Option<usize> {
        self.0.ready.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    fn has_ready(&self) -> bool {
        !self.0.ready.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn run(&self, id: usize) {
        // Taken out while it runs, so that it can spawn others.
        let Some(mut task) = self.0.tasks.borrow_mut().remove(&id) else {
            return;
        };
        if task.as_mut().poll(&mut Context::from_waker(&self.waker(id))).is_pending() {
            self.0.tasks.borrow_mut().insert(id, task);
        }
    }

    fn waker(&self, id: usize) -> Waker {
        Waker::from(Arc::new(SimWaker { id, ready: Arc::clone(&self.0.ready) }))
    }
}

struct SimWaker {
    id: usize,
    ready: Arc<Mutex<VecDeque<usize>>>,
}

impl Wake for SimWaker {
    fn wake(self: Arc<Self>) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        if !ready.contains(&self.id) {
            ready.push_back(self.id);
        }
    }
}

/// The user's end of a link.
pub(super) struct SimLink {
    rt: Rt,
    world: World,
    server: Rc<dyn SimServer>,
    received: Vec<u8>,
    pipe: Rc<RefCell<Pipe>>,
}

/// What is on its way to the user.
#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    closed: bool,
    reset: bool,
    reader: Option<Waker>,
}

impl SimLink {
    pub(super) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.pipe.borrow().reset {
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        self.received.extend_from_slice(bytes);
        let now_ns = self.world.now_ns();
        let replies = self.server.answer(&mut self.received, now_ns, &mut self.world.0.rng.borrow_mut());
        for reply in replies {
            let (rt, pipe) = (self.rt.clone(), Rc::clone(&self.pipe));
            self.world.spawn(async move {
                rt.sleep_until(now_ns + reply.after_ns).await;
                pipe.borrow_mut().happen(reply.what);
            });
        }
        Ok(())
    }

    pub(super) async fn recv(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        poll_fn(|cx| self.pipe.borrow_mut().poll_read(buffer, cx)).await
    }

    pub(super) fn has_news(&self) -> bool {
        let pipe = self.pipe.borrow();
        pipe.closed || pipe.reset || !pipe.bytes.is_empty()
    }
}

impl Pipe {
    fn happen(&mut self, event: SimEvent) {
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
