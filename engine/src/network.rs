//! The runtime of the HTTP client, on top of `rt/`: connections, time, deadlines, buffers.
//!
//! The sessions of one thread share a [`ThreadNetwork`]. Each session sees it through a [`SessionNetwork`]. This file
//! must know neither users nor the I/O thread, which both use it.

use std::{cell::RefCell, future::Future, rc::Rc, sync::Arc};

use gregaria_http::{ClientRuntime, Error, Origin, proto::HeadCache};
use rand::{Rng, SeedableRng, rngs::SmallRng};

use crate::rt::{NetStream, PooledFuture, Resolver, ReusableDeadline, Runtime, ThreadBufferPool};

/// The runtime, resolver, head cache and buffers that the sessions of one thread share.
pub(crate) struct ThreadNetwork {
    pub(crate) rt: Runtime,
    resolver: Arc<Resolver>,
    head_cache: RefCell<HeadCache>,
    buffer_pool: RefCell<ThreadBufferPool>,
}

impl ThreadNetwork {
    pub(crate) fn new(rt: Runtime, resolver: Arc<Resolver>) -> Rc<Self> {
        Rc::new(Self { rt, resolver, head_cache: RefCell::default(), buffer_pool: RefCell::default() })
    }

    /// Returns an empty buffer. A user holds a buffer only while a request is in flight.
    pub(crate) fn acquire_buffer(&self) -> Vec<u8> {
        self.buffer_pool.borrow_mut().acquire().unwrap_or_else(|| Vec::with_capacity(DEFAULT_BUFFER_BYTES))
    }

    pub(crate) fn release_buffer(&self, buffer: Vec<u8>) {
        self.buffer_pool.borrow_mut().release(buffer);
    }
}

/// The [`ClientRuntime`] of a session. It has one deadline, so a session uses one per concurrent request.
pub(crate) struct SessionNetwork {
    thread_network: Rc<ThreadNetwork>,
    deadline: ReusableDeadline,
}

impl SessionNetwork {
    pub(crate) fn new(thread_network: &Rc<ThreadNetwork>) -> Self {
        Self { thread_network: Rc::clone(thread_network), deadline: thread_network.rt.reusable_deadline() }
    }
}

impl ClientRuntime for SessionNetwork {
    type Transport = NetStream;

    fn now_ns(&self) -> u64 {
        self.thread_network.rt.now_ns()
    }

    fn unix_time_s(&self) -> u64 {
        self.thread_network.rt.unix_time_s() as u64
    }

    async fn connect(&self, origin: &Origin, resolved_ns: &mut u64) -> Result<NetStream, Error> {
        // Pooled, because the future is large and rarely used: otherwise every request would be as large.
        PooledFuture::new(|| self.thread_network.rt.connect(&self.thread_network.resolver, origin, resolved_ns)).await
    }

    async fn timeout_at<F: Future>(&self, deadline_ns: u64, future: F) -> Option<F::Output> {
        self.deadline.run(deadline_ns, future).await
    }

    fn head_cache(&self) -> Option<&RefCell<HeadCache>> {
        Some(&self.thread_network.head_cache)
    }

    fn random_u64(&self) -> u64 {
        SmallRng::from_os_rng().random()
    }

    fn acquire_buffer(&self) -> Vec<u8> {
        self.thread_network.acquire_buffer()
    }

    fn release_buffer(&self, buffer: Vec<u8>) {
        self.thread_network.release_buffer(buffer);
    }
}

/// Enough for a small request and its response. A buffer that had to grow is released with its new capacity.
const DEFAULT_BUFFER_BYTES: usize = 1024;
