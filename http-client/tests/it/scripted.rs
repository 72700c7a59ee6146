//! [`ScriptedNetwork`], a [`ClientRuntime`] with targets that follow a script.
//!
//! Each connection is a list of [`ScriptStep`]s. The client consumes one each time it receives. At the end of the
//! script the target stays silent, so the clock jumps to the client's deadline. The tests check times, bytes and
//! results. This file does not know what they check.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use gregaria_http::{BaseUrl, ClientConfig, ClientRuntime, Error, Exchange, Origin, Request, Session, Transport};

/// An action of a target when the client waits for bytes.
#[derive(Clone)]
pub(crate) enum ScriptStep {
    /// Sends these bytes. Bytes that do not fit in the client's buffer are sent with the next receive.
    Send(Vec<u8>),
    /// Advances the clock by this many nanoseconds, then sends.
    SendAfter(u64, Vec<u8>),
    /// Closes the connection.
    Close,
    /// Resets the connection.
    Reset,
    /// Advances the clock by this many nanoseconds, then closes the connection. It is not stale before.
    CloseAfter(u64),
    /// Resets the connection while the client waits. It is not stale before.
    ResetLate,
    /// Sends these bytes before the client receives, which makes an idle connection stale.
    Unsolicited(Vec<u8>),
}

/// The result of a connection attempt.
pub(crate) enum ConnectionStart {
    /// Accepts after this many nanoseconds. The steps follow.
    Accept(u64, Vec<ScriptStep>),
    /// Fails with this error.
    Fail(Error),
    /// Never completes.
    Silence,
}

/// A network of scripted connections and its clock. Clones share their state.
#[derive(Clone, Default)]
pub(crate) struct ScriptedNetwork(Rc<NetworkState>);

#[derive(Default)]
struct NetworkState {
    starts: RefCell<VecDeque<ConnectionStart>>,
    connections: RefCell<Vec<Rc<ScriptedConnection>>>,
    origins: RefCell<Vec<String>>,
    now_ns: Cell<u64>,
    clock_reads: Cell<u64>,
    unix_time_s: Cell<u64>,
    buffer_pool: RefCell<Vec<Vec<u8>>>,
    /// Whether the clock stays where it is while the target is silent.
    holds_deadlines: Cell<bool>,
    /// The last bytes of a request, and the response that they trigger.
    respond_when: Cell<Option<(&'static str, &'static str)>>,
}

/// The target's side of a connection.
#[derive(Default)]
pub(crate) struct ScriptedConnection {
    steps: RefCell<VecDeque<ScriptStep>>,
    received: RefCell<Vec<u8>>,
    is_recording: Cell<bool>,
    fails_sends: Cell<bool>,
    final_step: RefCell<Option<ScriptStep>>,
    is_closed: Cell<bool>,
}

impl ScriptedNetwork {
    /// Creates a network with these connections, in the order in which the client opens them.
    pub(crate) fn new(starts: impl IntoIterator<Item = ConnectionStart>) -> Self {
        let network = Self::default();
        network.0.starts.borrow_mut().extend(starts);
        network.0.unix_time_s.set(1_700_000_000);
        network.0.now_ns.set(1_000);
        network
    }

    /// Creates a network with one connection, which sends these responses one by one.
    pub(crate) fn with_responses<const N: usize>(responses: [&str; N]) -> Self {
        Self::new([accept_with(responses)])
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

    /// Sends a GET and returns the status.
    pub(crate) fn get(&self, session: &Session<Self>, target: &str) -> Result<u16, Error> {
        let exchange = self.send(session, &Request::get(target));
        exchange.result.map(|response| {
            let status = response.status();
            self.release_buffer(response.into_buffer());
            status
        })
    }

    /// Returns the number of connections opened so far.
    pub(crate) fn connections(&self) -> usize {
        self.0.connections.borrow().len()
    }

    /// Returns the origins of all connection attempts.
    pub(crate) fn origins(&self) -> Vec<String> {
        self.0.origins.borrow().clone()
    }

    pub(crate) fn connection(&self, connection: usize) -> Rc<ScriptedConnection> {
        Rc::clone(&self.0.connections.borrow()[connection])
    }

    /// Returns the bytes that the client sent on a connection.
    pub(crate) fn sent(&self, connection: usize) -> String {
        String::from_utf8(self.connection(connection).received.borrow().clone()).unwrap()
    }

    pub(crate) fn advance_ns(&self, time_ns: u64) {
        self.0.now_ns.set(self.0.now_ns.get() + time_ns);
    }

    pub(crate) fn advance_unix_s(&self, time_s: u64) {
        self.0.unix_time_s.set(self.0.unix_time_s.get() + time_s);
    }

    pub(crate) fn clock_reads(&self) -> u64 {
        self.0.clock_reads.get()
    }

    pub(crate) fn pooled_buffers(&self) -> usize {
        self.0.buffer_pool.borrow().len()
    }

    /// Makes the target respond each time the client sends a buffer that ends with `bytes`.
    pub(crate) fn respond_when(&self, bytes: &'static str, response: &'static str) {
        self.0.respond_when.set(Some((bytes, response)));
    }

    /// Prevents the clock from jumping to a deadline while the target is silent.
    pub(crate) fn hold_deadlines(&self) {
        self.0.holds_deadlines.set(true);
    }
}

impl ClientRuntime for ScriptedNetwork {
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
        let connection = Rc::new(ScriptedConnection::default());
        match start.expect("a script for this connection") {
            ConnectionStart::Accept(after_ns, steps) => {
                self.advance_ns(after_ns);
                connection.steps.borrow_mut().extend(steps);
            }
            ConnectionStart::Fail(error) => return Err(error),
            ConnectionStart::Silence => std::future::pending().await,
        }
        connection.is_recording.set(true);
        self.0.connections.borrow_mut().push(Rc::clone(&connection));
        let network = self.clone();
        Ok(ScriptedTransport { network, connection, sent_ns: 0, received_ns: 0 })
    }

    async fn timeout_at<F: Future>(&self, at_ns: u64, future: F) -> Option<F::Output> {
        let mut future = pin!(future);
        poll_fn(|context| match future.as_mut().poll(context) {
            Poll::Ready(output) if self.0.now_ns.get() <= at_ns => Poll::Ready(Some(output)),
            Poll::Pending if self.0.holds_deadlines.get() => Poll::Pending,
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
        let pooled = self.0.buffer_pool.borrow_mut().pop();
        pooled.unwrap_or_else(|| Vec::with_capacity(4096))
    }

    fn release_buffer(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        self.0.buffer_pool.borrow_mut().push(buffer);
    }
}

#[derive(Debug)]
pub(crate) struct ScriptedTransport {
    network: ScriptedNetwork,
    connection: Rc<ScriptedConnection>,
    sent_ns: u64,
    received_ns: u64,
}

impl Transport for ScriptedTransport {
    async fn send(&mut self, buffer: &mut Vec<u8>) -> io::Result<()> {
        if self.connection.fails_sends.get() {
            self.connection.steps.borrow_mut().extend(self.connection.final_step.take());
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        if self.connection.is_recording.get() {
            self.connection.received.borrow_mut().extend_from_slice(buffer);
        }
        if let Some((bytes, response)) = self.network.0.respond_when.get()
            && buffer.ends_with(bytes.as_bytes())
        {
            self.connection.push_step(ScriptStep::Send(response.into()));
        }
        self.sent_ns = self.network.0.now_ns.get();
        buffer.clear();
        Ok(())
    }

    async fn recv(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        assert!(buffer.capacity() > buffer.len(), "no space to receive into");
        let step = poll_fn(|_| self.connection.steps.borrow_mut().pop_front().map_or(Poll::Pending, Poll::Ready)).await;
        let received = match step {
            ScriptStep::Send(bytes) => Ok(self.connection.deliver(&bytes, buffer)),
            ScriptStep::SendAfter(after_ns, bytes) => {
                self.network.advance_ns(after_ns);
                Ok(self.connection.deliver(&bytes, buffer))
            }
            ScriptStep::Unsolicited(bytes) => Ok(self.connection.deliver(&bytes, buffer)),
            ScriptStep::Close => Ok(0),
            ScriptStep::CloseAfter(after_ns) => {
                self.network.advance_ns(after_ns);
                Ok(0)
            }
            ScriptStep::Reset | ScriptStep::ResetLate => Err(io::ErrorKind::ConnectionReset.into()),
        };
        self.received_ns = self.network.0.now_ns.get();
        received
    }

    /// Takes the buffer out of `buffer` while it waits, which the trait permits.
    async fn recv_direct(&mut self, buffer: &mut Vec<u8>, _: u64) -> io::Result<usize> {
        let mut taken = std::mem::take(buffer);
        let received = self.recv(&mut taken).await;
        *buffer = taken;
        received
    }

    fn sent_ns(&self) -> u64 {
        self.sent_ns
    }

    fn received_ns(&self) -> u64 {
        self.received_ns
    }

    fn is_stale(&self) -> bool {
        let steps = self.connection.steps.borrow();
        matches!(steps.front(), Some(ScriptStep::Close | ScriptStep::Reset | ScriptStep::Unsolicited(_)))
    }
}

impl Drop for ScriptedTransport {
    fn drop(&mut self) {
        self.connection.is_closed.set(true);
    }
}

impl ScriptedConnection {
    pub(crate) fn is_closed(&self) -> bool {
        self.is_closed.get()
    }

    /// Returns the number of steps that the client has not consumed.
    pub(crate) fn remaining_steps(&self) -> usize {
        self.steps.borrow().len()
    }

    /// Makes all later sends fail with a broken pipe.
    pub(crate) fn fail_sends(&self) {
        self.fails_sends.set(true);
    }

    /// Makes all later sends fail. The first failure also makes `response` available to the client.
    pub(crate) fn fail_sends_with(&self, response: &str) {
        *self.final_step.borrow_mut() = Some(ScriptStep::Unsolicited(response.into()));
        self.fail_sends();
    }

    /// Stops the recording of sent bytes, which would allocate.
    pub(crate) fn stop_recording(&self) {
        self.is_recording.set(false);
    }

    /// Appends a step to the script.
    pub(crate) fn push_step(&self, step: ScriptStep) {
        self.steps.borrow_mut().push_back(step);
    }

    fn deliver(&self, bytes: &[u8], buffer: &mut Vec<u8>) -> usize {
        let (received, remaining) = bytes.split_at(bytes.len().min(buffer.capacity() - buffer.len()));
        buffer.extend_from_slice(received);
        if !remaining.is_empty() {
            self.steps.borrow_mut().push_front(ScriptStep::Send(remaining.to_vec()));
        }
        received.len()
    }
}

impl std::fmt::Debug for ScriptedConnection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScriptedConnection")
    }
}

impl std::fmt::Debug for ScriptedNetwork {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ScriptedNetwork")
    }
}

/// Accepts immediately. Each receive then returns the next of these texts.
pub(crate) fn accept_with<const N: usize>(texts: [&str; N]) -> ConnectionStart {
    ConnectionStart::Accept(0, texts.map(send_step).to_vec())
}

pub(crate) fn send_step(bytes: &str) -> ScriptStep {
    ScriptStep::Send(bytes.as_bytes().to_vec())
}

/// Polls a future once and returns its output. No scripted operation needs a wakeup.
///
/// # Panics
/// If the future is pending, because the script has no step for it.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    match poll_once(future.as_mut()) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the future is pending: the script has no step for it"),
    }
}

pub(crate) fn poll_once<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
