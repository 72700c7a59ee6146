//! The hub: the place of the Python users. Belongs to the thread that runs gevent's loop, and is called by nobody else.
//!
//! Requests go out through `wire.rs` and come back through [`Hub::next_finished`], where the outcome of most is decided
//! and recorded. [`Hub::turn`] follows the orders of the run: it says which users come and leave, and the Python half
//! (`host.py`) does it. Nothing here waits.

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
    control::{Accounting, ThreadAgent, UserPool},
    io_thread::{CompletedRequest, IoEvent, IoThread, PackedRequest, SessionId, SharedBufferPool},
    rt::{self, EventFd},
};
use gregaria_http::{BaseUrl, ClientConfig, CookieJar, Error, Exchange};
use gregaria_stats::{Lag, Outcome, Sample};
use pyo3::{
    exceptions::PyRuntimeError,
    prelude::*,
    types::{PyBytes, PyTuple},
};

use crate::{
    exceptions,
    pending::{Numbered, Ticket},
    response::Response,
    transport_cache::Routes,
};

/// The place of the Python users.
#[pyclass(unsendable)]
pub(crate) struct Hub {
    pub(crate) ledger: Accounting,
    place: RefCell<ThreadAgent>,
    carrier: RefCell<IoThread>,
    carrier_bell: EventFd,
    order_bell: EventFd,
    tickets: RefCell<Numbered<Ticket>>,
    /// Resume those who wait for a piece of a body.
    readers: RefCell<Numbered<Py<PyAny>>>,
    bases: RefCell<HashMap<String, Arc<BaseUrl>>>,
    pub(crate) routes: Routes,
    config: Arc<ClientConfig>,
    /// Users that nobody has told to leave, per class.
    users: RefCell<Vec<u32>>,
    /// Users that are there, those on their way out included.
    present: Cell<u32>,
    actions: RefCell<Vec<(&'static str, usize)>>,
    /// Greenlets are being resumed one after another: what they send leaves together.
    is_resuming: Cell<bool>,
    alive_ns: Arc<AtomicU64>,
    closed: ClosedSessions,
}

/// Sessions whose users are gone. A user's last reference may go in any thread, the collector's for one.
pub(crate) type ClosedSessions = Arc<Mutex<Vec<SessionId>>>;

/// What a hub is made of.
pub(crate) struct HubParts {
    pub(crate) ledger: Accounting,
    pub(crate) place: ThreadAgent,
    pub(crate) carrier: IoThread,
    pub(crate) carrier_bell: EventFd,
    pub(crate) order_bell: EventFd,
    pub(crate) classes: usize,
    /// The client settings of all users.
    pub(crate) config: Arc<ClientConfig>,
    /// When the hub last turned; the swarm looks at it.
    pub(crate) alive_ns: Arc<AtomicU64>,
}

impl Hub {
    pub(crate) fn new(parts: HubParts) -> Self {
        Self {
            ledger: parts.ledger,
            place: RefCell::new(parts.place),
            carrier: RefCell::new(parts.carrier),
            carrier_bell: parts.carrier_bell,
            order_bell: parts.order_bell,
            tickets: RefCell::default(),
            readers: RefCell::default(),
            bases: RefCell::default(),
            routes: Routes::default(),
            config: parts.config,
            users: RefCell::new(vec![0; parts.classes]),
            present: Cell::new(0),
            actions: RefCell::default(),
            is_resuming: Cell::new(false),
            alive_ns: parts.alive_ns,
            closed: ClosedSessions::default(),
        }
    }

    /// The hub, for its own thread.
    ///
    /// # Errors
    /// On any other, with what to do instead.
    pub(crate) fn here<'py>(hub: &Bound<'py, Self>, thread: ThreadId) -> PyResult<PyRef<'py, Self>> {
        if thread::current().id() == thread {
            return Ok(hub.borrow());
        }
        let what = "clients and responses belong to the thread of the users: use greenlets (gevent.spawn)";
        Err(PyRuntimeError::new_err(what))
    }

    pub(crate) fn closed_sessions(&self) -> ClosedSessions {
        Arc::clone(&self.closed)
    }

    pub(crate) fn open(&self, base_url: &str) -> Result<(SessionId, Arc<BaseUrl>), String> {
        let known = self.bases.borrow().get(base_url).cloned();
        let base = match known {
            Some(base) => base,
            None => {
                let base = Arc::new(BaseUrl::parse(base_url).map_err(|error| format!("{base_url}: {error}"))?);
                self.bases.borrow_mut().insert(base_url.to_owned(), Arc::clone(&base));
                base
            }
        };
        let session = self.carrier.borrow_mut().open_session(Arc::clone(&base), Arc::clone(&self.config));
        Ok((session, base))
    }

    pub(crate) fn buffers(&self) -> SharedBufferPool {
        self.carrier.borrow().buffer_pool().clone()
    }

    pub(crate) fn errand(&self) -> PackedRequest {
        self.carrier.borrow().new_request()
    }

    pub(crate) fn send(&self, mut errand: PackedRequest, session: SessionId, due_ns: u64, ticket: Ticket) -> usize {
        let number = self.tickets.borrow_mut().insert(ticket);
        errand.finish(session, due_ns, number);
        self.carrier.borrow_mut().submit(errand);
        self.flush_unless_resuming();
        number
    }

    fn flush_unless_resuming(&self) {
        if !self.is_resuming.get() {
            self.carrier.borrow_mut().flush();
        }
    }

    /// The answer to what an upload wants; `None` for the end of it.
    pub(crate) fn feed(&self, number: usize, piece: Option<Vec<u8>>) {
        self.carrier.borrow_mut().send_upload_chunk(number, piece);
        self.flush_unless_resuming();
    }

    /// Asks for a piece of the body of a response. Gives a number for [`Hub::unread`].
    pub(crate) fn read(&self, ticket: usize, switch: Py<PyAny>) -> usize {
        let reader = self.readers.borrow_mut().insert(switch);
        self.carrier.borrow_mut().read_body_chunk(ticket, reader);
        self.flush_unless_resuming();
        reader
    }

    /// Nobody waits for that piece any more.
    pub(crate) fn unread(&self, reader: usize) {
        let switch = self.readers.borrow_mut().remove(reader);
        // With its last reference a greenlet ends, and may call back from there: nothing is borrowed then.
        drop(switch);
    }

    /// Nobody reads this response any more.
    pub(crate) fn leave(&self, ticket: usize) {
        self.carrier.borrow_mut().drop_body(ticket);
        self.flush_unless_resuming();
    }

    /// Does something to the cookies of a session, at once.
    ///
    /// # Errors
    /// When the session is closed.
    pub(crate) fn with_jar<R: Send + 'static>(
        &self,
        session: SessionId,
        act: impl FnOnce(&mut CookieJar) -> R + Send + 'static,
    ) -> PyResult<R> {
        let result = self.carrier.borrow_mut().with_cookies(session, act);
        result.ok_or_else(|| PyRuntimeError::new_err("the cookies of this client are gone"))
    }

    fn done<'py>(
        slf: &Bound<'py, Self>,
        hub: &Self,
        mut done: CompletedRequest,
    ) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let py = slf.py();
        let ticket = hub.tickets.borrow_mut().remove(done.request_id);
        let Some(mut ticket) = ticket else {
            return Ok(None);
        };
        let switch = ticket.switch.take();
        let exchange = &mut done.exchange;
        let resumed_ns = rt::now_ns();
        hub.ledger.record_lag(Lag::Resume, resumed_ns.saturating_sub(exchange.done_ns) / 1000);
        if let Err(error @ (Error::InvalidRequest(_) | Error::UnsupportedScheme)) = exchange.result {
            // Wrong is what the task wants, and it is told so.
            hub.ledger.cancel_admission();
            let wrong = exceptions::unmakeable_error(py, error, ticket.url.to_str(py)?)?;
            return Ok(Some((switch, wrong).into_pyobject(py)?));
        }
        if ticket.stream.is_some() {
            exchange.bytes_in = promised_bytes(exchange);
        }
        let is_caught = ticket.is_caught;
        let is_streamed = ticket.stream.is_some() && done.exchange.result.is_ok();
        let response = Response::new(slf, done.exchange, ticket, hub.buffers());
        let response = if is_streamed { response.with_stream(py, done.request_id)? } else { response };
        if !is_caught {
            response.decide_by_status(hub, py);
        }
        Ok(Some((switch, response).into_pyobject(py)?))
    }

    fn wanted<'py>(&self, py: Python<'py>, ticket: usize, again: bool) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let switch = {
            let tickets = self.tickets.borrow();
            tickets.get(ticket).and_then(|ticket| Some(ticket.switch.as_ref()?.clone_ref(py)))
        };
        // What is made here may make a collector call back: nothing is borrowed any more.
        switch.map(|switch| (switch, again).into_pyobject(py)).transpose()
    }

    fn piece<'py>(
        &self,
        py: Python<'py>,
        reader: usize,
        piece: Result<Option<Vec<u8>>, Error>,
    ) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let switch = self.readers.borrow_mut().remove(reader);
        let Some(switch) = switch else {
            return Ok(None);
        };
        let told = match piece {
            Ok(Some(piece)) => PyBytes::new(py, &piece).into_any(),
            Ok(None) => py.None().into_bound(py),
            Err(error) => exceptions::reading_error(py, error)?,
        };
        Ok(Some((switch, told).into_pyobject(py)?))
    }

    fn close_sessions(&self) {
        let closed = std::mem::take(&mut *self.closed.lock().unwrap_or_else(PoisonError::into_inner));
        closed.into_iter().for_each(|session| self.carrier.borrow_mut().close_session(session));
        self.flush_unless_resuming();
    }
}

#[pymethods]
impl Hub {
    /// Readable when requests are done.
    #[getter]
    fn finished_fd(&self) -> i32 {
        self.carrier_bell.as_raw_fd()
    }

    /// Readable when the run has orders or news.
    #[getter]
    fn orders_fd(&self) -> i32 {
        self.order_bell.as_raw_fd()
    }

    /// `finished_fd` was seen readable: greenlets are resumed until [`Hub::flush`].
    fn heard_finished(&self) {
        self.is_resuming.set(true);
        self.carrier.borrow_mut().clear_wakeup();
    }

    /// `orders_fd` was seen readable.
    fn heard_orders(&self) {
        self.order_bell.drain();
    }

    /// What has come next: whom to resume, and with what. That is a response, whose outcome is decided unless the task does;
    /// the exception for a request that cannot be sent; what is wanted of an upload; or a piece of a body.
    fn next_finished<'py>(slf: &Bound<'py, Self>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let hub = slf.borrow();
        loop {
            let Some(word) = hub.carrier.borrow_mut().next_event() else {
                return Ok(None);
            };
            let told = match word {
                IoEvent::Completed(done) => Self::done(slf, &hub, done)?,
                IoEvent::UploadChunkNeeded { request_id, from_start } => {
                    hub.wanted(slf.py(), request_id, from_start)?
                }
                IoEvent::BodyChunk { reader, chunk } => hub.piece(slf.py(), reader, chunk)?,
            };
            if told.is_some() {
                return Ok(told);
            }
        }
    }

    /// Hands over what the resumed greenlets have sent.
    fn flush(&self) {
        self.is_resuming.set(false);
        self.carrier.borrow_mut().flush();
    }

    /// Has `finished_fd` become readable once more: not all that is done was taken.
    fn ring(&self) {
        self.carrier_bell.notify();
    }

    /// Whether the run is on, so that a request that may not start now may later.
    #[getter]
    fn is_open(&self) -> bool {
        self.ledger.is_open()
    }

    /// Whether it may be worth while to ask again for a request that might not start.
    #[getter]
    fn has_room(&self) -> bool {
        self.ledger.may_admit_soon()
    }

    /// Nobody waits for this request any more.
    fn abandon(&self, number: usize) {
        let ticket = self.tickets.borrow_mut().remove(number);
        if let Some(ticket) = ticket {
            self.ledger.record_aborted();
            self.carrier.borrow_mut().cancel(ticket.session, number);
            self.flush_unless_resuming();
        }
    }

    /// Nobody waits for anything any more: neither users, nor greenlets that users have started and left alone.
    fn abandon_all(&self) {
        // With its last reference a greenlet ends, and may call back from there: nothing is borrowed then.
        let under_way = self.tickets.borrow_mut().take();
        under_way.iter().for_each(|_| self.ledger.record_aborted());
    }

    /// Counts a request that a client of the locustfile's own has made. `exception`, which may be a text, is `None` for a
    /// success.
    fn record(
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
        self.ledger.record_external(&Sample {
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
    fn exception(&self, message: &str, traceback: &str) {
        self.ledger.record_exception(message, traceback);
    }

    /// A user has waited longer than it wanted to, by so many seconds.
    fn waited(&self, late_s: f64) {
        self.ledger.record_lag(Lag::Wait, (late_s.max(0.0) * 1e6) as u64);
    }

    /// Follows the run's orders: what is to be done to the users, in order, and in how many seconds to turn again;
    /// `None` when the run is given up.
    fn turn(&self) -> Option<(f64, Vec<(&'static str, usize)>)> {
        let now_ns = rt::now_ns();
        self.alive_ns.store(now_ns, Ordering::Relaxed);
        self.close_sessions();
        let due_ns = self.place.borrow_mut().tick(self, now_ns)?;
        let actions = std::mem::take(&mut *self.actions.borrow_mut());
        Some((due_ns.saturating_sub(rt::now_ns()) as f64 / 1e9, actions))
    }

    /// A user of this class has come.
    fn came(&self, class: usize) {
        self.users.borrow_mut()[class] += 1;
        self.present.set(self.present.get() + 1);
    }

    /// A user of this class was told to leave.
    fn leaving(&self, class: usize) {
        self.users.borrow_mut()[class] -= 1;
    }

    /// A user that was told to leave is gone.
    fn went(&self) {
        self.present.set(self.present.get() - 1);
    }
}

impl UserPool for Hub {
    fn accounting(&self) -> &Accounting {
        &self.ledger
    }

    fn on_run_start(&self) {
        self.actions.borrow_mut().push(("begin", 0));
    }

    fn spawn_user(&self, class: usize) {
        self.actions.borrow_mut().push(("come", class));
    }

    fn stop_user(&self, class: usize) {
        self.actions.borrow_mut().push(("leave", class));
    }

    fn stop_all(&self) {
        self.actions.borrow_mut().push(("leave_all", 0));
    }

    fn abort_all(&self) {
        self.actions.borrow_mut().push(("cut_all", 0));
    }

    /// Those who are about to come are there: a turn says so before anyone has made them.
    fn user_counts(&self) -> Vec<u32> {
        let mut users = self.users.borrow().clone();
        for (_, class) in self.actions.borrow().iter().filter(|(what, _)| *what == "come") {
            users[*class] += 1;
        }
        users
    }

    fn is_empty(&self) -> bool {
        self.present.get() == 0 && self.tickets.borrow().is_empty()
    }

    fn thread_cpu_ns(&self) -> u64 {
        rt::thread_cpu_ns()
    }
}

/// What the head of a response says about the length of its body; 0 when it says nothing.
fn promised_bytes(exchange: &Exchange) -> u64 {
    let response = exchange.result.as_ref().ok();
    response.and_then(|response| response.header("content-length")?.parse().ok()).unwrap_or(0)
}
