//! What a place and its swarm tell each other, over two lock-free queues with one writer and one reader each.

use gregaria_stats::Interval;
use rtrb::{Consumer, Producer, RingBuffer};

use super::gate::Quota;
use crate::{health::ShardLoad, ramp::Step};

/// From the swarm to a place.
#[expect(clippy::large_enum_variant, reason = "an interval comes back ten times a second; a box would not be reused")]
pub(super) enum Message {
    /// A new run, with its number of requests.
    Begin(Option<Quota>),
    /// Do these steps; forget earlier ones that are due at `from_ns` or later.
    Plan { from_ns: u64, steps: Vec<Step> },
    /// No request starts any more; what is on the wire at `deadline_ns` is cut off.
    Stop { deadline_ns: u64 },
    /// An interval, emptied, to record into again.
    Emptied(Interval),
    /// The place is given up.
    Quit,
}

/// From a place to its swarm, once per tick.
pub(super) struct HandOver {
    pub(super) interval: Interval,
    pub(super) as_of_ns: u64,
    pub(super) users: Vec<u32>,
    pub(super) cut: u64,
    pub(super) load: ShardLoad,
    /// No user is left and this is all that was measured.
    pub(super) stopped: bool,
}

/// The swarm's end.
pub(super) struct Reins {
    pub(super) inbox: Producer<Message>,
    pub(super) outbox: Consumer<HandOver>,
}

/// A place's end.
pub struct Link {
    pub(super) inbox: Consumer<Message>,
    pub(super) outbox: Producer<HandOver>,
}

pub(super) fn link() -> (Reins, Link) {
    let (to_place, from_swarm) = RingBuffer::new(MESSAGES);
    let (to_swarm, from_place) = RingBuffer::new(HAND_OVERS);
    (Reins { inbox: to_place, outbox: from_place }, Link { inbox: from_swarm, outbox: to_swarm })
}

const MESSAGES: usize = 64;
/// As many intervals go round; a place that has none left keeps recording and hands over later.
pub(super) const HAND_OVERS: usize = 2;
