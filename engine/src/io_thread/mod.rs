//! The I/O thread: sends HTTP requests on behalf of users on another event loop, such as gevent.
//!
//! The owner of an [`IoThread`] submits [`PackedRequest`]s, and an [`EventFd`] is notified when there are events to
//! read. Two lock-free queues connect the threads, and buffers of responses come back with later requests. The
//! thread's side is `worker.rs`. A long body crosses in chunks: of a request in `upload.rs`, of a response in
//! `download.rs`.
//!
//! The I/O thread records timestamps and never decides an outcome: it must not know accounting, thread control or
//! users.

mod download;
mod event_queue;
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
use event_queue::EventQueue;
use worker::IoWorker;

/// The owner's side of an I/O thread. It belongs to one thread.
///
/// Dropping it drops all requests in flight and waits for the thread to end.
///
/// # Examples
///
/// ```no_run
/// use std::sync::Arc;
///
/// use gregaria_engine::{
///     http::{BaseUrl, ClientConfig, Method},
///     io_thread::{IoEvent, IoThread, RequestId},
///     rt::{DriverChoice, EventFd, now_ns},
/// };
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let event_fd = EventFd::new()?;
/// let mut io_thread = IoThread::start(event_fd.clone(), DriverChoice::Auto, Arc::default())?;
/// let base = BaseUrl::parse("http://localhost:8080").expect("a valid URL");
/// let session = io_thread.open_session(Arc::new(base), Arc::new(ClientConfig::default()));
/// let mut request = io_thread.new_request();
/// request.request_line(Method::Get, "/");
/// request.finish(session, now_ns(), RequestId(1));
/// io_thread.submit(request);
/// io_thread.flush();
/// // Wait until `event_fd` is readable, then:
/// io_thread.clear_wakeup();
/// while let Some(event) = io_thread.next_event() {
///     if let IoEvent::Completed(completed) = event {
///         io_thread.buffer_pool().recycle(completed.exchange.result?);
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct IoThread {
    commands: Producer<IoCommand>,
    events: Consumer<IoEvent>,
    /// Commands for which the queue has no room.
    overflow_commands: VecDeque<IoCommand>,
    session_ids: Slab<()>,
    buffer_pool: SharedBufferPool,
    shared: Arc<IoThreadShared>,
    waker: Waker,
    /// Whether a command was queued since the last wake-up.
    needs_wakeup: bool,
    driver_kind: DriverKind,
    thread: Option<JoinHandle<io::Result<()>>>,
}

/// The session of one user on the I/O thread: its connections and cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionId(usize);

/// The number that identifies a request to its owner.
///
/// The owner may use a number again after the request has completed and its body is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RequestId(pub usize);

/// A command of the owner.
enum IoCommand {
    OpenSession { session: SessionId, base: Arc<BaseUrl>, config: Arc<ClientConfig> },
    Submit(PackedRequest),
    UploadChunk { request_id: RequestId, chunk: Option<Vec<u8>> },
    ReadBody { request_id: RequestId, reader: usize },
    DropBody { request_id: RequestId },
    WithCookies { session: SessionId, action: Box<dyn FnOnce(&mut CookieJar) + Send> },
    Cancel { session: SessionId, request_id: RequestId },
    CloseSession(SessionId),
    Shutdown,
}

/// An event of the I/O thread.
pub enum IoEvent {
    /// A request has completed.
    Completed(CompletedRequest),
    /// An upload needs its next chunk. Each event must be answered with [`IoThread::send_upload_chunk`].
    UploadChunkNeeded {
        /// The request with the upload.
        request_id: RequestId,
        /// Whether the body must be sent again from its start.
        from_start: bool,
    },
    /// The answer to [`IoThread::read_body_chunk`].
    BodyChunk {
        /// The reader given to [`IoThread::read_body_chunk`].
        reader: usize,
        /// The next chunk of the body, `None` at its end, or the error in place of the rest.
        chunk: Result<Option<Vec<u8>>, Error>,
    },
}

/// The state that both threads use.
struct IoThreadShared {
    event_fd: EventFd,
    /// Whether `event_fd` was notified since the owner last cleared the wake-up.
    wakeup_pending: AtomicBool,
    cpu_ns: AtomicU64,
    is_alive: AtomicBool,
}

/// A pool of response buffers. The owner recycles the buffer of each response, and later requests are packed into it.
/// Clones share one pool.
#[derive(Clone, Debug, Default)]
pub struct SharedBufferPool(Arc<Mutex<Vec<Vec<u8>>>>);

impl IoThread {
    /// Starts the thread. It notifies `event_fd` when there are events to read.
    ///
    /// # Errors
    /// Returns an error if the thread cannot be started, or the kernel does not support the driver.
    pub fn start(event_fd: EventFd, driver: DriverChoice, resolver: Arc<Resolver>) -> io::Result<Self> {
        let (commands, worker_commands) = RingBuffer::new(QUEUE_CAPACITY);
        let (worker_events, events) = RingBuffer::new(QUEUE_CAPACITY);
        let shared = Arc::new(IoThreadShared {
            event_fd,
            wakeup_pending: AtomicBool::new(false),
            cpu_ns: AtomicU64::new(0),
            is_alive: AtomicBool::new(true),
        });
        let (ready_sender, ready_receiver) = mpsc::channel();
        let worker_shared = Arc::clone(&shared);
        let alive_guard = AliveGuard(Arc::clone(&shared));
        let thread = std::thread::Builder::new().name("gregaria-io".into()).spawn(move || {
            let _alive_guard = alive_guard;
            rt::block_on(driver, |rt, kind| {
                let thread_network = ThreadNetwork::new(rt, resolver);
                let event_queue = EventQueue::new(worker_events, worker_shared);
                IoWorker::run(thread_network, worker_commands, event_queue, move |waker| {
                    // Cannot fail: the receiver below waits for this message.
                    let _ = ready_sender.send((waker, kind));
                })
            })
        })?;
        let Ok((waker, driver_kind)) = ready_receiver.recv() else {
            let error = thread.join().ok().and_then(Result::err);
            return Err(error.unwrap_or_else(|| io::Error::other("the thread panicked during its setup")));
        };
        Ok(Self {
            commands,
            events,
            overflow_commands: VecDeque::new(),
            session_ids: Slab::new(),
            buffer_pool: SharedBufferPool::default(),
            shared,
            waker,
            needs_wakeup: false,
            driver_kind,
            thread: Some(thread),
        })
    }

    /// Returns the driver of the thread.
    pub fn driver_kind(&self) -> DriverKind {
        self.driver_kind
    }

    /// Opens a session: the connections and cookies of one user.
    pub fn open_session(&mut self, base: Arc<BaseUrl>, config: Arc<ClientConfig>) -> SessionId {
        let session = SessionId(self.session_ids.insert(()));
        self.send_command(IoCommand::OpenSession { session, base, config });
        session
    }

    /// Closes a session.
    ///
    /// The request that its task is sending and its streamed requests are dropped and do not complete. Requests sent
    /// beside them still complete, only their uploads fail. The connections close with the last of them.
    pub fn close_session(&mut self, session: SessionId) {
        self.session_ids.remove(session.0);
        self.send_command(IoCommand::CloseSession(session));
    }

    /// Cancels a request.
    ///
    /// A streamed request, and the request that the session's task is sending, are dropped and do not complete. A
    /// request sent beside it continues and completes; only its upload fails. The request may complete before the
    /// command takes effect.
    pub fn cancel(&mut self, session: SessionId, request_id: RequestId) {
        self.send_command(IoCommand::Cancel { session, request_id });
    }

    /// Returns an empty request to fill in and [`submit`](Self::submit). It reuses a buffer of the pool.
    pub fn new_request(&self) -> PackedRequest {
        PackedRequest::new(self.buffer_pool.acquire())
    }

    /// Returns the pool to which the buffers of responses must be recycled.
    pub fn buffer_pool(&self) -> &SharedBufferPool {
        &self.buffer_pool
    }

    /// Submits a request. [`flush`](Self::flush) wakes the thread.
    pub fn submit(&mut self, request: PackedRequest) {
        self.send_command(IoCommand::Submit(request));
    }

    /// Sends the requested chunk of an upload, of some tens of KiB, or `None` at the end of the body.
    pub fn send_upload_chunk(&mut self, request_id: RequestId, chunk: Option<Vec<u8>>) {
        self.send_command(IoCommand::UploadChunk { request_id, chunk });
    }

    /// Requests the next chunk of the body of a streamed response. The answer is an [`IoEvent::BodyChunk`] for
    /// `reader`.
    pub fn read_body_chunk(&mut self, request_id: RequestId, reader: usize) {
        self.send_command(IoCommand::ReadBody { request_id, reader });
    }

    /// Ends the reading of a streamed response.
    ///
    /// If no chunk is being read, up to 64 KiB of the remaining body are read and dropped, so that the connection can
    /// be used again. Otherwise, or if more remains, the connection is closed.
    pub fn drop_body(&mut self, request_id: RequestId) {
        self.send_command(IoCommand::DropBody { request_id });
    }

    /// Runs `action` on the cookies of a session and waits for its result, which takes some microseconds. Returns
    /// `None` if the session is closed or the thread has ended.
    pub fn with_cookies<R: Send + 'static>(
        &mut self,
        session: SessionId,
        action: impl FnOnce(&mut CookieJar) -> R + Send + 'static,
    ) -> Option<R> {
        let (sender, receiver) = mpsc::channel();
        let action = Box::new(move |cookies: &mut CookieJar| {
            // Cannot fail: the receiver below waits for the result.
            let _ = sender.send(action(cookies));
        });
        self.send_command(IoCommand::WithCookies { session, action });
        loop {
            // The command may still wait for room in the queue.
            self.needs_wakeup = true;
            self.flush();
            match receiver.recv_timeout(LIVENESS_CHECK_PERIOD) {
                Ok(result) => return Some(result),
                Err(mpsc::RecvTimeoutError::Timeout) if self.status().is_alive() => {}
                Err(_) => return None,
            }
        }
    }

    /// Moves waiting commands into the queue as far as there is room, and wakes the thread if a command was queued
    /// since the last wake-up.
    pub fn flush(&mut self) {
        while let Some(command) = self.overflow_commands.pop_front() {
            if let Err(rtrb::PushError::Full(command)) = self.commands.push(command) {
                self.overflow_commands.push_front(command);
                break;
            }
        }
        if std::mem::take(&mut self.needs_wakeup) {
            self.waker.wake_by_ref();
        }
    }

    /// Clears the wake-up flag. The next event notifies the file descriptor again.
    pub fn clear_wakeup(&mut self) {
        self.shared.event_fd.drain();
        self.shared.wakeup_pending.swap(false, Ordering::SeqCst);
        // The owner may have waiting commands, and the worker may have events for which the full queue had no room.
        // Both queues get room now.
        self.needs_wakeup |= !self.overflow_commands.is_empty() || self.events.slots() == QUEUE_CAPACITY;
    }

    /// Returns the next event.
    pub fn next_event(&mut self) -> Option<IoEvent> {
        self.events.pop().ok()
    }

    /// Returns the status of the thread, for a reader on any thread.
    pub fn status(&self) -> IoThreadStatus {
        IoThreadStatus(Arc::clone(&self.shared))
    }

    fn send_command(&mut self, command: IoCommand) {
        self.needs_wakeup = true;
        if !self.overflow_commands.is_empty() {
            return self.overflow_commands.push_back(command);
        }
        if let Err(rtrb::PushError::Full(command)) = self.commands.push(command) {
            self.overflow_commands.push_back(command);
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
            // A thread that ended earlier was noticed through `IoThreadStatus::is_alive`.
            let _ = thread.join();
        }
    }
}

/// The status of the I/O thread, readable from any thread.
#[derive(Clone)]
pub struct IoThreadStatus(Arc<IoThreadShared>);

impl IoThreadStatus {
    /// Returns the CPU time of the thread in nanoseconds, up to 100 ms old.
    pub fn cpu_ns(&self) -> u64 {
        self.0.cpu_ns.load(Ordering::Relaxed)
    }

    /// Returns `true` while the thread runs. After its end no request completes.
    pub fn is_alive(&self) -> bool {
        self.0.is_alive.load(Ordering::Relaxed)
    }
}

/// Marks the thread as ended when it is dropped, also by a panic.
struct AliveGuard(Arc<IoThreadShared>);

impl Drop for AliveGuard {
    fn drop(&mut self) {
        self.0.is_alive.store(false, Ordering::Relaxed);
    }
}

impl SharedBufferPool {
    /// Takes back the buffer of a response. Buffers above 64 KiB, and those beyond 1,024 in the pool, are freed.
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

/// The capacity of each queue between the threads. Further commands and events wait on their own side.
const QUEUE_CAPACITY: usize = 1024;
const LIVENESS_CHECK_PERIOD: Duration = Duration::from_millis(1);
const MAX_POOLED_BUFFERS: usize = 1024;
const MAX_POOLED_BUFFER_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests;
