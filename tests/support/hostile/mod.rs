//! A server that breaks the promises of HTTP one by one: each path of `behaviours.rs` and `answers.rs` is one way to
//! fail.
//!
//! Plain threads and blocking sockets, one thread per connection, so that each behaviour reads like the exchange it
//! is. It counts the requests it has read per path, which is the truth that a run's table is compared with. Dropping
//! it ends every thread: nothing here blocks for longer than `TURN` without looking whether the server was stopped.

mod answers;
mod behaviours;
mod connection;

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use socket2::{Domain, Socket, Type};

pub use behaviours::ANY_PATHS;

/// A running hostile server.
pub struct HostileServer {
    address: SocketAddr,
    shared: Arc<HostileShared>,
    acceptor: Option<JoinHandle<()>>,
}

impl HostileServer {
    /// Starts the server on a free loopback port.
    #[must_use]
    pub fn start() -> Self {
        Self::start_on(Ipv4Addr::LOCALHOST.into())
    }

    /// Starts the server on a free port of this address.
    #[must_use]
    pub fn start_on(ip: IpAddr) -> Self {
        Self::start_at(SocketAddr::new(ip, 0))
    }

    /// Starts the server at this address.
    #[must_use]
    pub fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("a free port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(HostileShared::default());
        let accepting = Arc::clone(&shared);
        let acceptor = Some(thread::spawn(move || accept_until_stopped(&listener, &accepting)));
        Self { address, shared, acceptor }
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The address of a path on this server.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Requests read so far, per path without its query.
    #[must_use]
    pub fn requests_per_path(&self) -> BTreeMap<String, u64> {
        self.shared.state().requests.clone()
    }

    /// Requests read so far at `path`.
    #[must_use]
    pub fn requests(&self, path: &str) -> u64 {
        self.shared.state().requests.get(path).copied().unwrap_or(0)
    }

    /// Connections accepted so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.state().connections
    }

    /// Head and body of the first requests (at most 100), as received.
    #[must_use]
    pub fn received(&self) -> Vec<String> {
        self.shared.state().received.clone()
    }
}

impl Drop for HostileServer {
    fn drop(&mut self) {
        self.shared.state().is_stopped = true;
        self.shared.changed.notify_all();
        // `accept` has no time limit; a connection ends it.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

/// An address that refuses every connection for as long as this lives: bound, so nobody else gets it, but not
/// listening.
pub struct RefusingAddress {
    socket: Socket,
}

impl RefusingAddress {
    /// Takes a free loopback port.
    #[must_use]
    pub fn start() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
        Self { socket }
    }

    /// The address of a path that cannot be reached.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        let address = self.socket.local_addr().ok().and_then(|address| address.as_socket());
        format!("http://{}{path}", address.expect("a bound socket has an address"))
    }
}

/// An address where a connection is never completed: a listener with a full backlog that nobody accepts from.
pub struct UnansweringAddress {
    listener: Socket,
    backlog: Vec<TcpStream>,
}

impl UnansweringAddress {
    /// Takes a free loopback port and fills its backlog.
    #[must_use]
    pub fn start() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
        listener.listen(0).expect("a bound socket can listen");
        let mut unanswering = Self { listener, backlog: Vec::new() };
        let address = unanswering.address();
        // Linux completes one connection more than the backlog says; the first that is not completed times out here.
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            unanswering.backlog.push(stream);
            assert!(unanswering.backlog.len() < 10, "a backlog of 0 is full by now");
        }
        unanswering
    }

    /// The address of a path that is never connected to.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// The address that nobody accepts at.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        let address = self.listener.local_addr().ok().and_then(|address| address.as_socket());
        address.expect("a bound socket has an address")
    }
}

#[derive(Default)]
struct HostileShared {
    state: Mutex<HostileState>,
    changed: Condvar,
}

#[derive(Default)]
struct HostileState {
    is_stopped: bool,
    connections: u64,
    requests: BTreeMap<String, u64>,
    received: Vec<String>,
}

impl HostileShared {
    fn state(&self) -> MutexGuard<'_, HostileState> {
        self.state.lock().expect("no thread panics with the lock")
    }

    fn is_stopped(&self) -> bool {
        self.state().is_stopped
    }

    /// Waits; `false` if the server was stopped meanwhile.
    fn pause(&self, time: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.state(), time, |state| !state.is_stopped);
        waited.expect("no thread panics with the lock").1.timed_out()
    }

    /// Counts a request; how many there were before it at this path.
    fn count(&self, path: &str, request: &str) -> u64 {
        let mut state = self.state();
        if state.received.len() < 100 {
            state.received.push(request.to_owned());
        }
        let count = state.requests.entry(path.to_owned()).or_insert(0);
        *count += 1;
        *count - 1
    }
}

fn accept_until_stopped(listener: &TcpListener, shared: &Arc<HostileShared>) {
    let mut threads = Vec::new();
    for stream in listener.incoming() {
        if shared.is_stopped() {
            break;
        }
        let Ok(stream) = stream else { continue };
        shared.state().connections += 1;
        let serving = Arc::clone(shared);
        threads.retain(|thread: &JoinHandle<()>| !thread.is_finished());
        threads.push(thread::spawn(move || behaviours::serve(stream, &serving)));
    }
    for thread in threads {
        let _ = thread.join();
    }
}

/// How long a thread may block before it looks whether the server was stopped.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
