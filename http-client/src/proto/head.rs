//! A response's status line and headers, by httparse, in one scan that picks out what the client itself must know.
//!
//! The headers are not kept: they stay in the buffer, and [`Response::headers`](crate::Response::headers) walks them when
//! somebody asks. Must not know where the bytes came from or what comes after them.

use std::mem::MaybeUninit;

use super::framing::{Framing, FramingFields, framing, opens_tunnel};
use crate::{Error, HttpLimits, InvalidResponse, Method, Version};

/// What the client itself must know of a response's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Bytes up to and including the empty line.
    pub len: usize,
    /// Three digits, 100 to 999.
    pub status: u16,
    /// The version the target speaks.
    pub version: Version,
    /// How the end of the body is known.
    pub framing: Framing,
    /// Whether the connection may carry another request after this response.
    pub keep_alive: bool,
    /// Whether there is a `Set-Cookie`.
    pub sets_cookies: bool,
    /// Whether there is a `Content-Encoding` that is not `identity`.
    pub content_coded: bool,
    /// Whether there is a `Location`.
    pub redirects: bool,
}

/// Reads the head at the start of `bytes`, the answer to a request of this method; `None` while it is not complete.
///
/// # Errors
/// When the bytes cannot become an acceptable head, whatever follows.
pub fn parse_head(bytes: &[u8], method: Method, limits: &HttpLimits) -> Result<Option<Head>, Error> {
    // httparse skips empty lines here, which only a server should do: a response starts with its version.
    if matches!(bytes.first(), Some(b'\r' | b'\n')) {
        return Err(InvalidResponse::Version.into());
    }
    let bytes = &bytes[..bytes.len().min(limits.head_bytes)];
    let mut storage = [const { MaybeUninit::uninit() }; HttpLimits::MAX_HEADERS];
    let storage = &mut storage[..limits.headers.min(HttpLimits::MAX_HEADERS)];
    let mut response = httparse::Response::new(&mut []);
    let parsed = httparse::ParserConfig::default().parse_response_with_uninit_headers(&mut response, bytes, storage);
    match parsed.map_err(refusal)? {
        httparse::Status::Complete(len) => digest(&response, len, method).map(Some),
        httparse::Status::Partial if bytes.len() == limits.head_bytes => Err(Error::HeadTooLarge),
        httparse::Status::Partial => Ok(None),
    }
}

fn digest(response: &httparse::Response<'_, '_>, len: usize, method: Method) -> Result<Head, Error> {
    let status = response.code.unwrap_or_default();
    if status < 100 {
        return Err(InvalidResponse::StatusLine.into());
    }
    let version = if response.version == Some(0) { Version::Http10 } else { Version::Http11 };
    let fields = scan(response.headers);
    let framing = framing(method, status, fields.framing)?;
    Ok(Head {
        len,
        status,
        version,
        framing,
        keep_alive: keep_alive(version, status, framing, &fields) && !opens_tunnel(method, status),
        sets_cookies: fields.sets_cookies,
        content_coded: fields.content_coded,
        redirects: fields.redirects,
    })
}

#[derive(Default)]
struct Fields {
    framing: FramingFields,
    close: bool,
    keep_alive: bool,
    sets_cookies: bool,
    content_coded: bool,
    redirects: bool,
}

/// Looks at each name once, by its length first: most headers are none of ours.
fn scan(headers: &[httparse::Header<'_>]) -> Fields {
    let mut fields = Fields::default();
    for header in headers {
        let name = header.name.as_bytes();
        match name.len() {
            8 if same(name, b"Location") => fields.redirects = true,
            10 if same(name, b"Connection") => fields.note_connection(header.value),
            10 if same(name, b"Set-Cookie") => fields.sets_cookies = true,
            14 if same(name, b"Content-Length") => fields.framing.note_length(header.value),
            16 if same(name, b"Content-Encoding") => fields.note_content_coding(header.value),
            17 if same(name, b"Transfer-Encoding") => fields.framing.note_coding(header.value),
            _ => {}
        }
    }
    fields
}

impl Fields {
    fn note_connection(&mut self, value: &[u8]) {
        for token in value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii) {
            self.close |= same(token, b"close");
            self.keep_alive |= same(token, b"keep-alive");
        }
    }

    fn note_content_coding(&mut self, value: &[u8]) {
        self.content_coded |= !value.is_empty() && !same(value, b"identity");
    }
}

/// Whether two texts differ in case at most. The usual spelling is a comparison of words, the rest one of letters.
fn same(text: &[u8], usual: &[u8]) -> bool {
    text == usual || text.eq_ignore_ascii_case(usual)
}

/// RFC 9112 §9.3; after 101 it is HTTP no more.
fn keep_alive(version: Version, status: u16, framing: Framing, fields: &Fields) -> bool {
    let wanted = !fields.close && (version == Version::Http11 || fields.keep_alive);
    wanted && framing != Framing::UntilClose && status != 101 && !fields.framing.is_suspect(version, status)
}

fn refusal(error: httparse::Error) -> Error {
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

    fn head(headers: &str) -> Head {
        let bytes = format!("HTTP/1.1 200 OK\r\n{headers}\r\n");
        parse_head(bytes.as_bytes(), Method::Get, &HttpLimits::default()).unwrap().unwrap()
    }

    #[test]
    fn what_the_client_must_know_is_picked_out() {
        let plain = head("Content-Type: a/b\r\nLocation2: x\r\nX-Location: y\r\nSet-Cookie2: z\r\n");
        assert!(!plain.content_coded && !plain.redirects && !plain.sets_cookies);
        assert!(head("location: /\r\n").redirects);
        assert!(head("Set-Cookie: a=b\r\n").sets_cookies);
        for coded in ["gzip", "br, gzip", "identity, gzip", "unheard-of"] {
            assert!(head(&format!("content-encoding: {coded}\r\n")).content_coded, "{coded}");
        }
        for not_coded in ["identity", "Identity", ""] {
            assert!(!head(&format!("Content-Encoding: {not_coded}\r\n")).content_coded, "{not_coded}");
        }
        assert!(head("Content-Encoding: gzip\r\nContent-Encoding: identity\r\n").content_coded);
    }
}
