//! A request as bytes, appended to the caller's buffer in three steps: head, `Cookie`, end of head with the body.
//!
//! Whatever a scenario puts in can at worst make its own request fail: no byte of a target, name or value can end the
//! line it stands on, and the framing headers follow from the body alone.

use std::ops::Range;

use super::default_headers::DefaultHeaders;
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
}

/// What the headers of an encoded request ask of the connection and of the jar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// The request says `Connection: close`.
    pub close: bool,
    /// The request brings its own `Cookie` header.
    pub own_cookies: bool,
}

impl RequestHead<'_> {
    /// Appends request line and headers, without the empty line that ends them.
    ///
    /// # Errors
    /// When a part cannot be sent; `out` then holds a useless beginning.
    pub fn append_to(&self, out: &mut Vec<u8>) -> Result<Wishes, InvalidRequest> {
        out.extend_from_slice(self.method.as_str().as_bytes());
        out.push(b' ');
        target::append(out, self.prefix, self.target)?;
        out.extend_from_slice(b" HTTP/1.1\r\n");
        if self.headers.is_empty() {
            out.extend_from_slice(self.origin.host_line().as_bytes());
            out.extend_from_slice(self.defaults.block().as_bytes());
            return Ok(Wishes::default());
        }
        self.append_defaults(out);
        self.append_headers(out)
    }

    fn append_defaults(&self, out: &mut Vec<u8>) {
        if !self.brings("Host") {
            out.extend_from_slice(self.origin.host_line().as_bytes());
        }
        for (name, line) in self.defaults.iter() {
            if !self.brings(name) {
                out.extend_from_slice(line.as_bytes());
            }
        }
    }

    fn append_headers(&self, out: &mut Vec<u8>) -> Result<Wishes, InvalidRequest> {
        let mut wishes = Wishes::default();
        for &(name, value) in self.headers {
            check_header(name, value)?;
            if is_framing(name) {
                return Err(InvalidRequest::FramingHeader);
            }
            wishes.close |= name.eq_ignore_ascii_case("Connection") && has_token(value, "close");
            wishes.own_cookies |= name.eq_ignore_ascii_case("Cookie");
            for part in [name, ": ", value, "\r\n"] {
                out.extend_from_slice(part.as_bytes());
            }
        }
        Ok(wishes)
    }

    fn brings(&self, name: &str) -> bool {
        self.headers.iter().any(|(own, _)| own.eq_ignore_ascii_case(name))
    }
}

/// Ends the head and appends the body.
pub fn append_body(out: &mut Vec<u8>, method: Method, body: Option<&[u8]>) {
    match body {
        None if !method.expects_body() => out.extend_from_slice(b"\r\n"),
        _ => {
            let body = body.unwrap_or_default();
            out.extend_from_slice(b"Content-Length: ");
            append_decimal(out, body.len());
            out.extend_from_slice(b"\r\n\r\n");
            out.extend_from_slice(body);
        }
    }
}

/// Where the path lies, without its query, in a request of this method that [`RequestHead::append_to`] began.
pub fn path_range(out: &[u8], method: Method) -> Range<usize> {
    let start = method.as_str().len() + 1;
    let length = out[start..].iter().position(|byte| matches!(byte, b'?' | b' ')).unwrap_or_default();
    start..start + length
}

/// Checks that a header is a token and a value that stays on its line (RFC 9110 §5.5, §5.6.2).
///
/// # Errors
/// [`InvalidRequest::HeaderName`] or [`InvalidRequest::HeaderValue`].
pub fn check_header(name: &str, value: &str) -> Result<(), InvalidRequest> {
    if name.is_empty() || !name.bytes().all(is_token) {
        return Err(InvalidRequest::HeaderName);
    }
    if value.bytes().any(|byte| byte.is_ascii_control() && byte != b'\t') {
        return Err(InvalidRequest::HeaderValue);
    }
    Ok(())
}

/// Whether a header of this name would decide where the request's body ends.
pub(crate) fn is_framing(name: &str) -> bool {
    name.eq_ignore_ascii_case("Content-Length") || name.eq_ignore_ascii_case("Transfer-Encoding")
}

/// Whether a comma-separated list has this token, in any case.
pub(crate) fn has_token(list: &str, token: &str) -> bool {
    list.split(',').any(|item| item.trim_matches([' ', '\t']).eq_ignore_ascii_case(token))
}

pub(crate) const fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

fn append_decimal(out: &mut Vec<u8>, mut number: usize) {
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

    fn encoded(method: Method, headers: &[(&str, &str)], body: Option<&[u8]>) -> Result<String, InvalidRequest> {
        let origin = Origin::parse("http://h:81").unwrap();
        let head = RequestHead {
            method,
            origin: &origin,
            prefix: "",
            target: "/x",
            defaults: &DefaultHeaders::default(),
            headers,
        };
        let mut out = Vec::new();
        head.append_to(&mut out)?;
        append_body(&mut out, method, body);
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_plain_get() {
        let wire = encoded(Method::Get, &[], None).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        let expected =
            format!("GET /x HTTP/1.1\r\nHost: h:81\r\nUser-Agent: gregaria/{version}\r\nAccept: */*\r\n\r\n");
        assert_eq!(wire, expected);
    }

    #[test]
    fn own_headers_replace_defaults() {
        let headers = [("host", "other"), ("ACCEPT", "text/plain"), ("X", "1")];
        let wire = encoded(Method::Get, &headers, None).unwrap();
        let version = env!("CARGO_PKG_VERSION");
        let rest = "host: other\r\nACCEPT: text/plain\r\nX: 1\r\n\r\n";
        assert_eq!(wire, format!("GET /x HTTP/1.1\r\nUser-Agent: gregaria/{version}\r\n{rest}"));
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
    fn wishes_are_noticed() {
        let origin = Origin::parse("http://h").unwrap();
        let head = RequestHead {
            method: Method::Get,
            origin: &origin,
            prefix: "",
            target: "",
            defaults: &DefaultHeaders::none(),
            headers: &[("connection", "x , Close"), ("COOKIE", "a=b")],
        };
        let wishes = head.append_to(&mut Vec::new()).unwrap();
        assert_eq!(wishes, Wishes { close: true, own_cookies: true });
    }
}
