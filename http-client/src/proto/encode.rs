//! A request as bytes, appended to the caller's buffer step by step: head, further lines, what ends the head, the body.
//!
//! Whatever a scenario puts in can at worst make its own request fail: no byte of a target, name or value can end the
//! line it stands on, and the framing headers follow from the body alone.

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
    /// Where it goes; gives the `Host` header.
    pub origin: &'a Origin,
    /// The base URL's path, put before `target`.
    pub prefix: &'a str,
    /// Path and query.
    pub target: &'a str,
    /// Headers for all requests.
    pub defaults: &'a DefaultHeaders,
    /// This request's own headers, which replace defaults of the same name.
    pub headers: &'a [(&'a str, &'a str)],
    /// Names of defaults that are left out.
    pub suppressed: &'a [String],
    /// Whether the request line names the whole URL, as a proxy wants it.
    pub absolute_form: bool,
}

/// How a request's body is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFraming {
    /// There is none.
    None,
    /// It has this many bytes.
    Length(u64),
    /// It comes in chunks.
    Chunked,
}

impl RequestHead<'_> {
    /// Appends request line and headers, without the empty line that ends them.
    ///
    /// # Errors
    /// When a part cannot be sent; `out` then holds a useless beginning.
    pub fn append_to(&self, out: &mut Vec<u8>) -> Result<HeaderFlags, InvalidRequest> {
        out.extend_from_slice(self.method.as_str().as_bytes());
        out.push(b' ');
        if self.absolute_form {
            out.extend_from_slice(self.origin.as_str().as_bytes());
        }
        target::append(out, self.prefix, self.target)?;
        out.extend_from_slice(b" HTTP/1.1\r\n");
        if self.headers.is_empty() && self.suppressed.is_empty() {
            out.extend_from_slice(self.origin.host_line().as_bytes());
            out.extend_from_slice(self.defaults.block().as_bytes());
            return Ok(self.defaults.flags());
        }
        let mut flags = HeaderFlags::none();
        self.append_defaults(out, &mut flags);
        self.append_headers(out, &mut flags)?;
        Ok(flags)
    }

    fn append_defaults(&self, out: &mut Vec<u8>, flags: &mut HeaderFlags) {
        if !self.overrides("Host") {
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

    /// Where the target lies, without the origin, in what [`RequestHead::append_to`] has appended to an empty buffer.
    pub fn target_range(&self, out: &[u8]) -> Range<usize> {
        let origin = if self.absolute_form { self.origin.as_str().len() } else { 0 };
        let start = self.method.as_str().len() + 1 + origin;
        let length = memchr::memchr(b' ', &out[start..]).unwrap_or_default();
        start..start + length
    }

    fn overrides(&self, name: &str) -> bool {
        self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
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

/// The part of a target in front of its query.
pub fn path_range(out: &[u8], target: Range<usize>) -> Range<usize> {
    let length = memchr::memchr(b'?', &out[target.clone()]).unwrap_or_else(|| target.len());
    target.start..target.start + length
}

/// Ends the head, with what says where the body ends.
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

/// Makes a chunk of what is in `out` behind [`CHUNK_START`], which must not be empty.
pub fn finish_chunk(out: &mut Vec<u8>) {
    let size = format!("{:08x}\r\n", out.len() - CHUNK_SIZE_PLACEHOLDER.len());
    out[..CHUNK_SIZE_PLACEHOLDER.len()].copy_from_slice(size.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Holds the place of a chunk's size until its data is there. Zeros may stand in front of a size.
pub const CHUNK_SIZE_PLACEHOLDER: &[u8] = b"00000000\r\n";
/// Ends a body in chunks.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

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

    fn encoded(method: Method, headers: &[(&str, &str)], body: Option<&[u8]>) -> Result<String, InvalidRequest> {
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
    fn a_plain_get() {
        let wire = encoded(Method::Get, &[], None).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        let defaults = format!("User-Agent: gregaria/{version}\r\nAccept-Encoding: {CODINGS}\r\nAccept: */*\r\n");
        let expected = format!("GET /x HTTP/1.1\r\nHost: h:81\r\n{defaults}\r\n");
        assert_eq!(wire, expected);
    }

    #[test]
    fn own_headers_replace_defaults() {
        let headers = [("host", "other"), ("ACCEPT", "text/plain"), ("X", "1")];
        let wire = encoded(Method::Get, &headers, None).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        let rest = "host: other\r\nACCEPT: text/plain\r\nX: 1\r\n\r\n";
        let defaults = format!("User-Agent: gregaria/{version}\r\nAccept-Encoding: {CODINGS}\r\n");
        assert_eq!(wire, format!("GET /x HTTP/1.1\r\n{defaults}{rest}"));
    }

    #[test]
    fn the_length_follows_from_the_body() {
        let ends = |method, body, end: &str| assert!(encoded(method, &[], body).unwrap().ends_with(end), "{method}");
        ends(Method::Post, Some(b"0123456789"), "*/*\r\nContent-Length: 10\r\n\r\n0123456789");
        ends(Method::Post, None, "*/*\r\nContent-Length: 0\r\n\r\n");
        ends(Method::Get, Some(b"q"), "*/*\r\nContent-Length: 1\r\n\r\nq");
        ends(Method::Delete, None, "*/*\r\n\r\n");
    }

    #[test]
    fn headers_cannot_smuggle() {
        let error = |name, value| encoded(Method::Get, &[(name, value)], None).unwrap_err();
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
    fn non_ascii_and_tabs_may_stand_in_a_value() {
        assert!(encoded(Method::Get, &[("X", "a\tö")], None).unwrap().contains("X: a\tö\r\n"));
    }

    #[test]
    fn a_proxy_reads_the_whole_url_and_defaults_can_be_left_out() {
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
    fn chunks_have_their_sizes_in_front() {
        let mut out = CHUNK_SIZE_PLACEHOLDER.to_vec();
        out.extend_from_slice(b"0123456789abcdef!");
        finish_chunk(&mut out);
        assert_eq!(out, b"00000011\r\n0123456789abcdef!\r\n");
    }

    #[test]
    fn wishes_are_noticed() {
        let origin = Origin::parse("http://h").unwrap();
        let head = RequestHead {
            method: Method::Get,
            origin: &origin,
            prefix: "",
            target: "",
            defaults: &DefaultHeaders::none(),
            headers: &[
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
                close: true,
                has_cookie: true,
                has_authorization: true,
                has_content_type: true,
                expects_continue: true,
            }
        );
    }
}
