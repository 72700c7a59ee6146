//! [`ResponseParser`], which parses a response incrementally and in place, in the caller's buffer.
//!
//! The buffer holds the head, then the kept part of the body, then the bytes received last. The caller appends
//! received bytes and calls [`ResponseParser::feed`]. That removes chunk framing and discarded bytes, so that the
//! spare capacity is at the end. A body with a length, and a body of a single chunk, are never moved. This file does
//! not know connections. `session/exchange_io.rs` receives the bytes.

use std::cell::RefCell;

use super::chunked::ChunkedDecoder;
use super::folding::unfold_head;
use super::framing::ResponseFraming;
use super::head::{ResponseHead, folded_head_len, parse_head};
use super::head_cache::HeadCache;
use crate::{Error, HttpLimits, InvalidResponse, Method};

/// The use of a response's body.
///
/// # Examples
///
/// ```
/// use gregaria_http::{Request, ResponseBodyMode};
///
/// let request = Request { response_body_mode: ResponseBodyMode::Discard, ..Request::get("/video") };
/// assert_ne!(request.response_body_mode, ResponseBodyMode::default());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ResponseBodyMode {
    /// Keeps the body in the response, up to [`HttpLimits::max_body_bytes`](crate::HttpLimits::max_body_bytes).
    #[default]
    Keep,
    /// Reads and counts the body without keeping it. [`Response::body`](crate::Response::body) is then empty, and
    /// the buffer does not grow.
    Discard,
    /// Hands the body out in chunks, so the reader bounds the memory.
    /// [`Session::send_streaming`](crate::Session::send_streaming) sets this mode for every request.
    /// [`Session::send`](crate::Session::send) discards the body in this mode. Bytes that arrive while the request is
    /// still being sent are limited like a kept body, but to no less than 1 MiB.
    Stream,
}

/// An incremental parser of one response.
///
/// # Examples
///
/// ```
/// use gregaria_http::proto::{ParseProgress, ResponseParser};
/// use gregaria_http::{HttpLimits, Method, ResponseBodyMode};
///
/// let limits = HttpLimits::default();
/// let mut parser = ResponseParser::new(Method::Get, ResponseBodyMode::Keep, &limits);
/// let mut buffer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhel".to_vec();
/// assert_eq!(parser.feed(&mut buffer)?, ParseProgress::NeedMore);
/// buffer.extend_from_slice(b"lo");
/// assert_eq!(parser.feed(&mut buffer)?, ParseProgress::Complete);
/// assert_eq!(&buffer[parser.body_range()], b"hello");
/// assert!(parser.is_reusable());
/// # Ok::<(), gregaria_http::Error>(())
/// ```
#[derive(Debug)]
pub struct ResponseParser<'a> {
    limits: &'a HttpLimits,
    method: Method,
    body_mode: ResponseBodyMode,
    head_cache: Option<&'a RefCell<HeadCache>>,
    stage: Stage,
    /// The final head, once it is complete.
    head: Option<ResponseHead>,
    informational: u32,
    has_continue: bool,
    /// Start of the kept body in the buffer.
    body_start: usize,
    /// End of the kept body in the buffer.
    body_end: usize,
    body_bytes: u64,
    excess_bytes: usize,
}

/// The result of feeding the parser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseProgress {
    /// The response needs more bytes, or the end of the stream.
    NeedMore,
    /// The response is complete.
    Complete,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The first `searched` bytes have no end of a head. At `retry_len` bytes the head is parsed again regardless.
    Head {
        searched: usize,
        retry_len: usize,
    },
    Length {
        remaining: u64,
    },
    Chunked(ChunkedDecoder),
    UntilClose,
    Done,
}

impl<'a> ResponseParser<'a> {
    /// Creates a parser of the response to a request of this method.
    pub const fn new(method: Method, body_mode: ResponseBodyMode, limits: &'a HttpLimits) -> Self {
        Self {
            limits,
            method,
            body_mode,
            head_cache: None,
            stage: Stage::Head { searched: 0, retry_len: 0 },
            head: None,
            informational: 0,
            has_continue: false,
            body_start: 0,
            body_end: 0,
            body_bytes: 0,
            excess_bytes: 0,
        }
    }

    /// Makes the parser look up heads in a cache, which other parsers may share.
    pub const fn with_head_cache(mut self, head_cache: Option<&'a RefCell<HeadCache>>) -> Self {
        self.head_cache = head_cache;
        self
    }

    /// Parses the bytes that the caller has appended to `buffer`.
    ///
    /// The buffer is empty before the first receive, and the caller only appends to it. Once the final head is
    /// complete, [`ResponseParser::head`] returns it, and [`ResponseParser::body_range`] is the part of the body
    /// received so far. The caller may then continue to feed, consume the body in chunks, or close the connection.
    /// Feeding without new bytes has no effect.
    ///
    /// # Errors
    /// If the bytes are not an acceptable response. The connection must then be closed.
    pub fn feed(&mut self, buffer: &mut Vec<u8>) -> Result<ParseProgress, Error> {
        if let Stage::Head { searched, retry_len } = self.stage
            && !self.feed_head(buffer, searched, retry_len)?
        {
            return Ok(ParseProgress::NeedMore);
        }
        self.feed_body(buffer)
    }

    /// Handles the end of the stream.
    ///
    /// # Errors
    /// [`Error::ClosedBeforeResponse`] or [`Error::IncompleteResponse`] if the response is incomplete, and the
    /// errors of [`feed`](Self::feed) if its incomplete head is invalid.
    pub fn feed_eof(&mut self, buffer: &[u8]) -> Result<(), Error> {
        match self.stage {
            Stage::Done => Ok(()),
            Stage::UntilClose => {
                self.stage = Stage::Done;
                Ok(())
            }
            Stage::Head { .. } if buffer.is_empty() => Err(Error::ClosedBeforeResponse),
            // A fragmented head is not parsed at each fragment, so invalid bytes may not have been detected yet.
            Stage::Head { .. } => {
                match parse_head(buffer, self.method, self.limits) {
                    Err(MAYBE_FOLDED) => folded_head_len(buffer, self.limits).map(drop)?,
                    parsed => parsed.map(drop)?,
                }
                Err(Error::IncompleteResponse)
            }
            Stage::Length { .. } | Stage::Chunked(_) => Err(Error::IncompleteResponse),
        }
    }

    /// Returns the number of body bytes still expected. Without `Content-Length` this is an estimate: as many bytes
    /// as were received so far.
    pub fn remaining_hint(&self) -> u64 {
        match self.stage {
            Stage::Length { remaining } => remaining,
            Stage::Chunked(_) | Stage::UntilClose => self.body_bytes,
            Stage::Head { .. } | Stage::Done => 0,
        }
    }

    /// Returns the number of next bytes that belong to a discarded body, so that the transport may drop them without
    /// feeding.
    pub fn discardable_bytes(&self) -> u64 {
        match (self.stage, self.body_mode) {
            (Stage::Length { remaining }, ResponseBodyMode::Discard) => remaining,
            (Stage::UntilClose, ResponseBodyMode::Discard) => u64::MAX,
            _ => 0,
        }
    }

    /// Accounts for `count` bytes that the transport received and discarded. Bytes beyond
    /// [`discardable_bytes`](Self::discardable_bytes) count as excess.
    pub fn advance_discarded(&mut self, count: u64) -> ParseProgress {
        let data = count.min(self.discardable_bytes());
        self.body_bytes += data;
        if let Stage::Length { remaining } = &mut self.stage {
            *remaining -= data;
            if *remaining == 0 {
                return self.finish((count - data) as usize);
            }
        }
        ParseProgress::NeedMore
    }

    /// Reserves space in `buffer` for the next bytes: the rest of a kept body, one chunk of a streamed body, or at
    /// least 2 KiB.
    pub fn reserve(&self, buffer: &mut Vec<u8>) {
        let max_bytes = match self.body_mode {
            ResponseBodyMode::Keep => MAX_TRUSTED_BYTES.max(buffer.len()),
            ResponseBodyMode::Discard => MIN_SPARE_BYTES,
            ResponseBodyMode::Stream => STREAM_CHUNK_BYTES,
        };
        let spare_bytes = match self.stage {
            // One more byte, so that the same receive reveals excess bytes.
            Stage::Length { remaining } => {
                usize::try_from(remaining).map_or(max_bytes, |remaining| max_bytes.min(remaining.saturating_add(1)))
            }
            Stage::Chunked(_) | Stage::UntilClose if self.body_mode == ResponseBodyMode::Stream => max_bytes,
            _ => MIN_SPARE_BYTES,
        };
        if buffer.capacity() - buffer.len() < spare_bytes {
            buffer.reserve(spare_bytes);
        }
    }

    /// Returns the final head, or `None` if it is incomplete.
    pub const fn head(&self) -> Option<&ResponseHead> {
        self.head.as_ref()
    }

    /// Returns the range of the kept body in the buffer.
    pub const fn body_range(&self) -> std::ops::Range<usize> {
        self.body_start..self.body_end
    }

    /// Removes the body bytes from the buffer, so that the next ones take their place. The buffer then holds the
    /// head and, after a complete response, the excess bytes.
    pub fn consume_body(&mut self, buffer: &mut Vec<u8>) {
        let Some(head) = &self.head else { return };
        buffer.drain(head.len..buffer.len() - self.excess_bytes);
        (self.body_start, self.body_end) = (head.len, head.len);
    }

    /// Changes the body mode to `Discard`, and removes the body bytes from the buffer.
    pub(crate) fn discard_body(&mut self, buffer: &mut Vec<u8>) {
        self.consume_body(buffer);
        self.body_mode = ResponseBodyMode::Discard;
    }

    /// Returns `true` if the body is complete and all of it is in the buffer.
    pub(crate) fn has_whole_body(&self) -> bool {
        self.is_done() && self.body_range().len() as u64 == self.body_bytes
    }

    /// Returns the number of body bytes received so far, after chunked decoding, whether kept or not.
    pub const fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Returns the number of bytes after the end of the response. The client sends one request at a time, so these
    /// bytes are unsolicited.
    pub const fn excess_bytes(&self) -> usize {
        self.excess_bytes
    }

    /// Returns `true` once a byte of the response, or of an interim response, was fed.
    pub const fn has_started(&self) -> bool {
        self.head.is_some() || self.informational > 0 || !matches!(self.stage, Stage::Head { searched: 0, .. })
    }

    /// Returns `true` if the target has sent status 100, so that it expects the request's body.
    pub const fn has_continue(&self) -> bool {
        self.has_continue
    }

    /// Returns `true` if the response is complete.
    pub const fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// Returns `true` if the connection may carry another request.
    pub fn is_reusable(&self) -> bool {
        self.is_done() && self.excess_bytes == 0 && self.head.is_some_and(|head| head.keep_alive)
    }

    /// Parses the head if it may be complete. Returns `true` once the final head is complete.
    fn feed_head(&mut self, buffer: &mut Vec<u8>, mut searched: usize, mut retry_len: usize) -> Result<bool, Error> {
        // The first bytes are nearly always the whole head, so they are parsed immediately. After a failure, the
        // head is parsed again only at an empty line or at twice the length. The cost stays linear if bytes arrive
        // one by one.
        while buffer.len() >= retry_len
            || buffer.len() >= self.limits.max_head_bytes
            || has_empty_line(buffer, searched)
        {
            if buffer.is_empty() {
                break;
            }
            let Some(head) = self.read_head(buffer)? else {
                retry_len = buffer.len() * 2;
                break;
            };
            if self.accept_head(&head)? {
                return Ok(true);
            }
            buffer.drain(..head.len);
            (searched, retry_len) = (0, 0);
        }
        searched = buffer.len();
        self.stage = Stage::Head { searched, retry_len };
        Ok(false)
    }

    fn read_head(&self, bytes: &mut [u8]) -> Result<Option<ResponseHead>, Error> {
        let parsed = match self.head_cache {
            Some(cache) => cache.borrow_mut().get_or_parse(bytes, self.method, self.limits),
            None => parse_head(bytes, self.method, self.limits),
        };
        match parsed {
            Err(MAYBE_FOLDED) => self.read_folded_head(bytes),
            parsed => parsed,
        }
    }

    /// Removes the folds from a complete head, which keeps its length, and parses it.
    #[cold]
    fn read_folded_head(&self, bytes: &mut [u8]) -> Result<Option<ResponseHead>, Error> {
        let Some(len) = folded_head_len(bytes, self.limits)? else {
            return Ok(None);
        };
        unfold_head(&mut bytes[..len])?;
        parse_head(bytes, self.method, self.limits)
    }

    /// Starts the body after a final head. Counts an interim head and returns `false`.
    fn accept_head(&mut self, head: &ResponseHead) -> Result<bool, Error> {
        if head.status < 200 && head.status != 101 {
            self.has_continue |= head.status == 100;
            self.informational += 1;
            if self.informational > self.limits.max_informational {
                return Err(Error::TooManyInformational);
            }
            return Ok(false);
        }
        self.head = Some(*head);
        self.body_start = head.len;
        self.body_end = head.len;
        self.stage = match head.framing {
            ResponseFraming::None => Stage::Length { remaining: 0 },
            ResponseFraming::Length(length) => {
                self.check_body_limit(length)?;
                Stage::Length { remaining: length }
            }
            ResponseFraming::Chunked => Stage::Chunked(ChunkedDecoder::new(self.limits)),
            ResponseFraming::UntilClose => Stage::UntilClose,
        };
        Ok(true)
    }

    fn feed_body(&mut self, buffer: &mut Vec<u8>) -> Result<ParseProgress, Error> {
        let arrived = buffer.len() - self.body_end;
        match self.stage {
            Stage::Length { remaining } => {
                let data = usize::try_from(remaining).map_or(arrived, |remaining| arrived.min(remaining));
                self.append_body(buffer, self.body_end, data)?;
                self.stage = Stage::Length { remaining: remaining - data as u64 };
                if data as u64 == remaining {
                    return Ok(self.finish(arrived - data));
                }
            }
            Stage::Chunked(decoder) => return self.feed_chunked(buffer, decoder),
            Stage::UntilClose => self.append_body(buffer, self.body_end, arrived)?,
            Stage::Done => return Ok(ParseProgress::Complete),
            Stage::Head { .. } => return Ok(ParseProgress::NeedMore),
        }
        buffer.truncate(self.body_end);
        Ok(ParseProgress::NeedMore)
    }

    fn feed_chunked(&mut self, buffer: &mut Vec<u8>, mut decoder: ChunkedDecoder) -> Result<ParseProgress, Error> {
        let mut position = self.body_end;
        while position < buffer.len() {
            let span = decoder.next_span(&buffer[position..])?;
            position += span.framing;
            self.append_body(buffer, position, span.data)?;
            position += span.data;
            if span.end {
                return Ok(self.finish(buffer.len() - position));
            }
        }
        self.stage = Stage::Chunked(decoder);
        buffer.truncate(self.body_end);
        Ok(ParseProgress::NeedMore)
    }

    /// Appends the `data` bytes at `position` to the body.
    fn append_body(&mut self, buffer: &mut [u8], position: usize, data: usize) -> Result<(), Error> {
        self.body_bytes += data as u64;
        if self.body_mode == ResponseBodyMode::Discard || data == 0 {
            return Ok(());
        }
        self.check_body_limit(self.body_bytes)?;
        self.check_unread_limit(data)?;
        if self.body_start == self.body_end {
            // The first data stays where it is, after its chunk size.
            (self.body_start, self.body_end) = (position, position);
        }
        if position != self.body_end {
            buffer.copy_within(position..position + data, self.body_end);
        }
        self.body_end += data;
        Ok(())
    }

    fn check_body_limit(&self, bytes: u64) -> Result<(), Error> {
        if self.body_mode == ResponseBodyMode::Keep && bytes > self.limits.max_body_bytes as u64 {
            return Err(Error::BodyTooLarge);
        }
        Ok(())
    }

    /// Limits the unread part of a streamed body, which grows while an upload continues after the response has begun.
    fn check_unread_limit(&self, data: usize) -> Result<(), Error> {
        let unread_bytes = self.body_end - self.body_start + data;
        let max_bytes = self.limits.max_body_bytes.max(MAX_TRUSTED_BYTES);
        if self.body_mode == ResponseBodyMode::Stream && unread_bytes > max_bytes {
            return Err(Error::BodyTooLarge);
        }
        Ok(())
    }

    const fn finish(&mut self, excess_bytes: usize) -> ParseProgress {
        self.excess_bytes = excess_bytes;
        self.stage = Stage::Done;
        ParseProgress::Complete
    }
}

/// Returns `true` if an empty line ends after the first `searched` bytes, so that a head may be complete.
fn has_empty_line(buffer: &[u8], searched: usize) -> bool {
    let start = searched.saturating_sub(2);
    memchr::memchr_iter(b'\n', &buffer[start..])
        .any(|offset| matches!(buffer[start + offset + 1..], [b'\n', ..] | [b'\r', b'\n', ..]))
}

/// The error of [`parse_head`] for a folded line, and for a name that is invalid.
const MAYBE_FOLDED: Error = Error::InvalidResponse(InvalidResponse::HeaderName);
/// Maximum space reserved for a `Content-Length`. Above this, the buffer doubles as bytes arrive.
const MAX_TRUSTED_BYTES: usize = 1 << 20;
/// Maximum size of one receive of a streamed body.
const STREAM_CHUNK_BYTES: usize = 64 << 10;
/// Minimum spare capacity for a receive.
const MIN_SPARE_BYTES: usize = 2 << 10;
