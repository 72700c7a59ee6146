//! [`DefaultHeaders`], which every request carries, checked and encoded once.
//!
//! A request without headers of its own copies the encoded block. A request with headers copies the lines that it
//! does not replace. This file does not know requests. `encode.rs` combines both, `header.rs` checks names and
//! values.

use std::ops::Range;

use super::coding::ACCEPT_ENCODING;
use super::header::{HeaderFlags, check_header, is_framing_header};
use crate::{Error, InvalidRequest};

/// Headers that each request carries, unless the request has a header of the same name.
///
/// The default has `User-Agent`, `Accept-Encoding` and `Accept`.
///
/// # Examples
///
/// ```
/// use gregaria_http::DefaultHeaders;
///
/// let mut headers = DefaultHeaders::default();
/// headers.set("user-agent", "shop-test/1.0")?;
/// headers.remove("Accept-Encoding");
/// assert_eq!(headers.block(), "Accept: */*\r\nuser-agent: shop-test/1.0\r\n");
/// assert!(headers.set("X-Note", "1\r\nX-Smuggled: 1").is_err());
/// # Ok::<(), gregaria_http::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct DefaultHeaders {
    block: String,
    lines: Vec<HeaderLine>,
    flags: HeaderFlags,
}

#[derive(Clone, Debug)]
struct HeaderLine {
    name: Range<usize>,
    end: usize,
}

impl DefaultHeaders {
    /// Creates an empty set of headers.
    pub const fn none() -> Self {
        Self { block: String::new(), lines: Vec::new(), flags: HeaderFlags::none() }
    }

    /// Sets a header at the end, and removes a header with the same name in any case.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] if name or value has a forbidden character, or if the name is `Content-Length` or
    /// `Transfer-Encoding`.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        check_header(name, value)?;
        if is_framing_header(name) {
            return Err(InvalidRequest::FramingHeader.into());
        }
        self.remove(name);
        let start = self.block.len();
        self.block.extend([name, ": ", value, "\r\n"]);
        self.lines.push(HeaderLine { name: start..start + name.len(), end: self.block.len() });
        self.update_flags();
        Ok(())
    }

    /// Removes the header with this name in any case.
    pub fn remove(&mut self, name: &str) {
        let Some(index) = self.lines.iter().position(|line| self.name(line).eq_ignore_ascii_case(name)) else {
            return;
        };
        let removed = self.lines.remove(index);
        let length = removed.end - removed.name.start;
        self.block.replace_range(removed.name.start..removed.end, "");
        for line in &mut self.lines[index..] {
            line.name = line.name.start - length..line.name.end - length;
            line.end -= length;
        }
        self.update_flags();
    }

    /// Returns all header lines as sent, each with CRLF.
    pub fn block(&self) -> &str {
        &self.block
    }

    /// Returns the flags of all headers.
    pub(crate) const fn flags(&self) -> HeaderFlags {
        self.flags
    }

    /// Returns name and value of each header.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let value = |line: &HeaderLine| &self.block[line.name.end + ": ".len()..line.end - "\r\n".len()];
        self.lines.iter().map(move |line| (self.name(line), value(line)))
    }

    fn update_flags(&mut self) {
        let mut flags = HeaderFlags::none();
        self.iter().for_each(|(name, value)| flags.observe(name, value));
        self.flags = flags;
    }

    fn name(&self, line: &HeaderLine) -> &str {
        &self.block[line.name.clone()]
    }
}

impl Default for DefaultHeaders {
    fn default() -> Self {
        let mut headers = Self::none();
        for (name, value) in [("User-Agent", USER_AGENT), ("Accept-Encoding", ACCEPT_ENCODING), ("Accept", "*/*")] {
            headers.set(name, value).expect("constant headers are valid");
        }
        headers
    }
}

const USER_AGENT: &str = concat!("gregaria/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_set_again_is_replaced() {
        let mut headers = DefaultHeaders::default();
        headers.remove("accept-encoding");
        headers.set("user-agent", "mine").unwrap();
        headers.set("X-Last", "1").unwrap();
        assert_eq!(headers.block(), "Accept: */*\r\nuser-agent: mine\r\nX-Last: 1\r\n");
        headers.remove("ACCEPT");
        assert_eq!(headers.block(), "user-agent: mine\r\nX-Last: 1\r\n");
        let lines: Vec<_> = headers.iter().collect();
        assert_eq!(lines, [("user-agent", "mine"), ("X-Last", "1")]);
    }

    #[test]
    fn invalid_default_header_is_rejected() {
        let mut headers = DefaultHeaders::none();
        assert_eq!(headers.set("X", "a\r\nb"), Err(InvalidRequest::HeaderValue.into()));
        assert_eq!(headers.set("X Y", "a"), Err(InvalidRequest::HeaderName.into()));
        assert_eq!(headers.set("content-length", "1"), Err(InvalidRequest::FramingHeader.into()));
        assert_eq!(headers.block(), "");
    }
}
