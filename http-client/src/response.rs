//! A response: the buffer it was received into, and where in it the parts lie.
//!
//! Nothing is copied out: headers are walked when they are asked for, and the buffer goes back to the pool afterwards.

use std::borrow::Cow;
use std::ops::Range;

use crate::proto::ResponseParser;

/// The HTTP version of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// HTTP/1.0: connections close unless both ends say otherwise.
    Http10,
    /// HTTP/1.1.
    Http11,
}

/// A complete response.
#[derive(Debug)]
pub struct Response {
    buffer: Vec<u8>,
    head_len: usize,
    body: Range<usize>,
    status: u16,
    version: Version,
}

impl Response {
    /// What a finished parser left in its buffer; `None` before there is a final head.
    pub fn new(buffer: Vec<u8>, parser: &ResponseParser<'_>) -> Option<Self> {
        let head = parser.head()?;
        Some(Self { buffer, head_len: head.len, body: parser.body(), status: head.status, version: head.version })
    }

    /// The status code, 100 to 999.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// The words after the status code; empty where there are none.
    pub fn reason(&self) -> &[u8] {
        let end = memchr::memchr2(b'\r', b'\n', &self.buffer).unwrap_or(0);
        let line = &self.buffer[..end.min(self.head_len)];
        line.splitn(3, |byte| *byte == b' ').nth(2).unwrap_or_default()
    }

    /// The version the target spoke.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The first header of this name, in any case; `None` also when its value is not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers().find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// All headers in the order they came.
    pub fn headers(&self) -> Headers<'_> {
        Headers::of(&self.buffer[..self.head_len])
    }

    /// The body after chunked decoding; empty when it was discarded.
    pub fn body(&self) -> &[u8] {
        &self.buffer[self.body.clone()]
    }

    /// The body as text, with a replacement character for what is not UTF-8.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.body())
    }

    /// The buffer, emptied, for [`Network::give_buffer`](crate::Network::give_buffer).
    pub fn into_buffer(self) -> Vec<u8> {
        let mut buffer = self.buffer;
        buffer.clear();
        buffer
    }
}

/// The headers of a [`Response`], as name and value.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    rest: &'a [u8],
}

impl<'a> Headers<'a> {
    /// The head was parsed before: its lines need only be split.
    fn of(head: &'a [u8]) -> Self {
        let mut headers = Self { rest: head };
        headers.line();
        headers
    }

    fn line(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', self.rest)?;
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Some(line)
    }
}

impl<'a> Iterator for Headers<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.line()?;
        let colon = memchr::memchr(b':', line)?;
        let name = std::str::from_utf8(&line[..colon]).ok()?;
        Some((name, line[colon + 1..].trim_ascii()))
    }
}
