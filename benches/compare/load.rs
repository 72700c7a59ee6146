//! The load of our bare clients and their common work beside IO: a closed loop of GETs over keep-alive connections
//! until a deadline. Each response is timed into one histogram, and the result is one line on standard output.
//!
//! A client checks the deadline before it sends a request. No request is cut off, so its count must equal the server's.

use std::fmt;
use std::net::SocketAddr;

use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};

use crate::response::ReadProgress;

/// The load that a bare client generates.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct ClientLoad {
    /// Address of the server.
    #[arg(long)]
    pub(crate) address: SocketAddr,
    /// Number of connections, each with one request at a time.
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: u32,
    /// Time in seconds during which requests are started.
    #[arg(long, default_value_t = 1)]
    pub(crate) seconds: u64,
}

impl ClientLoad {
    /// Returns the bytes of the request that all connections repeat.
    pub(crate) fn request(&self) -> Vec<u8> {
        format!("GET / HTTP/1.1\r\nHost: {}\r\nUser-Agent: compare\r\nAccept: */*\r\n\r\n", self.address).into_bytes()
    }

    /// Returns the monotonic time after which no request starts.
    pub(crate) fn deadline_ns(&self) -> u64 {
        now_ns() + self.seconds * 1_000_000_000
    }
}

/// The counts and response times of one client.
pub(crate) struct LoadResult {
    failures: u64,
    latency_us: Histogram<u64>,
}

impl LoadResult {
    /// Creates an empty result.
    pub(crate) fn new() -> Self {
        let latency_us = Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are in order");
        Self { failures: 0, latency_us }
    }

    /// Records a complete or broken response and returns the time of the record.
    pub(crate) fn record_response(&mut self, sent_ns: u64, progress: ReadProgress) -> u64 {
        let now_ns = now_ns();
        self.latency_us.saturating_record((now_ns - sent_ns) / 1000);
        if progress != (ReadProgress::Complete { status: 200 }) {
            self.failures += 1;
        }
        now_ns
    }
}

impl fmt::Display for LoadResult {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let latency = &self.latency_us;
        let (p50, p99) = (latency.value_at_quantile(0.5), latency.value_at_quantile(0.99));
        write!(f, "requests {} failures {} p50_us {p50} p99_us {p99}", latency.len(), self.failures)
    }
}

/// Returns the time of `CLOCK_MONOTONIC`.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
