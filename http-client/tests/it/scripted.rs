//! A network whose targets follow a script.
//!
//! Each connection is a list of [`Step`]s, one for each time the client waits for bytes. Where the script has nothing
//! more, the target stays silent, so the client's deadline passes: time jumps there, as nothing else can happen first.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use gregaria_http::{BaseUrl, ClientConfig, ClientRuntime, Error, Exchange, Origin, Request, Session, Transport};

/// What a target does when the client waits for bytes.
#[derive(Clone)]
pub(crate) enum Step {
    /// It sends these, as far as the client's buffer takes them.
    Send(Vec<u8>),
    /// The same, this many nanoseconds later.
    SendAfter(u64, Vec<u8>),
    /// It closes the connection.
    Close,
    /// It resets the connection.
    Reset,
    /// It sends these at once, whether the client waits for them or not.
    Interject(Vec<u8>),
}

/// How a connection begins.
pub(crate) enum Start {
    /// It is accepted after this many nanoseconds, and these steps follow.
    Accept(u64, Vec<Step>),
    Fail(Error),
    /// No answer comes.
    Silence,
}

#[derive(Clone, Default)]
pub(crate) struct Scripted(Rc<State>);

#[derive(Default)]
struct State {
    starts: RefCell<VecDeque<Start>>,
    wires: RefCell<Vec<Rc<Wire>>>,
    origins: RefCell<Vec<String>>,
    now_ns: Cell<u64>,
    clock_reads: Cell<u64>,
    unix_time_s: Cell<u64>,
    pool: RefCell<Vec<Vec<u8>>>,
    patient: Cell<bool>,
    answer_when: Cell<Option<(&'static str, &'static str)>>,
}

/// One connection, as the target sees it.
#[derive(Default)]
pub(crate) struct Wire {
    steps: RefCell<VecDeque<Step>>,
    received: RefCell<Vec<u8>>,
    recorded: Cell<bool>,
    refuses: Cell<bool>,
    parting: RefCell<Option<Step>>,
    closed: Cell<bool>,
}

impl Scripted {
    /// A network whose connections are these, in the order they are made.
    pub(crate) fn new(starts: impl IntoIterator<Item = Start>) -> Self {
        let network = Self::default();
        network.0.starts.borrow_mut().extend(starts);
        network.0.unix_time_s.set(1_700_000_000);
        network.0.now_ns.set(1_000);
        network
    }

    /// A network with a single connection, on which these responses come one by one.
    pub(crate) fn answering<const N: usize>(responses: [&str; N]) -> Self {
        Self::new([accept(responses)])
    }

    pub(crate) fn session(&self) -> Session<Self> {
        self.session_to("http://target:8080")
    }

    pub(crate) fn session_to(&self, base: &str) -> Session<Self> {
        self.session_with(base, ClientConfig::default())
    }

    pub(crate) fn session_with(&self, base: &str, config: ClientConfig) -> Session<Self> {
        Session::new(Arc::new(BaseUrl::parse(base).unwrap()), Arc::new(config))
    }

    pub(crate) fn send(&self, session: &Session<Self>, request: &Request<'_>) -> Exchange {
        block_on(session.send(self, request))
    }

    /// The status of a `GET`, or its error.
    pub(crate) fn get(&self, session: &Session<Self>, target: &str) -> Result<u16, Error> {
        let exchange = self.send(session, &Request::get(target));
        exchange.result.map(|response| {
            let status = response.status();
            self.release_buffer(response.into_buffer());
            status
        })
    }

    /// The connections so far.
    pub(crate) fn connections(&self) -> usize {
        self.0.wires.borrow().len()
    }

    /// Where they went.
    pub(crate) fn origins(&self) -> Vec<String> {
        self.0.origins.borrow().clone()
    }

    pub(crate) fn wire(&self, connection: usize) -> Rc<Wire> {
        Rc::clone(&self.0.wires.borrow()[connection])
    }

    /// What was sent on a connection.
    pub(crate) fn sent(&self, connection: usize) -> String {
        String::from_utf8(self.wire(connection).received.borrow().clone()).unwrap()
    }

    pub(crate) fn pass(&self, time_ns: u64) {
        self.0.now_ns.set(self.0.now_ns.get() + time_ns);
    }

    pub(crate) fn pass_unix(&self, time_s: u64) {
        self.0.unix_time_s.set(self.0.unix_time_s.get() + time_s);
    }

    pub(crate) fn clock_reads(&self) -> u64 {
        self.0.clock_reads.get()
    }

    pub(crate) fn pooled_buffers(&self) -> usize {
        self.0.pool.borrow().len()
    }

    /// Once these bytes have come on the connection to be made next, the target answers.
    pub(crate) fn answer_when(&self, bytes: &'static str, answer: &'static str) {
        self.0.answer_when.set(Some((bytes, answer)));
    }

    /// From now on a deadline does not pass while the target is silent.
    pub(crate) fn be_patient(&self) {
        self.0.patient.set(true);
    }
}

impl ClientRuntime for Scripted {
    type Transport = ScriptedTransport;

    fn now_ns(&self) -> u64 {
        self.0.clock_reads.set(self.0.clock_reads.get() + 1);
        self.0.now_ns.get()
    }

    fn unix_time_s(&self) -> u64 {
        self.0.unix_time_s.get()
    }

    async fn connect(&self, origin: &Origin, _: &mut u64) -> Result<ScriptedTransport, Error> {
        self.0.origins.borrow_mut().push(origin.to_string());
        let start = self.0.starts.borrow_mut().pop_front();
        let wire = Rc::new(Wire::default());
        match start.expect("a script for this connection") {
            Start::Accept(after_ns, steps) => {
                self.pass(after_ns);
                wire.steps.borrow_mut().extend(steps);
            }
            Start::Fail(error) => return Err(error),
            Start::Silence => std::future::pending().await,
        }
        wire.recorded.set(true);
        self.0.wires.borrow_mut().push(Rc::clone(&wire));
        let network = self.clone();
        Ok(ScriptedTransport { network, wire, sent_ns: 0, received_ns: 0 })
    }

    async fn timeout_at<F: Future>(&self, at_ns: u64, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) if self.0.now_ns.get() <= at_ns => Poll::Ready(Some(output)),
            Poll::Pending if self.0.patient.get() => Poll::Pending,
            _ => {
                self.0.now_ns.set(at_ns);
                Poll::Ready(None)
            }
        })
        .await
    }

    fn random_u64(&self) -> u64 {
        7
    }

    fn acquire_buffer(&self) -> Vec<u8> {
        let pooled = self.0.pool.borrow_mut().pop();
        pooled.unwrap_or_else(|| Vec::with_capacity(4096))
    }

    fn release_buffer(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.0.pool.borrow_mut().push(buffer);
    }
}

#[derive(Debug)]
pub(crate) struct ScriptedTransport {
    network: Scripted,
    wire: Rc<Wire>,
    sent_ns: u64,
    received_ns: u64,
}

impl Transport for ScriptedTransport {
    async fn send(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        if self.wire.refuses.get() {
            self.wire.steps.borrow_mut().extend(self.wire.parting.take());
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if self.wire.recorded.get() {
            self.wire.received.borrow_mut().extend_from_slice(buffer);
        }
        if let Some((bytes, answer)) = self.network.0.answer_when.get()
            && buffer.ends_with(bytes.as_bytes())
        {
            self.wire.then(Step::Send(answer.into()));
        }
        self.sent_ns = self.network.0.now_ns.get();
        buffer.clear();
        Ok(())
    }

    async fn recv(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        assert!(buffer.capacity() > buffer.len(), "no room to receive into");
        let step = poll_fn(|_| self.wire.steps.borrow_mut().pop_front().map_or(Poll::Pending, Poll::Ready)).await;
        let received = match step {
            Step::Send(bytes) => Ok(self.wire.deliver(&bytes, buffer)),
            Step::SendAfter(after_ns, bytes) => {
                self.network.pass(after_ns);
                Ok(self.wire.deliver(&bytes, buffer))
            }
            Step::Interject(bytes) => Ok(self.wire.deliver(&bytes, buffer)),
            Step::Close => Ok(0),
            Step::Reset => Err(io::ErrorKind::ConnectionReset.into()),
        };
        self.received_ns = self.network.0.now_ns.get();
        received
    }

    /// Has the buffer in the meantime, as it may.
    async fn recv_direct(&mut self, buffer: &mut Vec<u8>, _: u64) -> io::Result<usize> {
        let mut own = std::mem::take(buffer);
        let received = self.recv(&mut own).await;
        *buffer = own;
        received
    }

    fn sent_ns(&self) -> u64 {
        self.sent_ns
    }

    fn received_ns(&self) -> u64 {
        self.received_ns
    }

    fn is_stale(&self) -> bool {
        let steps = self.wire.steps.borrow();
        matches!(steps.front(), Some(Step::Close | Step::Reset | Step::Interject(_)))
    }
}

impl Drop for ScriptedTransport {
    fn drop(&mut self) {
        self.wire.closed.set(true);
    }
}

impl Wire {
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    /// Sending on it fails from now on.
    pub(crate) fn refuse(&self) {
        self.refuses.set(true);
    }

    /// The same, and with the first attempt this is there.
    pub(crate) fn refuse_with(&self, answer: &str) {
        *self.parting.borrow_mut() = Some(Step::Interject(answer.into()));
        self.refuse();
    }

    /// Requests are no longer written down, which would need memory.
    pub(crate) fn stop_recording(&self) {
        self.recorded.set(false);
    }

    /// More of the script.
    pub(crate) fn then(&self, step: Step) {
        self.steps.borrow_mut().push_back(step);
    }

    fn deliver(&self, bytes: &[u8], buffer: &mut Vec<u8>) -> usize {
        let (now, later) = bytes.split_at(bytes.len().min(buffer.capacity() - buffer.len()));
        buffer.extend_from_slice(now);
        if !later.is_empty() {
            self.steps.borrow_mut().push_front(Step::Send(later.to_vec()));
        }
        now.len()
    }
}

impl std::fmt::Debug for Wire {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wire")
    }
}

impl std::fmt::Debug for Scripted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Scripted")
    }
}

/// A connection on which these arrive, one by one.
pub(crate) fn accept<const N: usize>(pieces: [&str; N]) -> Start {
    Start::Accept(0, pieces.map(send).to_vec())
}

pub(crate) fn send(bytes: &str) -> Step {
    Step::Send(bytes.as_bytes().to_vec())
}

/// Runs a future that never has to be woken.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    match poll_once(future.as_mut()) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future waits for something that is not in the script"),
    }
}

pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
