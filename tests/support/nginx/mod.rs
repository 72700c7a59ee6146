//! A real nginx on a free loopback port: the well-behaved target. Its access log is the reference for counts.
//!
//! nginx runs as one process without workers, and logs a request in the event-loop iteration that responded to it.
//! After one more request of the fixture (the "fence") has its response, the log is complete.
//!
//! [`NginxOptions`] and `locations.rs` define the responses: files, common statuses, chunked and compressed bodies,
//! redirects, pages with a cookie or a password, and uploads. With [`NginxOptions::tls`] all of them are over TLS.

mod certificates;
mod configuration;
mod locations;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use std::{fs, io, process, thread};

use tempfile::TempDir;

use configuration::{ListenAddresses, render_configuration, write_files};

pub use configuration::{NginxOptions, NginxTls};
pub use locations::{PASSWORD, USER};

/// A running nginx. Dropping the value ends the process and removes its files.
pub struct Nginx {
    process: Child,
    addresses: ListenAddresses,
    scheme: &'static str,
    fence: String,
    directory: TempDir,
}

/// One line of the access log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NginxLogEntry {
    /// Status of the response, or 499 if the client closed the connection first.
    pub status: u16,
    /// Method as received.
    pub method: String,
    /// Path and query as received.
    pub target: String,
    /// `Content-Length` of the request, if present.
    pub content_length: Option<u64>,
    /// Serial number of the connection.
    pub connection: u64,
    /// Address of the client, or `unix:` for the Unix socket.
    pub client: String,
    /// Bytes sent after the head of the response, including the framing of chunks.
    pub body_bytes: u64,
    /// Bytes of the request: head and body.
    pub request_bytes: u64,
}

impl NginxLogEntry {
    fn parse(line: &str) -> Self {
        let mut fields = line.split('\t');
        let mut field = || fields.next().unwrap_or_else(|| panic!("a field is missing in {line:?}"));
        Self {
            status: field().parse().expect("a status"),
            method: field().to_owned(),
            target: field().to_owned(),
            content_length: field().parse().ok(),
            connection: field().parse().expect("a connection number"),
            client: field().to_owned(),
            body_bytes: field().parse().expect("bytes of a response"),
            request_bytes: field().parse().expect("bytes of a request"),
        }
    }
}

impl Nginx {
    /// Starts nginx with the default options.
    #[must_use]
    pub fn start() -> Self {
        Self::start_with(&NginxOptions::default())
    }

    /// Starts nginx and returns when it responds.
    #[must_use]
    pub fn start_with(options: &NginxOptions) -> Self {
        // Another test may bind the port before nginx does. Then nginx ends, and the start is repeated.
        (0..5)
            .find_map(|_| Self::try_start(options))
            .expect("nginx does not start; see nginx -V (Debian: apt-get install nginx-light)")
    }

    fn try_start(options: &NginxOptions) -> Option<Self> {
        let directory = TempDir::new().expect("failed to create a temporary directory");
        let address = free_address();
        let fence_address = if options.tls.is_some() { free_address() } else { address };
        let addresses = ListenAddresses { address, fence_address };
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        let fence = format!("fence-{}-{}", process::id(), FENCE_COUNTER.fetch_add(1, Ordering::Relaxed));
        write_files(&directory, options).expect("failed to write the files of nginx");
        let text = render_configuration(&directory, addresses, &fence, options);
        fs::write(directory.path().join("nginx.conf"), text).expect("failed to write nginx.conf");
        let process = Command::new("nginx")
            .arg("-p")
            .arg(directory.path())
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is not installed (Debian: apt-get install nginx-light)");
        let mut nginx = Self { process, addresses, scheme, fence, directory };
        nginx.wait_until_ready().then_some(nginx)
    }

    fn wait_until_ready(&mut self) -> bool {
        for _ in 0..2_000 {
            if self.pass_fence().is_ok_and(|response| response.ends_with(&self.fence)) {
                return true;
            }
            if self.process.try_wait().expect("nginx is our child").is_some() {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// Returns the address `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses.address
    }

    /// Returns the URL of a path on this server.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.addresses.address)
    }

    /// Returns the path of the authority's certificate, a PEM file. It exists in a server with TLS.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.directory.path().join(certificates::AUTHORITY)
    }

    /// Returns the path of a PEM file with a client certificate that [`NginxTls::KnownClients`] accepts, and its key.
    #[must_use]
    pub fn client_identity(&self) -> PathBuf {
        self.directory.path().join(certificates::CLIENT)
    }

    /// Returns the path of the Unix socket on which nginx also listens.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// Returns all requests so far, in the order of their completion.
    #[must_use]
    pub fn log(&self) -> Vec<NginxLogEntry> {
        let response = self.pass_fence().expect("nginx does not respond");
        assert!(response.ends_with(&self.fence), "{response}");
        let text =
            fs::read_to_string(self.directory.path().join("access.log")).expect("failed to read the log of nginx");
        text.lines().map(NginxLogEntry::parse).collect()
    }

    /// Returns the number of requests per target (path and query).
    #[must_use]
    pub fn requests_per_path(&self) -> BTreeMap<String, u64> {
        count_by(self.log(), |entry| entry.target)
    }

    /// Returns the number of requests per target (path and query) and status.
    #[must_use]
    pub fn requests_per_path_and_status(&self) -> BTreeMap<(String, u16), u64> {
        count_by(self.log(), |entry| (entry.target, entry.status))
    }

    /// Sends the fence request. nginx is a single event loop, so after the response all earlier requests are in the
    /// log.
    fn pass_fence(&self) -> io::Result<String> {
        let mut stream = TcpStream::connect(self.addresses.fence_address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(b"GET /fence HTTP/1.0\r\n\r\n")?;
        let mut response = String::new();
        stream.read_to_string(&mut response)?;
        Ok(response)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The log is written without a buffer, so a kill loses no entries.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn count_by<K: Ord>(log: Vec<NginxLogEntry>, key: impl Fn(NginxLogEntry) -> K) -> BTreeMap<K, u64> {
    let mut counts = BTreeMap::new();
    for entry in log {
        *counts.entry(key(entry)).or_insert(0) += 1;
    }
    counts
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("failed to bind a port");
    listener.local_addr().expect("a bound socket has an address")
}

static FENCE_COUNTER: AtomicU64 = AtomicU64::new(0);
