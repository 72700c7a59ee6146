//! A response's status line and headers, by httparse, in one scan that picks out what the client itself must know.
//!
//! The headers are not kept: they stay in the buffer, and [`Response::headers`](crate::Response::headers) walks them when
//! somebody asks. Must not know where the bytes came from or what comes after them.

use std::mem::MaybeUninit;

use super::framing::{Framing, FramingFields, framing};
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
    /// stub
    pub content_coded: bool,
    /// stub
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
        keep_alive: keep_alive(version, status, framing, &fields),
        sets_cookies: fields.sets_cookies,
        content_coded: fields.content_coded,
        redirects: fields.redirects,
    })
}

#[derive(Default)]
struct Fields {
    content_coded: bool,
    redirects: bool,
    framing: FramingFields,
    close: bool,
    keep_alive: bool,
    sets_cookies: bool,
}

/// Looks at each name once, by its length first: most headers are none of ours.
fn scan(headers: &[httparse::Header<'_>]) -> Fields {
    let mut fields = Fields::default();
    for header in headers {
        let name = header.name.as_bytes();
        match name.len() {
            10 if same(name, b"Connection") => fields.note_connection(header.value),
            10 if same(name, b"Set-Cookie") => fields.sets_cookies = true,
            8 if same(name, b"Location") => fields.redirects = true,
            16 if same(name, b"Content-Encoding") => fields.content_coded = true,
            14 if same(name, b"Content-Length") => fields.framing.note_length(header.value),
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
}

/// Whether two texts differ in case at most. The usual spelling is a comparison of words, the rest one of letters.
fn same(text: &[u8], usual: &[u8]) -> bool {
    text == usual || text.eq_ignore_ascii_case(usual)
}

/// RFC 9112 §9.3; a coding in an HTTP/1.0 response makes its framing suspect (§6.1), and after 101 it is HTTP no more.
fn keep_alive(version: Version, status: u16, framing: Framing, fields: &Fields) -> bool {
    let wanted = match version {
        Version::Http11 => !fields.close,
        Version::Http10 => !fields.close && fields.keep_alive && framing != Framing::Chunked,
    };
    wanted && framing != Framing::UntilClose && status != 101
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
