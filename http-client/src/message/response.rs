//! A response: the buffer it was received into, and where in it the parts lie.
//!
//! Nothing is copied out: headers are walked when they are asked for, and the buffer goes back to the pool afterwards.

use std::borrow::Cow;
use std::ops::Range;

use crate::proto::ResponseParser;
use crate::{LinkValue, charset, links};

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
    /// Redirects are rare.
    history: Option<Box<ResponseHistory>>,
}

impl Response {
    /// What a finished parser left in its buffer; `None` before there is a final head.
    pub fn new(buffer: Vec<u8>, parser: &ResponseParser<'_>) -> Option<Self> {
        let head = parser.head()?;
        let (head_len, body) = (head.len, parser.body_range());
        Some(Self { buffer, head_len, body, status: head.status, version: head.version, history: None })
    }

    /// A copy of the head that is in the parser's buffer, without a body.
    pub(crate) fn from_head(buffer: &[u8], parser: &ResponseParser<'_>) -> Option<Self> {
        let head = parser.head()?;
        let buffer = buffer[..head.len].to_vec();
        let body = head.len..head.len;
        Some(Self { buffer, head_len: head.len, body, status: head.status, version: head.version, history: None })
    }

    pub(crate) fn with_history(mut self, history: Option<Box<ResponseHistory>>) -> Self {
        self.history = history;
        self
    }

    /// Takes a buffer with the same head and another body, and gives the one before.
    pub(crate) fn replace_buffer(&mut self, buffer: Vec<u8>) -> Vec<u8> {
        self.body = self.head_len..buffer.len();
        std::mem::replace(&mut self.buffer, buffer)
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
    pub fn headers(&self) -> HeaderIter<'_> {
        HeaderIter::from_head(self.head())
    }

    /// Name and value of the cookies that this response sets, whatever becomes of them.
    pub fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        let values = self.headers().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        values.filter_map(|(_, value)| {
            let pair = std::str::from_utf8(value).ok()?.split(';').next()?;
            let (name, value) = pair.split_once('=')?;
            Some((name.trim(), value.trim()))
        })
    }

    /// What its `Link` headers point to.
    pub fn links(&self) -> Vec<LinkValue<'_>> {
        let values = self.headers().filter(|(name, _)| name.eq_ignore_ascii_case("link"));
        values.filter_map(|(_, value)| std::str::from_utf8(value).ok()).flat_map(links).collect()
    }

    /// Whether it is a redirect that could be followed.
    pub fn is_redirect(&self) -> bool {
        matches!(self.status, 301 | 302 | 303 | 307 | 308) && self.header("location").is_some()
    }

    /// Whether it is a redirect for good.
    pub fn is_permanent_redirect(&self) -> bool {
        matches!(self.status, 301 | 308) && self.header("location").is_some()
    }

    /// Where it came from, when others led there: the URL that was asked for in the end.
    pub fn redirected_to(&self) -> Option<&str> {
        self.history.as_ref().map(|chain| chain.url.as_str())
    }

    /// The responses that led to this one, oldest first: redirects, and questions for a password.
    pub fn history(&self) -> &[Self] {
        self.history.as_ref().map_or(&[], |chain| &chain.responses)
    }

    /// Status line and headers as they came, with the empty line.
    pub fn head(&self) -> &[u8] {
        &self.buffer[..self.head_len]
    }

    /// What was done to the body, in this order.
    pub(crate) fn content_codings(&self) -> Vec<u8> {
        let values = self.headers().filter(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
        values.map(|(_, value)| value).collect::<Vec<_>>().join(&b","[..])
    }

    /// The body as its sender meant it, without chunks and content codings; empty when it was discarded.
    pub fn body(&self) -> &[u8] {
        &self.buffer[self.body.clone()]
    }

    /// The body as text: in the character set that the response names, else in the one that it looks like.
    pub fn text(&self) -> Cow<'_, str> {
        charset::decode(self.header("content-type"), self.body())
    }

    /// The buffer, emptied, for [`Network::give_buffer`](crate::Network::give_buffer).
    pub fn into_buffer(self) -> Vec<u8> {
        let mut buffer = self.buffer;
        buffer.clear();
        buffer
    }
}

/// What led to a response.
#[derive(Debug, Default)]
pub(crate) struct ResponseHistory {
    /// Where the response itself came from.
    url: String,
    responses: Vec<Response>,
    redirect_count: usize,
}

impl ResponseHistory {
    /// One more response that was not the last.
    pub(crate) fn push(&mut self, response: Response, url: String, is_redirect: bool) {
        self.redirect_count += usize::from(is_redirect);
        let chain = Self { url, ..Self::default() };
        self.responses.push(response.with_history(Some(Box::new(chain))));
    }

    pub(crate) fn redirect_count(&self) -> usize {
        self.redirect_count
    }

    /// Whether nothing has led there.
    pub(crate) fn is_empty(&self) -> bool {
        self.responses.is_empty()
    }

    /// The last response comes from here.
    pub(crate) fn set_url(&mut self, url: String) {
        self.url = url;
    }
}

/// The headers of a [`Response`], as name and value.
#[derive(Clone, Debug)]
pub struct HeaderIter<'a> {
    rest: &'a [u8],
}

impl<'a> HeaderIter<'a> {
    /// The head was parsed before: its lines need only be split.
    pub(crate) fn from_head(head: &'a [u8]) -> Self {
        let mut headers = Self { rest: head };
        headers.next_line();
        headers
    }

    fn next_line(&mut self) -> Option<&'a [u8]> {
        let end = memchr::memchr(b'\n', self.rest)?;
        let line = &self.rest[..end];
        self.rest = &self.rest[end + 1..];
        Some(line)
    }
}

impl<'a> Iterator for HeaderIter<'a> {
    type Item = (&'a str, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        let line = self.next_line()?;
        let colon = memchr::memchr(b':', line)?;
        let name = std::str::from_utf8(&line[..colon]).ok()?;
        Some((name, line[colon + 1..].trim_ascii()))
    }
}
