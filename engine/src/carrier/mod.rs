//! A carrier: a thread of its own that sends the requests of users who live elsewhere, and brings back what came of them.
//!
//! For hosts whose users are not Rust futures (the Python host): they keep to their own thread and event loop, hand
//! over [`Errand`]s, and are rung a [`Bell`] when some are done. Nothing is decided here: no outcome, no sample, no gate.
//! The thread's side is in `desk.rs`. Between the two lie two lock-free queues and the bell; buffers go round with the
//! errands.

mod desk;
mod errand;

use std::{
    collections::VecDeque,
    io,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
    task::Waker,
    thread::JoinHandle,
};

use gregaria_http::{BaseUrl, ClientConfig, Response};
use rtrb::{Consumer, Producer, RingBuffer};
use slab::Slab;

pub use errand::{Done, Errand};

use crate::{
    addresses::Addresses,
    network::Wires,
    rt::{self, AddressBook, Bell, RingChoice, RingKind},
};
use desk::Desk;

/// The outside of a carrier. Belongs to one thread.
pub struct Carrier {
    orders: Producer<Order>,
    done: Consumer<Done>,
    /// Orders for which the queue had no room.
    waiting: VecDeque<Order>,
    sessions: Slab<()>,
    buffers: Buffers,
    shared: Arc<Shared>,
    waker: Waker,
    /// Something was ordered since the thread was woken last.
    has_ordered: bool,
    kind: RingKind,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// One user's session at the carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionId(usize);

/// What is ordered.
enum Order {
    Open { session: SessionId, base: Arc<BaseUrl>, config: Arc<ClientConfig> },
    Carry(Errand),
    GiveUp { session: SessionId, ticket: usize },
    Close(SessionId),
    Quit,
}

/// What both sides touch.
struct Shared {
    bell: Bell,
    /// The bell has been rung and nobody has come yet.
    has_rung: AtomicBool,
    cpu_ns: AtomicU64,
    is_alive: AtomicBool,
}

/// Buffers that went out with a response and are to come back with an errand. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Carrier {
    /// Starts the thread. It rings `bell` when errands are done. For `addresses` see [`Addresses::check`].
    ///
    /// # Errors
    /// When the thread cannot be started, or the kernel refuses what it is to run on.
    pub fn start(bell: Bell, choice: RingChoice, addresses: Addresses) -> io::Result<Self> {
        let (orders, for_desk) = RingBuffer::new(QUEUE);
        let (from_desk, done) = RingBuffer::new(QUEUE);
        let shared = Arc::new(Shared {
            bell,
            has_rung: AtomicBool::new(false),
            cpu_ns: AtomicU64::new(0),
            is_alive: AtomicBool::new(true),
        });
        let (tell, told) = mpsc::channel();
        let desk_shared = Arc::clone(&shared);
        let alive = Alive(Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("gregaria-carrier".into()).spawn(move || {
            let _alive = alive;
            rt::block_on(choice, |rt, kind| {
                let wires = Wires::new(rt, AddressBook::new(addresses));
                Desk::run(wires, for_desk, from_desk, desk_shared, move |waker| {
                    // The starter waits for it below.
                    let _ = tell.send((waker, kind));
                })
            })
        })?;
        let Ok((waker, kind)) = told.recv() else {
            let refusal = thread.join().ok().and_then(Result::err);
            return Err(refusal.unwrap_or_else(|| io::Error::other("the thread died while it was set up")));
        };
        Ok(Self {
            orders,
            done,
            waiting: VecDeque::new(),
            sessions: Slab::new(),
            buffers: Buffers::default(),
            shared,
            waker,
            has_ordered: false,
            kind,
            thread: Some(thread),
        })
    }

    /// What the thread runs on.
    pub fn ring(&self) -> RingKind {
        self.kind
    }

    /// A session: connections and cookies of one user.
    pub fn open(&mut self, base: Arc<BaseUrl>, config: Arc<ClientConfig>) -> SessionId {
        let session = SessionId(self.sessions.insert(()));
        self.order(Order::Open { session, base, config });
        session
    }

    /// The user is gone: its connections are closed, and what it had on the wire is dropped and never done.
    pub fn close(&mut self, session: SessionId) {
        self.sessions.remove(session.0);
        self.order(Order::Close(session));
    }

    /// Nobody waits for this errand any more: its exchange is dropped. It may be done all the same.
    pub fn give_up(&mut self, session: SessionId, ticket: usize) {
        self.order(Order::GiveUp { session, ticket });
    }

    /// An errand to fill in and [`send`](Self::send). Its buffer has carried others before.
    pub fn errand(&self) -> Errand {
        Errand::new(self.buffers.take())
    }

    /// Where the buffers of responses are to be brought when nobody needs them any more.
    pub fn buffers(&self) -> &Buffers {
        &self.buffers
    }

    /// Hands an errand over. The thread is woken by [`flush`](Self::flush).
    pub fn send(&mut self, errand: Errand) {
        self.order(Order::Carry(errand));
    }

    /// Wakes the thread if anything was ordered since.
    pub fn flush(&mut self) {
        while let Some(order) = self.waiting.pop_front() {
            if let Err(rtrb::PushError::Full(order)) = self.orders.push(order) {
                self.waiting.push_front(order);
                break;
            }
        }
        if std::mem::take(&mut self.has_ordered) {
            self.waker.wake_by_ref();
        }
    }

    /// The bell was heard: from now on it is rung again.
    pub fn heard(&mut self) {
        self.shared.bell.silence();
        self.shared.has_rung.swap(false, Ordering::SeqCst);
        // Either side may wait for room that there will be now.
        self.has_ordered |= !self.waiting.is_empty() || self.done.slots() == QUEUE;
    }

    /// The next errand that is done.
    pub fn next_done(&mut self) -> Option<Done> {
        self.done.pop().ok()
    }

    /// How the thread is, for whoever watches it.
    pub fn gauge(&self) -> Gauge {
        Gauge(Arc::clone(&self.shared))
    }

    fn order(&mut self, order: Order) {
        self.has_ordered = true;
        if !self.waiting.is_empty() {
            return self.waiting.push_back(order);
        }
        if let Err(rtrb::PushError::Full(order)) = self.orders.push(order) {
            self.waiting.push_back(order);
        }
    }
}

impl Drop for Carrier {
    fn drop(&mut self) {
        self.waiting.clear();
        while self.orders.push(Order::Quit).is_err() && self.gauge().is_alive() {
            self.waker.wake_by_ref();
            std::thread::yield_now();
        }
        self.waker.wake_by_ref();
        if let Some(thread) = self.thread.take() {
            // How it ended was noticed while it mattered: see [`Gauge::is_alive`].
            let _ = thread.join();
        }
    }
}

/// How the carrier's thread is, readable from any thread.
#[derive(Clone)]
pub struct Gauge(Arc<Shared>);

impl Gauge {
    /// CPU time so far in nanoseconds, some 100 ms old.
    pub fn cpu_ns(&self) -> u64 {
        self.0.cpu_ns.load(Ordering::Relaxed)
    }

    /// Whether the thread still runs. Without it nothing is ever done.
    pub fn is_alive(&self) -> bool {
        self.0.is_alive.load(Ordering::Relaxed)
    }
}

/// Held by the thread, however it ends.
struct Alive(Arc<Shared>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.is_alive.store(false, Ordering::Relaxed);
    }
}

impl Buffers {
    /// Takes back what a response was in.
    pub fn give(&self, response: Response) {
        let buffer = response.into_buffer();
        let mut buffers = self.lock();
        if buffers.len() < KEPT_BUFFERS && (1..=LARGEST_KEPT_BYTES).contains(&buffer.capacity()) {
            buffers.push(buffer);
        }
    }

    fn take(&self) -> Vec<u8> {
        self.lock().pop().unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Orders and results that may lie between the threads; more wait on their own side.
const QUEUE: usize = 1024;
const KEPT_BUFFERS: usize = 1024;
const LARGEST_KEPT_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests;
