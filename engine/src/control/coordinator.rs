//! The swarm's side of thread control: distributes the steps of a segment over threads, and merges their reports.
//!
//! The side of a thread is `agent.rs`, the distribution `placement.rs`.

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

/// A group of threads as one [`Swarm`].
///
/// # Examples
///
/// ```
/// use gregaria_engine::control::{Coordinator, ThreadAgent};
///
/// let mut coordinator = Coordinator::new(1);
/// let agent = ThreadAgent::new(coordinator.add_agent());
/// assert!(!agent.is_running());
/// ```
pub struct Coordinator {
    classes: usize,
    placement: Placement,
    agents: Vec<RemoteAgent>,
}

/// The coordinator's view of a thread agent: its channel and its last report.
struct RemoteAgent {
    channel: CoordinatorEnd,
    as_of_ns: u64,
    user_counts: Vec<u32>,
    peak_users: u32,
    load: ThreadLoad,
    stopped: bool,
}

impl Coordinator {
    /// Creates a coordinator without threads, for this number of user classes.
    pub fn new(classes: usize) -> Self {
        Self { classes, placement: Placement::new(classes, 0), agents: Vec::new() }
    }

    /// Adds a thread and returns the channel for its [`ThreadAgent`](super::ThreadAgent). Must not be called during a
    /// run.
    pub fn add_agent(&mut self) -> AgentEnd {
        let (coordinator_end, agent_end) = agent_channel();
        self.agents.push(RemoteAgent::new(coordinator_end));
        agent_end
    }

    /// Returns the number of threads.
    pub(crate) fn agent_count(&self) -> usize {
        self.agents.len()
    }

    /// Ends the agents of all threads.
    pub fn shutdown(&mut self) {
        self.send_to_all(|| AgentCommand::Shutdown);
    }

    fn send_to_all(&mut self, command: impl Fn() -> AgentCommand) {
        for (index, agent) in self.agents.iter_mut().enumerate() {
            agent.send(index, command());
        }
    }
}

impl Swarm for Coordinator {
    fn start_run(&mut self, num_requests: Option<u64>) {
        let quota = num_requests.map(|count| Arc::new(AtomicU64::new(count)));
        self.placement = Placement::new(self.classes, self.agents.len());
        for agent in &mut self.agents {
            agent.stopped = false;
            agent.peak_users = 0;
        }
        self.send_to_all(|| AgentCommand::StartRun(quota.clone()));
    }

    fn apply_segment(&mut self, segment: &Segment) {
        let steps_per_thread = self.placement.apply(segment);
        for ((index, agent), steps) in self.agents.iter_mut().enumerate().zip(steps_per_thread) {
            agent.send(index, AgentCommand::ReplaceSteps { from_ns: segment.start_ns, steps });
        }
    }

    fn stop(&mut self, deadline_ns: u64) {
        self.send_to_all(|| AgentCommand::Stop { deadline_ns });
    }

    fn collect(&mut self, sink: &mut dyn FnMut(&Interval, u64)) -> SwarmReport {
        let mut users_per_class = vec![0; self.classes];
        for (index, agent) in self.agents.iter_mut().enumerate() {
            agent.collect(index, sink);
            users_per_class.iter_mut().zip(&agent.user_counts).for_each(|(sum, count)| *sum += count);
        }
        SwarmReport {
            as_of_ns: self.agents.iter().map(|agent| agent.as_of_ns).min().unwrap_or_default(),
            users_per_class,
            peak_users: self.agents.iter().map(|agent| agent.peak_users).sum(),
            stopped: self.agents.iter().all(|agent| agent.stopped),
            loads: self.agents.iter().map(|agent| agent.load).collect(),
            blocked_thread: None,
            fatal_error: None,
        }
    }
}

impl RemoteAgent {
    fn new(channel: CoordinatorEnd) -> Self {
        Self {
            channel,
            as_of_ns: 0,
            user_counts: Vec::new(),
            peak_users: 0,
            load: ThreadLoad::default(),
            stopped: false,
        }
    }

    /// Queues a command. An agent reads its commands at every tick, so a full queue means that its thread has ended
    /// or is blocked. The swarm reports both by other means.
    fn send(&mut self, index: usize, command: AgentCommand) {
        if self.channel.commands.push(command).is_err() {
            log::error!("Thread {index}: command queue is full; the thread is not responding");
        }
    }

    fn collect(&mut self, index: usize, sink: &mut dyn FnMut(&Interval, u64)) {
        while let Ok(AgentReport { mut interval, middle_ns, as_of_ns, user_counts, peak_users, load, stopped }) =
            self.channel.reports.pop()
        {
            sink(&interval, middle_ns);
            interval.clear();
            self.send(index, AgentCommand::ReturnInterval(interval));
            (self.as_of_ns, self.user_counts, self.peak_users) = (as_of_ns, user_counts, peak_users);
            (self.load, self.stopped) = (load, stopped);
        }
    }
}
