//! The times of one exchange while it is in progress.
//!
//! For a request without a long body on a reused connection, the clock is read once, for the due time. The transport
//! supplies the times of bytes that were sent and received. A request with redirects has several hops: a timestamp is
//! that of the last hop, a phase is the sum of all.

use crate::{ClientRuntime, Error, Exchange, ExchangePhases, Response};

/// The times of an exchange in nanoseconds. 0 marks a step that was not reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct ExchangeTimer {
    due_ns: u64,
    /// Time when a connection was available. Before that, the start of the hop or of its retry.
    connected_at_ns: u64,
    sent_ns: u64,
    first_byte_ns: u64,
    done_ns: u64,
    phases: ExchangePhases,
    bytes_out: u64,
    bytes_in: u64,
    retries: u32,
    /// Status of a response without a whole body. 0 if there is none.
    status: u16,
}

impl ExchangeTimer {
    /// Starts an exchange at its due time.
    pub(super) const fn starting_at(due_ns: u64) -> Self {
        Self {
            due_ns,
            connected_at_ns: due_ns,
            sent_ns: 0,
            first_byte_ns: 0,
            done_ns: 0,
            phases: ExchangePhases { resolve_ns: 0, connect_ns: 0, tls_ns: 0, first_byte_ns: 0, body_ns: 0 },
            bytes_out: 0,
            bytes_in: 0,
            retries: 0,
            status: 0,
        }
    }

    /// Returns the due time.
    pub(super) const fn due_ns(&self) -> u64 {
        self.due_ns
    }

    /// Returns the time when a connection was available. Before that, the start of the hop or of its retry.
    pub(super) const fn connected_at_ns(&self) -> u64 {
        self.connected_at_ns
    }

    /// Records the end of connecting, successful or not. `resolved_ns` is 0 if no name was looked up.
    pub(super) const fn connect_done(&mut self, resolved_ns: u64, now_ns: u64) {
        let resolve_ns = resolved_ns.saturating_sub(self.connected_at_ns);
        self.phases.resolve_ns += resolve_ns;
        self.phases.connect_ns += now_ns.saturating_sub(self.connected_at_ns + resolve_ns);
        self.connected_at_ns = now_ns;
    }

    /// Records the end of a TLS handshake, successful or not.
    pub(super) const fn tls_done(&mut self, now_ns: u64) {
        self.phases.tls_ns += now_ns.saturating_sub(self.connected_at_ns);
        self.connected_at_ns = now_ns;
    }

    /// Records the first bytes of a response that is not complete with them.
    pub(super) const fn first_byte_received(&mut self, received_ns: u64) {
        if self.first_byte_ns == 0 {
            self.first_byte_ns = received_ns;
        }
    }

    /// Records the sending of the request. 0 means not sent. A request with a long body counts as sent with its
    /// head.
    pub(super) const fn request_sent(&mut self, sent_ns: u64) {
        if self.sent_ns == 0 {
            self.sent_ns = sent_ns;
        }
    }

    /// Records the end of a complete response.
    pub(super) const fn response_complete(&mut self, received_ns: u64) {
        self.done_ns = received_ns;
    }

    /// Adds sent bytes.
    pub(super) const fn add_bytes_out(&mut self, bytes: usize) {
        self.bytes_out += bytes as u64;
    }

    /// Sets the size of the body as the caller receives it.
    pub(super) const fn set_bytes_in(&mut self, bytes_in: u64) {
        self.bytes_in = bytes_in;
    }

    /// Sets the status of a response that is not the result.
    pub(super) const fn set_status(&mut self, status: u16) {
        self.status = status;
    }

    /// Starts the next hop at the end of the current one.
    pub(super) fn start_next_hop(&mut self) {
        self.finish_hop(self.done_ns);
        self.connected_at_ns = self.done_ns;
        self.bytes_in = 0;
        (self.sent_ns, self.first_byte_ns, self.done_ns) = (0, 0, 0);
    }

    /// Counts requests that are sent again, once they have a connection.
    pub(super) const fn add_retries(&mut self, retries: u32) {
        self.retries += retries;
    }

    /// Starts the request again, because its connection was lost. The wait for a response so far remains in the phase
    /// of the first byte.
    pub(super) fn start_retry(&mut self, now_ns: u64) {
        self.phases.first_byte_ns += now_ns.saturating_sub(self.sent_ns.max(self.connected_at_ns));
        self.connected_at_ns = now_ns;
        self.sent_ns = 0;
    }

    /// Finishes the exchange. The times are in order, even if the response arrived before the request was sent
    /// completely.
    pub(super) fn finish(mut self, runtime: &impl ClientRuntime, result: Result<Response, Error>) -> Exchange {
        let ended_ns = if self.done_ns == 0 { runtime.now_ns() } else { self.done_ns };
        self.finish_hop(ended_ns);
        Exchange {
            due_ns: self.due_ns,
            sent_ns: self.sent_ns,
            first_byte_ns: self.first_byte_ns,
            done_ns: self.done_ns,
            phases: self.phases,
            bytes_out: self.bytes_out,
            bytes_in: self.bytes_in,
            retries: self.retries,
            dropped_cookies: 0,
            status: result.as_ref().map_or(self.status, Response::status),
            result,
        }
    }

    /// Fills in the times of steps that were not reached, and adds the hop to the phases.
    fn finish_hop(&mut self, ended_ns: u64) {
        let reached = |at_ns| if at_ns == 0 { ended_ns } else { at_ns };
        self.sent_ns = reached(self.sent_ns).max(self.connected_at_ns);
        self.first_byte_ns = reached(self.first_byte_ns).max(self.sent_ns);
        self.done_ns = ended_ns.max(self.first_byte_ns);
        self.phases.first_byte_ns += self.first_byte_ns - self.sent_ns;
        self.phases.body_ns += self.done_ns - self.first_byte_ns;
    }
}
