//! What all users of a class share: timeouts, limits, and the headers that every request carries.

use crate::HttpLimits;
use crate::proto::DefaultHeaders;

/// Settings of a [`Session`](crate::Session), shared by many.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Longest time for making a connection, name resolution included, in nanoseconds. Default 60 s.
    pub connect_timeout_ns: u64,
    /// Longest time from the start of sending to the end of the response, in nanoseconds. Default 60 s.
    pub read_timeout_ns: u64,
    /// Longest time for a whole request, redirects included, in nanoseconds. Default none.
    pub total_timeout_ns: Option<u64>,
    /// A connection is closed after so many requests, and made anew for the next; 0 for never. Default 0.
    pub requests_per_connection: u32,
    /// A connection idle for longer than this is checked before it is used, and replaced when it is dead, in nanoseconds.
    /// Default 1 s.
    pub idle_peek_after_ns: u64,
    /// Bounds on a response.
    pub limits: HttpLimits,
    /// Headers of every request that does not bring its own. Default `User-Agent` and `Accept: */*`.
    pub headers: DefaultHeaders,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            connect_timeout_ns: 60 * SECOND_NS,
            read_timeout_ns: 60 * SECOND_NS,
            total_timeout_ns: None,
            requests_per_connection: 0,
            idle_peek_after_ns: SECOND_NS,
            limits: HttpLimits::default(),
            headers: DefaultHeaders::default(),
        }
    }
}

const SECOND_NS: u64 = 1_000_000_000;
