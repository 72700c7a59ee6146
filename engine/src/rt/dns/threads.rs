//! Looking names up: on threads of their own, because the system's resolver (`getaddrinfo`) blocks.
//!
//! It is asked so that `/etc/hosts` and the resolver's configuration hold. A few threads are started when there is
//! something to look up, and end when there is nothing more. What holds for how long is `resolve.rs`'s affair.

use std::{
    collections::VecDeque,
    future::poll_fn,
    mem,
    net::{SocketAddr, ToSocketAddrs},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    task::{Context, Poll, Waker},
    thread,
};

use super::host::ResolvedHost;
use crate::rt::now_ns;

/// A host that is being looked up, or has been.
#[derive(Default)]
pub(super) struct PendingLookup {
    host: OnceLock<Arc<ResolvedHost>>,
    wakers: Mutex<Vec<Waker>>,
}

impl PendingLookup {
    /// What was found; `None` while it is being looked up.
    pub(super) fn host(&self) -> Option<&Arc<ResolvedHost>> {
        self.host.get()
    }

    /// Waits for what is found.
    pub(super) async fn wait(&self) -> Arc<ResolvedHost> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Arc<ResolvedHost>> {
        let mut waiting = lock(&self.wakers);
        if let Some(host) = self.host.get() {
            return Poll::Ready(Arc::clone(host));
        }
        waiting.push(cx.waker().clone());
        Poll::Pending
    }

    fn finish(&self, host: ResolvedHost) {
        // It is finished once, and by this.
        let _ = self.host.set(Arc::new(host));
        mem::take(&mut *lock(&self.wakers)).into_iter().for_each(Waker::wake);
    }
}

/// The threads that look up. Clones are the same threads.
#[derive(Clone)]
pub(super) struct ResolverThreads(Arc<ResolverPool>);

struct ResolverPool {
    lookup_fn: Box<LookupFn>,
    queue: Mutex<LookupQueue>,
}

#[derive(Default)]
struct LookupQueue {
    pending: VecDeque<(String, Arc<PendingLookup>)>,
    thread_count: usize,
}

/// The addresses of a name, as the system orders them; none if there is no such name.
type LookupFn = dyn Fn(&str) -> Vec<SocketAddr> + Send + Sync;

impl ResolverThreads {
    /// That ask the system.
    pub(super) fn new() -> Self {
        Self::with_lookup_fn(|name| (name, 0).to_socket_addrs().map(Iterator::collect).unwrap_or_default())
    }

    pub(super) fn with_lookup_fn(lookup_fn: impl Fn(&str) -> Vec<SocketAddr> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ResolverPool { lookup_fn: Box::new(lookup_fn), queue: Mutex::default() }))
    }

    /// Starts looking `name` up.
    pub(super) fn start_lookup(&self, name: &str) -> Arc<PendingLookup> {
        let lookup = Arc::new(PendingLookup::default());
        let mut queue = lock(&self.0.queue);
        queue.pending.push_back((name.to_owned(), Arc::clone(&lookup)));
        if queue.thread_count == MAX_RESOLVER_THREADS {
            return lookup;
        }
        queue.thread_count += 1;
        drop(queue);
        let shared = Arc::clone(&self.0);
        let thread = thread::Builder::new().name("gregaria-resolve".into()).spawn(move || shared.run_worker());
        if let Err(error) = thread {
            log::warn!("a thread for looking up names cannot be started: {error}");
            self.0.on_spawn_failed();
        }
        lookup
    }
}

impl ResolverPool {
    fn run_worker(&self) {
        while let Some((name, lookup)) = self.next_lookup() {
            lookup.finish(ResolvedHost::new((self.lookup_fn)(&name), now_ns()));
        }
    }

    /// `None`, for a thread that ends, when there is nothing more to look up.
    fn next_lookup(&self) -> Option<(String, Arc<PendingLookup>)> {
        let mut queue = lock(&self.queue);
        let next = queue.pending.pop_front();
        if next.is_none() {
            queue.thread_count -= 1;
        }
        next
    }

    /// A thread that was counted has not come: unless there are others, nothing is found.
    fn on_spawn_failed(&self) {
        let mut queue = lock(&self.queue);
        queue.thread_count -= 1;
        if queue.thread_count == 0 {
            let waiting = mem::take(&mut queue.pending);
            drop(queue);
            waiting.into_iter().for_each(|(_, lookup)| lookup.finish(ResolvedHost::new(Vec::new(), now_ns())));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Names that are looked up at the same time: a slow one must not hold up the others.
const MAX_RESOLVER_THREADS: usize = 8;
