//! The stamps of one exchange while it goes on. On a kept connection the clock is asked once, for when it was due; when
//! bytes left and arrived is the transport's to say.

use crate::{Error, Exchange, Network, Response};

/// Times in nanoseconds; 0 where a step was not reached yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Trace {
    pub(super) due_ns: u64,
    connect_ns: u64,
    sent_ns: u64,
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
    pub(super) const fn first_byte(&mut self, received_ns: u64) {
        if self.first_byte_ns == 0 {
            self.first_byte_ns = received_ns;
        }
    }

    /// Stamps the request as sent; 0 when it was not.
    pub(super) const fn sent(&mut self, sent_ns: u64) {
        self.sent_ns = sent_ns;
    }

    /// Stamps the end of a complete response.
    pub(super) const fn complete(&mut self, received_ns: u64, bytes_in: u64) {
        self.done_ns = received_ns;
        self.bytes_in = bytes_in;
    }

    /// In order, even where bytes had arrived before they were asked for.
    pub(super) fn finish(self, network: &impl Network, result: Result<Response, Error>) -> Exchange {
        let done_ns = if self.done_ns == 0 { network.now_ns() } else { self.done_ns };
        let reached = |at_ns| if at_ns == 0 { done_ns } else { at_ns };
        let sent_ns = reached(self.sent_ns).max(self.due_ns);
        let first_byte_ns = reached(self.first_byte_ns).max(sent_ns);
        Exchange {
            due_ns: self.due_ns,
            connect_ns: self.connect_ns,
            sent_ns,
            first_byte_ns,
            done_ns: done_ns.max(first_byte_ns),
            bytes_out: self.bytes_out,
            bytes_in: self.bytes_in,
            result,
        }
    }
}
