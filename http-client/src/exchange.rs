//! What one call of [`Session::send`](crate::Session::send) leaves behind: when, how much, and the response or the reason.

use crate::{Error, Response};

/// One request and what came of it. Times are those of [`Network::now_ns`](crate::Network::now_ns) and never decrease
/// from due to done; a step that was not reached has the time of the end.
#[derive(Debug)]
pub struct Exchange {
    /// When the call was made.
    pub due_ns: u64,
    /// How long connecting took, name resolution included; 0 on a kept connection. Part of the time from due to sent.
    pub connect_ns: u64,
    /// When the whole request had left.
    pub sent_ns: u64,
    /// When the first bytes of the response had arrived.
    pub first_byte_ns: u64,
    /// When the last bytes of the response had arrived, or it failed.
    pub done_ns: u64,
    /// Bytes of the request, head and body; 0 where there was no connection to send them on.
    pub bytes_out: u64,
    /// Bytes of the response's body after chunked decoding, discarded ones included; 0 for a failed exchange.
    pub bytes_in: u64,
    /// The response, or why there is none.
    pub result: Result<Response, Error>,
}
