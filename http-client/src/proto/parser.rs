//! A response read over the caller's buffer, in place: head, then body, as the bytes arrive.
//!
//! The buffer holds the head, then the body as far as it is kept, then what has just arrived. The caller appends received
//! bytes and calls [`ResponseParser::feed`], which moves the body together (chunked), drops what is not kept, and so
//! leaves the free space at the end. A body with a length, and one that came as a single chunk, is never moved.

use std::cell::RefCell;

use super::chunked::ChunkedDecoder;
use super::framing::ResponseFraming;
use super::head::{ResponseHead, parse_head};
use super::head_cache::HeadCache;
use crate::{Error, HttpLimits, Method, ResponseBodyMode};

/// Reads one response.
#[derive(Debug)]
pub struct ResponseParser<'a> {
    limits: &'a HttpLimits,
    method: Method,
    body_mode: ResponseBodyMode,
    head_cache: Option<&'a RefCell<HeadCache>>,
    stage: Stage,
    /// The final head, once it is there.
    head: Option<ResponseHead>,
    informational: u32,
    has_continue: bool,
    /// Where the kept body lies in the buffer.
    body_start: usize,
    body_end: usize,
    body_bytes: u64,
    excess_bytes: usize,
}

/// What the parser needs next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParseProgress {
    /// More bytes, or the end of the stream.
    NeedMore,
    /// Nothing: the response is complete.
    Complete,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// `seen` bytes were searched for the end of the head; at `retry` bytes it is parsed again regardless.
    Head {
        seen: usize,
        retry: usize,
    },
    Length {
        remaining: u64,
    },
    Chunked(ChunkedDecoder),
    UntilClose,
    Done,
}

impl<'a> ResponseParser<'a> {
    /// A parser for the response to a request of this method.
    pub const fn new(method: Method, body_mode: ResponseBodyMode, limits: &'a HttpLimits) -> Self {
        Self {
            limits,
            method,
            body_mode,
            head_cache: None,
            stage: Stage::Head { seen: 0, retry: 0 },
            head: None,
            informational: 0,
            has_continue: false,
            body_start: 0,
            body_end: 0,
            body_bytes: 0,
            excess_bytes: 0,
        }
    }

    /// The same parser, reading heads through a memo that it shares with others.
    pub const fn with_head_cache(mut self, head_cache: Option<&'a RefCell<HeadCache>>) -> Self {
        self.head_cache = head_cache;
        self
    }

    /// Takes in what was appended to `buffer`, which starts empty and is otherwise left to the parser.
    ///
    /// When the final head is there, so is what came of the body with it: [`ResponseParser::head`] and
    /// [`ResponseParser::body`] say all there is to decide on. The caller may then feed on, take pieces, or stop and drop
    /// the connection. Feeding without new bytes changes nothing.
    ///
    /// # Errors
    /// When the bytes are no acceptable response. The connection is then of no more use.
    pub fn feed(&mut self, buffer: &mut Vec<u8>) -> Result<ParseProgress, Error> {
        if let Stage::Head { seen, retry } = self.stage
            && !self.feed_head(buffer, seen, retry)?
        {
            return Ok(ParseProgress::NeedMore);
        }
        self.feed_body(buffer)
    }

    /// Takes in the end of the stream.
    ///
    /// # Errors
    /// When the response is not complete without further bytes.
    pub fn feed_eof(&mut self, buffer: &[u8]) -> Result<(), Error> {
        match self.stage {
            Stage::Done => Ok(()),
            Stage::UntilClose => {
                self.stage = Stage::Done;
                Ok(())
            }
            Stage::Head { .. } if buffer.is_empty() => Err(Error::ClosedBeforeResponse),
            // A head that arrives in pieces is not parsed at each: garbage in it may have gone unnoticed until now.
            Stage::Head { .. } => {
                parse_head(buffer, self.method, self.limits)?;
                Err(Error::IncompleteResponse)
            }
            Stage::Length { .. } | Stage::Chunked(_) => Err(Error::IncompleteResponse),
        }
    }

    /// How many bytes of body are still to come, as far as that can be known: one without a length is taken to be half over.
    pub fn remaining_hint(&self) -> u64 {
        match self.stage {
            Stage::Length { remaining } => remaining,
            Stage::Chunked(_) | Stage::UntilClose => self.body_bytes,
            Stage::Head { .. } | Stage::Done => 0,
        }
    }

    /// How many of the next bytes are body that is not kept: nobody needs to look at them.
    pub fn discardable_bytes(&self) -> u64 {
        match (self.stage, self.body_mode) {
            (Stage::Length { remaining }, ResponseBodyMode::Discard) => remaining,
            (Stage::UntilClose, ResponseBodyMode::Discard) => u64::MAX,
            _ => 0,
        }
    }

    /// Takes in that `count` bytes have come and are gone. Those beyond what is unwanted are a surplus.
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

    /// Makes sure that `buffer` has space for the next bytes: the rest of a kept body, a piece of one that is taken in
    /// pieces, or a useful minimum.
    pub fn reserve(&self, buffer: &mut Vec<u8>) {
        let most = match self.body_mode {
            ResponseBodyMode::Keep => MAX_TRUSTED_BYTES.max(buffer.len()),
            ResponseBodyMode::Discard => MIN_SPARE_BYTES,
            ResponseBodyMode::Stream => STREAM_CHUNK_BYTES,
        };
        let wanted = match self.stage {
            // A byte more, so that a surplus shows.
            Stage::Length { remaining } => {
                usize::try_from(remaining).map_or(most, |remaining| most.min(remaining.saturating_add(1)))
            }
            Stage::Chunked(_) | Stage::UntilClose if self.body_mode == ResponseBodyMode::Stream => most,
            _ => MIN_SPARE_BYTES,
        };
        if buffer.capacity() - buffer.len() < wanted {
            buffer.reserve(wanted);
        }
    }

    /// The final head, once it is there.
    pub const fn head(&self) -> Option<&ResponseHead> {
        self.head.as_ref()
    }

    /// Where the kept body lies in the buffer.
    pub const fn body_range(&self) -> std::ops::Range<usize> {
        self.body_start..self.body_end
    }

    /// Forgets the body bytes at hand, so that the next ones take their place. The buffer then holds the head, and behind
    /// a complete response its surplus.
    pub fn consume_body(&mut self, buffer: &mut Vec<u8>) {
        let Some(head) = &self.head else { return };
        buffer.drain(head.len..buffer.len() - self.excess_bytes);
        (self.body_start, self.body_end) = (head.len, head.len);
    }

    /// Nobody takes the body piece by piece any more: what is at hand is forgotten, what comes is discarded.
    pub fn stop_streaming(&mut self, buffer: &mut Vec<u8>) {
        if self.body_mode == ResponseBodyMode::Stream {
            self.consume_body(buffer);
            self.body_mode = ResponseBodyMode::Discard;
        }
    }

    /// Bytes of body so far, after chunked decoding, kept or not.
    pub const fn body_bytes(&self) -> u64 {
        self.body_bytes
    }

    /// Bytes at the end of the buffer that are not of this response. Nobody asked for them.
    pub const fn excess_bytes(&self) -> usize {
        self.excess_bytes
    }

    /// Whether the target has said "100 Continue": it waits for the request's body.
    pub const fn has_continue(&self) -> bool {
        self.has_continue
    }

    /// Whether the response is complete.
    pub const fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done)
    }

    /// Whether the connection may carry another request.
    pub fn is_reusable(&self) -> bool {
        self.is_done() && self.excess_bytes == 0 && self.head.is_some_and(|head| head.keep_alive)
    }

    /// Parses the head once it can be complete; true when the final one is there.
    fn feed_head(&mut self, buffer: &mut Vec<u8>, mut seen: usize, mut retry: usize) -> Result<bool, Error> {
        // The first bytes are parsed at once, for they are nearly always the whole head. After that only an empty line,
        // or as many bytes again, is a reason to try: bytes that drip in cost no more than bytes that arrive together.
        while buffer.len() >= retry || buffer.len() >= self.limits.max_head_bytes || has_empty_line(buffer, seen) {
            if buffer.is_empty() {
                break;
            }
            let Some(head) = self.read_head(buffer)? else {
                retry = buffer.len() * 2;
                break;
            };
            if self.accept_head(&head)? {
                return Ok(true);
            }
            buffer.drain(..head.len);
            (seen, retry) = (0, 0);
        }
        seen = buffer.len();
        self.stage = Stage::Head { seen, retry };
        Ok(false)
    }

    fn read_head(&self, bytes: &[u8]) -> Result<Option<ResponseHead>, Error> {
        match self.head_cache {
            Some(cache) => cache.borrow_mut().get_or_parse(bytes, self.method, self.limits),
            None => parse_head(bytes, self.method, self.limits),
        }
    }

    /// Starts the body of a final head; an interim one is counted and refused.
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
        let mut at = self.body_end;
        while at < buffer.len() {
            let span = decoder.next_span(&buffer[at..])?;
            at += span.framing;
            self.append_body(buffer, at, span.data)?;
            at += span.data;
            if span.end {
                return Ok(self.finish(buffer.len() - at));
            }
        }
        self.stage = Stage::Chunked(decoder);
        buffer.truncate(self.body_end);
        Ok(ParseProgress::NeedMore)
    }

    /// Takes `data` bytes at `at` as the next of the body.
    fn append_body(&mut self, buffer: &mut [u8], at: usize, data: usize) -> Result<(), Error> {
        self.body_bytes += data as u64;
        if self.body_mode == ResponseBodyMode::Discard || data == 0 {
            return Ok(());
        }
        self.check_body_limit(self.body_bytes)?;
        self.check_unread_limit(data)?;
        if self.body_start == self.body_end {
            // The first data can stay where it is, behind its chunk size.
            (self.body_start, self.body_end) = (at, at);
        }
        if at != self.body_end {
            buffer.copy_within(at..at + data, self.body_end);
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

    /// Pieces that nobody takes yet, as when an upload is answered while it goes on, must not pile up.
    fn check_unread_limit(&self, data: usize) -> Result<(), Error> {
        let held = self.body_end - self.body_start + data;
        if self.body_mode == ResponseBodyMode::Stream && held > self.limits.max_body_bytes.max(MAX_TRUSTED_BYTES) {
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

/// Whether an empty line may end behind `seen`, so that a head could be complete.
fn has_empty_line(buffer: &[u8], seen: usize) -> bool {
    let from = seen.saturating_sub(2);
    memchr::memchr_iter(b'\n', &buffer[from..])
        .any(|at| matches!(buffer[from + at + 1..], [b'\n', ..] | [b'\r', b'\n', ..]))
}

/// A `Content-Length` is believed up to here: beyond, the buffer doubles as the bytes really come.
const MAX_TRUSTED_BYTES: usize = 1 << 20;
/// What is received at once of a body that is taken piece by piece.
const STREAM_CHUNK_BYTES: usize = 64 << 10;
/// Smallest free space worth a receive.
const MIN_SPARE_BYTES: usize = 2 << 10;
