//! The result of one call of [`Session::send`](crate::Session::send): timestamps, sizes, and the response or the
//! error.
//!
//! Plain data. `session/exchange_timer.rs` fills it. This file must not know how a caller counts or judges an
//! exchange.

use crate::{Error, Response};

/// A request and its result, redirects included.
///
/// Times are those of [`ClientRuntime::now_ns`](crate::ClientRuntime::now_ns). They never decrease from due to done.
/// A step that was not reached has the time of the end.
///
/// # Examples
///
/// ```
/// use gregaria_http::{Error, Exchange, ExchangePhases};
///
/// let exchange = Exchange {
///     due_ns: 1_000,
///     sent_ns: 1_030,
///     first_byte_ns: 1_080,
///     done_ns: 1_090,
///     phases: ExchangePhases { connect_ns: 20, first_byte_ns: 50, body_ns: 10, ..ExchangePhases::default() },
///     bytes_out: 80,
///     bytes_in: 0,
///     retries: 0,
///     dropped_cookies: 0,
///     status: 0,
///     result: Err(Error::ReadTimeout),
/// };
/// assert_eq!(exchange.lag_ns(), 10);
/// ```
#[derive(Debug)]
pub struct Exchange {
    /// Due time: the time of the call, or that given to [`Session::send_due_at`](crate::Session::send_due_at).
    pub due_ns: u64,
    /// Time when the request was sent. For a request with a long body this is the time of its head. After redirects,
    /// the time of the last request.
    pub sent_ns: u64,
    /// Time when the first bytes of the response arrived. After redirects, of the last response.
    pub first_byte_ns: u64,
    /// Time when the last bytes of the response arrived, or when the request failed.
    pub done_ns: u64,
    /// Durations of the phases.
    pub phases: ExchangePhases,
    /// Bytes of all requests, head and body, repeated ones included. 0 if no connection was opened.
    pub bytes_out: u64,
    /// Bytes of the response's body without chunked coding, and decompressed unless the body is discarded. 0 for a
    /// failed exchange, except that a failed stream counts the bytes read before the failure.
    pub bytes_in: u64,
    /// Number of times that a request was sent again because the target had closed the reused connection before the
    /// first byte of a response. At most one per hop.
    pub retries: u32,
    /// Number of cookies that a full [`CookieJar`](crate::CookieJar) dropped since the previous exchange.
    pub dropped_cookies: u32,
    /// Status of the response; 0 without one. It is kept beside the error if a limit of the client ended the body, or
    /// if a streamed body broke.
    pub status: u16,
    /// The response, or the reason for its absence.
    pub result: Result<Response, Error>,
}

/// Durations of the phases of a request, in nanoseconds. Each is the sum over all redirects. A phase that did not
/// occur is 0.
///
/// # Examples
///
/// ```
/// use gregaria_http::ExchangePhases;
///
/// let reused_connection = ExchangePhases { first_byte_ns: 900, body_ns: 100, ..ExchangePhases::default() };
/// assert_eq!((reused_connection.resolve_ns, reused_connection.connect_ns), (0, 0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExchangePhases {
    /// Name resolution. 0 if the addresses were known.
    pub resolve_ns: u64,
    /// Opening the connection, the tunnel of a proxy included. 0 on a reused connection.
    pub connect_ns: u64,
    /// The TLS handshake.
    pub tls_ns: u64,
    /// From sending the request to the first byte of the response. The rest of a long request body is included.
    pub first_byte_ns: u64,
    /// From the first byte of the response to the last.
    pub body_ns: u64,
}

impl Exchange {
    /// Returns the part of the time from due to done that belongs to no phase, in nanoseconds. This is the
    /// generator's own time.
    pub const fn lag_ns(&self) -> u64 {
        let ExchangePhases { resolve_ns, connect_ns, tls_ns, first_byte_ns, body_ns } = self.phases;
        let phases_ns = resolve_ns + connect_ns + tls_ns + first_byte_ns + body_ns;
        (self.done_ns - self.due_ns).saturating_sub(phases_ns)
    }
}
