//! A real nginx on a free loopback port: the well-behaved target, and by its access log the truth about counts.
//!
//! One process without workers, so requests are logged in the same turn of the event loop that answered them: after
//! one more request of ours was answered (the "fence"), the log is complete. What it serves is in [`Options`] and in
//! `locations.rs`: files, any common status, chunked and compressed bodies, redirects, pages behind a cookie or a
//! password, and places for uploads. With [`Options::tls`] all of it is over TLS.

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

/// A running nginx. Dropping it ends the process and removes its files.
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
    /// What nginx answered; 499 if the client closed first.
    pub status: u16,
    /// The method as received.
    pub method: String,
    /// Path and query as received.
    pub target: String,
    /// The `Content-Length` of the request, if it had one.
    pub content_length: Option<u64>,
    /// nginx's serial number of the connection.
    pub connection: u64,
    /// The address that it came from; `unix:` for the Unix socket.
    pub client: String,
    /// Bytes that were sent behind the head of the answer; the framing of chunks among them.
    pub body_bytes: u64,
    /// Bytes of the request, head and body.
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
            body_bytes: field().parse().expect("bytes of an answer"),
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

    /// Starts nginx and returns when it answers.
    #[must_use]
    pub fn start_with(options: &NginxOptions) -> Self {
        // Another test may take the port between our look and nginx's bind: then nginx ends, and we look again.
        (0..5).find_map(|_| Self::try_start(options)).expect("nginx starts (Debian: apt-get install nginx-light)")
    }

    fn try_start(options: &NginxOptions) -> Option<Self> {
        let directory = TempDir::new().expect("a temporary directory");
        let address = free_address();
        let fence_address = if options.tls.is_some() { free_address() } else { address };
        let addresses = ListenAddresses { address, fence_address };
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        let fence = format!("fence-{}-{}", process::id(), FENCE_COUNTER.fetch_add(1, Ordering::Relaxed));
        write_files(&directory, options).expect("nginx's files can be written");
        let text = render_configuration(&directory, addresses, &fence, options);
        fs::write(directory.path().join("nginx.conf"), text).expect("nginx.conf can be written");
        let process = Command::new("nginx")
            .arg("-p")
            .arg(directory.path())
            .args(["-c", "nginx.conf", "-e", "error.log"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("nginx is installed (Debian: apt-get install nginx-light)");
        let mut nginx = Self { process, addresses, scheme, fence, directory };
        nginx.wait_until_it_answers().then_some(nginx)
    }

    fn wait_until_it_answers(&mut self) -> bool {
        for _ in 0..2_000 {
            if self.pass_fence().is_ok_and(|answer| answer.ends_with(&self.fence)) {
                return true;
            }
            if self.process.try_wait().expect("nginx is our child").is_some() {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }

    /// `127.0.0.1:PORT`.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.addresses.address
    }

    /// The address of a path on this server.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("{}://{}{path}", self.scheme, self.addresses.address)
    }

    /// The certificate of the authority that stands for a server with TLS: a PEM file.
    #[must_use]
    pub fn authority(&self) -> PathBuf {
        self.directory.path().join(certificates::AUTHORITY)
    }

    /// A certificate that a server for known clients accepts, and its private key: one PEM file with both.
    #[must_use]
    pub fn client_identity(&self) -> PathBuf {
        self.directory.path().join(certificates::CLIENT)
    }

    /// The Unix socket on which it listens, too.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.directory.path().join("socket")
    }

    /// All requests so far, in the order of their ends.
    #[must_use]
    pub fn log(&self) -> Vec<NginxLogEntry> {
        let answer = self.pass_fence().expect("nginx still answers");
        assert!(answer.ends_with(&self.fence), "{answer}");
        let text = fs::read_to_string(self.directory.path().join("access.log")).expect("nginx keeps a log");
        text.lines().map(NginxLogEntry::parse).collect()
    }

    /// Requests per path and query.
    #[must_use]
    pub fn requests_per_path(&self) -> BTreeMap<String, u64> {
        count_by(self.log(), |logged| logged.target)
    }

    /// Requests per path and query and status.
    #[must_use]
    pub fn requests_per_path_and_status(&self) -> BTreeMap<(String, u16), u64> {
        count_by(self.log(), |logged| (logged.target, logged.status))
    }

    /// nginx is one loop: when this answers, everything answered before is in the log.
    fn pass_fence(&self) -> io::Result<String> {
        let mut stream = TcpStream::connect(self.addresses.fence_address)?;
        stream.set_read_timeout(Some(Duration::from_secs(10)))?;
        stream.write_all(b"GET /fence HTTP/1.0\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // The log is written without a buffer, so there is nothing that a kinder signal would save.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn count_by<K: Ord>(log: Vec<NginxLogEntry>, key: impl Fn(NginxLogEntry) -> K) -> BTreeMap<K, u64> {
    let mut counts = BTreeMap::new();
    for logged in log {
        *counts.entry(key(logged)).or_insert(0) += 1;
    }
    counts
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound socket has an address")
}

static FENCE_COUNTER: AtomicU64 = AtomicU64::new(0);
