//! The simulator: a seeded world with a virtual clock and in-memory connections, under the whole engine.
//!
//! All tasks run on the caller's thread in an order that depends only on the seed, so a seed reproduces a failing
//! test. A [`SimServer`] decides the replies of a connection and their times. [`SimWorld::run_until`] advances the
//! clock.

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

use super::{Runtime, RuntimeBackend, executor::Executor};

/// A simulated world: a clock, servers and the tasks of the simulated threads. Clones share the world.
///
/// # Examples
/// ```
/// use std::{sync::Arc, time::Duration};
///
/// use gregaria_engine::{
///     ClockReading, HttpUser, RunCommand, Runner, RunnerOptions, RustScenario, ShardOptions, ShardSwarm, TaskResult,
///     TaskSet, UserClass, constant,
///     rt::sim::{SimEvent, SimReply, SimServer, SimWorld},
/// };
/// use rand::rngs::SmallRng;
///
/// struct Shop;
///
/// impl SimServer for Shop {
///     fn respond(&self, received: &mut Vec<u8>, _now_ns: u64, _rng: &mut SmallRng) -> Vec<SimReply> {
///         received.clear();
///         let response = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
///         vec![SimReply { delay_ns: 20_000_000, event: SimEvent::Bytes(response.to_vec()) }]
///     }
/// }
///
/// async fn index(user: &mut HttpUser) -> TaskResult {
///     user.get("/").await;
///     Ok(())
/// }
///
/// let (world, rt) = SimWorld::new(1);
/// world.listen("shop", 80, Shop);
/// let class = UserClass::http("Visitor").wait(constant(1.0)).tasks(TaskSet::new("Visit").task(1, index));
/// let scenario = Arc::new(RustScenario::new([class])?.with_host(Some("http://shop"))?);
/// let swarm = ShardSwarm::simulate(Arc::clone(&scenario), &ShardOptions::default(), &rt)?;
/// let options = RunnerOptions { run_time: Some(Duration::from_secs(10)), ..RunnerOptions::default() };
/// let (mut runner, run) = Runner::new(scenario, swarm, options);
///
/// run.send_command(RunCommand::Spawn { users: 5, spawn_rate: 5.0 });
/// let mut next_ns = 0;
/// while next_ns < 11_000_000_000 {
///     world.run_until(&rt, next_ns);
///     next_ns = runner.step(ClockReading { mono_ns: world.now_ns(), unix_s: world.now_ns() as f64 / 1e9 });
/// }
/// run.with_summary(|summary| assert_eq!(summary.total().median_us(), 20_000));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct SimWorld(Rc<SimWorldInner>);

struct SimWorldInner {
    now_ns: Cell<u64>,
    executor: Executor,
    servers: RefCell<HashMap<(String, u16), Rc<dyn SimServer>>>,
    rng: RefCell<SmallRng>,
}

/// The server side of simulated connections.
pub trait SimServer {
    /// Accepts a connection and returns the time that connecting takes, in nanoseconds. By default 0.
    ///
    /// # Errors
    /// Returns the error that the connection attempt ends with, without delay.
    fn connect(&self, _rng: &mut SmallRng) -> Result<u64, Error> {
        Ok(0)
    }

    /// Handles received bytes and returns the replies. Called after each send of the user.
    ///
    /// `received` holds all bytes that earlier calls have not removed. The implementation removes the bytes that it has
    /// handled.
    fn respond(&self, received: &mut Vec<u8>, now_ns: u64, rng: &mut SmallRng) -> Vec<SimReply>;
}

/// One action of a server on a connection.
pub struct SimReply {
    /// Time from the call of [`SimServer::respond`] to the action, in nanoseconds.
    pub delay_ns: u64,
    /// The action.
    pub event: SimEvent,
}

/// The actions of a server on a connection.
pub enum SimEvent {
    /// Bytes arrive at the user.
    Bytes(Vec<u8>),
    /// The server closes the connection in order. The user first reads the bytes that have arrived.
    Close,
    /// The server resets the connection.
    Reset,
}

impl SimWorld {
    /// Creates a world at time 0, and the runtime of its shards.
    pub fn new(seed: u64) -> (Self, Runtime) {
        let world = Self(Rc::new(SimWorldInner {
            now_ns: Cell::new(0),
            executor: Executor::new(|| {}),
            servers: RefCell::default(),
            rng: RefCell::new(SmallRng::seed_from_u64(seed)),
        }));
        let rt = Runtime::new(RuntimeBackend::Sim(world.clone()));
        (world, rt)
    }

    /// Adds a server at `host:port`. Connections to any other address are refused.
    pub fn listen(&self, host: &str, port: u16, server: impl SimServer + 'static) {
        self.0.servers.borrow_mut().insert((host.into(), port), Rc::new(server));
    }

    /// Returns the time of the world in nanoseconds.
    pub fn now_ns(&self) -> u64 {
        self.0.now_ns.get()
    }

    /// Runs all tasks and timers that are due up to and including `until_ns`, in order, and sets the clock to
    /// `until_ns`. `rt` is the runtime that [`SimWorld::new`] returned.
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

    /// Connects to the server of `origin`.
    ///
    /// # Errors
    /// Returns [`Error::ConnectRefused`] if there is no such server, otherwise the error of [`SimServer::connect`].
    ///
    /// # Cancel safety
    /// No connection is made.
    pub(super) async fn connect(&self, rt: &Runtime, origin: &Origin) -> Result<SimStream, Error> {
        let server = self.0.servers.borrow().get(&(origin.host().to_owned(), origin.port())).cloned();
        let server = server.ok_or(Error::ConnectRefused)?;
        let connected = server.connect(&mut self.0.rng.borrow_mut());
        rt.sleep_until(self.now_ns() + connected.unwrap_or(0)).await;
        connected?;
        let (rt, world) = (rt.clone(), self.clone());
        Ok(SimStream { rt, world, server, received: Vec::new(), pipe: Rc::default(), sent_ns: 0 })
    }
}

/// The user's side of a simulated connection.
pub(super) struct SimStream {
    rt: Runtime,
    world: SimWorld,
    server: Rc<dyn SimServer>,
    /// Bytes that the server has received and not yet handled.
    received: Vec<u8>,
    pipe: Rc<RefCell<SimPipe>>,
    sent_ns: u64,
}

/// The direction from the server to the user.
#[derive(Default)]
struct SimPipe {
    bytes: VecDeque<u8>,
    closed: bool,
    reset: bool,
    reader: Option<Waker>,
    received_ns: u64,
}

impl SimStream {
    /// Sends all bytes of `buffer` and clears it. The server receives them at once.
    ///
    /// # Errors
    /// Returns an error if the server has reset the connection.
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

    /// Appends received bytes to `buffer` within its spare capacity and returns their number. Returns 0 at the end of
    /// the stream.
    ///
    /// # Errors
    /// Returns an error if the server has reset the connection.
    ///
    /// # Cancel safety
    /// No bytes are lost.
    pub(super) async fn recv(&self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        poll_fn(|cx| self.pipe.borrow_mut().poll_read(buffer, cx)).await
    }

    pub(super) fn sent_ns(&self) -> u64 {
        self.sent_ns
    }

    pub(super) fn received_ns(&self) -> u64 {
        self.pipe.borrow().received_ns
    }

    /// Returns `true` if a receive would not wait.
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
