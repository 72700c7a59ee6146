//! The context that all Rust users of one thread share.
//!
//! `shards/` creates one per shard. Users reach their runtime, connections, accounting and random numbers through it.

use std::{cell::RefCell, rc::Rc, sync::Arc};

use gregaria_stats::Limits;
use rand::{SeedableRng, rngs::SmallRng};

use super::{activity::ThreadActivity, handle::UserHandle, registry::UserRegistry};
use crate::{
    accounting::Accounting,
    network::ThreadNetwork,
    rt::{Resolver, Runtime},
};

/// The runtime, network, accounting, random numbers and users of one thread.
pub(crate) struct ThreadContext {
    pub(crate) rt: Runtime,
    pub(crate) thread_network: Rc<ThreadNetwork>,
    pub(crate) accounting: Rc<Accounting>,
    pub(crate) rng: RefCell<SmallRng>,
    pub(crate) registry: RefCell<UserRegistry>,
    pub(crate) activity: Arc<ThreadActivity>,
}

impl ThreadContext {
    pub(crate) fn new(rt: Runtime, resolver: Arc<Resolver>, classes: usize, limits: Limits, seed: u64) -> Rc<Self> {
        Rc::new(Self {
            activity: Arc::new(ThreadActivity::new(rt.now_ns())),
            thread_network: ThreadNetwork::new(rt.clone(), resolver),
            rt,
            accounting: Rc::new(Accounting::new(limits)),
            rng: RefCell::new(SmallRng::seed_from_u64(seed)),
            registry: RefCell::new(UserRegistry::new(classes)),
        })
    }

    /// Records that the user's future has ended.
    pub(crate) fn user_exited(&self, user: &UserHandle) {
        self.registry.borrow_mut().user_exited(user);
    }
}
