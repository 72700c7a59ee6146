//! The settings that the users of a class share: timeouts, limits, credentials, and the headers of every request.
//!
//! Plain data. This file must not know how a setting is applied: `session/` applies them, and
//! [`RequestOptions`](crate::RequestOptions) overrides some for one request.

use crate::proto::DefaultHeaders;
use crate::{Auth, HttpLimits, Proxies, TlsConfig};

/// Settings of a [`Session`](crate::Session), shared by many sessions.
///
/// # Examples
///
/// ```
/// use gregaria_http::{Auth, ClientConfig, HttpLimits};
///
/// let config = ClientConfig {
///     total_timeout_ns: Some(30_000_000_000),
///     limits: HttpLimits { max_redirects: 5, ..HttpLimits::default() },
///     auth: Some(Auth::basic("user", "secret")),
///     ..ClientConfig::default()
/// };
/// assert_eq!(config.connect_timeout_ns, 60_000_000_000);
/// ```
#[derive(Clone, Debug)]
pub struct ClientConfig {
    /// Timeout for opening a connection, in nanoseconds. It covers name resolution, the tunnel of a proxy and the
    /// TLS handshake. Default 60 s.
    pub connect_timeout_ns: u64,
    /// Longest silence of the target while the request is sent, or its response is awaited or read, in nanoseconds.
    /// Default 60 s.
    pub read_timeout_ns: u64,
    /// Timeout for a request with all its redirects, in nanoseconds. `None`, the default, is off.
    pub total_timeout_ns: Option<u64>,
    /// Most requests on one connection. After the last of them the connection is closed. 0, the default, is off.
    pub max_requests_per_connection: u32,
    /// Body size in bytes above which a request sends `Expect: 100-continue`. A body of unknown length counts as
    /// larger. `None`, the default, is off. A request may always set the header itself.
    pub expect_continue_above_bytes: Option<u64>,
    /// Longest wait for `100 Continue`, in nanoseconds. After that the body is sent. Default 1 s.
    pub expect_continue_timeout_ns: u64,
    /// Whether redirects are followed, up to [`HttpLimits::max_redirects`]. Redirects of a `HEAD` request are followed
    /// only if [`RequestOptions::follow_redirects`](crate::RequestOptions::follow_redirects) is set. Default true.
    pub follow_redirects: bool,
    /// Limits of a response.
    pub limits: HttpLimits,
    /// Headers of every request, unless the request has one of the same name. Default `User-Agent`,
    /// `Accept-Encoding` and `Accept: */*`.
    pub default_headers: DefaultHeaders,
    /// Credentials of every request. Default none.
    pub auth: Option<Auth>,
    /// Proxies between the client and the targets. Default none.
    pub proxies: Proxies,
    /// TLS configuration of `https` URLs. Default: certificates are verified against the system's certificate
    /// authorities.
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
