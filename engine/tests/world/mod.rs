//! A run in the simulator: the test steps the runner, the simulated world runs in between, a scripted server answers.

use std::{cell::RefCell, rc::Rc, sync::Arc, time::Duration};

use gregaria_engine::{
    ClockReading, RunCommand, RunHandle, RunReport, Runner, RunnerOptions, RunnerState, RustScenario, ShardOptions,
    ShardSwarm, UserClass,
    http::{ClientConfig, Error},
    rt::{
        Runtime,
        sim::{SimEvent, SimReply, SimServer, SimWorld},
    },
    stats::Summary,
};
use rand::{Rng, rngs::SmallRng};

/// A whole engine in a simulated world of its own.
pub(crate) struct Simulation {
    world: SimWorld,
    runtime: Runtime,
    runner: Runner<ShardSwarm>,
    handle: RunHandle,
    next_step_ns: u64,
}

impl Simulation {
    pub(crate) fn new(
        seed: u64,
        shards: usize,
        classes: impl IntoIterator<Item = UserClass>,
        options: RunnerOptions,
    ) -> Self {
        let (world, rt) = SimWorld::new(seed);
        let scenario = RustScenario::new(classes).unwrap().with_host(Some("http://target:80")).unwrap();
        let scenario = Arc::new(scenario);
        let shard_options = ShardOptions { shards: Some(shards), seed: Some(seed), ..ShardOptions::default() };
        let swarm = ShardSwarm::simulate(Arc::clone(&scenario), &shard_options, &rt).unwrap();
        let (runner, handle) = Runner::new(scenario, swarm, options);
        Self { world, runtime: rt, runner, handle, next_step_ns: 0 }
    }

    pub(crate) fn serve(&self, server: ScriptedServer) -> ServerLog {
        let log = ServerLog(Rc::clone(&server.log));
        self.world.listen("target", 80, server);
        log
    }

    pub(crate) fn command(&mut self, command: RunCommand) {
        self.handle.send_command(command);
        self.step();
    }

    pub(crate) fn spawn(&mut self, users: u32, spawn_rate: f64) {
        self.command(RunCommand::Spawn { users, spawn_rate });
    }

    pub(crate) fn run_until(&mut self, until_ns: u64) {
        while self.next_step_ns <= until_ns {
            self.world.run_until(&self.runtime, self.next_step_ns);
            self.step();
        }
        self.world.run_until(&self.runtime, until_ns);
    }

    /// Runs to the end of the run, for at most an hour of simulated time.
    pub(crate) fn finish(&mut self) -> RunReport {
        while self.handle.status().state != RunnerState::Stopped {
            assert!(self.world.now_ns() < 3_600_000_000_000, "the run does not end");
            self.run_until(self.next_step_ns);
        }
        self.handle.wait()
    }

    /// Returns the number of active users now, not at the last tick.
    pub(crate) fn current_users(&mut self) -> u32 {
        // Reports are up to a tick old. A step collects the latest ones.
        let now_ns = self.world.now_ns();
        self.step_at(now_ns);
        self.handle.status().users
    }

    pub(crate) fn aborted(&self) -> u64 {
        self.handle.status().aborted
    }

    pub(crate) fn summary<R>(&self, read: impl FnOnce(&Summary) -> R) -> R {
        self.handle.with_summary(read)
    }

    fn step(&mut self) {
        self.step_at(self.world.now_ns());
    }

    fn step_at(&mut self, mono_ns: u64) {
        self.next_step_ns = self.runner.step(ClockReading { mono_ns, unix_s: mono_ns as f64 / 1e9 });
    }
}

pub(crate) fn run_time(seconds: f64) -> RunnerOptions {
    RunnerOptions { run_time: Some(Duration::from_secs_f64(seconds)), ..RunnerOptions::default() }
}

pub(crate) fn timeouts_of_1_s() -> ClientConfig {
    let second_ns = 1_000_000_000;
    ClientConfig { connect_timeout_ns: second_ns, read_timeout_ns: second_ns, ..ClientConfig::default() }
}

/// A fault of a server in place of a response.
#[derive(Clone, Copy)]
pub(crate) enum ServerFault {
    Close,
    NoAnswer,
    Reset,
    Status500,
    Truncate,
}

/// A scripted HTTP server. It answers `/missing` with 404 and other paths with 200.
pub(crate) struct ScriptedServer {
    connect_ms: u64,
    delay_ms: (u64, u64),
    fault: Option<(f64, ServerFault)>,
    idle_close_ms: Option<u64>,
    log: Rc<RefCell<Vec<ServerEvent>>>,
}

struct ServerEvent {
    at_ns: u64,
    path: String,
    is_faulty: bool,
    is_connection: bool,
}

impl ScriptedServer {
    pub(crate) fn answering_after_ms(min_ms: u64, max_ms: u64) -> Self {
        Self { connect_ms: 0, delay_ms: (min_ms, max_ms), fault: None, idle_close_ms: None, log: Rc::default() }
    }

    pub(crate) fn with_fault(mut self, probability: f64, fault: ServerFault) -> Self {
        self.fault = Some((probability, fault));
        self
    }

    pub(crate) fn connecting_in_ms(mut self, millis: u64) -> Self {
        self.connect_ms = millis;
        self
    }

    pub(crate) fn closing_idle_after_ms(mut self, millis: u64) -> Self {
        self.idle_close_ms = Some(millis);
        self
    }

    fn answer_to(&self, path: &str, fault: Option<ServerFault>) -> Vec<SimEvent> {
        let response =
            |status: &str, length| format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\nhello").into_bytes();
        match fault {
            Some(ServerFault::Close) => vec![SimEvent::Close],
            Some(ServerFault::NoAnswer) => vec![],
            Some(ServerFault::Reset) => vec![SimEvent::Reset],
            Some(ServerFault::Truncate) => vec![SimEvent::Bytes(response("200 OK", 50)), SimEvent::Close],
            Some(ServerFault::Status500) => vec![SimEvent::Bytes(response("500 Internal Server Error", 5))],
            None if path == "/missing" => vec![SimEvent::Bytes(response("404 Not Found", 5))],
            None => vec![SimEvent::Bytes(response("200 OK", 5))],
        }
    }
}

impl SimServer for ScriptedServer {
    fn connect(&self, _: &mut SmallRng) -> Result<u64, Error> {
        let connection = ServerEvent { at_ns: 0, path: String::new(), is_faulty: false, is_connection: true };
        self.log.borrow_mut().push(connection);
        Ok(self.connect_ms * 1_000_000)
    }

    fn respond(&self, received: &mut Vec<u8>, now_ns: u64, rng: &mut SmallRng) -> Vec<SimReply> {
        let request = String::from_utf8(std::mem::take(received)).unwrap();
        let path = request.split(' ').nth(1).unwrap().to_owned();
        let fault = self.fault.filter(|(probability, _)| rng.random_bool(*probability)).map(|(_, fault)| fault);
        let after_ns = rng.random_range(self.delay_ms.0..=self.delay_ms.1) * 1_000_000;
        let events = self.answer_to(&path, fault);
        let is_faulty = fault.is_some();
        self.log.borrow_mut().push(ServerEvent { at_ns: now_ns, path, is_faulty, is_connection: false });
        let idle_close = self.idle_close_ms.map(|millis| (millis * 1_000_000, SimEvent::Close));
        let replies = events.into_iter().map(|event| (after_ns, event)).chain(idle_close);
        replies.map(|(delay_ns, event)| SimReply { delay_ns, event }).collect()
    }
}

/// The connections and requests that the server received.
pub(crate) struct ServerLog(Rc<RefCell<Vec<ServerEvent>>>);

impl ServerLog {
    pub(crate) fn count(&self, path: &str) -> u64 {
        self.0.borrow().iter().filter(|arrival| !arrival.is_connection && arrival.path == path).count() as u64
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.borrow().iter().filter(|arrival| !arrival.is_connection).count() as u64
    }

    pub(crate) fn faults(&self) -> u64 {
        self.0.borrow().iter().filter(|arrival| arrival.is_faulty).count() as u64
    }

    pub(crate) fn connections(&self) -> u64 {
        self.0.borrow().iter().filter(|arrival| arrival.is_connection).count() as u64
    }

    pub(crate) fn arrivals_ns(&self) -> Vec<u64> {
        self.0.borrow().iter().filter(|arrival| !arrival.is_connection).map(|arrival| arrival.at_ns).collect()
    }
}
