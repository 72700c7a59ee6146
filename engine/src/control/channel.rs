//! What a place and its swarm tell each other, over two lock-free queues with one writer and one reader each.

use gregaria_stats::Interval;
use rtrb::{Consumer, Producer, RingBuffer};

use crate::{accounting::Quota, health::ThreadLoad, ramp::RampStep};

/// From the swarm to a place.
#[expect(clippy::large_enum_variant, reason = "an interval comes back ten times a second; a box would not be reused")]
pub(super) enum AgentCommand {
    /// A new run, with its number of requests.
    StartRun(Option<Quota>),
    /// Do these steps; forget earlier ones that are due at `from_ns` or later.
    ReplaceSteps { from_ns: u64, steps: Vec<RampStep> },
    /// No request starts any more; what is on the wire at `deadline_ns` is cut off.
    Stop { deadline_ns: u64 },
    /// An interval, emptied, to record into again.
    ReturnInterval(Interval),
    /// The place is given up.
    Shutdown,
}

/// From a place to its swarm, once per tick.
pub(super) struct AgentReport {
    pub(super) interval: Interval,
    pub(super) as_of_ns: u64,
    pub(super) user_counts: Vec<u32>,
    pub(super) aborted: u64,
    pub(super) load: ThreadLoad,
    /// No user is left and this is all that was measured.
    pub(super) stopped: bool,
}

/// The swarm's end.
pub(super) struct CoordinatorEnd {
    pub(super) commands: Producer<AgentCommand>,
    pub(super) reports: Consumer<AgentReport>,
}

/// A place's end.
pub struct AgentEnd {
    pub(super) commands: Consumer<AgentCommand>,
    pub(super) reports: Producer<AgentReport>,
}

pub(super) fn agent_channel() -> (CoordinatorEnd, AgentEnd) {
    let (to_place, from_swarm) = RingBuffer::new(COMMAND_QUEUE_CAPACITY);
    let (to_swarm, from_place) = RingBuffer::new(REPORT_QUEUE_CAPACITY);
    (CoordinatorEnd { commands: to_place, reports: from_place }, AgentEnd { commands: from_swarm, reports: to_swarm })
}

const COMMAND_QUEUE_CAPACITY: usize = 64;
/// As many intervals go round; a place that has none left keeps recording and hands over later.
pub(super) const REPORT_QUEUE_CAPACITY: usize = 2;
