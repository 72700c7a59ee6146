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
pub(crate) enum Server {
    /// The fixed-response server.
    Own,
    /// nginx with files of 64 KiB and 1 MiB.
    Files,
    /// nginx with the fixed response over TLS.
    Tls,
}

/// A running server. Dropped, it ends.
pub(crate) struct Target {
    server: Server,
    child: Child,
    address: SocketAddr,
    /// Where it is asked for its counts.
    counts: SocketAddr,
    /// How often it was: nginx counts that too.
    asked: Cell<u64>,
    _folder: Option<TempDir>,
}

/// The server's own count.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Counts {
    /// Since it started.
    pub(crate) requests: u64,
    /// Open now.
    pub(crate) connections: u64,
}

impl Target {
    /// Starts a server on `core` and waits until it serves.
    pub(crate) fn start(server: Server, core: usize) -> anyhow::Result<Self> {
        match server {
            Server::Own => Self::start_own(core),
            Server::Files | Server::Tls => {
                let nginx::Started { child, address, counts, folder } = nginx::start(server == Server::Tls, core)?;
                Ok(Self { server, child, address, counts, asked: Cell::new(0), _folder: Some(folder) })
            }
        }
    }

    fn start_own(core: usize) -> anyhow::Result<Self> {
        let mut command = process::pinned(&[core], process::own_program()?)?;
        let mut child = command.arg("server").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line)?;
        let address = line.trim().parse().context("the server did not say its address")?;
        Ok(Self { server: Server::Own, child, address, counts: address, asked: Cell::new(0), _folder: None })
    }

    /// Which one it is.
    pub(crate) fn server(&self) -> Server {
        self.server
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks until two answers agree: what clients sent last may still be on its way through the server.
    pub(crate) fn settled_counts(&self) -> anyhow::Result<Counts> {
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
    pub(crate) fn counts(&self) -> anyhow::Result<Counts> {
        let mut stream = TcpStream::connect(self.counts)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /__counts HTTP/1.1\r\nHost: counts\r\n\r\n")?;
        let mut bytes = [0; 512];
        let len = stream.read(&mut bytes)?;
        let answer = String::from_utf8_lossy(&bytes[..len]);
        self.asked.set(self.asked.get() + 1);
        let counts = match self.server {
            Server::Own => parse(&answer),
            Server::Files | Server::Tls => nginx::parse_counts(&answer, self.asked.get()),
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

impl Drop for Target {
    fn drop(&mut self) {
        if self.server == Server::Own {
            // It ends as its stdin does.
            drop(self.child.stdin.take());
        } else {
            let _ = self.child.kill();
        }
        // There is nothing to do about a failed wait.
        let _ = self.child.wait();
    }
}

fn parse(response: &str) -> Option<Counts> {
    let (_, body) = response.split_once("\r\n\r\n")?;
    let mut words = body.split_whitespace();
    let mut after = |name| words.find(|&word| word == name).and_then(|_| words.next()?.parse().ok());
    Some(Counts { requests: after("requests")?, connections: after("connections")? })
}
