//! A carrier: a thread of its own that sends the requests of users who live elsewhere, and brings back what came of them.
//!
//! For hosts whose users are not Rust futures (the Python host): they keep to their own thread and event loop, hand
//! over [`Errand`]s, and are rung a [`Bell`] when some are done. Nothing is decided here: no outcome, no sample, no gate.
//! The thread's side is in `desk.rs`. Between the two lie two lock-free queues and the bell; buffers go round with the
//! errands. A long body changes threads piece by piece: a request's in `feed.rs`, a response's in `tap.rs`.

mod download;
mod request;
mod upload;
mod worker;

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
    time::Duration,
};

use gregaria_http::{BaseUrl, ClientConfig, CookieJar, Error, Response};
use rtrb::{Consumer, Producer, RingBuffer};
use slab::Slab;

pub use request::{CompletedRequest, PackedRequest};
pub use upload::UploadInfo;

use crate::{
    network::ThreadNetwork,
    rt::{self, DriverChoice, DriverKind, EventFd, Resolver},
};
use worker::IoWorker;

/// The outside of a carrier. Belongs to one thread.
pub struct IoThread {
    commands: Producer<IoCommand>,
    events: Consumer<IoEvent>,
    /// Orders for which the queue had no room.
    overflow_commands: VecDeque<IoCommand>,
    session_ids: Slab<()>,
    buffer_pool: SharedBufferPool,
    shared: Arc<IoThreadShared>,
    waker: Waker,
    /// Something was ordered since the thread was woken last.
    needs_wakeup: bool,
    driver_kind: DriverKind,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// One user's session at the carrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionId(usize);

/// What is ordered.
enum IoCommand {
    OpenSession { session: SessionId, base: Arc<BaseUrl>, config: Arc<ClientConfig> },
    Submit(PackedRequest),
    UploadChunk { request_id: usize, chunk: Option<Vec<u8>> },
    ReadBody { request_id: usize, reader: usize },
    DropBody { request_id: usize },
    WithCookies { session: SessionId, action: Box<dyn FnOnce(&mut CookieJar) + Send> },
    Cancel { session: SessionId, request_id: usize },
    CloseSession(SessionId),
    Shutdown,
}

/// What the thread tells.
pub enum IoEvent {
    /// An errand is done.
    Completed(CompletedRequest),
    /// The next piece of the body of the errand with this ticket is wanted: the first one if `again`. To be answered with
    /// [`Carrier::feed`], each time.
    UploadChunkNeeded {
        /// The errand's.
        request_id: usize,
        /// The body must be sent once more.
        from_start: bool,
    },
    /// The answer to a [`Carrier::read`]: what came next, `None` at the end of the body, or why the rest will not come.
    BodyChunk {
        /// Who has asked.
        reader: usize,
        /// What there is.
        chunk: Result<Option<Vec<u8>>, Error>,
    },
}

/// What both sides touch.
struct IoThreadShared {
    event_fd: EventFd,
    /// The bell has been rung and nobody has come yet.
    wakeup_pending: AtomicBool,
    cpu_ns: AtomicU64,
    is_alive: AtomicBool,
}

/// Buffers that went out with a response and are to come back with an errand. Clones are the same.
#[derive(Clone, Debug, Default)]
pub struct SharedBufferPool(Arc<Mutex<Vec<Vec<u8>>>>);

impl IoThread {
    /// Starts the thread. It notifies `event_fd` when requests are done.
    ///
    /// # Errors
    /// When the thread cannot be started, or the kernel refuses what it is to run on.
    pub fn start(event_fd: EventFd, driver: DriverChoice, resolver: Arc<Resolver>) -> io::Result<Self> {
        let (orders, for_desk) = RingBuffer::new(QUEUE_CAPACITY);
        let (from_desk, said) = RingBuffer::new(QUEUE_CAPACITY);
        let shared = Arc::new(IoThreadShared {
            event_fd,
            wakeup_pending: AtomicBool::new(false),
            cpu_ns: AtomicU64::new(0),
            is_alive: AtomicBool::new(true),
        });
        let (tell, told) = mpsc::channel();
        let desk_shared = Arc::clone(&shared);
        let alive = AliveGuard(Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("gregaria-carrier".into()).spawn(move || {
            let _alive = alive;
            rt::block_on(driver, |rt, kind| {
                let wires = ThreadNetwork::new(rt, resolver);
                IoWorker::run(wires, for_desk, from_desk, desk_shared, move |waker| {
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
            commands: orders,
            events: said,
            overflow_commands: VecDeque::new(),
            session_ids: Slab::new(),
            buffer_pool: SharedBufferPool::default(),
            shared,
            waker,
            needs_wakeup: false,
            driver_kind: kind,
            thread: Some(thread),
        })
    }

    /// What the thread runs on.
    pub fn driver_kind(&self) -> DriverKind {
        self.driver_kind
    }

    /// A session: connections and cookies of one user.
    pub fn open_session(&mut self, base: Arc<BaseUrl>, config: Arc<ClientConfig>) -> SessionId {
        let session = SessionId(self.session_ids.insert(()));
        self.send_command(IoCommand::OpenSession { session, base, config });
        session
    }

    /// The user is gone: its connections are closed, and what it had on the wire is dropped and never done.
    pub fn close_session(&mut self, session: SessionId) {
        self.session_ids.remove(session.0);
        self.send_command(IoCommand::CloseSession(session));
    }

    /// Nobody waits for this errand any more: its exchange is dropped. It may be done all the same.
    pub fn cancel(&mut self, session: SessionId, request_id: usize) {
        self.send_command(IoCommand::Cancel { session, request_id });
    }

    /// An errand to fill in and [`send`](Self::send). Its buffer has carried others before.
    pub fn new_request(&self) -> PackedRequest {
        PackedRequest::new(self.buffer_pool.acquire())
    }

    /// Where the buffers of responses are to be brought when nobody needs them any more.
    pub fn buffer_pool(&self) -> &SharedBufferPool {
        &self.buffer_pool
    }

    /// Hands an errand over. The thread is woken by [`flush`](Self::flush).
    pub fn submit(&mut self, request: PackedRequest) {
        self.send_command(IoCommand::Submit(request));
    }

    /// Gives the piece of an upload that was asked for, of some tens of KiB; `None` when there is nothing more.
    pub fn send_upload_chunk(&mut self, request_id: usize, chunk: Option<Vec<u8>>) {
        self.send_command(IoCommand::UploadChunk { request_id, chunk });
    }

    /// Asks for the next piece of the body of a streamed response, on behalf of `reader`.
    pub fn read_body_chunk(&mut self, request_id: usize, reader: usize) {
        self.send_command(IoCommand::ReadBody { request_id, reader });
    }

    /// Nobody will read more of this streamed response. What is left of it is read if that is little, so that the
    /// connection can be used again.
    pub fn drop_body(&mut self, request_id: usize) {
        self.send_command(IoCommand::DropBody { request_id });
    }

    /// Does something to a session's cookies, at once: waits until the thread has done it, which takes some microseconds.
    /// `None` when the session is closed.
    pub fn with_cookies<R: Send + 'static>(
        &mut self,
        session: SessionId,
        action: impl FnOnce(&mut CookieJar) -> R + Send + 'static,
    ) -> Option<R> {
        let (tell, told) = mpsc::channel();
        let act = Box::new(move |jar: &mut CookieJar| {
            // The asker waits for it below.
            let _ = tell.send(action(jar));
        });
        self.send_command(IoCommand::WithCookies { session, action: act });
        loop {
            // The order may still wait for room in the queue.
            self.needs_wakeup = true;
            self.flush();
            match told.recv_timeout(LIVENESS_CHECK_PERIOD) {
                Ok(result) => return Some(result),
                Err(mpsc::RecvTimeoutError::Timeout) if self.status().is_alive() => {}
                Err(_) => return None,
            }
        }
    }

    /// Wakes the thread if anything was ordered since.
    pub fn flush(&mut self) {
        while let Some(order) = self.overflow_commands.pop_front() {
            if let Err(rtrb::PushError::Full(order)) = self.commands.push(order) {
                self.overflow_commands.push_front(order);
                break;
            }
        }
        if std::mem::take(&mut self.needs_wakeup) {
            self.waker.wake_by_ref();
        }
    }

    /// The bell was heard: from now on it is rung again.
    pub fn clear_wakeup(&mut self) {
        self.shared.event_fd.drain();
        self.shared.wakeup_pending.swap(false, Ordering::SeqCst);
        // Either side may wait for room that there will be now.
        self.needs_wakeup |= !self.overflow_commands.is_empty() || self.events.slots() == QUEUE_CAPACITY;
    }

    /// What the thread tells next.
    pub fn next_event(&mut self) -> Option<IoEvent> {
        self.events.pop().ok()
    }

    /// How the thread is, for whoever watches it.
    pub fn status(&self) -> IoThreadStatus {
        IoThreadStatus(Arc::clone(&self.shared))
    }

    fn send_command(&mut self, command: IoCommand) {
        self.needs_wakeup = true;
        if !self.overflow_commands.is_empty() {
            return self.overflow_commands.push_back(command);
        }
        if let Err(rtrb::PushError::Full(order)) = self.commands.push(command) {
            self.overflow_commands.push_back(order);
        }
    }
}

impl Drop for IoThread {
    fn drop(&mut self) {
        self.overflow_commands.clear();
        while self.commands.push(IoCommand::Shutdown).is_err() && self.status().is_alive() {
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
pub struct IoThreadStatus(Arc<IoThreadShared>);

impl IoThreadStatus {
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
struct AliveGuard(Arc<IoThreadShared>);

impl Drop for AliveGuard {
    fn drop(&mut self) {
        self.0.is_alive.store(false, Ordering::Relaxed);
    }
}

impl SharedBufferPool {
    /// Takes back what a response was in.
    pub fn recycle(&self, response: Response) {
        let buffer = response.into_buffer();
        let mut buffers = self.lock();
        if buffers.len() < MAX_POOLED_BUFFERS && (1..=MAX_POOLED_BUFFER_BYTES).contains(&buffer.capacity()) {
            buffers.push(buffer);
        }
    }

    fn acquire(&self) -> Vec<u8> {
        self.lock().pop().unwrap_or_default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Vec<u8>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Orders and results that may lie between the threads; more wait on their own side.
const QUEUE_CAPACITY: usize = 1024;
const LIVENESS_CHECK_PERIOD: Duration = Duration::from_millis(1);
const MAX_POOLED_BUFFERS: usize = 1024;
const MAX_POOLED_BUFFER_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests;
