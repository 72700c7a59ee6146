//! A response: the buffer in which it was received, and the positions of its parts.
//!
//! Headers are parsed on demand, so no part is copied. The caller returns the buffer to the pool afterwards. This
//! file must not know connections. `proto/parser.rs` finds the parts, `session/hop.rs` builds the response.

use std::borrow::Cow;
use std::ops::Range;

use super::charset;
use super::links::{LinkValue, parse_links};
use crate::proto::coding::BodyDecoder;
use crate::proto::{ResponseHead, ResponseParser};
use crate::redirect::is_redirect_status;
use crate::{Error, HttpLimits, Version};

/// A complete response.
///
/// # Examples
///
/// ```
/// use gregaria_http::proto::ResponseParser;
/// use gregaria_http::{HttpLimits, Method, Response, ResponseBodyMode};
///
/// let limits = HttpLimits::default();
/// let mut parser = ResponseParser::new(Method::Get, ResponseBodyMode::Keep, &limits);
/// let mut buffer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Id: 7\r\n\r\nhello".to_vec();
/// parser.feed(&mut buffer)?;
/// let response = Response::new(buffer, &parser).expect("the head is complete");
/// assert_eq!((response.status(), response.header("x-id")), (200, Some("7")));
/// assert_eq!(response.text(), "hello");
/// # Ok::<(), gregaria_http::Error>(())
/// ```
#[derive(Debug)]
pub struct Response {
    buffer: Vec<u8>,
    head_len: usize,
    body: Range<usize>,
    has_whole_body: bool,
    /// Whether the body has content codings that were not removed.
    has_coded_body: bool,
    status: u16,
    version: Version,
    /// The responses before this one. Boxed, because redirects are rare.
    history: Option<Box<ResponseHistory>>,
}

impl Response {
    /// Creates the response that a finished parser left in its buffer. Returns `None` if there is no final head yet.
    pub fn new(buffer: Vec<u8>, parser: &ResponseParser<'_>) -> Option<Self> {
        let head = parser.head()?;
        let body = parser.body_range();
        let has_coded_body = head.is_content_encoded && !body.is_empty();
        let has_whole_body = parser.has_whole_body();
        Some(Self { body, has_whole_body, has_coded_body, ..Self::without_body(buffer, head) })
    }

    /// Copies the head from the parser's buffer into a response without a body.
    pub(crate) fn from_head(buffer: &[u8], parser: &ResponseParser<'_>) -> Option<Self> {
        let head = parser.head()?;
        Some(Self::without_body(buffer[..head.len].to_vec(), head))
    }

    fn without_body(buffer: Vec<u8>, head: &ResponseHead) -> Self {
        Self {
            buffer,
            head_len: head.len,
            body: head.len..head.len,
            has_whole_body: false,
            has_coded_body: false,
            status: head.status,
            version: head.version,
            history: None,
        }
    }

    pub(crate) fn with_history(mut self, history: Option<Box<ResponseHistory>>) -> Self {
        self.history = history;
        self
    }

    /// Replaces the buffer by one with the same head and another body, and returns the old buffer.
    pub(crate) fn replace_buffer(&mut self, buffer: Vec<u8>) -> Vec<u8> {
        self.body = self.head_len..buffer.len();
        self.has_coded_body = false;
        std::mem::replace(&mut self.buffer, buffer)
    }

    /// Returns the status code, 100 to 999.
    pub const fn status(&self) -> u16 {
        self.status
    }

    /// Returns the reason phrase after the status code. The phrase may be empty.
    pub fn reason(&self) -> &[u8] {
        let end = memchr::memchr2(b'\r', b'\n', &self.buffer).unwrap_or(0);
        let line = &self.buffer[..end.min(self.head_len)];
        line.splitn(3, |byte| *byte == b' ').nth(2).unwrap_or_default()
    }

    /// Returns the HTTP version of the status line.
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Returns the value of the first header of this name, in any case. Returns `None` if there is none, or if its
    /// value is not UTF-8.
    pub fn header(&self, name: &str) -> Option<&str> {
        let (_, value) = self.headers().find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        std::str::from_utf8(value).ok()
    }

    /// Returns all headers in the order in which the target sent them.
    pub fn headers(&self) -> HeaderIter<'_> {
        HeaderIter::from_head(self.head())
    }

    /// Returns name and value of the cookies that this response sets, including cookies that the session does not
    /// store.
    pub fn cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        let values = self.headers().filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie"));
        values.filter_map(|(_, value)| {
            let pair = std::str::from_utf8(value).ok()?.split(';').next()?;
            let (name, value) = pair.split_once('=')?;
            Some((name.trim(), value.trim()))
        })
    }

    /// Returns the links of the `Link` headers.
    ///
    /// # Examples
    ///
    /// ```
    /// # use gregaria_http::proto::ResponseParser;
    /// # use gregaria_http::{HttpLimits, Method, Response, ResponseBodyMode};
    /// # let limits = HttpLimits::default();
    /// # let mut parser = ResponseParser::new(Method::Get, ResponseBodyMode::Keep, &limits);
    /// # let head = "HTTP/1.1 204 No Content\r\nLink: </2>; rel=next; title=\"Page 2\", </9>; rel=last\r\n\r\n";
    /// # let mut buffer = head.as_bytes().to_vec();
    /// # parser.feed(&mut buffer)?;
    /// # let response = Response::new(buffer, &parser).expect("the head is complete");
    /// // Link: </2>; rel=next; title="Page 2", </9>; rel=last
    /// let links = response.links();
    /// assert_eq!((links.len(), links[1].url), (2, "/9"));
    /// let next = links.iter().find(|link| link.has_rel("next")).expect("a next page");
    /// assert_eq!((next.url, next.parameter("title")), ("/2", Some("Page 2")));
    /// # Ok::<(), gregaria_http::Error>(())
    /// ```
    pub fn links(&self) -> Vec<LinkValue<'_>> {
        let values = self.headers().filter(|(name, _)| name.eq_ignore_ascii_case("link"));
        values.filter_map(|(_, value)| std::str::from_utf8(value).ok()).flat_map(parse_links).collect()
    }

    /// Returns `true` if the response is a redirect with a location.
    pub fn is_redirect(&self) -> bool {
        is_redirect_status(self.status) && self.header("location").is_some()
    }

    /// Returns `true` if the response is a permanent redirect (301 or 308) with a location.
    pub fn is_permanent_redirect(&self) -> bool {
        matches!(self.status, 301 | 308) && self.header("location").is_some()
    }

    /// Returns the URL of the last request if the session followed a redirect or authenticated, otherwise `None`.
    pub fn redirected_to(&self) -> Option<&str> {
        self.history.as_ref().map(|history| history.url.as_str()).filter(|url| !url.is_empty())
    }

    /// Returns `true` if the target asks for authentication (401), and the request's Digest credentials can answer none
    /// of its challenges.
    pub fn has_unsupported_challenge(&self) -> bool {
        self.history.as_ref().is_some_and(|history| history.has_unsupported_challenge)
    }

    /// Returns the responses before this one, oldest first: redirects, authentication challenges, refused expectations.
    ///
    /// Their bodies are kept as received, as long as all of them together are within
    /// [`HttpLimits::max_body_bytes`](crate::HttpLimits::max_body_bytes). [`has_whole_body`](Self::has_whole_body)
    /// shows which ones were dropped, and [`decoded_body`](Self::decoded_body) removes their content codings.
    pub fn history(&self) -> &[Self] {
        self.history.as_ref().map_or(&[], |history| &history.responses)
    }

    /// Returns the status line and the headers as received, including the empty line.
    pub fn head(&self) -> &[u8] {
        &self.buffer[..self.head_len]
    }

    /// Returns the content codings, joined by commas, in the order in which the target applied them.
    pub(crate) fn content_codings(&self) -> Vec<u8> {
        let values = self.headers().filter(|(name, _)| name.eq_ignore_ascii_case("content-encoding"));
        values.map(|(_, value)| value).collect::<Vec<_>>().join(&b","[..])
    }

    /// Returns the body without chunked and content codings. Empty if the body was discarded. The body of a response in
    /// a [`history`](Self::history) still has its content codings.
    pub fn body(&self) -> &[u8] {
        &self.buffer[self.body.clone()]
    }

    /// Returns `true` unless the body, or a part of it, was discarded, dropped, or left to a stream.
    pub const fn has_whole_body(&self) -> bool {
        self.has_whole_body
    }

    /// Returns the body without content codings, for a response in a [`history`](Self::history). Any other body was
    /// decoded when it was received.
    ///
    /// # Errors
    /// The errors of [`BodyDecoder`].
    pub fn decoded_body(&self, limits: &HttpLimits) -> Result<Cow<'_, [u8]>, Error> {
        let mut decoded = Vec::new();
        let is_decoded = self.has_coded_body && self.decode_into(limits, &mut decoded)?;
        Ok(if is_decoded { Cow::Owned(decoded) } else { Cow::Borrowed(self.body()) })
    }

    /// Appends the decoded body to `out`. Returns `false` if a coding is unknown, so that the body stays as it is.
    pub(crate) fn decode_into(&self, limits: &HttpLimits, out: &mut Vec<u8>) -> Result<bool, Error> {
        let Some(mut decoder) = BodyDecoder::for_codings(&self.content_codings(), limits)? else {
            return Ok(false);
        };
        decoder.decode(self.body(), out)?;
        decoder.finish(out)?;
        Ok(true)
    }

    /// Returns `true` if the body has content codings that were not removed.
    pub(crate) const fn has_coded_body(&self) -> bool {
        self.has_coded_body
    }

    /// Decodes the body as text, with the character set of the response or else the detected one.
    pub fn text(&self) -> Cow<'_, str> {
        charset::decode(self.header("content-type"), self.body())
    }

    /// Returns the emptied buffer, for [`ClientRuntime::release_buffer`](crate::ClientRuntime::release_buffer).
    pub fn into_buffer(self) -> Vec<u8> {
        let mut buffer = self.buffer;
        buffer.clear();
        buffer
    }
}

/// The facts about a response that its head does not show: the responses before it and its URL.
#[derive(Debug, Default)]
pub(crate) struct ResponseHistory {
    /// The URL from which the response itself came. Empty without earlier responses.
    url: String,
    responses: Vec<Response>,
    redirect_count: usize,
    has_unsupported_challenge: bool,
}

impl ResponseHistory {
    /// Adds a response from `url` that was followed by a further request.
    pub(crate) fn push(&mut self, response: Response, url: String, is_redirect: bool) {
        self.redirect_count += usize::from(is_redirect);
        let history = Self { url, ..Self::default() };
        self.responses.push(response.with_history(Some(Box::new(history))));
    }

    pub(crate) fn redirect_count(&self) -> usize {
        self.redirect_count
    }

    /// Returns the number of body bytes of all responses.
    pub(crate) fn body_bytes(&self) -> usize {
        self.responses.iter().map(|response| response.body.len()).sum()
    }

    pub(crate) fn set_unsupported_challenge(&mut self) {
        self.has_unsupported_challenge = true;
    }

    /// Completes the history with the URL of the last response. Returns `None` if it is empty.
    pub(crate) fn finish(mut self, url: String) -> Option<Box<Self>> {
        if !self.responses.is_empty() {
            self.url = url;
        }
        (self.has_unsupported_challenge || !self.responses.is_empty()).then(|| Box::new(self))
    }
}

/// An iterator over the names and values of a [`Response`]'s headers.
///
/// # Examples
///
/// ```
/// use gregaria_http::HeaderIter;
///
/// fn count_cookies(headers: HeaderIter<'_>) -> usize {
///     headers.filter(|(name, _value)| name.eq_ignore_ascii_case("set-cookie")).count()
/// }
/// ```
#[derive(Clone, Debug)]
pub struct HeaderIter<'a> {
    rest: &'a [u8],
}

impl<'a> HeaderIter<'a> {
    /// Creates an iterator over a head that was parsed before, so its lines only need to be split.
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
