//! Shards: Rust users on pinned cores, one thread each, as one [`Swarm`].
//!
//! Nothing on a request's way is shared between shards. Each is a [`Place`](crate::place::Place): `mod.rs` starts their
//! threads, and a shard's side (`shard.rs`, `roster.rs`, `life.rs`) runs users.

mod in_flight;
mod shard;
mod user_handle;
mod user_registry;

use std::{
    io,
    sync::{Arc, mpsc},
    thread::JoinHandle,
};

use gregaria_stats::{Interval, Limits};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use thiserror::Error;

pub(crate) use in_flight::InFlightRequest;
pub(crate) use shard::ShardContext;
pub(crate) use user_handle::UserHandle;

use crate::{
    control::{AgentEnd, Coordinator},
    ramp::Segment,
    rt::{self, DriverChoice, DriverKind, Resolver, Runtime},
    scenario::Scenario,
    swarm::{Swarm, SwarmReport},
    user::RustScenario,
};
use shard::ShardLoop;

/// How shards are set up.
#[derive(Clone, Debug, Default)]
pub struct ShardOptions {
    /// How many; `None` is one for each core in this process's affinity mask.
    pub shards: Option<usize>,
    /// What they run on.
    pub driver: DriverChoice,
    /// Caps of the statistics.
    pub limits: Limits,
    /// Where the random numbers begin; `None` is different each time.
    pub seed: Option<u64>,
    /// Checked endpoints of connections, and the cache of name lookups that the shards share.
    pub resolver: Arc<Resolver>,
}

/// Why shards could not be started.
#[derive(Debug, Error)]
pub enum ShardError {
    /// No shards, no users.
    #[error("a run needs at least one shard")]
    NoShards,
    /// [`RustScenario::with_host`] was not called.
    #[error("user class {0} has no host")]
    NoHost(String),
    /// The ring that was asked for, or any at all, was refused by the kernel.
    #[error("the kernel refuses the ring: {0}")]
    Driver(io::Error),
    /// More threads than the cores could serve in time.
    #[error("{asked} shards are too many: at most {most} on the cores of this process")]
    TooManyShards {
        /// What was asked for.
        asked: usize,
        /// What is possible.
        most: usize,
    },
    /// A thread could not be started.
    #[error("a shard's thread could not be started: {0}")]
    Thread(io::Error),
}

/// Rust users on pinned cores.
pub struct ShardSwarm {
    scenario: Arc<RustScenario>,
    coordinator: Coordinator,
    threads: Vec<JoinHandle<io::Result<()>>>,
    driver_kind: Option<DriverKind>,
}

impl ShardSwarm {
    /// Starts the threads, one per shard, each pinned to a core of its own while there are enough.
    ///
    /// # Errors
    /// When a thread or its ring cannot be set up.
    pub fn start(scenario: Arc<RustScenario>, options: &ShardOptions) -> Result<Self, ShardError> {
        let cores = rt::allowed_cores();
        let count = options.shards.unwrap_or(cores.len());
        let seed = options.seed.unwrap_or_else(|| SmallRng::from_os_rng().random());
        let most = cores.len() * MAX_SHARDS_PER_CORE;
        if count > most {
            return Err(ShardError::TooManyShards { asked: count, most });
        }
        let mut swarm = Self::empty(scenario, count)?;
        for index in 0..count {
            let core = cores[index % cores.len()];
            let link = swarm.coordinator.add_agent();
            let (thread, kind) = start_thread(&swarm.scenario, options, link, index, core, seed)?;
            swarm.threads.push(thread);
            swarm.driver_kind = Some(kind);
        }
        Ok(swarm)
    }

    /// Puts the shards into a simulated world, all on the caller's thread.
    ///
    /// # Errors
    /// When there are no shards, or a class lacks its host.
    pub fn simulate(scenario: Arc<RustScenario>, options: &ShardOptions, rt: &Runtime) -> Result<Self, ShardError> {
        let count = options.shards.unwrap_or(1);
        let mut swarm = Self::empty(scenario, count)?;
        for index in 0..count {
            let link = swarm.coordinator.add_agent();
            let seed = options.seed.unwrap_or_default() + index as u64;
            let shard = ShardContext::new(
                rt.clone(),
                Arc::clone(&options.resolver),
                &swarm.scenario,
                options.limits.clone(),
                seed,
            );
            rt.spawn(ShardLoop::new(shard, Arc::clone(&swarm.scenario), link).run());
        }
        Ok(swarm)
    }

    /// What the shards run on; `None` in a simulated world.
    pub fn driver_kind(&self) -> Option<DriverKind> {
        self.driver_kind
    }

    /// How many shards there are.
    pub fn shard_count(&self) -> usize {
        self.coordinator.agent_count()
    }

    fn empty(scenario: Arc<RustScenario>, count: usize) -> Result<Self, ShardError> {
        if count == 0 {
            return Err(ShardError::NoShards);
        }
        if let Some(class) = scenario.class_without_host() {
            return Err(ShardError::NoHost(class.to_owned()));
        }
        let places = Coordinator::new(scenario.user_classes().len());
        Ok(Self { scenario, coordinator: places, threads: Vec::new(), driver_kind: None })
    }
}

impl Swarm for ShardSwarm {
    fn start_run(&mut self, num_requests: Option<u64>) {
        self.coordinator.start_run(num_requests);
    }

    fn apply_segment(&mut self, segment: &Segment) {
        self.coordinator.apply_segment(segment);
    }

    fn stop(&mut self, deadline_ns: u64) {
        self.coordinator.stop(deadline_ns);
    }

    fn collect(&mut self, sink: &mut dyn FnMut(&Interval)) -> SwarmReport {
        let dead = self.threads.iter().position(JoinHandle::is_finished);
        SwarmReport {
            fatal_error: dead.map(|index| format!("shard {index} has died")),
            ..self.coordinator.collect(sink)
        }
    }
}

impl Drop for ShardSwarm {
    fn drop(&mut self) {
        self.coordinator.shutdown();
        for thread in self.threads.drain(..) {
            // How it ended was reported while it mattered.
            let _ = thread.join();
        }
    }
}

fn start_thread(
    scenario: &Arc<RustScenario>,
    options: &ShardOptions,
    channel: AgentEnd,
    index: usize,
    core: usize,
    seed: u64,
) -> Result<(JoinHandle<io::Result<()>>, DriverKind), ShardError> {
    let (tell_kind, kind) = mpsc::channel();
    let (scenario, resolver) = (Arc::clone(scenario), Arc::clone(&options.resolver));
    let (ring, limits) = (options.driver, options.limits.clone());
    let thread = std::thread::Builder::new()
        .name(format!("gregaria-shard-{index}"))
        .spawn(move || {
            if let Err(error) = rt::pin_to_core(core) {
                log::warn!("shard {index} is not pinned to core {core}: {error}");
            }
            let seed = seed.wrapping_add(index as u64);
            rt::block_on(ring, |rt, kind| {
                // The swarm waits for it below.
                let _ = tell_kind.send(kind);
                let shard = ShardContext::new(rt, resolver, &scenario, limits, seed);
                ShardLoop::new(shard, scenario, channel).run()
            })
        })
        .map_err(ShardError::Thread)?;
    match kind.recv() {
        Ok(kind) => Ok((thread, kind)),
        Err(mpsc::RecvError) => Err(ShardError::Driver(match thread.join() {
            Ok(Err(error)) => error,
            _ => io::Error::other("the thread died while it was set up"),
        })),
    }
}

/// Shards beyond the cores only take turns; a few serve tests, hundreds would only measure themselves.
const MAX_SHARDS_PER_CORE: usize = 16;

#[cfg(test)]
mod tests;
