//! Name lookups on separate threads, because the system's resolver (`getaddrinfo`) blocks.
//!
//! The system's resolver is used so that `/etc/hosts` and the resolver configuration apply. Threads are started when
//! there are names to look up, and end when the queue is empty. The cache and its TTL are in `resolver.rs`.

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

/// The lookup of a name, in progress or finished.
#[derive(Default)]
pub(super) struct PendingLookup {
    host: OnceLock<Arc<ResolvedHost>>,
    wakers: Mutex<Vec<Waker>>,
}

impl PendingLookup {
    /// Returns the result, or `None` while the lookup is in progress.
    pub(super) fn host(&self) -> Option<&Arc<ResolvedHost>> {
        self.host.get()
    }

    /// Waits for the result.
    ///
    /// # Cancel safety
    /// The lookup continues.
    pub(super) async fn wait(&self) -> Arc<ResolvedHost> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Arc<ResolvedHost>> {
        let mut wakers = lock(&self.wakers);
        if let Some(host) = self.host.get() {
            return Poll::Ready(Arc::clone(host));
        }
        wakers.push(cx.waker().clone());
        Poll::Pending
    }

    fn finish(&self, host: ResolvedHost) {
        // Cannot fail: each lookup is finished once, and only here.
        let _ = self.host.set(Arc::new(host));
        mem::take(&mut *lock(&self.wakers)).into_iter().for_each(Waker::wake);
    }
}

/// A pool of lookup threads. Clones share the pool.
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

/// Returns the addresses of a name in the system's order, or no addresses if the name does not exist.
type LookupFn = dyn Fn(&str) -> Vec<SocketAddr> + Send + Sync;

impl ResolverThreads {
    /// Creates a pool that uses the system's resolver. Starts no thread.
    pub(super) fn new() -> Self {
        Self::with_lookup_fn(|name| (name, 0).to_socket_addrs().map(Iterator::collect).unwrap_or_default())
    }

    pub(super) fn with_lookup_fn(lookup_fn: impl Fn(&str) -> Vec<SocketAddr> + Send + Sync + 'static) -> Self {
        Self(Arc::new(ResolverPool { lookup_fn: Box::new(lookup_fn), queue: Mutex::default() }))
    }

    /// Queues the lookup of `name`, and starts a thread for it unless the maximum number is running.
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
            log::warn!("Failed to start a thread for name lookups: {error}");
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

    /// Returns the next lookup. Returns `None` if the queue is empty; the calling thread is then no longer counted
    /// and must end.
    fn next_lookup(&self) -> Option<(String, Arc<PendingLookup>)> {
        let mut queue = lock(&self.queue);
        let next = queue.pending.pop_front();
        if next.is_none() {
            queue.thread_count -= 1;
        }
        next
    }

    /// Removes a thread that could not be started from the count. If no thread is left, all queued lookups finish
    /// without addresses.
    fn on_spawn_failed(&self) {
        let mut queue = lock(&self.queue);
        queue.thread_count -= 1;
        if queue.thread_count == 0 {
            let pending = mem::take(&mut queue.pending);
            drop(queue);
            pending.into_iter().for_each(|(_, lookup)| lookup.finish(ResolvedHost::new(Vec::new(), now_ns())));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Maximum number of concurrent lookups per run. A slow lookup must not delay the others.
const MAX_RESOLVER_THREADS: usize = 8;
