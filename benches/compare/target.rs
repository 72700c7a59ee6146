//! The servers as seen from the comparison: started as a process of its own on its own core, asked for its counts, ended.
//! `server.rs` is what runs there, or `nginx.rs` says what nginx does.

use std::cell::Cell;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

use crate::nginx;
use crate::process;

/// What can be measured against.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ServerKind {
    /// The fixed-response server.
    Own,
    /// nginx with files of 64 KiB and 1 MiB.
    Files,
    /// nginx with the fixed response over TLS.
    Tls,
}

/// A running server. Dropped, it ends.
pub(crate) struct MeasuredServer {
    server_kind: ServerKind,
    child: Child,
    address: SocketAddr,
    /// Where it is asked for its counts.
    counts_address: SocketAddr,
    /// How often it was: nginx counts that too.
    counts_queries: Cell<u64>,
    _folder: Option<TempDir>,
}

/// The server's own count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct ServerCounts {
    /// Since it started.
    pub(crate) requests: u64,
    /// Open now.
    pub(crate) connections: u64,
}

impl MeasuredServer {
    /// Starts a server on `core` and waits until it serves.
    pub(crate) fn start(server: ServerKind, core: usize) -> anyhow::Result<Self> {
        match server {
            ServerKind::Own => Self::start_own(core),
            ServerKind::Files | ServerKind::Tls => {
                let nginx::StartedNginx { child, address, counts_address: counts, folder } =
                    nginx::start(server == ServerKind::Tls, core)?;
                Ok(Self {
                    server_kind: server,
                    child,
                    address,
                    counts_address: counts,
                    counts_queries: Cell::new(0),
                    _folder: Some(folder),
                })
            }
        }
    }

    fn start_own(core: usize) -> anyhow::Result<Self> {
        let mut command = process::pinned(&[core], process::own_program()?)?;
        let mut child = command.arg("server").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line)?;
        let address = line.trim().parse().context("the server did not say its address")?;
        Ok(Self {
            server_kind: ServerKind::Own,
            child,
            address,
            counts_address: address,
            counts_queries: Cell::new(0),
            _folder: None,
        })
    }

    /// Which one it is.
    pub(crate) fn server_kind(&self) -> ServerKind {
        self.server_kind
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks until two answers agree: what clients sent last may still be on its way through the server.
    pub(crate) fn settled_counts(&self) -> anyhow::Result<ServerCounts> {
        let mut last = self.counts()?;
        loop {
            let counts = self.counts()?;
            if counts == last {
                return Ok(counts);
            }
            last = counts;
        }
    }

    /// Asks once.
    pub(crate) fn counts(&self) -> anyhow::Result<ServerCounts> {
        let mut stream = TcpStream::connect(self.counts_address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /__counts HTTP/1.1\r\nHost: counts\r\n\r\n")?;
        let mut bytes = [0; 512];
        let len = stream.read(&mut bytes)?;
        let answer = String::from_utf8_lossy(&bytes[..len]);
        self.counts_queries.set(self.counts_queries.get() + 1);
        let counts = match self.server_kind {
            ServerKind::Own => parse_counts(&answer),
            ServerKind::Files | ServerKind::Tls => nginx::parse_counts(&answer, self.counts_queries.get()),
        };
        counts.context("the server's counts are unreadable")
    }

    /// User and system time so far, in steps of 10 ms.
    pub(crate) fn cpu_us(&self) -> anyhow::Result<f64> {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.child.id()))?;
        // The second field is the program's name in brackets; user and system time are fields 14 and 15.
        let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
        let ticks: f64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        Ok(ticks * 1e6 / rustix::param::clock_ticks_per_second() as f64)
    }
}

impl Drop for MeasuredServer {
    fn drop(&mut self) {
        if self.server_kind == ServerKind::Own {
            // It ends as its stdin does.
            drop(self.child.stdin.take());
        } else {
            let _ = self.child.kill();
        }
        // There is nothing to do about a failed wait.
        let _ = self.child.wait();
    }
}

fn parse_counts(response: &str) -> Option<ServerCounts> {
    let (_, body) = response.split_once("\r\n\r\n")?;
    let mut words = body.split_whitespace();
    let mut after = |name| words.find(|&word| word == name).and_then(|_| words.next()?.parse().ok());
    Some(ServerCounts { requests: after("requests")?, connections: after("connections")? })
}
