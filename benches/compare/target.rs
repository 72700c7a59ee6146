//! The measured servers as processes on their own core: start, counts, CPU time, end. Our own server is `server.rs`;
//! the configuration of nginx is in `nginx.rs`, the format of the counts in `counts.rs`. Must not know clients.

use std::cell::Cell;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;

use crate::counts::{self, ServerCounts};
use crate::nginx::{self, StartedNginx};
use crate::process::{self, OWN_PROGRAM};

/// A kind of server that clients are measured against.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ServerKind {
    /// The fixed-response server.
    Own,
    /// nginx with files of 64 KiB and 1 MiB.
    Files,
    /// nginx with the fixed response over TLS.
    Tls,
}

/// A running server. Dropping the value ends the server.
pub(crate) struct MeasuredServer {
    server_kind: ServerKind,
    child: Child,
    address: SocketAddr,
    /// The address that serves the counts.
    counts_address: SocketAddr,
    /// Number of counts queries so far. nginx counts them as requests.
    counts_queries: Cell<u64>,
    _folder: Option<TempDir>,
}

impl MeasuredServer {
    /// Starts a server on `core` and waits until it listens.
    pub(crate) fn start(server_kind: ServerKind, core: usize) -> anyhow::Result<Self> {
        match server_kind {
            ServerKind::Own => Self::start_own(core),
            ServerKind::Files | ServerKind::Tls => {
                let StartedNginx { child, address, counts_address, folder } =
                    nginx::start(server_kind == ServerKind::Tls, core)?;
                let (counts_queries, _folder) = (Cell::new(0), Some(folder));
                Ok(Self { server_kind, child, address, counts_address, counts_queries, _folder })
            }
        }
    }

    fn start_own(core: usize) -> anyhow::Result<Self> {
        let mut command = process::pinned(&[core], OWN_PROGRAM);
        command.arg("server").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start the server")?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("stdout is piped")).read_line(&mut line)?;
        let address = line.trim().parse().context("cannot start the server: it printed no address")?;
        Ok(Self {
            server_kind: ServerKind::Own,
            child,
            address,
            counts_address: address,
            counts_queries: Cell::new(0),
            _folder: None,
        })
    }

    /// Returns the kind of this server.
    pub(crate) fn server_kind(&self) -> ServerKind {
        self.server_kind
    }

    /// Returns the address on which the server listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Queries the counts until two successive results are equal: the server may still be reading the last requests.
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

    /// Queries the counts once.
    pub(crate) fn counts(&self) -> anyhow::Result<ServerCounts> {
        let mut stream = TcpStream::connect(self.counts_address).context("cannot query the server's counts")?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /__counts HTTP/1.1\r\nHost: counts\r\n\r\n")?;
        let mut bytes = [0; 512];
        let len = stream.read(&mut bytes)?;
        let response = String::from_utf8_lossy(&bytes[..len]);
        self.counts_queries.set(self.counts_queries.get() + 1);
        let counts = match self.server_kind {
            ServerKind::Own => counts::parse_own(&response),
            ServerKind::Files | ServerKind::Tls => counts::parse_nginx(&response, self.counts_queries.get()),
        };
        counts.with_context(|| format!("cannot parse the server's counts: {response:?}"))
    }

    /// Returns the user and system time of the server so far, in microseconds with a resolution of 10 ms.
    pub(crate) fn cpu_us(&self) -> anyhow::Result<f64> {
        let path = format!("/proc/{}/stat", self.child.id());
        let stat = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
        // The second field is the program's name in parentheses; user and system time are fields 14 and 15.
        let (_, fields) = stat.rsplit_once(')').with_context(|| format!("cannot parse {path}"))?;
        let ticks: f64 = fields.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<f64>().ok()).sum();
        Ok(ticks * 1e6 / rustix::param::clock_ticks_per_second() as f64)
    }
}

impl Drop for MeasuredServer {
    fn drop(&mut self) {
        if self.server_kind == ServerKind::Own {
            // Our own server ends at the end of its standard input.
            drop(self.child.stdin.take());
        } else {
            let _ = self.child.kill();
        }
        // A failed wait leaves a zombie until this program ends, which is soon.
        let _ = self.child.wait();
    }
}
