//! [`ExhaustiveReader`], which parses a response in many ways and asserts that the results are equal.
//!
//! [`ExhaustiveReader::read`] feeds the bytes at once, byte by byte, at every split, and with another message after
//! them. It keeps, discards and streams the body, and parses the head with and without a [`HeadCache`]. All tests of
//! responses use it. The fuzz targets use it too, so this file must not depend on other crates or on other test
//! files.

use std::cell::RefCell;

use gregaria_http::proto::{HeadCache, ParseProgress, ResponseParser};
use gregaria_http::{Error, HttpLimits, Method, Response, ResponseBodyMode};

/// The result of parsing a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) body_bytes: u64,
    pub(crate) excess_bytes: usize,
    pub(crate) keep_alive: bool,
}

/// The request method, body mode and limits for parsing a response.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExhaustiveReader {
    pub(crate) method: Method,
    pub(crate) body_mode: BodyMode,
    pub(crate) limits: HttpLimits,
}

/// The treatment of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyMode {
    Keep,
    Discard,
    /// Consumes the received part of the body after every `every` feeds.
    Stream {
        every: usize,
    },
}

impl ExhaustiveReader {
    /// Creates a reader of the response to a GET, which keeps the body and has the default limits.
    pub(crate) fn new() -> Self {
        Self { method: Method::Get, body_mode: BodyMode::Keep, limits: HttpLimits::default() }
    }

    /// Parses a response in all ways.
    ///
    /// # Panics
    /// If the results differ.
    pub(crate) fn read(&self, bytes: &[u8]) -> Result<ReadResponse, Error> {
        let read = self.read_at_every_split(bytes);
        self.check_next_message(bytes, &read);
        if self.body_mode == BodyMode::Keep {
            self.check_other_body_modes(bytes, &read);
        }
        read
    }

    fn read_at_every_split(&self, bytes: &[u8]) -> Result<ReadResponse, Error> {
        let whole = self.read_pieces([bytes]);
        assert_eq!(self.read_pieces(bytes.chunks(bytes.len() / MAX_PIECES + 1)), whole, "bytewise, {self:?}");
        for split in (0..bytes.len()).step_by(bytes.len() * bytes.len() / MAX_FED_BYTES + 1) {
            let (first, second) = bytes.split_at(split);
            assert_eq!(self.read_pieces([first, second]), whole, "split at {split}, {self:?}");
        }
        whole
    }

    /// Checks that another message after the response only adds excess bytes, unless the body lasts until the end of
    /// the stream.
    fn check_next_message(&self, bytes: &[u8], alone: &Result<ReadResponse, Error>) {
        let Ok(alone) = alone else { return };
        let both = [bytes, NEXT_RESPONSE].concat();
        let followed = match self.read_pieces([&both[..]]) {
            // A body that lasts until the end of the stream includes the other message, and may become too large.
            Err(error) => return assert_eq!((error, alone.keep_alive), (Error::BodyTooLarge, false)),
            Ok(followed) => followed,
        };
        if followed.excess_bytes == 0 {
            assert_eq!(followed.body_bytes, alone.body_bytes + NEXT_RESPONSE.len() as u64);
            return;
        }
        let excess_bytes = alone.excess_bytes + NEXT_RESPONSE.len();
        assert_eq!(followed, ReadResponse { excess_bytes, ..alone.clone() });
        assert_eq!(self.read_pieces(both.chunks(1)), Ok(followed));
    }

    /// Checks that a streamed body equals the kept one, that a discarded body has the same length, and that
    /// `max_body_bytes` applies to neither.
    fn check_other_body_modes(&self, bytes: &[u8], kept: &Result<ReadResponse, Error>) {
        let limits = HttpLimits { max_body_bytes: usize::MAX, ..self.limits };
        let unlimited = match kept {
            Err(Error::BodyTooLarge) => Self { limits, ..*self }.read_pieces([bytes]),
            kept => kept.clone(),
        };
        let streamed = Self { body_mode: BodyMode::Stream { every: 1 }, ..*self };
        assert_eq!(streamed.read_at_every_split(bytes), unlimited, "streamed");
        let discarded = Self { body_mode: BodyMode::Discard, ..*self };
        let without_body = unlimited.map(|read| ReadResponse { body: Vec::new(), ..read });
        assert_eq!(discarded.read_at_every_split(bytes), without_body, "discarded");
    }

    /// Parses a response that arrives in these pieces: without a head cache, with an empty one, and with a filled
    /// one.
    pub(crate) fn read_pieces<'b>(
        &self,
        pieces: impl IntoIterator<Item = &'b [u8]> + Clone,
    ) -> Result<ReadResponse, Error> {
        let read = self.read_once(pieces.clone(), None);
        let head_cache = RefCell::new(HeadCache::default());
        for state in ["empty", "filled"] {
            assert_eq!(self.read_once(pieces.clone(), Some(&head_cache)), read, "{state} head cache, {self:?}");
        }
        read
    }

    fn read_once<'b>(
        &self,
        pieces: impl IntoIterator<Item = &'b [u8]>,
        head_cache: Option<&RefCell<HeadCache>>,
    ) -> Result<ReadResponse, Error> {
        let mut parser = self.parser().with_head_cache(head_cache);
        let mut buffer = Vec::new();
        let mut streamed = Vec::new();
        let mut fed = Vec::new();
        let mut done = false;
        let mut unread = 0;
        for (index, piece) in pieces.into_iter().filter(|piece| !piece.is_empty()).enumerate() {
            if done {
                unread += piece.len();
                continue;
            }
            buffer.extend_from_slice(piece);
            fed.extend_from_slice(piece);
            done = parser.feed(&mut buffer)? == ParseProgress::Complete;
            if let BodyMode::Stream { every } = self.body_mode
                && index % every == 0
            {
                take_body(&mut parser, &mut buffer, &mut streamed);
            }
        }
        let excess_bytes = parser.excess_bytes();
        assert!(fed.ends_with(&buffer[buffer.len() - excess_bytes..]), "excess bytes are not modified");
        if !done {
            parser.feed_eof(&buffer)?;
        }
        let keep_alive = parser.head().unwrap().keep_alive;
        assert_eq!(parser.is_reusable(), keep_alive && excess_bytes == 0);
        let body_bytes = parser.body_bytes();
        let response = Response::new(buffer, &parser).unwrap();
        streamed.extend_from_slice(response.body());
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        Ok(ReadResponse {
            status: response.status(),
            headers: response.headers().map(|(name, value)| (name.into(), text(value))).collect(),
            body: streamed,
            body_bytes,
            excess_bytes: excess_bytes + unread,
            keep_alive,
        })
    }

    fn parser(&self) -> ResponseParser<'_> {
        match self.body_mode {
            BodyMode::Keep => ResponseParser::new(self.method, ResponseBodyMode::Keep, &self.limits),
            BodyMode::Discard => ResponseParser::new(self.method, ResponseBodyMode::Discard, &self.limits),
            BodyMode::Stream { .. } => ResponseParser::new(self.method, ResponseBodyMode::Stream, &self.limits),
        }
    }
}

/// Moves the received body bytes from the buffer to `streamed`.
fn take_body(parser: &mut ResponseParser<'_>, buffer: &mut Vec<u8>, streamed: &mut Vec<u8>) {
    streamed.extend_from_slice(&buffer[parser.body_range()]);
    parser.consume_body(buffer);
    assert!(parser.body_range().is_empty());
    if let Some(head) = parser.head() {
        assert_eq!(buffer.len(), head.len + parser.excess_bytes(), "only head and excess bytes remain");
    }
}

/// A second message after the response.
const NEXT_RESPONSE: &[u8] = b"HTTP/1.1 500 Not Yours\r\nContent-Length: 3\r\n\r\nbad";

/// Maximum number of bytes fed by all splits of a response. Responses above 362 bytes are not split at every byte.
const MAX_FED_BYTES: usize = 1 << 17;
/// Maximum number of pieces. A longer response is fed in pieces of several bytes.
const MAX_PIECES: usize = 4096;
