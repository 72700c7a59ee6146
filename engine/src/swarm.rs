//! The backend of a run: a [`Swarm`] holds users.
//!
//! Shards (`shards/`), the Python host and the scripted swarm of the runner's tests implement it. A swarm follows ramps
//! by itself and returns measurements. It must not know the runner, and it makes no decision about the run.

use gregaria_stats::Interval;

use crate::{health::ThreadLoad, ramp::Segment};

/// A backend that holds users.
///
/// # Examples
///
/// A swarm of users that exist only as a number:
///
/// ```
/// use gregaria_engine::{Segment, Swarm, SwarmReport, stats::Interval};
///
/// #[derive(Default)]
/// struct CountingSwarm {
///     report: SwarmReport,
/// }
///
/// impl Swarm for CountingSwarm {
///     fn start_run(&mut self, _num_requests: Option<u64>) {
///         self.report = SwarmReport::default();
///     }
///
///     fn apply_segment(&mut self, segment: &Segment) {
///         self.report.users_per_class = segment.to.clone();
///     }
///
///     fn stop(&mut self, _deadline_ns: u64) {
///         self.report.users_per_class.fill(0);
///         self.report.stopped = true;
///     }
///
///     fn collect(&mut self, _sink: &mut dyn FnMut(&Interval, u64)) -> SwarmReport {
///         self.report.clone()
///     }
/// }
/// ```
pub trait Swarm: Send {
    /// Starts a new run in which at most `num_requests` requests are recorded. Called before the first
    /// [`apply_segment`](Swarm::apply_segment) and again after each finished [`stop`](Swarm::stop).
    fn start_run(&mut self, num_requests: Option<u64>);

    /// Follows this segment. It replaces all steps of earlier segments that are due at its start or later.
    fn apply_segment(&mut self, segment: &Segment);

    /// Ends the run. No request starts any more. Requests in flight may finish until `deadline_ns` (monotonic) and are
    /// aborted then. The runner may call it again with an earlier deadline, never with a later one.
    fn stop(&mut self, deadline_ns: u64);

    /// Passes all measurements since the last call to `sink`, each with the time of its middle (monotonic nanoseconds),
    /// and returns the state of the swarm. Never blocks.
    fn collect(&mut self, sink: &mut dyn FnMut(&Interval, u64)) -> SwarmReport;
}

/// The state of a swarm.
///
/// # Examples
///
/// ```
/// use gregaria_engine::SwarmReport;
///
/// let report = SwarmReport { users_per_class: vec![3, 4], ..SwarmReport::default() };
/// assert_eq!(report.total_users(), 7);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct SwarmReport {
    /// Time of this state, in monotonic nanoseconds. It is the oldest one of all threads, so a blocked thread delays
    /// it.
    pub as_of_ns: u64,
    /// Active users per class, in the order of the scenario.
    pub users_per_class: Vec<u32>,
    /// Sum of the most users that were active on each thread at a time since the run started.
    pub peak_users: u32,
    /// Whether all users have exited after [`Swarm::stop`] and all measurements were returned.
    pub stopped: bool,
    /// CPU and wall time of each thread since the run started.
    pub loads: Vec<ThreadLoad>,
    /// A thread that runs users and has not turned for a second, in one sentence. Its users cannot be stopped.
    pub blocked_thread: Option<String>,
    /// A bug or a lack of resources that prevents the swarm from continuing, in one sentence.
    pub fatal_error: Option<String>,
}

impl SwarmReport {
    /// Returns the number of active users of all classes.
    pub fn total_users(&self) -> u32 {
        self.users_per_class.iter().sum()
    }
}
