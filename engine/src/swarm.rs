//! Where a scenario runs: a place that holds users.
//!
//! Shards (`shards/`), the Python host and a cluster implement it, and a scripted one in the runner's tests. It
//! follows ramps by itself and hands over what was measured; it decides nothing about the run.

use gregaria_stats::Interval;

use crate::{health::ThreadLoad, ramp::Segment};

/// A place that holds users.
pub trait Swarm: Send {
    /// A new run begins: at most `num_requests` requests are to be recorded in it. Called before the first
    /// [`Swarm::ramp`] and again after each finished [`Swarm::stop`].
    fn start_run(&mut self, num_requests: Option<u64>);

    /// Follow this segment. From its start on it replaces what earlier segments had planned for later.
    fn apply_segment(&mut self, segment: &Segment);

    /// The run ends: no request starts any more; those on the wire are read to their end until `deadline_ns`
    /// (monotonic) and cut off then. A later call can only bring the deadline forward.
    fn stop(&mut self, deadline_ns: u64);

    /// Hands what was measured since the last call to `sink` and says how the swarm stands. Never blocks.
    fn collect(&mut self, sink: &mut dyn FnMut(&Interval)) -> SwarmReport;
}

/// How a swarm stands.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SwarmReport {
    /// When all of this was so, by the clock of the orders: a place that is held up has nothing newer to say.
    pub as_of_ns: u64,
    /// Users that lived then, per class in the scenario's order.
    pub users_per_class: Vec<u32>,
    /// After [`Swarm::stop`]: no user is left, and all that was measured has been handed over.
    pub stopped: bool,
    /// Requests cut off on the wire since the run began.
    pub aborted: u64,
    /// What each shard has cost so far.
    pub loads: Vec<ThreadLoad>,
    /// What stopped the swarm from going on, if anything: a bug or a lack of resources, in one sentence.
    pub fatal_error: Option<String>,
}

impl SwarmReport {
    /// Users of all classes.
    pub fn total_users(&self) -> u32 {
        self.users_per_class.iter().sum()
    }
}
