//! The fixed-response server as seen from the comparison: started as a process of its own on its own core, asked for its
//! counts, ended by closing its stdin. `server.rs` is what runs there.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::Duration;

use anyhow::Context;

use crate::process;

/// A running server. Dropped, it ends.
pub(crate) struct Target {
    child: Child,
    address: SocketAddr,
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
    /// Starts a server on `core` and waits for its address.
    pub(crate) fn start(core: usize) -> anyhow::Result<Self> {
        let mut command = process::pinned(&[core], process::own_program()?)?;
        let mut child = command.arg("server").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line)?;
        let address = line.trim().parse().context("the server did not say its address")?;
        Ok(Self { child, address })
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
        let mut stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /__counts HTTP/1.1\r\n\r\n")?;
        let mut bytes = [0; 512];
        let len = stream.read(&mut bytes)?;
        parse(&String::from_utf8_lossy(&bytes[..len])).context("the server's counts are unreadable")
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
        drop(self.child.stdin.take());
        // It ends as its stdin did; there is nothing to do about a failed wait.
        let _ = self.child.wait();
    }
}

fn parse(response: &str) -> Option<Counts> {
    let (_, body) = response.split_once("\r\n\r\n")?;
    let mut words = body.split_whitespace();
    let mut after = |name| words.find(|&word| word == name).and_then(|_| words.next()?.parse().ok());
    Some(Counts { requests: after("requests")?, connections: after("connections")? })
}
