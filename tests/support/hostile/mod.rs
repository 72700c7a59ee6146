//! A server that violates HTTP in many ways. Each path of `behaviours.rs` and `answers.rs` is one violation.
//!
//! It uses blocking sockets and one thread per connection, so that each behaviour reads like the exchange. It counts
//! the requests per path, and tests compare a run's table with these counts. Dropping it ends all threads: no thread
//! blocks longer than `POLL_INTERVAL` without a check whether the server was stopped.

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

    /// Starts the server on a free port of an IP address.
    #[must_use]
    pub fn start_on(ip: IpAddr) -> Self {
        Self::start_at(SocketAddr::new(ip, 0))
    }

    /// Starts the server on an address.
    #[must_use]
    pub fn start_at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).expect("failed to bind a port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(HostileShared::default());
        let accepting = Arc::clone(&shared);
        let acceptor = Some(thread::spawn(move || accept_until_stopped(&listener, &accepting)));
        Self { address, shared, acceptor }
    }

    /// Returns the address on which the server listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the URL of a path on this server.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns the number of requests so far per path, without the query.
    #[must_use]
    pub fn requests_per_path(&self) -> BTreeMap<String, u64> {
        self.shared.state().requests.clone()
    }

    /// Returns the number of requests so far at `path`.
    #[must_use]
    pub fn requests(&self, path: &str) -> u64 {
        self.shared.state().requests.get(path).copied().unwrap_or(0)
    }

    /// Returns the number of accepted connections so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.state().connections
    }

    /// Returns head and body of the first requests (at most 100), as received.
    #[must_use]
    pub fn received(&self) -> Vec<String> {
        self.shared.state().received.clone()
    }
}

impl Drop for HostileServer {
    fn drop(&mut self) {
        self.shared.state().is_stopped = true;
        self.shared.changed.notify_all();
        // `accept` has no timeout. A connection wakes the thread.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

/// An address that refuses all connections: its socket is bound, which reserves the port, but does not listen.
pub struct RefusingAddress {
    socket: Socket,
}

impl RefusingAddress {
    /// Binds a free loopback port.
    #[must_use]
    pub fn start() -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        socket.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
        Self { socket }
    }

    /// Returns the URL of a path at this address.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        let address = self.socket.local_addr().ok().and_then(|address| address.as_socket());
        format!("http://{}{path}", address.expect("a bound socket has an address"))
    }
}

/// An address that never completes a connection: a listener with a full backlog that does not accept.
pub struct UnansweringAddress {
    listener: Socket,
    backlog: Vec<TcpStream>,
}

impl UnansweringAddress {
    /// Binds a free loopback port and fills the backlog.
    #[must_use]
    pub fn start() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        listener.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into()).expect("a free port");
        listener.listen(0).expect("a bound socket can listen");
        let mut unanswering = Self { listener, backlog: Vec::new() };
        let address = unanswering.address();
        // Linux completes one connection more than the backlog. The first incomplete connection times out here.
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            unanswering.backlog.push(stream);
            assert!(unanswering.backlog.len() < 10, "a backlog of 0 accepts 10 connections");
        }
        unanswering
    }

    /// Returns the URL of a path at this address.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address())
    }

    /// Returns the address.
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

    /// Waits. Returns `false` if the server was stopped in the meantime.
    fn pause(&self, time: Duration) -> bool {
        let waited = self.changed.wait_timeout_while(self.state(), time, |state| !state.is_stopped);
        waited.expect("no thread panics with the lock").1.timed_out()
    }

    /// Counts a request and returns the number of earlier requests at this path.
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

/// The maximum time between two checks whether the server was stopped.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
