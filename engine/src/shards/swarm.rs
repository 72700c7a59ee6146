//! The swarm of shards: starts their threads and controls them through a [`Coordinator`].
//!
//! The loop of a shard is in `shard_loop.rs`. This file must not know how users run.

use std::{
    io,
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use gregaria_stats::{Interval, Limits};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use thiserror::Error;

use super::{shard_loop::ShardLoop, watch::ShardWatch};
use crate::{
    control::{AgentEnd, Coordinator},
    ramp::Segment,
    rt::{self, DriverChoice, DriverKind, Resolver, Runtime},
    scenario::Scenario,
    swarm::{Swarm, SwarmReport},
    user::{RustScenario, ThreadActivity, ThreadContext},
};

/// Settings of a [`ShardSwarm`].
///
/// # Examples
///
/// Two shards with a fixed seed, for a run that draws the same random numbers each time:
///
/// ```
/// use gregaria_engine::ShardOptions;
///
/// let options = ShardOptions { shards: Some(2), seed: Some(7), ..ShardOptions::default() };
/// assert_eq!(options.shards, Some(2));
/// ```
#[derive(Clone, Debug, Default)]
pub struct ShardOptions {
    /// Number of shards, at least 1 and at most 16 per core. `None` is one per core in the affinity mask of this
    /// process.
    pub shards: Option<usize>,
    /// Kernel interface of the shards. Default [`DriverChoice::Auto`].
    pub driver: DriverChoice,
    /// Limits of the statistics, per shard.
    pub limits: Limits,
    /// Seed of the random numbers. `None`, the default, draws a new seed in [`ShardSwarm::start`] and is 0 in
    /// [`ShardSwarm::simulate`].
    pub seed: Option<u64>,
    /// Checked endpoints of connections, and the cache of name lookups that the shards share.
    pub resolver: Arc<Resolver>,
}

/// A reason why shards cannot be started.
///
/// # Examples
///
/// ```
/// use gregaria_engine::ShardError;
///
/// assert_eq!(ShardError::NoShards.to_string(), "a run needs at least one shard");
/// ```
#[derive(Debug, Error)]
pub enum ShardError {
    /// Zero shards were requested.
    #[error("a run needs at least one shard")]
    NoShards,
    /// [`RustScenario::with_host`] was not called.
    #[error("user class {0} has no host: set one for the class or for the run")]
    NoHost(String),
    /// The kernel does not support the requested driver, or any driver.
    #[error("the kernel refuses the driver: {0}")]
    Driver(io::Error),
    /// More shards than the cores can serve in time.
    #[error("{requested} shards are too many: at most {max} on the cores of this process")]
    TooManyShards {
        /// The requested number of shards.
        requested: usize,
        /// The largest possible number of shards.
        max: usize,
    },
    /// The operating system did not start a thread.
    #[error("failed to start the thread of a shard: {0}")]
    Thread(io::Error),
}

/// A swarm of Rust users on pinned cores.
///
/// Dropping it ends the shards and waits for their threads, except for those that a task blocks.
///
/// # Examples
///
/// ```no_run
/// use std::sync::Arc;
///
/// use gregaria_engine::{HttpUser, RustScenario, ShardOptions, ShardSwarm, TaskSet, UserClass};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tasks = TaskSet::new("Website").task_named("index", 1, async |user: &mut HttpUser| {
///     user.get("/").await;
///     Ok(())
/// });
/// let scenario = RustScenario::new([UserClass::http("Visitor").tasks(tasks)])?.with_host(Some("http://localhost"))?;
/// let swarm = ShardSwarm::start(Arc::new(scenario), &ShardOptions::default())?;
/// println!("{} shards on {:?}", swarm.shard_count(), swarm.driver_kind());
/// # Ok(())
/// # }
/// ```
pub struct ShardSwarm {
    scenario: Arc<RustScenario>,
    coordinator: Coordinator,
    threads: Vec<JoinHandle<io::Result<()>>>,
    watches: Vec<ShardWatch>,
    driver_kind: Option<DriverKind>,
}

impl ShardSwarm {
    /// Starts one thread per shard. Each is pinned to a core of its own while there are enough cores.
    ///
    /// # Errors
    /// Returns a [`ShardError`] if the number of shards is not possible, a class has no host, or a thread or its driver
    /// cannot be set up.
    pub fn start(scenario: Arc<RustScenario>, options: &ShardOptions) -> Result<Self, ShardError> {
        let cores = rt::allowed_cores();
        let requested = options.shards.unwrap_or(cores.len());
        let seed = options.seed.unwrap_or_else(|| SmallRng::from_os_rng().random());
        let max = cores.len() * MAX_SHARDS_PER_CORE;
        if requested > max {
            return Err(ShardError::TooManyShards { requested, max });
        }
        let mut swarm = Self::empty(scenario, requested)?;
        for index in 0..requested {
            let core = cores[index % cores.len()];
            let channel = swarm.coordinator.add_agent();
            let (thread, driver_kind, activity) = start_thread(&swarm.scenario, options, channel, index, core, seed)?;
            swarm.threads.push(thread);
            swarm.watches.push(ShardWatch::new(index, activity));
            swarm.driver_kind = Some(driver_kind);
        }
        Ok(swarm)
    }

    /// Spawns the shards as tasks of a simulated runtime, all on the caller's thread. Starts one shard unless the
    /// options set a number.
    ///
    /// # Errors
    /// Returns a [`ShardError`] if the options ask for 0 shards, or a class has no host.
    pub fn simulate(scenario: Arc<RustScenario>, options: &ShardOptions, rt: &Runtime) -> Result<Self, ShardError> {
        let count = options.shards.unwrap_or(1);
        let mut swarm = Self::empty(scenario, count)?;
        let classes = swarm.scenario.user_classes().len();
        for index in 0..count {
            let channel = swarm.coordinator.add_agent();
            let seed = options.seed.unwrap_or_default() + index as u64;
            let resolver = Arc::clone(&options.resolver);
            let context = ThreadContext::new(rt.clone(), resolver, classes, options.limits.clone(), seed);
            rt.spawn(ShardLoop::new(context, Arc::clone(&swarm.scenario), channel).run());
        }
        Ok(swarm)
    }

    /// Returns the driver of the shards; `None` in the simulator.
    pub fn driver_kind(&self) -> Option<DriverKind> {
        self.driver_kind
    }

    /// Returns the number of shards.
    pub fn shard_count(&self) -> usize {
        self.coordinator.agent_count()
    }

    fn empty(scenario: Arc<RustScenario>, shards: usize) -> Result<Self, ShardError> {
        if shards == 0 {
            return Err(ShardError::NoShards);
        }
        if let Some(class) = scenario.class_without_host() {
            return Err(ShardError::NoHost(class.to_owned()));
        }
        let coordinator = Coordinator::new(scenario.user_classes().len());
        Ok(Self { scenario, coordinator, threads: Vec::new(), watches: Vec::new(), driver_kind: None })
    }
}

impl Swarm for ShardSwarm {
    fn start_run(&mut self, num_requests: Option<u64>) {
        let now_ns = rt::now_ns();
        self.watches.iter_mut().for_each(|watch| watch.start_run(now_ns));
        self.coordinator.start_run(num_requests);
    }

    fn apply_segment(&mut self, segment: &Segment) {
        self.coordinator.apply_segment(segment);
    }

    fn stop(&mut self, deadline_ns: u64) {
        self.coordinator.stop(deadline_ns);
    }

    fn collect(&mut self, sink: &mut dyn FnMut(&Interval, u64)) -> SwarmReport {
        let ended = self.threads.iter().position(JoinHandle::is_finished);
        let fatal_error =
            ended.map(|index| format!("the thread of shard {index} has ended: this is a bug of gregaria"));
        let mut report = self.coordinator.collect(sink);
        let now_ns = rt::now_ns();
        for (watch, load) in self.watches.iter_mut().zip(&mut report.loads) {
            let blocked = watch.check(now_ns, &self.scenario, load);
            report.blocked_thread = report.blocked_thread.or(blocked);
        }
        SwarmReport { fatal_error, ..report }
    }
}

impl Drop for ShardSwarm {
    fn drop(&mut self) {
        self.coordinator.shutdown();
        let now_ns = rt::now_ns();
        for (thread, watch) in self.threads.drain(..).zip(&self.watches) {
            if !watch.is_blocked(now_ns) || thread.is_finished() {
                // A thread that ended during the run was reported by `collect`.
                let _ = thread.join();
            }
        }
    }
}

/// A thread that has started, its driver and its activity.
type StartedShard = (JoinHandle<io::Result<()>>, DriverKind, Arc<ThreadActivity>);

fn start_thread(
    scenario: &Arc<RustScenario>,
    options: &ShardOptions,
    channel: AgentEnd,
    index: usize,
    core: usize,
    seed: u64,
) -> Result<StartedShard, ShardError> {
    let (ready_sender, ready_receiver) = mpsc::channel();
    let (scenario, resolver) = (Arc::clone(scenario), Arc::clone(&options.resolver));
    let (driver, limits) = (options.driver, options.limits.clone());
    let thread = std::thread::Builder::new()
        .name(format!("gregaria-shard-{index}"))
        .spawn(move || {
            if let Err(error) = rt::pin_to_core(core) {
                log::warn!("Shard {index} is not pinned to core {core}: {error}");
            }
            let seed = seed.wrapping_add(index as u64);
            rt::block_on(driver, |rt, kind| {
                let context = ThreadContext::new(rt, resolver, scenario.user_classes().len(), limits, seed);
                // Cannot fail: the receiver below waits for this message.
                let _ = ready_sender.send((kind, Arc::clone(&context.activity)));
                ShardLoop::new(context, scenario, channel).run()
            })
        })
        .map_err(ShardError::Thread)?;
    match ready_receiver.recv() {
        Ok((kind, activity)) => Ok((thread, kind, activity)),
        Err(mpsc::RecvError) => Err(ShardError::Driver(match thread.join() {
            Ok(Err(error)) => error,
            _ => io::Error::other("the thread panicked during its setup"),
        })),
    }
}

/// Maximum number of shards per core. More than one per core is useful only in tests: shards of one core delay each
/// other, and the delays appear in the measured times.
const MAX_SHARDS_PER_CORE: usize = 16;
