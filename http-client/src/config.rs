//! What all users of a class share: timeouts, limits, and what every request carries.

use crate::proto::DefaultHeaders;
use crate::{Auth, HttpLimits, Proxies, TlsConfig};

/// Settings of a [`Session`](crate::Session), shared by many.
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Longest time for making a connection, in nanoseconds: name resolution, the tunnel of a proxy and the TLS handshake
    /// included. Default 60 s.
    pub connect_timeout_ns: u64,
    /// Longest silence of the target while its response is awaited or read, in nanoseconds. Default 60 s.
    pub read_timeout_ns: u64,
    /// Longest time for a request in all, redirects included, in nanoseconds. Default none.
    pub total_timeout_ns: Option<u64>,
    /// After so many requests a connection is closed and another one made; 0 for never. Default 0.
    pub max_requests_per_connection: u32,
    /// A request with a body larger than this, or of unknown length, asks for leave to send it (`Expect: 100-continue`).
    /// Default none; a header of the request's own asks for it at any length.
    pub expect_continue_above_bytes: Option<u64>,
    /// Longest wait for that leave, in nanoseconds; then the body is sent all the same. Default 1 s.
    pub expect_continue_timeout_ns: u64,
    /// Whether redirects are followed, up to [`HttpLimits::redirects`]. Default true.
    pub follow_redirects: bool,
    /// Bounds on a response.
    pub limits: HttpLimits,
    /// Headers of every request that does not bring its own. Default `User-Agent`, `Accept-Encoding` and `Accept: */*`.
    pub default_headers: DefaultHeaders,
    /// Who the user is, for targets that want to know. Default nobody.
    pub auth: Option<Auth>,
    /// Proxies between here and the targets. Default none.
    pub proxies: Proxies,
    /// How the targets of `https` URLs are trusted. Default: the system's roots.
    pub tls: TlsConfig,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            connect_timeout_ns: 60 * SECOND_NS,
            read_timeout_ns: 60 * SECOND_NS,
            total_timeout_ns: None,
            max_requests_per_connection: 0,
            expect_continue_above_bytes: None,
            expect_continue_timeout_ns: SECOND_NS,
            follow_redirects: true,
            limits: HttpLimits::default(),
            default_headers: DefaultHeaders::default(),
            auth: None,
            proxies: Proxies::default(),
            tls: TlsConfig::default(),
        }
    }
}

const SECOND_NS: u64 = 1_000_000_000;
