//! One shard: its users, what they share, and the loop that turns their [`Place`].
//!
//! Runs on one thread (or in the simulator) from start to end. What is due when is the place's affair; the loop waits in
//! between, and probes its own punctuality with every wake.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use gregaria_stats::{Lag, Limits};
use rand::{SeedableRng, rngs::SmallRng};

use crate::{
    accounting::Accounting,
    control::{AgentEnd, ThreadAgent, UserPool},
    network::ThreadNetwork,
    rt::{Resolver, Runtime},
    user::{RustScenario, StopSignal, UserHandle, UserRegistry},
};

/// What the users of a shard share.
pub(crate) struct ShardContext {
    pub(crate) rt: Runtime,
    pub(crate) thread_network: Rc<ThreadNetwork>,
    pub(crate) accounting: Accounting,
    pub(crate) rng: RefCell<SmallRng>,
    registry: RefCell<UserRegistry>,
}

impl ShardContext {
    pub(super) fn new(
        rt: Runtime,
        resolver: Arc<Resolver>,
        scenario: &RustScenario,
        limits: Limits,
        seed: u64,
    ) -> Rc<Self> {
        Rc::new(Self {
            thread_network: ThreadNetwork::new(rt.clone(), resolver),
            rt,
            accounting: Accounting::new(limits),
            rng: RefCell::new(SmallRng::seed_from_u64(seed)),
            registry: RefCell::new(UserRegistry::new(crate::Scenario::user_classes(scenario).len())),
        })
    }

    /// A user is gone.
    pub(crate) fn user_exited(&self, user: &UserHandle) {
        self.registry.borrow_mut().user_exited(user);
    }
}

/// A shard's loop.
pub(super) struct ShardLoop {
    user_pool: ShardUserPool,
    agent: ThreadAgent,
}

struct ShardUserPool {
    context: Rc<ShardContext>,
    scenario: Arc<RustScenario>,
}

impl ShardLoop {
    pub(super) fn new(context: Rc<ShardContext>, scenario: Arc<RustScenario>, channel: AgentEnd) -> Self {
        Self { user_pool: ShardUserPool { context, scenario }, agent: ThreadAgent::new(channel) }
    }

    /// Runs until told to quit.
    pub(super) async fn run(mut self) {
        let rt = self.user_pool.context.rt.clone();
        loop {
            let now_ns = rt.now_ns();
            let Some(due_ns) = self.agent.tick(&self.user_pool, now_ns) else {
                return;
            };
            let wake_ns = due_ns.min(now_ns + MAX_SLEEP_NS);
            rt.sleep_until(wake_ns).await;
            self.record_wakeup_lag(rt.now_ns().saturating_sub(wake_ns));
        }
    }

    /// This wake waited in the same queue as every response does: its delay is theirs.
    fn record_wakeup_lag(&self, lag_ns: u64) {
        if self.agent.is_running() {
            self.user_pool.context.accounting.record_lag(Lag::Resume, lag_ns / 1000);
        }
    }
}

impl UserPool for ShardUserPool {
    fn accounting(&self) -> &Accounting {
        &self.context.accounting
    }

    fn spawn_user(&self, class: usize) {
        let life = Rc::new(UserHandle::new(class));
        self.context.registry.borrow_mut().add(&life);
        self.scenario.spawn_user(class, &self.context, life);
    }

    fn stop_user(&self, class: usize) {
        let dismissed = self.context.registry.borrow_mut().stop_latest(class);
        if let Some(life) = dismissed {
            life.signal(StopSignal::Graceful);
        }
    }

    fn stop_all(&self) {
        let all = self.context.registry.borrow_mut().stop_all();
        all.iter().for_each(|life| life.signal(StopSignal::Graceful));
    }

    fn abort_all(&self) {
        let all = self.context.registry.borrow_mut().stop_all();
        all.iter().for_each(|life| life.signal(StopSignal::Immediate));
    }

    fn user_counts(&self) -> Vec<u32> {
        self.context.registry.borrow().active_counts().to_vec()
    }

    fn is_empty(&self) -> bool {
        self.context.registry.borrow().is_empty()
    }

    fn thread_cpu_ns(&self) -> u64 {
        self.context.rt.thread_cpu_ns()
    }
}

/// How often the loop looks for messages, at the least.
const MAX_SLEEP_NS: u64 = 5_000_000;
