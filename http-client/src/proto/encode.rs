//! Encoder of requests, which appends to the caller's buffer in steps: head, further header lines, end of head, body.
//!
//! Invalid input from a scenario only makes its own request fail. No byte of a target, name or value can end its
//! line, and only the body determines the framing headers. This file does not know sessions or connections.
//! `session/hop.rs` calls the steps. `target.rs` encodes paths, `header.rs` checks headers.

use std::ops::Range;

use super::default_headers::DefaultHeaders;
use super::header::{HeaderFlags, check_header, is_framing_header};
use super::target;
use crate::{InvalidRequest, Method, Origin};

/// The parts of a request's head.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: Method,
    /// The origin, which the `Host` header names.
    pub origin: &'a Origin,
    /// The base URL's path, which precedes `target`.
    pub prefix: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Headers for all requests.
    pub defaults: &'a DefaultHeaders,
    /// This request's own headers, which replace defaults of the same name.
    pub headers: &'a [(&'a str, &'a str)],
    /// Names of the default headers that this request omits.
    pub suppressed: &'a [String],
    /// Whether the request line has the whole URL (absolute-form), which a proxy requires (RFC 9112 §3.2.2).
    pub absolute_form: bool,
}

/// The framing of a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFraming {
    /// The request has no body.
    None,
    /// The body has this many bytes.
    Length(u64),
    /// The body is sent in chunks.
    Chunked,
}

impl RequestHead<'_> {
    /// Appends request line and headers, without the empty line that ends them.
    ///
    /// # Errors
    /// [`InvalidRequest`] if a part cannot be sent. `out` then has an incomplete head.
    pub fn append_to(&self, out: &mut Vec<u8>) -> Result<HeaderFlags, InvalidRequest> {
        out.extend_from_slice(self.method.as_str().as_bytes());
        out.push(b' ');
        if self.absolute_form {
            out.extend_from_slice(self.origin.as_str().as_bytes());
        }
        target::append(out, self.prefix, self.target)?;
        out.extend_from_slice(b" HTTP/1.1\r\n");
        if self.headers.is_empty() && self.suppressed.is_empty() {
            let flags = self.defaults.flags();
            if !flags.has_host {
                out.extend_from_slice(self.origin.host_line().as_bytes());
            }
            out.extend_from_slice(self.defaults.block().as_bytes());
            return Ok(flags);
        }
        let mut flags = HeaderFlags::none();
        self.append_defaults(out, &mut flags);
        self.append_headers(out, &mut flags)?;
        Ok(flags)
    }

    fn append_defaults(&self, out: &mut Vec<u8>, flags: &mut HeaderFlags) {
        let has_default_host = self.defaults.flags().has_host && !self.is_suppressed("Host");
        if !self.overrides("Host") && !has_default_host {
            out.extend_from_slice(self.origin.host_line().as_bytes());
        }
        for (name, value) in self.defaults.iter() {
            if !self.overrides(name) && !self.is_suppressed(name) {
                flags.observe(name, value);
                append_header(out, name, value);
            }
        }
    }

    fn append_headers(&self, out: &mut Vec<u8>, flags: &mut HeaderFlags) -> Result<(), InvalidRequest> {
        for &(name, value) in self.headers {
            check_header(name, value)?;
            if is_framing_header(name) {
                return Err(InvalidRequest::FramingHeader);
            }
            flags.observe(name, value);
            append_header(out, name, value);
        }
        Ok(())
    }

    /// Returns the range of path and query in `out`, a buffer that begins with the output of
    /// [`RequestHead::append_to`].
    pub(crate) fn target_range(&self, out: &[u8]) -> Range<usize> {
        let origin_len = if self.absolute_form { self.origin.as_str().len() } else { 0 };
        let start = self.method.as_str().len() + 1 + origin_len;
        let length = memchr::memchr(b' ', &out[start..]).unwrap_or_default();
        start..start + length
    }

    fn overrides(&self, name: &str) -> bool {
        self.headers.iter().any(|(other, _)| other.eq_ignore_ascii_case(name))
    }

    fn is_suppressed(&self, name: &str) -> bool {
        self.suppressed.iter().any(|other| other.eq_ignore_ascii_case(name))
    }
}

fn append_header(out: &mut Vec<u8>, name: &str, value: &str) {
    for part in [name, ": ", value, "\r\n"] {
        out.extend_from_slice(part.as_bytes());
    }
}

/// Returns the range of a target's path, without the query.
pub(crate) fn path_range(out: &[u8], target: Range<usize>) -> Range<usize> {
    let length = memchr::memchr(b'?', &out[target.clone()]).unwrap_or_else(|| target.len());
    target.start..target.start + length
}

/// Ends the head with the framing header and the empty line.
///
/// A method that expects a body gets `Content-Length: 0` if there is none (RFC 9110 §8.6).
pub fn append_head_end(out: &mut Vec<u8>, method: Method, body: RequestFraming) {
    match body {
        RequestFraming::None if !method.expects_body() => {}
        RequestFraming::None => out.extend_from_slice(b"Content-Length: 0\r\n"),
        RequestFraming::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            append_decimal(out, length);
            out.extend_from_slice(b"\r\n");
        }
        RequestFraming::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
    }
    out.extend_from_slice(b"\r\n");
}

/// Encodes the data in `out` as a chunk. `out` must begin with [`CHUNK_SIZE_PLACEHOLDER`], and the data must not be
/// empty, because a chunk of size 0 ends the body.
pub(crate) fn finish_chunk(out: &mut Vec<u8>) {
    let size = format!("{:08x}\r\n", out.len() - CHUNK_SIZE_PLACEHOLDER.len());
    out[..CHUNK_SIZE_PLACEHOLDER.len()].copy_from_slice(size.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Placeholder for the size line of a chunk, which [`finish_chunk`] overwrites. A size may have leading zeros
/// (RFC 9112 §7.1).
pub(crate) const CHUNK_SIZE_PLACEHOLDER: &[u8] = b"00000000\r\n";
/// The end of a chunked body.
pub(crate) const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

fn append_decimal(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return out.extend_from_slice(&digits[start..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODINGS: &str = "gzip, deflate, br, zstd";

    fn encode(method: Method, headers: &[(&str, &str)], body: Option<&[u8]>) -> Result<String, InvalidRequest> {
        let origin = Origin::parse("http://h:81").unwrap();
        let head = RequestHead {
            method,
            origin: &origin,
            prefix: "",
            target: "/x",
            defaults: &DefaultHeaders::default(),
            headers,
            suppressed: &[],
            absolute_form: false,
        };
        let mut out = Vec::new();
        head.append_to(&mut out)?;
        append_head_end(
            &mut out,
            method,
            body.map_or(RequestFraming::None, |body| RequestFraming::Length(body.len() as u64)),
        );
        out.extend_from_slice(body.unwrap_or_default());
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn get_has_default_headers() {
        let encoded = encode(Method::Get, &[], None).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        let defaults = format!("User-Agent: gregaria/{version}\r\nAccept-Encoding: {CODINGS}\r\nAccept: */*\r\n");
        let expected = format!("GET /x HTTP/1.1\r\nHost: h:81\r\n{defaults}\r\n");
        assert_eq!(encoded, expected);
    }

    #[test]
    fn own_headers_replace_defaults() {
        let headers = [("host", "other"), ("ACCEPT", "text/plain"), ("X", "1")];
        let encoded = encode(Method::Get, &headers, None).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        let rest = "host: other\r\nACCEPT: text/plain\r\nX: 1\r\n\r\n";
        let defaults = format!("User-Agent: gregaria/{version}\r\nAccept-Encoding: {CODINGS}\r\n");
        assert_eq!(encoded, format!("GET /x HTTP/1.1\r\n{defaults}{rest}"));
    }

    #[test]
    fn default_host_replaces_that_of_the_origin() {
        let origin = Origin::parse("http://h:81").unwrap();
        let mut defaults = DefaultHeaders::none();
        defaults.set("Host", "shop.example").unwrap();
        let no_host = ["host".to_owned()];
        for (headers, suppressed, expected) in [
            (&[][..], &[][..], "GET /x HTTP/1.1\r\nHost: shop.example\r\n"),
            (&[], &no_host, "GET /x HTTP/1.1\r\nHost: h:81\r\n"),
            (&[("X", "1")], &[], "GET /x HTTP/1.1\r\nHost: shop.example\r\nX: 1\r\n"),
            (&[("host", "own")], &[], "GET /x HTTP/1.1\r\nhost: own\r\n"),
        ] {
            let head = RequestHead {
                method: Method::Get,
                origin: &origin,
                prefix: "",
                target: "/x",
                defaults: &defaults,
                headers,
                suppressed,
                absolute_form: false,
            };
            let mut out = Vec::new();
            assert_eq!(head.append_to(&mut out).unwrap().has_host, suppressed.is_empty());
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        }
    }

    #[test]
    fn body_determines_content_length() {
        let cases: [(Method, Option<&[u8]>, &str); 4] = [
            (Method::Post, Some(b"0123456789"), "*/*\r\nContent-Length: 10\r\n\r\n0123456789"),
            (Method::Post, None, "*/*\r\nContent-Length: 0\r\n\r\n"),
            (Method::Get, Some(b"q"), "*/*\r\nContent-Length: 1\r\n\r\nq"),
            (Method::Delete, None, "*/*\r\n\r\n"),
        ];
        for (method, body, end) in cases {
            assert!(encode(method, &[], body).unwrap().ends_with(end), "{method}");
        }
    }

    #[test]
    fn headers_that_could_smuggle_are_rejected() {
        let error = |name, value| encode(Method::Get, &[(name, value)], None).unwrap_err();
        for value in ["a\r\nX: 1", "a\n", "a\r", "\0", "\x7f"] {
            assert_eq!(error("X", value), InvalidRequest::HeaderValue, "{value:?}");
        }
        for name in ["", "X Y", "X:", "X\r\n", "Ü"] {
            assert_eq!(error(name, "a"), InvalidRequest::HeaderName, "{name:?}");
        }
        assert_eq!(error("content-length", "3"), InvalidRequest::FramingHeader);
        assert_eq!(error("Transfer-Encoding", "chunked"), InvalidRequest::FramingHeader);
    }

    #[test]
    fn header_value_may_have_non_ascii_and_tabs() {
        assert!(encode(Method::Get, &[("X", "a\tö")], None).unwrap().contains("X: a\tö\r\n"));
    }

    #[test]
    fn absolute_form_and_suppressed_defaults_are_encoded() {
        let origin = Origin::parse("http://h:81").unwrap();
        let head = RequestHead {
            method: Method::Get,
            origin: &origin,
            prefix: "/api",
            target: "/x?q=?",
            defaults: &DefaultHeaders::default(),
            headers: &[],
            suppressed: &["accept".into(), "accept-encoding".into(), "user-agent".into()],
            absolute_form: true,
        };
        let mut out = Vec::new();
        head.append_to(&mut out).unwrap();
        assert_eq!(out, b"GET http://h:81/api/x?q=? HTTP/1.1\r\nHost: h:81\r\n");
        let target = head.target_range(&out);
        assert_eq!(out[target.clone()], *b"/api/x?q=?");
        assert_eq!(out[path_range(&out, target)], *b"/api/x");
    }

    #[test]
    fn finished_chunk_begins_with_its_size() {
        let mut out = CHUNK_SIZE_PLACEHOLDER.to_vec();
        out.extend_from_slice(b"0123456789abcdef!");
        finish_chunk(&mut out);
        assert_eq!(out, b"00000011\r\n0123456789abcdef!\r\n");
    }

    #[test]
    fn header_flags_are_observed() {
        let origin = Origin::parse("http://h").unwrap();
        let head = RequestHead {
            method: Method::Get,
            origin: &origin,
            prefix: "",
            target: "",
            defaults: &DefaultHeaders::none(),
            headers: &[
                ("host", "other"),
                ("connection", "x , Close"),
                ("COOKIE", "a=b"),
                ("authorization", "x"),
                ("content-type", "text/plain"),
                ("expect", "100-Continue"),
            ],
            suppressed: &[],
            absolute_form: false,
        };
        let flags = head.append_to(&mut Vec::new()).unwrap();
        assert_eq!(
            flags,
            HeaderFlags {
                has_host: true,
                close: true,
                has_cookie: true,
                has_authorization: true,
                has_content_type: true,
                expects_continue: true,
            }
        );
    }
}
