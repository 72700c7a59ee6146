//! What one call of [`Session::send`](crate::Session::send) leaves behind: when, how much, and the response or the reason.

use crate::{Error, Response};

/// One request and what came of it, redirects included. Times are those of
/// [`Network::now_ns`](crate::Network::now_ns) and never decrease from due to done; a step that was not reached has the
/// time of the end.
#[derive(Debug)]
pub struct Exchange {
    /// When the call was made.
    pub due_ns: u64,
    /// When the request had left, of one with a long body its head; of several, the last.
    pub sent_ns: u64,
    /// When the first bytes of the response had arrived; of several, the last.
    pub first_byte_ns: u64,
    /// When the last bytes of the response had arrived, or it failed.
    pub done_ns: u64,
    /// How long each phase took.
    pub phases: ExchangePhases,
    /// Bytes of all requests, head and body; 0 where there was no connection to send them on.
    pub bytes_out: u64,
    /// Bytes of the response's body as its reader gets it: without chunks, and decompressed unless it is discarded.
    /// 0 for a failed exchange.
    pub bytes_in: u64,
    /// The response, or why there is none.
    pub result: Result<Response, Error>,
}

/// How long the phases of a request took, in nanoseconds, each the sum over all its redirects. A phase that did not
/// happen is 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExchangePhases {
    /// Finding the target's addresses; 0 when they were known.
    pub resolve_ns: u64,
    /// Making the connection, the tunnel of a proxy included; 0 on a kept one.
    pub connect_ns: u64,
    /// The TLS handshake.
    pub tls_ns: u64,
    /// From the request being sent to the first byte of the response, the rest of a long body included.
    pub first_byte_ns: u64,
    /// From the first byte to the last.
    pub body_ns: u64,
}

impl Exchange {
    /// What is left of the time from due to done when the phases are taken away: the generator's own, in nanoseconds.
    pub const fn lag_ns(&self) -> u64 {
        let ExchangePhases { resolve_ns, connect_ns, tls_ns, first_byte_ns, body_ns } = self.phases;
        let phases_ns = resolve_ns + connect_ns + tls_ns + first_byte_ns + body_ns;
        (self.done_ns - self.due_ns).saturating_sub(phases_ns)
    }
}
