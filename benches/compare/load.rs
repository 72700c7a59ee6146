//! What every client of ours is told, does beside its IO, and says at its end: a closed loop of GETs over keep-alive
//! connections until the deadline, each response timed into one histogram, one line of result on stdout.
//! The deadline is looked at before a request is sent, so no request is cut off and the count must equal the server's.

use std::fmt;
use std::net::SocketAddr;

use hdrhistogram::Histogram;
use rustix::time::{ClockId, clock_gettime};

use crate::response::ReadProgress;

/// One client's orders.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct ClientLoad {
    /// The server.
    #[arg(long)]
    pub(crate) address: SocketAddr,
    /// Connections, each with one request at a time.
    #[arg(long, default_value_t = 64)]
    pub(crate) connections: u32,
    /// How long requests are started.
    #[arg(long, default_value_t = 1)]
    pub(crate) seconds: u64,
}

impl ClientLoad {
    /// The one request, whole.
    pub(crate) fn request(&self) -> Vec<u8> {
        format!("GET / HTTP/1.1\r\nHost: {}\r\nUser-Agent: compare\r\nAccept: */*\r\n\r\n", self.address).into_bytes()
    }

    /// The monotonic time from which no request starts any more.
    pub(crate) fn deadline_ns(&self) -> u64 {
        now_ns() + self.seconds * 1_000_000_000
    }
}

/// What a client counted.
pub(crate) struct LoadResult {
    failures: u64,
    latency_us: Histogram<u64>,
}

impl LoadResult {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        let latency_us = Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are in order");
        Self { failures: 0, latency_us }
    }

    /// Counts a response that has just come in full, or broken, and says when that was.
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

/// CLOCK_MONOTONIC.
pub(crate) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
