//! The swarm's side of places: tells each its steps, and merges what they hand over.

use std::sync::{Arc, atomic::AtomicU64};

use gregaria_stats::Interval;

use super::{
    link::{HandOver, Link, Message, Reins, link},
    placement::Placement,
};
use crate::{
    health::ShardLoad,
    ramp::Segment,
    swarm::{Swarm, SwarmReport},
};

/// Any number of places as one [`Swarm`].
pub struct Places {
    classes: usize,
    placement: Placement,
    places: Vec<Remote>,
}

/// A place, as its swarm sees it.
struct Remote {
    reins: Reins,
    as_of_ns: u64,
    users: Vec<u32>,
    cut: u64,
    load: ShardLoad,
    stopped: bool,
}

impl Places {
    /// No place, for users of so many classes.
    pub fn new(classes: usize) -> Self {
        Self { classes, placement: Placement::new(classes, 0), places: Vec::new() }
    }

    /// One more; whoever gets the link makes a [`Place`](super::Place) of it. Not while a run is on.
    pub fn add(&mut self) -> Link {
        let (reins, link) = link();
        self.places.push(Remote::new(reins));
        link
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Gives all places up.
    pub fn quit(&mut self) {
        self.places.iter_mut().for_each(|place| place.tell(Message::Quit));
    }
}

impl Swarm for Places {
    fn begin(&mut self, num_requests: Option<u64>) {
        let quota = num_requests.map(|count| Arc::new(AtomicU64::new(count)));
        self.placement = Placement::new(self.classes, self.places.len());
        for place in &mut self.places {
            place.stopped = false;
            place.cut = 0;
            place.tell(Message::Begin(quota.clone()));
        }
    }

    fn ramp(&mut self, segment: &Segment) {
        let plans = self.placement.follow(segment);
        for (place, steps) in self.places.iter_mut().zip(plans) {
            place.tell(Message::Plan { from_ns: segment.start_ns, steps });
        }
    }

    fn stop(&mut self, deadline_ns: u64) {
        self.places.iter_mut().for_each(|place| place.tell(Message::Stop { deadline_ns }));
    }

    fn collect(&mut self, sink: &mut dyn FnMut(&Interval)) -> SwarmReport {
        let mut users = vec![0; self.classes];
        for place in &mut self.places {
            place.collect(sink);
            users.iter_mut().zip(&place.users).for_each(|(sum, count)| *sum += count);
        }
        SwarmReport {
            as_of_ns: self.places.iter().map(|place| place.as_of_ns).min().unwrap_or_default(),
            users,
            stopped: self.places.iter().all(|place| place.stopped),
            cut: self.places.iter().map(|place| place.cut).sum(),
            loads: self.places.iter().map(|place| place.load).collect(),
            fault: None,
        }
    }
}

impl Remote {
    fn new(reins: Reins) -> Self {
        Self { reins, as_of_ns: 0, users: Vec::new(), cut: 0, load: ShardLoad::default(), stopped: false }
    }

    /// A place reads its messages every tick at the latest; one that has not for dozens of them is dead or stuck, which
    /// is noticed elsewhere.
    fn tell(&mut self, message: Message) {
        if self.reins.inbox.push(message).is_err() {
            log::error!("a place of users does not take messages any more");
        }
    }

    fn collect(&mut self, sink: &mut dyn FnMut(&Interval)) {
        while let Ok(HandOver { mut interval, as_of_ns, users, cut, load, stopped }) = self.reins.outbox.pop() {
            sink(&interval);
            interval.clear();
            self.tell(Message::Emptied(interval));
            (self.as_of_ns, self.users) = (as_of_ns, users);
            (self.cut, self.load, self.stopped) = (cut, load, stopped);
        }
    }
}
