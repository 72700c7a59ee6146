//! A server made with hyper, the base of many Rust servers. It is strict, and it streams in both directions.
//!
//! | path | response |
//! |---|---|
//! | `/echo` | the body, streamed: with a length if it has one, otherwise chunked |
//! | `/count` | method and length of the body, which is read to its end; `100 Continue` if the client expects it |
//! | `/headers` | the headers of the request, one per line |
//! | `/trailers` | a chunked body, and trailers for clients that send `TE: trailers` |
//!
//! Each connection has a thread, without an async runtime. `socket.rs` is the socket and the executor that hyper needs.

mod answer;
mod socket;

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};

use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};

use answer::{AnswerBody, body_length};
use socket::HyperSocket;

/// A running server. Dropping the value ends its threads.
pub struct HyperServer {
    address: SocketAddr,
    shared: Arc<HyperShared>,
    acceptor: Option<JoinHandle<()>>,
}

/// One request, logged before the response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct HyperLogEntry {
    /// Number of the connection.
    pub connection: u64,
    /// Method as received.
    pub method: String,
    /// Path and query as received.
    pub target: String,
}

#[derive(Default)]
struct HyperShared {
    is_stopped: AtomicBool,
    connections: AtomicU64,
    log: Mutex<Vec<HyperLogEntry>>,
}

impl HyperServer {
    /// Starts a server on a free port.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("failed to bind a port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(HyperShared::default());
        let accepting = Arc::clone(&shared);
        let acceptor = Some(thread::spawn(move || accept_until_stopped(&listener, &accepting)));
        Self { address, shared, acceptor }
    }

    /// Returns the URL of a path on this server.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns all requests so far.
    #[must_use]
    pub fn log(&self) -> Vec<HyperLogEntry> {
        self.shared.log().clone()
    }
}

impl Drop for HyperServer {
    fn drop(&mut self) {
        self.shared.is_stopped.store(true, Ordering::Relaxed);
        // `accept` has no timeout. A connection wakes the thread.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl HyperShared {
    fn log(&self) -> MutexGuard<'_, Vec<HyperLogEntry>> {
        self.log.lock().expect("no thread panics with the lock")
    }
}

fn accept_until_stopped(listener: &TcpListener, shared: &Arc<HyperShared>) {
    let mut threads = Vec::new();
    for stream in listener.incoming() {
        if shared.is_stopped.load(Ordering::Relaxed) {
            break;
        }
        let Ok(stream) = stream else { continue };
        let serving = Arc::clone(shared);
        threads.retain(|thread: &JoinHandle<()>| !thread.is_finished());
        // An error of the client ends this connection only.
        threads.push(thread::spawn(move || drop(serve(stream, &serving))));
    }
    for thread in threads {
        let _ = thread.join();
    }
}

fn serve(stream: TcpStream, shared: &HyperShared) -> io::Result<()> {
    let connection = shared.connections.fetch_add(1, Ordering::Relaxed);
    let (socket, driver) = HyperSocket::new(stream)?;
    let service = service_fn(async |request: Request<Incoming>| {
        let (method, target) = (request.method().to_string(), request.uri().to_string());
        shared.log().push(HyperLogEntry { connection, method, target });
        answer(request).await
    });
    let served = http1::Builder::new().header_read_timeout(None).serve_connection(socket, service);
    driver.run(served, &shared.is_stopped);
    Ok(())
}

async fn answer(request: Request<Incoming>) -> hyper::Result<Response<AnswerBody>> {
    let answer = match request.uri().path() {
        "/echo" => AnswerBody::Echo(request.into_body()),
        "/count" => {
            let method = request.method().to_string();
            AnswerBody::text(format!("{method} {}", body_length(request.into_body()).await?))
        }
        "/headers" => AnswerBody::text(header_lines(request.headers())),
        "/trailers" => return Ok(with_trailers()),
        _ => AnswerBody::text("ok".to_owned()),
    };
    Ok(Response::new(answer))
}

fn header_lines(headers: &HeaderMap) -> String {
    headers.iter().map(|(name, value)| format!("{name}: {}\n", String::from_utf8_lossy(value.as_bytes()))).collect()
}

/// Returns a response with trailers. hyper sends only trailers that are named in the head.
fn with_trailers() -> Response<AnswerBody> {
    let trailers = HeaderMap::from_iter([("x-checksum".parse().expect("a name"), "locust".parse().expect("a value"))]);
    let answer = AnswerBody::WithTrailers { body: Some("in front of trailers".into()), trailers: Some(trailers) };
    Response::builder().header("Trailer", "x-checksum").body(answer).expect("the headers are valid")
}
