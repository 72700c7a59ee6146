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

use super::{clock::now_ns, hosts::Host};

/// A host that is being looked up, or has been.
#[derive(Default)]
pub(super) struct Lookup {
    host: OnceLock<Arc<Host>>,
    waiting: Mutex<Vec<Waker>>,
}

impl Lookup {
    /// What was found; `None` while it is being looked up.
    pub(super) fn host(&self) -> Option<&Arc<Host>> {
        self.host.get()
    }

    /// Waits for what is found.
    pub(super) async fn found(&self) -> Arc<Host> {
        poll_fn(|cx| self.poll(cx)).await
    }

    fn poll(&self, cx: &Context<'_>) -> Poll<Arc<Host>> {
        let mut waiting = lock(&self.waiting);
        if let Some(host) = self.host.get() {
            return Poll::Ready(Arc::clone(host));
        }
        waiting.push(cx.waker().clone());
        Poll::Pending
    }

    fn finish(&self, host: Host) {
        // It is finished once, and by this.
        let _ = self.host.set(Arc::new(host));
        mem::take(&mut *lock(&self.waiting)).into_iter().for_each(Waker::wake);
    }
}

/// The threads that look up. Clones are the same threads.
#[derive(Clone)]
pub(super) struct LookupThreads(Arc<Shared>);

struct Shared {
    find: Box<Find>,
    queue: Mutex<Queue>,
}

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(String, Arc<Lookup>)>,
    threads: usize,
}

/// The addresses of a name, as the system orders them; none if there is no such name.
type Find = dyn Fn(&str) -> Vec<SocketAddr> + Send + Sync;

impl LookupThreads {
    /// That ask the system.
    pub(super) fn new() -> Self {
        Self::asking(|name| (name, 0).to_socket_addrs().map(Iterator::collect).unwrap_or_default())
    }

    pub(super) fn asking(find: impl Fn(&str) -> Vec<SocketAddr> + Send + Sync + 'static) -> Self {
        Self(Arc::new(Shared { find: Box::new(find), queue: Mutex::default() }))
    }

    /// Starts looking `name` up.
    pub(super) fn start(&self, name: &str) -> Arc<Lookup> {
        let lookup = Arc::new(Lookup::default());
        let mut queue = lock(&self.0.queue);
        queue.waiting.push_back((name.to_owned(), Arc::clone(&lookup)));
        if queue.threads == MOST_THREADS {
            return lookup;
        }
        queue.threads += 1;
        drop(queue);
        let shared = Arc::clone(&self.0);
        let thread = thread::Builder::new().name("gregaria-resolve".into()).spawn(move || shared.work());
        if let Err(error) = thread {
            log::warn!("a thread for looking up names cannot be started: {error}");
            self.0.give_up();
        }
        lookup
    }
}

impl Shared {
    fn work(&self) {
        while let Some((name, lookup)) = self.next() {
            lookup.finish(Host::new((self.find)(&name), now_ns()));
        }
    }

    /// `None`, for a thread that ends, when there is nothing more to look up.
    fn next(&self) -> Option<(String, Arc<Lookup>)> {
        let mut queue = lock(&self.queue);
        let next = queue.waiting.pop_front();
        if next.is_none() {
            queue.threads -= 1;
        }
        next
    }

    /// A thread that was counted has not come: unless there are others, nothing is found.
    fn give_up(&self) {
        let mut queue = lock(&self.queue);
        queue.threads -= 1;
        if queue.threads == 0 {
            let waiting = mem::take(&mut queue.waiting);
            drop(queue);
            waiting.into_iter().for_each(|(_, lookup)| lookup.finish(Host::new(Vec::new(), now_ns())));
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Names that are looked up at the same time: a slow one must not hold up the others.
const MOST_THREADS: usize = 8;
