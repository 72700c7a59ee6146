//! A forwarding proxy for plain requests and tunnels, optionally with a password.
//!
//! Each connection has a thread. Each plain request opens a new connection to the target, and the response is forwarded
//! when it is complete. The log is the reference for requests that passed through the proxy.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// A running proxy. Dropping the value ends the connections.
pub struct ForwardProxy {
    address: SocketAddr,
    shared: Arc<ProxyShared>,
    acceptor: Option<JoinHandle<()>>,
}

/// One request to the proxy, as logged.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ProxyLogEntry {
    /// Number of the connection.
    pub connection: usize,
    /// Method as received. `CONNECT` for a tunnel.
    pub method: String,
    /// Complete URL, or `HOST:PORT` of a tunnel.
    pub target: String,
    /// Whether the credentials were accepted.
    pub is_allowed: bool,
}

#[derive(Default)]
struct ProxyShared {
    /// Required header line `Proxy-Authorization`. `None` accepts all clients.
    authorization: Option<String>,
    state: Mutex<ProxyState>,
}

#[derive(Default)]
struct ProxyState {
    is_stopped: bool,
    log: Vec<ProxyLogEntry>,
    /// All connections so far. Dropping the proxy shuts them down.
    connections: Vec<TcpStream>,
}

/// The head of a request to the proxy. The body is unread.
struct ProxiedRequestHead {
    method: String,
    target: String,
    headers: Vec<String>,
}

impl ForwardProxy {
    /// Starts a proxy for all clients.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(None)
    }

    /// Starts a proxy for clients with these credentials, which are the Base64 of `user:password`.
    #[must_use]
    pub fn start_with_credentials(credentials: &str) -> Self {
        Self::start_with(Some(format!("Proxy-Authorization: Basic {credentials}")))
    }

    fn start_with(authorization: Option<String>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("failed to bind a port");
        let address = listener.local_addr().expect("a bound socket has an address");
        let shared = Arc::new(ProxyShared { authorization, ..ProxyShared::default() });
        let accepting = Arc::clone(&shared);
        let acceptor = Some(thread::spawn(move || accept_until_stopped(&listener, &accepting)));
        Self { address, shared, acceptor }
    }

    /// Returns the address `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns all requests so far.
    #[must_use]
    pub fn log(&self) -> Vec<ProxyLogEntry> {
        self.shared.state().log.clone()
    }
}

impl Drop for ForwardProxy {
    fn drop(&mut self) {
        self.shared.state().is_stopped = true;
        for stream in self.shared.state().connections.drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
        // `accept` has no timeout. A connection wakes the thread.
        let _ = TcpStream::connect(self.address);
        if let Some(acceptor) = self.acceptor.take() {
            let _ = acceptor.join();
        }
    }
}

impl ProxyShared {
    fn state(&self) -> MutexGuard<'_, ProxyState> {
        self.state.lock().expect("no thread panics with the lock")
    }

    /// Stores a handle of the connection and returns the number of the connection.
    fn register(&self, stream: &TcpStream) -> io::Result<usize> {
        let mut state = self.state();
        state.connections.push(stream.try_clone()?);
        Ok(state.connections.len())
    }
}

fn accept_until_stopped(listener: &TcpListener, shared: &Arc<ProxyShared>) {
    let mut threads = Vec::new();
    for stream in listener.incoming() {
        if shared.state().is_stopped {
            break;
        }
        let Ok(stream) = stream else { continue };
        let serving = Arc::clone(shared);
        threads.push(thread::spawn(move || {
            // An error of client or target ends this connection only.
            let _ = serve(&stream, &serving);
            let _ = stream.shutdown(Shutdown::Both);
        }));
    }
    for thread in threads {
        let _ = thread.join();
    }
}

fn serve(mut client: &TcpStream, shared: &ProxyShared) -> io::Result<()> {
    client.set_nodelay(true)?;
    let connection = shared.register(client)?;
    let mut reader = BufReader::new(client.try_clone()?);
    while let Some(head) = read_head(&mut reader)? {
        let is_allowed = shared.authorization.as_ref().is_none_or(|line| head.headers.contains(line));
        let ProxiedRequestHead { method, target, .. } = &head;
        let logged = ProxyLogEntry { connection, method: method.clone(), target: target.clone(), is_allowed };
        shared.state().log.push(logged);
        if !is_allowed {
            read_body(&mut reader, &head)?;
            client.write_all(
                b"HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm=\"p\"\r\n",
            )?;
            client.write_all(b"Content-Length: 0\r\n\r\n")?;
        } else if head.method == "CONNECT" {
            return tunnel(client.try_clone()?, reader, &head.target);
        } else {
            forward(client, &mut reader, &head)?;
        }
    }
    Ok(())
}

fn read_head(reader: &mut BufReader<TcpStream>) -> io::Result<Option<ProxiedRequestHead>> {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        if line == "\r\n" {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let request = lines.remove(0);
    let mut words = request.split(' ').map(str::to_owned);
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    Ok(Some(ProxiedRequestHead { method, target, headers: lines }))
}

fn read_body(reader: &mut BufReader<TcpStream>, head: &ProxiedRequestHead) -> io::Result<Vec<u8>> {
    let length = head.headers.iter().find_map(|line| line.strip_prefix("Content-Length: "));
    let mut body = vec![0; length.and_then(|length| length.parse().ok()).unwrap_or(0)];
    reader.read_exact(&mut body)?;
    Ok(body)
}

/// Forwards the request and the response. Removes the `Connection: close` of the target's response.
fn forward(mut client: &TcpStream, reader: &mut BufReader<TcpStream>, head: &ProxiedRequestHead) -> io::Result<()> {
    let body = read_body(reader, head)?;
    let (authority, path) =
        head.target.strip_prefix("http://").and_then(|rest| rest.split_once('/')).unwrap_or_default();
    let Ok(mut target) = TcpStream::connect(authority) else {
        return client.write_all(BAD_GATEWAY);
    };
    target.set_read_timeout(Some(TARGET_TIMEOUT))?;
    let forwarded = head.headers.iter().filter(|line| !line.starts_with("Proxy-") && !line.starts_with("Connection:"));
    let headers: String = forwarded.map(|line| format!("{line}\r\n")).collect();
    write!(target, "{} /{path} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n", head.method)?;
    target.write_all(&body)?;
    let mut response = Vec::new();
    target.read_to_end(&mut response)?;
    let position = |bytes: &[u8]| response.windows(bytes.len()).position(|window| window == bytes);
    let line = b"Connection: close\r\n";
    if let (Some(at), Some(end)) = (position(line), position(b"\r\n\r\n"))
        && at < end
    {
        response.drain(at..at + line.len());
    }
    client.write_all(&response)
}

/// Forwards bytes in both directions until either side ends.
fn tunnel(mut client: TcpStream, mut reader: BufReader<TcpStream>, target: &str) -> io::Result<()> {
    let Ok(mut outward) = TcpStream::connect(target) else {
        return client.write_all(BAD_GATEWAY);
    };
    outward.set_nodelay(true)?;
    client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let mut inward = outward.try_clone()?;
    let back = thread::spawn(move || {
        let copied = io::copy(&mut inward, &mut client);
        let _ = client.shutdown(Shutdown::Write);
        copied
    });
    let copied = io::copy(&mut reader, &mut outward);
    let _ = outward.shutdown(Shutdown::Write);
    let _ = back.join();
    copied.map(drop)
}

/// The maximum time between two reads from the target.
const TARGET_TIMEOUT: Duration = Duration::from_secs(10);
const BAD_GATEWAY: &[u8] = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n";
