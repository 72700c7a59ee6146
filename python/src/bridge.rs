//! The engine bridge: connects gevent's loop with the engine. It belongs to the Python thread and never blocks.
//!
//! - Requests: `session.rs` sends them over the bridge; [`EngineBridge::next_event`] returns their completions, of
//!   which `completions.rs` makes Python objects.
//! - The run: [`EngineBridge::tick`] applies the runner's commands. It returns the actions on users, and the Python
//!   package (`scheduler.py`) carries them out.
//!
//! The bridge must not know responses, outcomes or the options of a request.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    os::fd::AsRawFd,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, ThreadId},
};

use gregaria_engine::{
    accounting::Accounting,
    control::{ThreadAgent, UserPool},
    io_thread::{IoEvent, IoThread, PackedRequest, RequestId, SessionId, SharedBufferPool},
    rt::{self, EventFd},
};
use gregaria_http::{BaseUrl, ClientConfig, CookieJar, Error, Exchange, HttpLimits};
use gregaria_stats::{Lag, Outcome, Sample};
use pyo3::{exceptions::PyRuntimeError, prelude::*};

use crate::{
    exceptions,
    pending::{GenerationalSlab, PendingRequest},
    transport_cache::TransportCache,
};

/// The connection between gevent's loop and the engine.
#[pyclass(unsendable, module = "gregaria._engine")]
pub(crate) struct EngineBridge {
    pub(crate) accounting: Accounting,
    agent: RefCell<ThreadAgent>,
    io_thread: RefCell<IoThread>,
    completion_fd: EventFd,
    command_fd: EventFd,
    requests: RefCell<GenerationalSlab<PendingRequest>>,
    /// Callables that resume greenlets with the next chunk of a body.
    readers: RefCell<GenerationalSlab<Py<PyAny>>>,
    base_urls: RefCell<HashMap<String, Arc<BaseUrl>>>,
    pub(crate) transport_cache: TransportCache,
    config: Arc<ClientConfig>,
    /// Users that were not asked to stop, per class.
    active_users: RefCell<Vec<u32>>,
    /// Users with a greenlet that has not ended, including those that were asked to stop.
    alive_users: Cell<u32>,
    actions: RefCell<Vec<UserAction>>,
    /// Between `begin_batch` and `end_batch`: requests of the resumed greenlets are handed over together.
    is_in_batch: Cell<bool>,
    last_tick_ns: Arc<AtomicU64>,
    closed_sessions: ClosedSessions,
    notify_decided: Py<PyAny>,
}

/// Sessions to be closed. The last reference to a session may be dropped on any thread, for example by the collector.
pub(crate) type ClosedSessions = Arc<Mutex<Vec<SessionId>>>;

/// The parts of a new bridge.
pub(crate) struct BridgeParts {
    pub(crate) accounting: Accounting,
    pub(crate) agent: ThreadAgent,
    pub(crate) io_thread: IoThread,
    /// Readable when the I/O thread has events.
    pub(crate) completion_fd: EventFd,
    /// Readable when the run has commands or events.
    pub(crate) command_fd: EventFd,
    pub(crate) class_count: usize,
    /// The client settings of all users.
    pub(crate) config: Arc<ClientConfig>,
    /// Time of the latest tick. The swarm reads it to detect a blocked loop.
    pub(crate) last_tick_ns: Arc<AtomicU64>,
    /// Called with a response and the exception of its failure, if any, after the task's decision is recorded.
    pub(crate) notify_decided: Py<PyAny>,
}

/// A change to the users of the run. The Python package applies them in order.
#[pyclass(frozen, module = "gregaria._engine")]
#[derive(Clone, Copy)]
pub(crate) enum UserAction {
    /// The run starts; listeners of the start are called before the first user runs.
    StartRun {},
    /// Start a user of this class.
    SpawnUser { class_index: usize },
    /// Ask the latest user of this class to stop.
    StopUser { class_index: usize },
    /// Ask all users to stop.
    StopAll {},
    /// End all users immediately.
    AbortAll {},
}

/// An event of the I/O thread for which a greenlet waits.
#[expect(
    clippy::large_enum_variant,
    reason = "one event exists at a time, and a box would be an allocation per request"
)]
pub(crate) enum BridgeEvent {
    /// A request is complete, or its head is if the response is streamed.
    Completed { request_id: usize, request: PendingRequest, exchange: Exchange },
    /// An upload needs its next chunk.
    UploadChunkNeeded { resume: Py<PyAny>, from_start: bool },
    /// A chunk of a streamed body, or `None` at its end.
    BodyChunk { resume: Py<PyAny>, chunk: Result<Option<Vec<u8>>, Error> },
}

impl EngineBridge {
    pub(crate) fn new(parts: BridgeParts) -> Self {
        Self {
            accounting: parts.accounting,
            agent: RefCell::new(parts.agent),
            io_thread: RefCell::new(parts.io_thread),
            completion_fd: parts.completion_fd,
            command_fd: parts.command_fd,
            requests: RefCell::default(),
            readers: RefCell::default(),
            base_urls: RefCell::default(),
            transport_cache: TransportCache::default(),
            config: parts.config,
            active_users: RefCell::new(vec![0; parts.class_count]),
            alive_users: Cell::new(0),
            actions: RefCell::default(),
            is_in_batch: Cell::new(false),
            last_tick_ns: parts.last_tick_ns,
            closed_sessions: ClosedSessions::default(),
            notify_decided: parts.notify_decided,
        }
    }

    /// Borrows the bridge on the thread that owns it.
    ///
    /// # Errors
    /// `RuntimeError` on any other thread, with the remedy.
    pub(crate) fn on_owner_thread<'py>(bridge: &Bound<'py, Self>, owner: ThreadId) -> PyResult<PyRef<'py, Self>> {
        if thread::current().id() == owner {
            return Ok(bridge.borrow());
        }
        let text = "clients and responses belong to the Python thread: use greenlets (gevent.spawn)";
        Err(PyRuntimeError::new_err(text))
    }

    /// Returns the queue of sessions that the next tick closes.
    pub(crate) fn closed_sessions(&self) -> ClosedSessions {
        Arc::clone(&self.closed_sessions)
    }

    /// Opens a session on the I/O thread.
    ///
    /// # Errors
    /// The URL and why it is invalid.
    pub(crate) fn open_session(&self, base_url: &str) -> Result<(SessionId, Arc<BaseUrl>), String> {
        let known = self.base_urls.borrow().get(base_url).cloned();
        let base = match known {
            Some(base) => base,
            None => {
                let base = Arc::new(BaseUrl::parse(base_url).map_err(|error| format!("{base_url}: {error}"))?);
                self.base_urls.borrow_mut().insert(base_url.to_owned(), Arc::clone(&base));
                base
            }
        };
        let session = self.io_thread.borrow_mut().open_session(Arc::clone(&base), Arc::clone(&self.config));
        Ok((session, base))
    }

    /// Returns the function that passes a decided response on to the listeners of requests.
    pub(crate) fn notify_decided(&self, py: Python<'_>) -> Py<PyAny> {
        self.notify_decided.clone_ref(py)
    }

    /// Returns the limits of responses.
    pub(crate) fn limits(&self) -> &HttpLimits {
        &self.config.limits
    }

    /// Returns the pool that takes back the buffers of responses.
    pub(crate) fn buffer_pool(&self) -> SharedBufferPool {
        self.io_thread.borrow().buffer_pool().clone()
    }

    /// Returns an empty request in a pooled buffer.
    pub(crate) fn new_request(&self) -> PackedRequest {
        self.io_thread.borrow().new_request()
    }

    /// Sends an admitted request and returns its number.
    pub(crate) fn submit(&self, mut packed: PackedRequest, request: PendingRequest) -> usize {
        let (session, due_ns) = (request.session, request.due_ns);
        let request_id = self.requests.borrow_mut().insert(request);
        packed.finish(session, due_ns, RequestId(request_id));
        self.io_thread.borrow_mut().submit(packed);
        self.flush_unless_in_batch();
        request_id
    }

    /// Sends the next chunk of an upload, or `None` for its end.
    pub(crate) fn send_upload_chunk(&self, request_id: usize, chunk: Option<Vec<u8>>) {
        self.io_thread.borrow_mut().send_upload_chunk(RequestId(request_id), chunk);
        self.flush_unless_in_batch();
    }

    /// Requests the next chunk of a streamed body. Returns the reader's number for [`cancel_read`](Self::cancel_read).
    pub(crate) fn read_body_chunk(&self, request_id: usize, resume: Py<PyAny>) -> usize {
        let reader = self.readers.borrow_mut().insert(resume);
        self.io_thread.borrow_mut().read_body_chunk(RequestId(request_id), reader);
        self.flush_unless_in_batch();
        reader
    }

    /// Forgets a reader. A chunk that arrives for it later is dropped.
    pub(crate) fn cancel_read(&self, reader: usize) {
        let resume = self.readers.borrow_mut().remove(reader);
        // Dropping the last reference ends a greenlet, which may call the bridge: no cell is borrowed at this point.
        drop(resume);
    }

    /// Gives up the rest of a streamed body.
    pub(crate) fn drop_body(&self, request_id: usize) {
        self.io_thread.borrow_mut().drop_body(RequestId(request_id));
        self.flush_unless_in_batch();
    }

    /// Runs an action on the cookies of a session and waits for its result.
    ///
    /// # Errors
    /// `RuntimeError` if the session is closed.
    pub(crate) fn with_cookies<R: Send + 'static>(
        &self,
        session: SessionId,
        action: impl FnOnce(&mut CookieJar) -> R + Send + 'static,
    ) -> PyResult<R> {
        let result = self.io_thread.borrow_mut().with_cookies(session, action);
        result.ok_or_else(|| PyRuntimeError::new_err("the client session is closed"))
    }

    /// Returns the next event for which a greenlet still waits, or `None` if the queue is empty.
    pub(crate) fn next_event(&self, py: Python<'_>) -> Option<BridgeEvent> {
        loop {
            let event = self.io_thread.borrow_mut().next_event()?;
            let awaited = match event {
                IoEvent::Completed(completed) => self.completed(completed.request_id.0, completed.exchange),
                IoEvent::UploadChunkNeeded { request_id, from_start } => {
                    let requests = self.requests.borrow();
                    let resume =
                        requests.get(request_id.0).and_then(|request| Some(request.resume.as_ref()?.clone_ref(py)));
                    resume.map(|resume| BridgeEvent::UploadChunkNeeded { resume, from_start })
                }
                IoEvent::BodyChunk { reader, chunk } => {
                    let resume = self.readers.borrow_mut().remove(reader);
                    resume.map(|resume| BridgeEvent::BodyChunk { resume, chunk })
                }
            };
            if awaited.is_some() {
                return awaited;
            }
        }
    }

    fn completed(&self, request_id: usize, exchange: Exchange) -> Option<BridgeEvent> {
        let request = self.requests.borrow_mut().remove(request_id)?;
        self.accounting.record_lag(Lag::Resume, rt::now_ns().saturating_sub(exchange.done_ns) / 1000);
        Some(BridgeEvent::Completed { request_id, request, exchange })
    }

    fn record_aborted(&self, py: Python<'_>, request: &PendingRequest) {
        self.accounting.record_aborted(request.method.as_str(), request.sample_name(py), request.due_ns, rt::now_ns());
    }

    fn flush_unless_in_batch(&self) {
        if !self.is_in_batch.get() {
            self.io_thread.borrow_mut().flush();
        }
    }

    fn close_sessions(&self) {
        let closed = std::mem::take(&mut *self.closed_sessions.lock().unwrap_or_else(PoisonError::into_inner));
        closed.into_iter().for_each(|session| self.io_thread.borrow_mut().close_session(session));
        self.flush_unless_in_batch();
    }
}

#[pymethods]
impl EngineBridge {
    /// A file descriptor that is readable when `next_completion` has a completion.
    #[getter]
    fn completion_fd(&self) -> i32 {
        self.completion_fd.as_raw_fd()
    }

    /// A file descriptor that is readable when the run has commands or events.
    #[getter]
    fn command_fd(&self) -> i32 {
        self.command_fd.as_raw_fd()
    }

    /// Clears `completion_fd` and collects the requests of the greenlets resumed until `end_batch`.
    fn begin_batch(&self) {
        self.is_in_batch.set(true);
        self.io_thread.borrow_mut().clear_wakeup();
    }

    /// Hands over the requests collected since `begin_batch`.
    fn end_batch(&self) {
        self.is_in_batch.set(false);
        self.io_thread.borrow_mut().flush();
    }

    /// Makes `completion_fd` readable again because not all completions were taken.
    fn requeue_wakeup(&self) {
        self.completion_fd.notify();
    }

    /// Clears `command_fd`.
    fn clear_command_wakeup(&self) {
        self.command_fd.drain();
    }

    /// Whether requests follow redirects unless their call says otherwise (`--no-redirects`).
    #[getter]
    fn follows_redirects(&self) -> bool {
        self.config.follow_redirects
    }

    /// Whether the run is on: a request that is not admitted now may be admitted later.
    #[getter]
    fn is_open(&self) -> bool {
        self.accounting.is_open()
    }

    /// Whether a request that was not admitted may be admitted soon.
    #[getter]
    fn may_admit_soon(&self) -> bool {
        self.accounting.may_admit_soon()
    }

    /// Cancels a request for which no greenlet waits any more. It is counted as aborted.
    fn cancel(&self, py: Python<'_>, request_id: usize) {
        let request = self.requests.borrow_mut().remove(request_id);
        if let Some(request) = request {
            self.record_aborted(py, &request);
            self.io_thread.borrow_mut().cancel(request.session, RequestId(request_id));
            self.flush_unless_in_batch();
        }
    }

    /// Cancels all requests, including those of greenlets that users have started and left alone.
    fn cancel_all(&self, py: Python<'_>) {
        // Dropping the last reference ends a greenlet, which may call the bridge: no cell is borrowed at this point.
        let requests = self.requests.borrow_mut().take();
        requests.iter().for_each(|request| self.record_aborted(py, request));
    }

    /// Counts a request of a client of the locustfile's own. `exception`, which may be a text, is `None` for a success.
    fn record_request(
        &self,
        request_type: &str,
        name: &str,
        response_time_ms: f64,
        response_length: u64,
        exception: Option<&Bound<'_, PyAny>>,
    ) {
        let error = exception.map(exceptions::error_text);
        let done_ns = rt::now_ns();
        let due_ns = done_ns.saturating_sub((response_time_ms.max(0.0) * 1e6) as u64);
        self.accounting.record_external(&Sample {
            method: request_type,
            name,
            due_ns,
            done_ns,
            bytes_in: response_length,
            outcome: error.as_deref().map_or(Outcome::Success, Outcome::Failure),
            ..Sample::default()
        });
    }

    /// Counts an exception in a user's own code.
    fn record_exception(&self, message: &str, traceback: &str) {
        self.accounting.record_exception(message, traceback);
    }

    /// Records by how many seconds a user's wait was longer than requested.
    fn record_wait_lag(&self, late_s: f64) {
        self.accounting.record_lag(Lag::Wait, (late_s.max(0.0) * 1e6) as u64);
    }

    /// Applies the run's commands. Returns the seconds until the next tick and the actions on users, in order; `None`
    /// if the run was shut down.
    fn tick(&self) -> Option<(f64, Vec<UserAction>)> {
        let now_ns = rt::now_ns();
        self.last_tick_ns.store(now_ns, Ordering::Relaxed);
        self.close_sessions();
        let due_ns = self.agent.borrow_mut().tick(self, now_ns)?;
        let actions = std::mem::take(&mut *self.actions.borrow_mut());
        Some((due_ns.saturating_sub(rt::now_ns()) as f64 / 1e9, actions))
    }

    /// Counts a new user of this class.
    fn user_spawned(&self, class_index: usize) {
        self.active_users.borrow_mut()[class_index] += 1;
        self.alive_users.set(self.alive_users.get() + 1);
    }

    /// Counts a user of this class that was asked to stop.
    fn user_stopping(&self, class_index: usize) {
        self.active_users.borrow_mut()[class_index] -= 1;
    }

    /// Counts the end of a user that was asked to stop.
    fn user_exited(&self) {
        self.alive_users.set(self.alive_users.get() - 1);
    }
}

impl UserPool for EngineBridge {
    fn accounting(&self) -> &Accounting {
        &self.accounting
    }

    fn on_run_start(&self) {
        self.actions.borrow_mut().push(UserAction::StartRun {});
    }

    fn spawn_user(&self, class: usize) {
        self.actions.borrow_mut().push(UserAction::SpawnUser { class_index: class });
    }

    fn stop_user(&self, class: usize) {
        self.actions.borrow_mut().push(UserAction::StopUser { class_index: class });
    }

    fn stop_all(&self) {
        self.actions.borrow_mut().push(UserAction::StopAll {});
    }

    fn abort_all(&self) {
        self.actions.borrow_mut().push(UserAction::AbortAll {});
    }

    /// Includes users that the current tick spawns, which Python has not started yet.
    fn user_counts(&self) -> Vec<u32> {
        let mut users = self.active_users.borrow().clone();
        for action in self.actions.borrow().iter() {
            if let UserAction::SpawnUser { class_index } = action {
                users[*class_index] += 1;
            }
        }
        users
    }

    fn is_empty(&self) -> bool {
        self.alive_users.get() == 0 && self.requests.borrow().is_empty()
    }

    fn thread_cpu_ns(&self) -> u64 {
        rt::thread_cpu_ns()
    }
}
