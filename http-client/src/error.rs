//! Why an exchange has no response, as small values that can be counted in a table.
//!
//! No variant owns text: a run against a dead target makes millions of these, and each must cost nothing. The message is
//! the row of the error table, so it must not hold anything that differs from request to request.

use std::fmt;
use std::io;

/// Why an exchange has no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Error {
    /// What gives the request's body has failed; the request was cut short.
    BodySourceFailed,
    /// A kept body grew beyond [`HttpLimits::body_bytes`](crate::HttpLimits::body_bytes).
    BodyTooLarge,
    /// The request must be sent once more, because of a redirect or of authentication, and its body can be read only once.
    BodyNotRewindable,
    /// Chunk extensions grew beyond [`HttpLimits::chunk_extension_bytes`](crate::HttpLimits::chunk_extension_bytes).
    ChunkExtensionsTooLarge,
    /// The target closed the connection before the first byte of the final response.
    ClosedBeforeResponse,
    /// The connection could not be made, for a reason that has no variant of its own.
    ConnectFailed,
    /// Nothing listens at the target's address.
    ConnectRefused,
    /// The connection was not made in time, name resolution included.
    ConnectTimeout,
    /// The body is not what its `Content-Encoding` says.
    InvalidContentCoding,
    /// The body grew beyond [`HttpLimits::decoded_bytes`](crate::HttpLimits::decoded_bytes) when its coding was undone.
    DecodedTooLarge,
    /// The body grew by more than [`HttpLimits::decoded_ratio`](crate::HttpLimits::decoded_ratio) when its coding was undone.
    DecodedRatioExceeded,
    /// The head grew beyond [`HttpLimits::head_bytes`](crate::HttpLimits::head_bytes).
    HeadTooLarge,
    /// The request cannot be put on the wire as asked; nothing was sent.
    InvalidRequest(InvalidRequest),
    /// What arrived is not HTTP/1.1.
    InvalidResponse(InvalidResponse),
    /// A redirect leads to something that is no `http` or `https` URL.
    InvalidRedirect,
    /// The host name could not be resolved.
    NameNotFound,
    /// The target has an IP version of which no address was given for connections to come from.
    NoSourceAddress,
    /// This machine has no file descriptor left for a connection.
    TooManyOpenFiles,
    /// This machine has no local port left towards the target.
    NoLocalPorts,
    /// The proxy does not open a tunnel to the target.
    ProxyRefused,
    /// Nothing more of the response came for too long.
    ReadTimeout,
    /// The target reset the connection, or closed it while the request was being sent.
    ConnectionReset,
    /// The target closed the connection in the middle of the response.
    IncompleteResponse,
    /// There is no safe connection.
    Tls(TlsFailure),
    /// The request, redirects included, took longer than it may in all.
    TotalTimeout,
    /// The trailers grew beyond [`HttpLimits::trailer_bytes`](crate::HttpLimits::trailer_bytes).
    TrailersTooLarge,
    /// The head had more headers than [`HttpLimits::headers`](crate::HttpLimits::headers).
    TooManyHeaders,
    /// More interim responses came than [`HttpLimits::informational`](crate::HttpLimits::informational).
    TooManyInformational,
    /// More redirects came than [`HttpLimits::redirects`](crate::HttpLimits::redirects).
    TooManyRedirects,
    /// No route to the target.
    Unreachable,
    /// The URL's scheme is not one this client speaks.
    UnsupportedScheme,
}

impl Error {
    /// The error as one line for a table or a log. Equal errors have equal messages.
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
            Self::InvalidRedirect => "redirect to something that is no http or https URL",
            Self::NameNotFound => "host name not found",
            Self::NoSourceAddress => "no source address of the target's IP version",
            Self::TooManyOpenFiles => "out of file descriptors on this machine: raise ulimit -n",
            Self::NoLocalPorts => "out of local ports on this machine: widen net.ipv4.ip_local_port_range",
            Self::ProxyRefused => "the proxy refuses the tunnel",
            Self::ReadTimeout => "read timeout",
            Self::ConnectionReset => "connection reset",
            Self::IncompleteResponse => "connection closed in the middle of the response",
            Self::Tls(failure) => failure.message(),
            Self::TotalTimeout => "timeout",
            Self::TrailersTooLarge => "trailers too large",
            Self::TooManyHeaders => "too many response headers",
            Self::TooManyInformational => "too many interim (1xx) responses",
            Self::TooManyRedirects => "too many redirects",
            Self::Unreachable => "target unreachable",
            Self::UnsupportedScheme => "unsupported URL scheme (only http and https are supported)",
        }
    }

    /// Who has to change something for the error to go away.
    pub const fn category(self) -> ErrorCategory {
        match self {
            Self::NoSourceAddress | Self::TooManyOpenFiles | Self::NoLocalPorts => ErrorCategory::Local,
            Self::BodySourceFailed | Self::BodyNotRewindable | Self::InvalidRequest(_) | Self::UnsupportedScheme => {
                ErrorCategory::Scenario
            }
            _ => ErrorCategory::Target,
        }
    }

    /// Reads an operating system's error about making a connection.
    pub fn from_connect(error: &io::Error) -> Self {
        match error.kind() {
            // A Unix socket that does not exist is one where nobody listens.
            io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => Self::ConnectRefused,
            io::ErrorKind::ConnectionReset => Self::ConnectionReset,
            io::ErrorKind::TimedOut => Self::ConnectTimeout,
            io::ErrorKind::AddrInUse | io::ErrorKind::AddrNotAvailable => Self::NoLocalPorts,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => Self::Unreachable,
            _ if matches!(error.raw_os_error(), Some(ENFILE | EMFILE)) => Self::TooManyOpenFiles,
            _ => Self::ConnectFailed,
        }
    }

    /// Reads an error about sending or receiving on a connection that was made: the operating system's, or that of TLS.
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

/// Why there is no safe connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TlsFailure {
    /// The target's certificate has expired, or is not valid yet.
    CertificateExpired,
    /// The target's certificate cannot be read, or is not one for a server.
    CertificateInvalid,
    /// The target's certificate is for another name.
    CertificateNameMismatch,
    /// The target wants a certificate of ours, or does not want the one it got.
    ClientCertificateRequired,
    /// Nobody whom we trust stands for the target's certificate.
    CertificateUntrusted,
    /// The two sides have no version or cipher in common.
    PeerIncompatible,
    /// What arrived is not TLS, or broken.
    Protocol,
}

impl TlsFailure {
    const fn message(self) -> &'static str {
        match self {
            Self::CertificateExpired => "TLS: the certificate has expired or is not valid yet",
            Self::CertificateInvalid => "TLS: the certificate is not valid",
            Self::CertificateNameMismatch => "TLS: the certificate is for another name",
            Self::ClientCertificateRequired => "TLS: the target refuses without a valid client certificate",
            Self::CertificateUntrusted => "TLS: the certificate is not signed by anyone who is trusted",
            Self::PeerIncompatible => "TLS: no version or cipher in common",
            Self::Protocol => "TLS: what arrived is not TLS",
        }
    }
}

impl fmt::Display for TlsFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.message())
    }
}

impl std::error::Error for TlsFailure {}

/// How it goes through a [`Transport`](crate::Transport); [`Error::from_io`] is the way back.
impl From<TlsFailure> for io::Error {
    fn from(failure: TlsFailure) -> Self {
        Self::new(io::ErrorKind::InvalidData, failure)
    }
}

/// Who has to change something for an [`Error`] to go away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCategory {
    /// This machine: a limit of the load generator, not a property of the target.
    Local,
    /// The scenario: it asked for something that cannot be sent.
    Scenario,
    /// The target, or the way to it.
    Target,
}

/// What makes a request impossible to send.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidRequest {
    /// A cookie has a control character, a `=` or `;` in its name, or is longer than a jar keeps.
    Cookie,
    /// The URL carries a user name or a password.
    Credentials,
    /// A header decides the framing (`Content-Length`, `Transfer-Encoding`), which only the body may.
    FramingHeader,
    /// A header name is empty or has a byte that is not a token character.
    HeaderName,
    /// A header value has a control character: it could smuggle a header or a request.
    HeaderValue,
    /// The target has a control character, or would run into the host of the base URL.
    Target,
    /// The URL cannot be read.
    Url,
}

impl InvalidRequest {
    const fn message(self) -> &'static str {
        match self {
            Self::Cookie => "invalid request: forbidden character in a cookie, or a cookie that is too long",
            Self::Credentials => "invalid request: a user and password where only an origin may stand",
            Self::FramingHeader => "invalid request: Content-Length and Transfer-Encoding are set by the body",
            Self::HeaderName => "invalid request: forbidden character in a header name",
            Self::HeaderValue => "invalid request: forbidden character in a header value",
            Self::Target => "invalid request: the path has a control character or does not start with /",
            Self::Url => "invalid request: the URL cannot be read",
        }
    }
}

/// What makes bytes from the target something else than an HTTP/1.1 response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InvalidResponse {
    /// A chunk's size is missing, not hexadecimal, or beyond 64 bits.
    ChunkSize,
    /// A chunk, its extension or the trailer does not end as it must.
    ChunkSyntax,
    /// `Content-Length` is not a plain number below 2^64.
    ContentLength,
    /// `Content-Length` came more than once.
    DuplicateContentLength,
    /// A header name is empty, has a forbidden character, or the line is folded.
    HeaderName,
    /// A header value has a forbidden character.
    HeaderValue,
    /// `Content-Length` and `Transfer-Encoding` came together, as in a request smuggling attempt.
    LengthAndCoding,
    /// The status line is malformed.
    StatusLine,
    /// `Transfer-Encoding` is anything but a single `chunked`.
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

/// `errno` values that `io::ErrorKind` has no stable name for; the same on every Unix.
const ENFILE: i32 = 23;
const EMFILE: i32 = 24;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_table_of_files_is_our_own_fault() {
        let error = Error::from_connect(&io::Error::from_raw_os_error(EMFILE));
        assert_eq!((error, error.category()), (Error::TooManyOpenFiles, ErrorCategory::Local));
    }

    #[test]
    fn a_broken_pipe_is_a_reset() {
        assert_eq!(Error::from_io(&io::ErrorKind::BrokenPipe.into()), Error::ConnectionReset);
    }

    #[test]
    fn a_failure_of_tls_comes_through_a_transport() {
        let error = io::Error::from(TlsFailure::ClientCertificateRequired);
        assert_eq!(Error::from_io(&error), Error::Tls(TlsFailure::ClientCertificateRequired));
    }

    #[test]
    fn errors_stay_small_enough_to_be_counted_by_value() {
        assert!(size_of::<Error>() <= 2);
    }
}
