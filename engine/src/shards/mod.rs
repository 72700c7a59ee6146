//! Shards: Rust users on pinned cores, one thread each, as one [`Swarm`].
//!
//! Nothing on a request's way is shared between shards. The swarm's side (`mod.rs`, `placement.rs`) plans and merges;
//! a shard's side (`shard.rs`, `roster.rs`, `gate.rs`, `life.rs`) runs users; `link.rs` is all that lies between.

mod gate;
mod life;
mod link;
mod network;
mod on_wire;
mod placement;
mod roster;
mod shard;

use std::{
    io,
    sync::{Arc, atomic::AtomicU64, mpsc},
    thread::JoinHandle,
};

use gregaria_stats::{Interval, Limits};
use rand::{Rng, SeedableRng, rngs::SmallRng};
use thiserror::Error;

pub(crate) use life::Life;
pub(crate) use network::UserNetwork;
pub(crate) use on_wire::{OnWire, Stamps};
pub(crate) use shard::Shard;

use crate::{
    health::ShardLoad,
    ramp::Segment,
    rt::{self, RingChoice, RingKind, Rt},
    scenario::Scenario,
    swarm::{Swarm, SwarmReport},
    user::RustScenario,
};
use link::{HandOver, Link, Message, Reins};
use placement::Placement;
use shard::ShardLoop;

/// How shards are set up.
#[derive(Clone, Debug, Default)]
pub struct ShardOptions {
    /// How many; `None` is one for each core in this process's affinity mask.
    pub shards: Option<usize>,
    /// What they run on.
    pub ring: RingChoice,
    /// Caps of the statistics.
    pub limits: Limits,
    /// Where the random numbers begin; `None` is different each time.
    pub seed: Option<u64>,
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
    Ring(io::Error),
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
    shards: Vec<ShardHandle>,
    placement: Placement,
    kind: Option<RingKind>,
}

struct ShardHandle {
    reins: Reins,
    thread: Option<JoinHandle<io::Result<()>>>,
    users: Vec<u32>,
    cut: u64,
    load: ShardLoad,
    stopped: bool,
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
            let (handle, kind) = start_thread(&swarm.scenario, options, index, core, seed)?;
            swarm.shards.push(handle);
            swarm.kind = Some(kind);
        }
        Ok(swarm)
    }

    /// Puts the shards into a simulated world, all on the caller's thread.
    ///
    /// # Errors
    /// When there are no shards, or a class lacks its host.
    pub fn simulate(scenario: Arc<RustScenario>, options: &ShardOptions, rt: &Rt) -> Result<Self, ShardError> {
        let count = options.shards.unwrap_or(1);
        let mut swarm = Self::empty(scenario, count)?;
        for index in 0..count {
            let (reins, link) = link::link();
            let seed = options.seed.unwrap_or_default() + index as u64;
            let shard = Shard::new(rt.clone(), &swarm.scenario, options.limits.clone(), seed);
            rt.spawn(ShardLoop::new(shard, Arc::clone(&swarm.scenario), link).run());
            swarm.shards.push(ShardHandle::new(reins, None));
        }
        Ok(swarm)
    }

    /// What the shards run on; `None` in a simulated world.
    pub fn ring(&self) -> Option<RingKind> {
        self.kind
    }

    /// How many shards there are.
    pub fn shards(&self) -> usize {
        self.shards.len()
    }

    fn empty(scenario: Arc<RustScenario>, count: usize) -> Result<Self, ShardError> {
        if count == 0 {
            return Err(ShardError::NoShards);
        }
        if let Some(class) = scenario.lacks_host() {
            return Err(ShardError::NoHost(class.to_owned()));
        }
        let placement = Placement::new(scenario.user_classes().len(), count);
        Ok(Self { scenario, shards: Vec::new(), placement, kind: None })
    }
}

impl Swarm for ShardSwarm {
    fn begin(&mut self, num_requests: Option<u64>) {
        let quota = num_requests.map(|count| Arc::new(AtomicU64::new(count)));
        self.placement = Placement::new(self.scenario.user_classes().len(), self.shards.len());
        for shard in &mut self.shards {
            shard.stopped = false;
            shard.cut = 0;
            shard.tell(Message::Begin(quota.clone()));
        }
    }

    fn ramp(&mut self, segment: &Segment) {
        let plans = self.placement.follow(segment);
        for (shard, steps) in self.shards.iter_mut().zip(plans) {
            shard.tell(Message::Plan { from_ns: segment.start_ns, steps });
        }
    }

    fn stop(&mut self, deadline_ns: u64) {
        for shard in &mut self.shards {
            shard.tell(Message::Stop { deadline_ns });
        }
    }

    fn collect(&mut self, sink: &mut dyn FnMut(&Interval)) -> SwarmReport {
        for shard in &mut self.shards {
            shard.collect(sink);
        }
        let mut users = vec![0; self.scenario.user_classes().len()];
        for shard in &self.shards {
            users.iter_mut().zip(&shard.users).for_each(|(sum, count)| *sum += count);
        }
        SwarmReport {
            users,
            stopped: self.shards.iter().all(|shard| shard.stopped),
            cut: self.shards.iter().map(|shard| shard.cut).sum(),
            loads: self.shards.iter().map(|shard| shard.load).collect(),
            fault: self.shards.iter().position(ShardHandle::is_dead).map(|index| format!("shard {index} has died")),
        }
    }
}

impl Drop for ShardSwarm {
    fn drop(&mut self) {
        for shard in &mut self.shards {
            shard.tell(Message::Quit);
        }
        for thread in self.shards.iter_mut().filter_map(|shard| shard.thread.take()) {
            // How it ended was reported while it mattered.
            let _ = thread.join();
        }
    }
}

impl ShardHandle {
    fn new(reins: Reins, thread: Option<JoinHandle<io::Result<()>>>) -> Self {
        Self { reins, thread, users: Vec::new(), cut: 0, load: ShardLoad::default(), stopped: false }
    }

    /// A shard reads its messages every few milliseconds; one that has not for dozens of them is dead, and
    /// [`ShardHandle::is_dead`] says so.
    fn tell(&mut self, message: Message) {
        if self.reins.inbox.push(message).is_err() {
            log::error!("a shard does not take messages any more");
        }
    }

    fn collect(&mut self, sink: &mut dyn FnMut(&Interval)) {
        while let Ok(HandOver { mut interval, users, cut, load, stopped }) = self.reins.outbox.pop() {
            sink(&interval);
            interval.clear();
            self.tell(Message::Emptied(interval));
            (self.users, self.cut, self.load, self.stopped) = (users, cut, load, stopped);
        }
    }

    fn is_dead(&self) -> bool {
        self.thread.as_ref().is_some_and(JoinHandle::is_finished)
    }
}

fn start_thread(
    scenario: &Arc<RustScenario>,
    options: &ShardOptions,
    index: usize,
    core: usize,
    seed: u64,
) -> Result<(ShardHandle, RingKind), ShardError> {
    let (reins, link) = link::link();
    let (tell_kind, kind) = mpsc::channel();
    let (scenario, options) = (Arc::clone(scenario), options.clone());
    let thread = std::thread::Builder::new()
        .name(format!("gregaria-shard-{index}"))
        .spawn(move || {
            if let Err(error) = rt::pin_to_core(core) {
                log::warn!("shard {index} is not pinned to core {core}: {error}");
            }
            let seed = seed.wrapping_add(index as u64);
            rt::block_on(options.ring, |rt, kind| {
                // The swarm waits for it below.
                let _ = tell_kind.send(kind);
                run_shard(rt, scenario, options.limits, seed, link)
            })
        })
        .map_err(ShardError::Thread)?;
    match kind.recv() {
        Ok(kind) => Ok((ShardHandle::new(reins, Some(thread)), kind)),
        Err(mpsc::RecvError) => Err(ShardError::Ring(match thread.join() {
            Ok(Err(error)) => error,
            _ => io::Error::other("the thread died while it was set up"),
        })),
    }
}

async fn run_shard(rt: Rt, scenario: Arc<RustScenario>, limits: Limits, seed: u64, link: Link) {
    let shard = Shard::new(rt, &scenario, limits, seed);
    ShardLoop::new(shard, scenario, link).run().await;
}

/// Shards beyond the cores only take turns; a few serve tests, hundreds would only measure themselves.
const MAX_SHARDS_PER_CORE: usize = 16;

#[cfg(test)]
mod tests;
