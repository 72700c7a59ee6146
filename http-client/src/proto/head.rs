//! Parser of a response's status line and headers. httparse reads them, and one scan picks out the headers that the
//! client itself needs.
//!
//! The headers are not stored. They stay in the buffer, and [`Response::headers`](crate::Response::headers) parses
//! them on request. This file must not know the source of the bytes or the bytes after the head.
//! [`framing`](super::framing) decides the end of the body.

use std::mem::MaybeUninit;

use httparse::ParserConfig;

use super::framing::{FramingFields, ResponseFraming, Version, decide_framing, opens_tunnel};
use crate::{Error, HttpLimits, InvalidResponse, Method};

/// The properties of a response's head that the client itself needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseHead {
    /// Number of bytes up to and including the empty line.
    pub len: usize,
    /// Status code, 100 to 999.
    pub status: u16,
    /// HTTP version of the status line.
    pub version: Version,
    /// Framing of the body.
    pub framing: ResponseFraming,
    /// Whether the connection may carry another request after this response.
    pub keep_alive: bool,
    /// Whether there is a `Set-Cookie` header.
    pub has_set_cookie: bool,
    /// Whether there is a `Content-Encoding` header other than `identity`.
    pub is_content_encoded: bool,
    /// Whether there is a `Location` header.
    pub has_location: bool,
}

/// Parses the head at the start of `bytes`, a response to a request of this method. Returns `None` if the head is
/// incomplete.
///
/// # Errors
/// [`Error::InvalidResponse`], [`Error::HeadTooLarge`] or [`Error::TooManyHeaders`] if no further bytes can make the
/// head valid. A folded line is [`InvalidResponse::HeaderName`], because a name cannot begin with a blank.
pub fn parse_head(bytes: &[u8], method: Method, limits: &HttpLimits) -> Result<Option<ResponseHead>, Error> {
    parse_lines(&ParserConfig::default(), bytes, limits, |response, len| build_head(response, len, method))
}

/// Returns the length of the head at the start of `bytes`, in which lines may be folded. Returns `None` if the head
/// is incomplete.
///
/// # Errors
/// The errors of [`parse_head`] about the syntax of the lines.
pub(super) fn folded_head_len(bytes: &[u8], limits: &HttpLimits) -> Result<Option<usize>, Error> {
    let mut config = ParserConfig::default();
    parse_lines(config.allow_obsolete_multiline_headers_in_responses(true), bytes, limits, |_, len| Ok(len))
}

/// Parses the lines of a head, and passes a complete head and its length to `build`.
fn parse_lines<T>(
    config: &ParserConfig,
    bytes: &[u8],
    limits: &HttpLimits,
    build: impl FnOnce(&httparse::Response<'_, '_>, usize) -> Result<T, Error>,
) -> Result<Option<T>, Error> {
    // httparse skips empty lines here. RFC 9112 §2.2 permits that to servers only.
    if matches!(bytes.first(), Some(b'\r' | b'\n')) {
        return Err(InvalidResponse::Version.into());
    }
    let bytes = &bytes[..bytes.len().min(limits.max_head_bytes)];
    let mut storage = [const { MaybeUninit::uninit() }; HttpLimits::MAX_SUPPORTED_HEADERS];
    let storage = &mut storage[..limits.max_headers.min(HttpLimits::MAX_SUPPORTED_HEADERS)];
    let mut response = httparse::Response::new(&mut []);
    let parsed = config.parse_response_with_uninit_headers(&mut response, bytes, storage);
    match parsed.map_err(parse_error)? {
        httparse::Status::Complete(len) => build(&response, len).map(Some),
        httparse::Status::Partial if bytes.len() == limits.max_head_bytes => Err(Error::HeadTooLarge),
        httparse::Status::Partial => Ok(None),
    }
}

fn build_head(response: &httparse::Response<'_, '_>, len: usize, method: Method) -> Result<ResponseHead, Error> {
    let status = response.code.unwrap_or_default();
    if status < 100 {
        return Err(InvalidResponse::StatusLine.into());
    }
    let version = if response.version == Some(0) { Version::Http10 } else { Version::Http11 };
    let fields = scan_headers(response.headers);
    let framing = decide_framing(method, status, fields.framing)?;
    Ok(ResponseHead {
        len,
        status,
        version,
        framing,
        keep_alive: keep_alive(version, status, framing, &fields) && !opens_tunnel(method, status),
        has_set_cookie: fields.has_set_cookie,
        is_content_encoded: fields.is_content_encoded,
        has_location: fields.has_location,
    })
}

#[derive(Default)]
struct ScannedHeaders {
    framing: FramingFields,
    close: bool,
    keep_alive: bool,
    has_set_cookie: bool,
    is_content_encoded: bool,
    has_location: bool,
}

/// Scans the headers. The match on the length of the name skips most other headers with one comparison.
fn scan_headers(headers: &[httparse::Header<'_>]) -> ScannedHeaders {
    let mut fields = ScannedHeaders::default();
    for header in headers {
        let name = header.name.as_bytes();
        match name.len() {
            8 if eq_ignore_case(name, b"Location") => fields.has_location = true,
            10 if eq_ignore_case(name, b"Connection") => fields.observe_connection(header.value),
            10 if eq_ignore_case(name, b"Set-Cookie") => fields.has_set_cookie = true,
            14 if eq_ignore_case(name, b"Content-Length") => fields.framing.observe_content_length(header.value),
            16 if eq_ignore_case(name, b"Content-Encoding") => fields.observe_content_encoding(header.value),
            17 if eq_ignore_case(name, b"Transfer-Encoding") => fields.framing.observe_transfer_encoding(header.value),
            _ => {}
        }
    }
    fields
}

impl ScannedHeaders {
    fn observe_connection(&mut self, value: &[u8]) {
        for token in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            self.close |= eq_ignore_case(token, b"close");
            self.keep_alive |= eq_ignore_case(token, b"keep-alive");
        }
    }

    fn observe_content_encoding(&mut self, value: &[u8]) {
        self.is_content_encoded |= !value.is_empty() && !eq_ignore_case(value, b"identity");
    }
}

/// Compares without case. The exact comparison with the usual spelling comes first, because it is faster and mostly
/// succeeds.
fn eq_ignore_case(text: &[u8], usual: &[u8]) -> bool {
    text == usual || text.eq_ignore_ascii_case(usual)
}

/// Returns `true` if the connection persists after the response (RFC 9112 §9.3). After status 101 the connection has
/// another protocol.
fn keep_alive(version: Version, status: u16, framing: ResponseFraming, fields: &ScannedHeaders) -> bool {
    let is_persistent = !fields.close && (version == Version::Http11 || fields.keep_alive);
    is_persistent
        && framing != ResponseFraming::UntilClose
        && status != 101
        && !fields.framing.is_suspect(version, status)
}

fn parse_error(error: httparse::Error) -> Error {
    use httparse::Error as E;
    match error {
        E::HeaderName => InvalidResponse::HeaderName.into(),
        E::HeaderValue | E::NewLine => InvalidResponse::HeaderValue.into(),
        E::Status | E::Token => InvalidResponse::StatusLine.into(),
        E::TooManyHeaders => Error::TooManyHeaders,
        E::Version => InvalidResponse::Version.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(headers: &str) -> ResponseHead {
        let bytes = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
        parse_head(bytes.as_bytes(), Method::Get, &HttpLimits::default()).unwrap().unwrap()
    }

    #[test]
    fn headers_needed_by_the_client_are_detected() {
        let plain = head("Content-Type: a/b\r\nLocation2: x\r\nX-Location: y\r\nSet-Cookie2: z\r\n");
        assert!(!plain.is_content_encoded && !plain.has_location && !plain.has_set_cookie);
        assert!(head("location: /\r\n").has_location);
        assert!(head("Set-Cookie: a=b\r\n").has_set_cookie);
        for encoded in ["gzip", "br, gzip", "identity, gzip", "unheard-of"] {
            assert!(head(&format!("content-encoding: {encoded}\r\n")).is_content_encoded, "{encoded}");
        }
        for unencoded in ["identity", "Identity", ""] {
            assert!(!head(&format!("Content-Encoding: {unencoded}\r\n")).is_content_encoded, "{unencoded}");
        }
        assert!(head("Content-Encoding: gzip\r\nContent-Encoding: identity\r\n").is_content_encoded);
    }
}
