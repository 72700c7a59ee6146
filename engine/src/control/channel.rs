//! The channel between the coordinator and a thread agent: two lock-free queues, one per direction.

use gregaria_stats::Interval;
use rtrb::{Consumer, Producer, RingBuffer};

use crate::{accounting::Quota, health::ThreadLoad, ramp::RampStep};

/// A command of the coordinator to a thread agent.
#[expect(clippy::large_enum_variant, reason = "an interval comes back ten times a second; a box would not be reused")]
pub(super) enum AgentCommand {
    /// Starts a run with this quota of requests.
    StartRun(Option<Quota>),
    /// Replaces all steps that are due at `from_ns` or later by these.
    ReplaceSteps { from_ns: u64, steps: Vec<RampStep> },
    /// Ends the run. No request starts any more, and requests in flight are aborted at `deadline_ns`.
    Stop { deadline_ns: u64 },
    /// Returns an empty interval for the next report.
    ReturnInterval(Interval),
    /// Ends the agent.
    Shutdown,
}

/// A report of a thread agent to the coordinator, once per tick.
pub(super) struct AgentReport {
    pub(super) interval: Interval,
    /// The middle between this report and the one before.
    pub(super) middle_ns: u64,
    pub(super) as_of_ns: u64,
    pub(super) user_counts: Vec<u32>,
    /// Most users that were active on the thread at a time since the run started.
    pub(super) peak_users: u32,
    pub(super) load: ThreadLoad,
    /// Whether no user is left and this is the last report of the run.
    pub(super) stopped: bool,
}

/// The coordinator's end of the channel.
pub(super) struct CoordinatorEnd {
    pub(super) commands: Producer<AgentCommand>,
    pub(super) reports: Consumer<AgentReport>,
}

/// The agent's end of the channel, for [`ThreadAgent::new`](super::ThreadAgent::new).
pub struct AgentEnd {
    pub(super) commands: Consumer<AgentCommand>,
    pub(super) reports: Producer<AgentReport>,
}

pub(super) fn agent_channel() -> (CoordinatorEnd, AgentEnd) {
    let (command_producer, command_consumer) = RingBuffer::new(COMMAND_QUEUE_CAPACITY);
    let (report_producer, report_consumer) = RingBuffer::new(REPORT_QUEUE_CAPACITY);
    let coordinator_end = CoordinatorEnd { commands: command_producer, reports: report_consumer };
    (coordinator_end, AgentEnd { commands: command_consumer, reports: report_producer })
}

const COMMAND_QUEUE_CAPACITY: usize = 64;
/// Reports in the queue, and intervals in use. An agent without a spare interval continues to record and reports later.
pub(super) const REPORT_QUEUE_CAPACITY: usize = 2;
