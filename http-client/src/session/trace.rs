//! The stamps of one exchange while it goes on. At most three looks at the clock on a kept connection: due, sent, done;
//! a fourth only when the response does not come in one piece.

use crate::{Error, Exchange, Network, Response};

/// Times in nanoseconds; 0 where a step was not reached yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trace {
    pub(super) due_ns: u64,
    connect_ns: u64,
    pub(super) sent_ns: u64,
    first_byte_ns: u64,
    pub(super) done_ns: u64,
    pub(super) bytes_out: u64,
    bytes_in: u64,
}

impl Trace {
    pub(super) const fn due(due_ns: u64) -> Self {
        Self { due_ns, connect_ns: 0, sent_ns: 0, first_byte_ns: 0, done_ns: 0, bytes_out: 0, bytes_in: 0 }
    }

    /// Stamps the end of connecting, successful or not.
    pub(super) const fn connected(&mut self, now_ns: u64) {
        self.connect_ns = now_ns.saturating_sub(self.due_ns);
    }

    /// When there was a connection to send on.
    pub(super) const fn ready_ns(&self) -> u64 {
        self.due_ns.saturating_add(self.connect_ns)
    }

    /// Stamps the first bytes, when they were not all of the response.
    pub(super) fn first_byte(&mut self, network: &impl Network) {
        if self.first_byte_ns == 0 {
            self.first_byte_ns = network.now_ns();
        }
    }

    /// Stamps the end of a complete response.
    pub(super) const fn complete(&mut self, done_ns: u64, bytes_in: u64) {
        self.done_ns = done_ns;
        self.bytes_in = bytes_in;
    }

    pub(super) fn finish(self, network: &impl Network, result: Result<Response, Error>) -> Exchange {
        let done_ns = if self.done_ns == 0 { network.now_ns() } else { self.done_ns };
        let reached = |at_ns| if at_ns == 0 { done_ns } else { at_ns };
        Exchange {
            due_ns: self.due_ns,
            connect_ns: self.connect_ns,
            sent_ns: reached(self.sent_ns),
            first_byte_ns: reached(self.first_byte_ns),
            done_ns,
            bytes_out: self.bytes_out,
            bytes_in: self.bytes_in,
            result,
        }
    }
}
