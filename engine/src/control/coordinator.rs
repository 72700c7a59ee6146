//! The swarm's side of places: tells each its steps, and merges what they hand over.

use std::sync::{Arc, atomic::AtomicU64};

use gregaria_stats::Interval;

use super::{
    channel::{AgentCommand, AgentEnd, AgentReport, CoordinatorEnd, agent_channel},
    placement::Placement,
};
use crate::{
    health::ThreadLoad,
    ramp::Segment,
    swarm::{Swarm, SwarmReport},
};

/// Any number of places as one [`Swarm`].
pub struct Coordinator {
    classes: usize,
    placement: Placement,
    agents: Vec<RemoteAgent>,
}

/// A place, as its swarm sees it.
struct RemoteAgent {
    channel: CoordinatorEnd,
    as_of_ns: u64,
    user_counts: Vec<u32>,
    aborted: u64,
    load: ThreadLoad,
    stopped: bool,
}

impl Coordinator {
    /// No place, for users of so many classes.
    pub fn new(classes: usize) -> Self {
        Self { classes, placement: Placement::new(classes, 0), agents: Vec::new() }
    }

    /// One more; whoever gets the link makes a [`Place`](super::Place) of it. Not while a run is on.
    pub fn add_agent(&mut self) -> AgentEnd {
        let (reins, link) = agent_channel();
        self.agents.push(RemoteAgent::new(reins));
        link
    }

    /// How many there are.
    pub fn agent_count(&self) -> usize {
        self.agents.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.agents.is_empty()
    }

    /// Gives all places up.
    pub fn shutdown(&mut self) {
        self.agents.iter_mut().for_each(|place| place.send(AgentCommand::Shutdown));
    }
}

impl Swarm for Coordinator {
    fn start_run(&mut self, num_requests: Option<u64>) {
        let quota = num_requests.map(|count| Arc::new(AtomicU64::new(count)));
        self.placement = Placement::new(self.classes, self.agents.len());
        for place in &mut self.agents {
            place.stopped = false;
            place.aborted = 0;
            place.send(AgentCommand::StartRun(quota.clone()));
        }
    }

    fn apply_segment(&mut self, segment: &Segment) {
        let plans = self.placement.apply(segment);
        for (place, steps) in self.agents.iter_mut().zip(plans) {
            place.send(AgentCommand::ReplaceSteps { from_ns: segment.start_ns, steps });
        }
    }

    fn stop(&mut self, deadline_ns: u64) {
        self.agents.iter_mut().for_each(|place| place.send(AgentCommand::Stop { deadline_ns }));
    }

    fn collect(&mut self, sink: &mut dyn FnMut(&Interval)) -> SwarmReport {
        let mut users = vec![0; self.classes];
        for place in &mut self.agents {
            place.collect(sink);
            users.iter_mut().zip(&place.user_counts).for_each(|(sum, count)| *sum += count);
        }
        SwarmReport {
            as_of_ns: self.agents.iter().map(|place| place.as_of_ns).min().unwrap_or_default(),
            users_per_class: users,
            stopped: self.agents.iter().all(|place| place.stopped),
            aborted: self.agents.iter().map(|place| place.aborted).sum(),
            loads: self.agents.iter().map(|place| place.load).collect(),
            fatal_error: None,
        }
    }
}

impl RemoteAgent {
    fn new(channel: CoordinatorEnd) -> Self {
        Self { channel, as_of_ns: 0, user_counts: Vec::new(), aborted: 0, load: ThreadLoad::default(), stopped: false }
    }

    /// A place reads its messages every tick at the latest; one that has not for dozens of them is dead or stuck, which
    /// is noticed elsewhere.
    fn send(&mut self, command: AgentCommand) {
        if self.channel.commands.push(command).is_err() {
            log::error!("a place of users does not take messages any more");
        }
    }

    fn collect(&mut self, sink: &mut dyn FnMut(&Interval)) {
        while let Ok(AgentReport { mut interval, as_of_ns, user_counts: users, aborted: cut, load, stopped }) =
            self.channel.reports.pop()
        {
            sink(&interval);
            interval.clear();
            self.send(AgentCommand::ReturnInterval(interval));
            (self.as_of_ns, self.user_counts) = (as_of_ns, users);
            (self.aborted, self.load, self.stopped) = (cut, load, stopped);
        }
    }
}
