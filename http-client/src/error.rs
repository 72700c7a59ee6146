//! The reasons why an exchange has no response, as small values that can be counted in a table.
//!
//! No variant owns text, because a run against a dead target produces millions of errors, and each must be cheap.
//! The message is the row of the error table, so it must not contain a detail that differs from request to request.

use std::fmt;
use std::io;

/// The reason why an exchange has no response.
///
/// # Examples
///
/// ```
/// use gregaria_http::{Error, ErrorCategory, Origin};
///
/// let error = Origin::parse("ftp://example.org").unwrap_err();
/// assert_eq!((error, error.category()), (Error::UnsupportedScheme, ErrorCategory::Scenario));
/// assert_eq!(Error::ReadTimeout.to_string(), "read timeout");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// The source of the request's body failed, so the request was not sent completely.
    BodySourceFailed,
    /// A kept body exceeded [`HttpLimits::max_body_bytes`](crate::HttpLimits::max_body_bytes).
    BodyTooLarge,
    /// A redirect or authentication requires the body a second time, but the source can be read only once.
    BodyNotRewindable,
    /// Chunk extensions exceeded
    /// [`HttpLimits::max_chunk_extension_bytes`](crate::HttpLimits::max_chunk_extension_bytes).
    ChunkExtensionsTooLarge,
    /// The target closed the connection before the first byte of the final response.
    ClosedBeforeResponse,
    /// The connection could not be opened, for a reason without a variant of its own.
    ConnectFailed,
    /// No process listens at the target's address.
    ConnectRefused,
    /// The connection was not opened in time, name resolution included.
    ConnectTimeout,
    /// The body does not match its `Content-Encoding`.
    InvalidContentCoding,
    /// The decoded body exceeded [`HttpLimits::max_decoded_bytes`](crate::HttpLimits::max_decoded_bytes).
    DecodedTooLarge,
    /// The decoded body exceeded [`HttpLimits::max_decoded_ratio`](crate::HttpLimits::max_decoded_ratio).
    DecodedRatioExceeded,
    /// The head exceeded [`HttpLimits::max_head_bytes`](crate::HttpLimits::max_head_bytes).
    HeadTooLarge,
    /// The request cannot be sent as specified. No byte was sent.
    InvalidRequest(InvalidRequest),
    /// The received bytes are not HTTP/1.1.
    InvalidResponse(InvalidResponse),
    /// A redirect leads to a location that is not an `http` or `https` URL.
    InvalidRedirect,
    /// The host name could not be resolved.
    NameNotFound,
    /// None of the configured source addresses has the target's IP version.
    NoSourceAddress,
    /// This machine has no file descriptor left for a connection.
    TooManyOpenFiles,
    /// This machine has no local port left towards the target.
    NoLocalPorts,
    /// The proxy could not be reached, or opened no tunnel to the target.
    Proxy(ProxyFailure),
    /// The target was silent for longer than the read timeout.
    ReadTimeout,
    /// The target reset the connection, or closed it while the request was being sent.
    ConnectionReset,
    /// The target closed the connection in the middle of the response.
    IncompleteResponse,
    /// TLS failed.
    Tls(TlsFailure),
    /// The request, redirects included, exceeded the total timeout.
    TotalTimeout,
    /// The trailers exceeded [`HttpLimits::max_trailer_bytes`](crate::HttpLimits::max_trailer_bytes).
    TrailersTooLarge,
    /// The head had more headers than [`HttpLimits::max_headers`](crate::HttpLimits::max_headers).
    TooManyHeaders,
    /// More interim responses arrived than [`HttpLimits::max_informational`](crate::HttpLimits::max_informational).
    TooManyInformational,
    /// The target redirected more often than [`HttpLimits::max_redirects`](crate::HttpLimits::max_redirects).
    TooManyRedirects,
    /// The Unix socket of the target does not exist.
    UnixSocketNotFound,
    /// No route to the target.
    Unreachable,
    /// The URL's scheme is neither `http` nor `https`.
    UnsupportedScheme,
}

impl Error {
    /// Returns the error as one line for a table or a log. Equal errors have equal messages.
    pub const fn message(self) -> &'static str {
        match self {
            Self::BodySourceFailed => "reading the request's body failed",
            Self::BodyTooLarge => "response body too large",
            Self::BodyNotRewindable => "the request's body cannot be sent a second time",
            Self::ChunkExtensionsTooLarge => "chunk extensions too large",
            Self::ClosedBeforeResponse => "connection closed before the response",
            Self::ConnectFailed => "connecting failed",
            Self::ConnectRefused => "connection refused",
            Self::ConnectTimeout => "connect timeout",
            Self::InvalidContentCoding => "response body does not match its Content-Encoding",
            Self::DecodedTooLarge => "decompressed response body too large",
            Self::DecodedRatioExceeded => "response body grows too much when decompressed",
            Self::HeadTooLarge => "response head too large",
            Self::InvalidRequest(detail) => detail.message(),
            Self::InvalidResponse(detail) => detail.message(),
            Self::InvalidRedirect => "redirect to a URL that is invalid, or not http or https",
            Self::NameNotFound => "host name not found",
            Self::NoSourceAddress => "no source address of the target's IP version",
            Self::TooManyOpenFiles => "out of file descriptors on this machine: raise ulimit -n",
            Self::NoLocalPorts => "out of local ports on this machine: widen net.ipv4.ip_local_port_range",
            Self::Proxy(failure) => failure.message(),
            Self::ReadTimeout => "read timeout",
            Self::ConnectionReset => "connection reset",
            Self::IncompleteResponse => "connection closed in the middle of the response",
            Self::Tls(failure) => failure.message(),
            Self::TotalTimeout => "timeout",
            Self::TrailersTooLarge => "trailers too large",
            Self::TooManyHeaders => "too many response headers",
            Self::TooManyInformational => "too many interim (1xx) responses",
            Self::TooManyRedirects => "too many redirects",
            Self::UnixSocketNotFound => "the Unix socket does not exist",
            Self::Unreachable => "target unreachable",
            Self::UnsupportedScheme => "unsupported URL scheme (only http and https are supported)",
        }
    }

    /// Returns the party that can fix the error.
    pub const fn category(self) -> ErrorCategory {
        match self {
            Self::NoSourceAddress | Self::TooManyOpenFiles | Self::NoLocalPorts => ErrorCategory::Local,
            Self::BodySourceFailed | Self::BodyNotRewindable | Self::InvalidRequest(_) | Self::UnsupportedScheme => {
                ErrorCategory::Scenario
            }
            _ => ErrorCategory::Target,
        }
    }

    /// Returns `true` if a body exceeded a limit of the client, so that the response itself may be right.
    pub const fn is_body_limit(self) -> bool {
        matches!(self, Self::BodyTooLarge | Self::DecodedTooLarge | Self::DecodedRatioExceeded)
    }

    /// Converts an error of the operating system about opening a connection.
    pub fn from_connect(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => Self::ConnectRefused,
            // Only the path of a Unix socket can be missing.
            io::ErrorKind::NotFound => Self::UnixSocketNotFound,
            io::ErrorKind::ConnectionReset => Self::ConnectionReset,
            io::ErrorKind::TimedOut => Self::ConnectTimeout,
            io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable => Self::NoLocalPorts,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Self::Unreachable,
            _ if matches!(error.raw_os_error(), Some(ENFILE | EMFILE)) => Self::TooManyOpenFiles,
            _ => Self::ConnectFailed,
        }
    }

    /// Converts an error about sending or receiving on an open connection, from the operating system or from TLS.
    pub fn from_io(error: &io::Error) -> Self {
        if let Some(failure) = error.get_ref().and_then(|inner| inner.downcast_ref::<TlsFailure>()) {
            return Self::Tls(*failure);
        }
        match error.kind() {
            io::ErrorKind::TimedOut => Self::ReadTimeout,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Self::Unreachable,
            io::ErrorKind::UnexpectedEof => Self::IncompleteResponse,
            _ => Self::ConnectionReset,
        }
    }

    /// Converts an error about connecting to a proxy. Errors of this machine and the total timeout stay as they are.
    pub(crate) const fn at_proxy(self) -> Self {
        Self::Proxy(match self {
            Self::NoSourceAddress | Self::TooManyOpenFiles | Self::NoLocalPorts | Self::TotalTimeout => return self,
            Self::Proxy(failure) => failure,
            Self::ConnectRefused => ProxyFailure::ConnectRefused,
            Self::ConnectTimeout => ProxyFailure::ConnectTimeout,
            Self::ConnectionReset => ProxyFailure::ConnectionReset,
            Self::ClosedBeforeResponse | Self::IncompleteResponse => ProxyFailure::ConnectionClosed,
            Self::NameNotFound => ProxyFailure::NameNotFound,
            Self::Unreachable => ProxyFailure::Unreachable,
            Self::InvalidResponse(_) | Self::HeadTooLarge | Self::TooManyHeaders | Self::TooManyInformational => {
                ProxyFailure::InvalidResponse
            }
            _ => ProxyFailure::ConnectFailed,
        })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.message())
    }
}

impl std::error::Error for Error {}

impl From<InvalidRequest> for Error {
    fn from(detail: InvalidRequest) -> Self {
        Self::InvalidRequest(detail)
    }
}

impl From<InvalidResponse> for Error {
    fn from(detail: InvalidResponse) -> Self {
        Self::InvalidResponse(detail)
    }
}

impl From<TlsFailure> for Error {
    fn from(detail: TlsFailure) -> Self {
        Self::Tls(detail)
    }
}

/// The reason why TLS failed.
///
/// # Examples
///
/// ```
/// use gregaria_http::{Error, TlsFailure};
///
/// let error = Error::from(TlsFailure::CertificateExpired);
/// assert_eq!(error.message(), "TLS: the certificate has expired");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsFailure {
    /// An authority in the chain may not sign the target's certificate: it is no authority, or its name constraints or
    /// path length forbid it.
    CertificateChainInvalid,
    /// The target's certificate, or an authority in its chain, has expired.
    CertificateExpired,
    /// The target's certificate cannot be parsed, or has a critical extension that is not supported.
    CertificateInvalid,
    /// The target's certificate is for another name.
    CertificateNameMismatch,
    /// The target's certificate, or an authority in its chain, is not valid yet.
    CertificateNotValidYet,
    /// The target's certificate is signed with its own key, and is not trusted itself.
    CertificateSelfSigned,
    /// The target requires a client certificate, or rejects the presented one.
    ClientCertificateRequired,
    /// The target's certificate has a signature algorithm that is not supported.
    CertificateUnsupported,
    /// The target's certificate does not chain to a trusted authority.
    CertificateUntrusted,
    /// The target's certificate has no subject alternative name. Its common name does not count.
    CertificateWithoutName,
    /// The target's certificate is not for servers.
    CertificateWrongPurpose,
    /// The two sides have no TLS version or cipher in common.
    PeerIncompatible,
    /// The received bytes are not valid TLS.
    Protocol,
    /// The target does not serve the host name that the client has sent.
    UnknownServerName,
}

impl TlsFailure {
    const fn message(self) -> &'static str {
        match self {
            Self::CertificateChainInvalid => "TLS: the certificate is signed by an authority that may not sign it",
            Self::CertificateExpired => "TLS: the certificate has expired",
            Self::CertificateInvalid => "TLS: the certificate cannot be read",
            Self::CertificateNameMismatch => "TLS: the certificate is for another name",
            Self::CertificateNotValidYet => "TLS: the certificate is not valid yet",
            Self::CertificateSelfSigned => "TLS: the certificate is self-signed and not trusted",
            Self::CertificateUnsupported => "TLS: the certificate has a signature that is not supported",
            Self::ClientCertificateRequired => "TLS: the target refuses without a valid client certificate",
            Self::CertificateUntrusted => "TLS: the certificate is not signed by a trusted authority",
            Self::CertificateWithoutName => "TLS: the certificate has no subject alternative name",
            Self::CertificateWrongPurpose => "TLS: the certificate is not for servers",
            Self::PeerIncompatible => "TLS: no version or cipher in common",
            Self::Protocol => "TLS: the received bytes are not valid TLS",
            Self::UnknownServerName => "TLS: the target does not serve this host name",
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.message())
    }
}

impl std::error::Error for TlsFailure {}

/// Wraps the failure for its way through a [`Transport`](crate::Transport). [`Error::from_io`] unwraps it.
impl From<TlsFailure> for io::Error {
    fn from(failure: TlsFailure) -> Self {
        Self::new(io::ErrorKind::InvalidData, failure)
    }
}

/// The reason why a proxy gave no connection to the target.
///
/// # Examples
///
/// ```
/// use gregaria_http::{Error, ProxyFailure};
///
/// assert_eq!(Error::Proxy(ProxyFailure::ConnectRefused).message(), "proxy: connection refused");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ProxyFailure {
    /// The connection could not be opened, for a reason without a variant of its own.
    ConnectFailed,
    /// No process listens at the proxy's address.
    ConnectRefused,
    /// The connection was not opened in time: name resolution, connect, and the tunnel to the target.
    ConnectTimeout,
    /// The proxy closed the connection while it opened the tunnel.
    ConnectionClosed,
    /// The proxy reset the connection while it opened the tunnel.
    ConnectionReset,
    /// The proxy's response to the request for a tunnel is not HTTP/1.1.
    InvalidResponse,
    /// The proxy's host name could not be resolved.
    NameNotFound,
    /// The proxy refused the tunnel to the target.
    TunnelRefused,
    /// No route to the proxy.
    Unreachable,
}

impl ProxyFailure {
    const fn message(self) -> &'static str {
        match self {
            Self::ConnectFailed => "proxy: connecting failed",
            Self::ConnectRefused => "proxy: connection refused",
            Self::ConnectTimeout => "proxy: connect timeout",
            Self::ConnectionClosed => "proxy: connection closed before the response",
            Self::ConnectionReset => "proxy: connection reset",
            Self::InvalidResponse => "proxy: invalid response",
            Self::NameNotFound => "proxy: host name not found",
            Self::TunnelRefused => "the proxy refuses the tunnel",
            Self::Unreachable => "proxy: unreachable",
        }
    }
}

/// The party that can fix an [`Error`].
///
/// # Examples
///
/// ```
/// use gregaria_http::{Error, ErrorCategory};
///
/// assert_eq!(Error::NoLocalPorts.category(), ErrorCategory::Local);
/// assert_eq!(Error::ConnectRefused.category(), ErrorCategory::Target);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCategory {
    /// This machine. The error is a limit of the load generator, not a property of the target.
    Local,
    /// The scenario: its request cannot be sent.
    Scenario,
    /// The target, or the network path to it.
    Target,
}

/// The reason why a request cannot be sent.
///
/// # Examples
///
/// ```
/// use gregaria_http::{Error, InvalidRequest, Origin};
///
/// assert_eq!(Origin::parse("example.org"), Err(Error::InvalidRequest(InvalidRequest::Url)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// A cookie has a control character, has a `=` or `;` in its name, or is longer than a jar allows.
    Cookie,
    /// The URL carries a user name or a password.
    Credentials,
    /// A header determines the framing (`Content-Length`, `Transfer-Encoding`), which only the body may do.
    FramingHeader,
    /// A header name is empty or has a byte that is not a token character.
    HeaderName,
    /// A header value has a control character, which could smuggle a header or a request.
    HeaderValue,
    /// The target has a control character, or would extend the host of the base URL.
    Target,
    /// The URL cannot be parsed.
    Url,
}

impl InvalidRequest {
    const fn message(self) -> &'static str {
        match self {
            Self::Cookie => "invalid request: forbidden character in a cookie, or a cookie that is too long",
            Self::Credentials => "invalid request: a user and password where only an origin is allowed",
            Self::FramingHeader => "invalid request: Content-Length and Transfer-Encoding are set by the body",
            Self::HeaderName => "invalid request: forbidden character in a header name",
            Self::HeaderValue => "invalid request: forbidden character in a header value",
            Self::Target => "invalid request: the path has a control character or does not start with /",
            Self::Url => "invalid request: the URL cannot be read",
        }
    }
}

/// The reason why received bytes are not an HTTP/1.1 response.
///
/// # Examples
///
/// ```
/// use gregaria_http::proto::ResponseParser;
/// use gregaria_http::{Error, HttpLimits, InvalidResponse, Method, ResponseBodyMode};
///
/// let limits = HttpLimits::default();
/// let mut parser = ResponseParser::new(Method::Get, ResponseBodyMode::Keep, &limits);
/// let parsed = parser.feed(&mut b"HTTP/2 200\r\n\r\n".to_vec());
/// assert_eq!(parsed, Err(Error::InvalidResponse(InvalidResponse::Version)));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidResponse {
    /// A chunk's size is missing, not hexadecimal, or beyond 64 bits.
    ChunkSize,
    /// A chunk, its extension or the trailer is not terminated correctly.
    ChunkSyntax,
    /// `Content-Length` is not a plain number below 2^64, or is folded.
    ContentLength,
    /// The head has more than one `Content-Length`, and they differ.
    DuplicateContentLength,
    /// A header name is empty or has a forbidden character.
    HeaderName,
    /// A header value has a forbidden character.
    HeaderValue,
    /// The head has both `Content-Length` and `Transfer-Encoding`, as in a request smuggling attempt.
    LengthAndCoding,
    /// The status line is malformed.
    StatusLine,
    /// `Transfer-Encoding` is not a single `chunked`, or is folded.
    TransferEncoding,
    /// The response does not start with `HTTP/1.0` or `HTTP/1.1`.
    Version,
}

impl InvalidResponse {
    const fn message(self) -> &'static str {
        match self {
            Self::ChunkSize => "invalid response: bad chunk size",
            Self::ChunkSyntax => "invalid response: malformed chunk",
            Self::ContentLength => "invalid response: bad Content-Length",
            Self::DuplicateContentLength => "invalid response: more than one Content-Length",
            Self::HeaderName => "invalid response: malformed header name",
            Self::HeaderValue => "invalid response: malformed header value",
            Self::LengthAndCoding => "invalid response: both Content-Length and Transfer-Encoding",
            Self::StatusLine => "invalid response: malformed status line",
            Self::TransferEncoding => "invalid response: unsupported Transfer-Encoding",
            Self::Version => "invalid response: not HTTP/1.0 or HTTP/1.1",
        }
    }
}

/// `errno` values without a stable name in `io::ErrorKind`. They are the same on every Unix.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptor_limit_is_a_local_error() {
        let error = Error::from_connect(&io::Error::from_raw_os_error(EMFILE));
        assert_eq!((error, error.category()), (Error::TooManyOpenFiles, ErrorCategory::Local));
    }

    #[test]
    fn broken_pipe_is_a_connection_reset() {
        assert_eq!(Error::from_io(&io::ErrorKind::BrokenPipe.into()), Error::ConnectionReset);
    }

    #[test]
    fn tls_failure_survives_io_error() {
        let error = io::Error::from(TlsFailure::ClientCertificateRequired);
        assert_eq!(Error::from_io(&error), Error::Tls(TlsFailure::ClientCertificateRequired));
    }

    #[test]
    fn error_has_at_most_two_bytes() {
        assert!(size_of::<Error>() <= 2);
    }
}
