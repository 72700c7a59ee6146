//! A response, read in every way in which it can arrive and be read: it must not matter.
//!
//! [`Reader::read`] feeds it whole, byte by byte, at every split, and with another message behind; keeps, discards and
//! streams the body; and reads the head with and without a memo. No test of responses has another way in. Uses nothing but
//! the crate itself, because the fuzzers use it too.

use std::cell::RefCell;

use gregaria_http::proto::{HeadCache, ParseProgress, ResponseParser};
use gregaria_http::{Error, HttpLimits, Method, Response, ResponseBodyMode};

/// What came of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ReadResponse {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) body_bytes: u64,
    pub(crate) excess_bytes: usize,
    pub(crate) keep_alive: bool,
}

/// What a response is read as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExhaustiveReader {
    pub(crate) method: Method,
    pub(crate) body_mode: BodyMode,
    pub(crate) limits: HttpLimits,
}

/// How the body is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyMode {
    Keep,
    Discard,
    /// In pieces, at every so many feeds.
    Stream {
        every: usize,
    },
}

impl ExhaustiveReader {
    /// Reads the answer to a GET, keeps its body, and has the default limits.
    pub(crate) fn new() -> Self {
        Self { method: Method::Get, body_mode: BodyMode::Keep, limits: HttpLimits::default() }
    }

    /// Reads a response in every way there is, and checks that all agree.
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
        for at in (0..bytes.len()).step_by(bytes.len() * bytes.len() / MAX_FED_BYTES + 1) {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(self.read_pieces([head, tail]), whole, "split at {at}, {self:?}");
        }
        whole
    }

    /// A message behind a complete one changes nothing but the surplus, unless only the end of the stream ends it.
    fn check_next_message(&self, bytes: &[u8], alone: &Result<ReadResponse, Error>) {
        let Ok(alone) = alone else { return };
        let both = [bytes, NEXT_RESPONSE].concat();
        let followed = match self.read_pieces([&both[..]]) {
            // What only the end of the stream ends takes in the other message, until it is too large.
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

    /// A streamed body is the kept one, a discarded one is as long, and neither is too large.
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

    /// Reads a response that arrives in these pieces: without a memo, with one that does not know it, with one that does.
    pub(crate) fn read_pieces<'b>(
        &self,
        pieces: impl IntoIterator<Item = &'b [u8]> + Clone,
    ) -> Result<ReadResponse, Error> {
        let read = self.read_once(pieces.clone(), None);
        let head_cache = RefCell::new(HeadCache::default());
        for round in ["empty", "full"] {
            assert_eq!(self.read_once(pieces.clone(), Some(&head_cache)), read, "{round} memo, {self:?}");
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
        assert!(fed.ends_with(&buffer[buffer.len() - excess_bytes..]), "surplus is left alone");
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

/// Takes the body bytes at hand, after which there are none.
fn take_body(parser: &mut ResponseParser<'_>, buffer: &mut Vec<u8>, streamed: &mut Vec<u8>) {
    streamed.extend_from_slice(&buffer[parser.body_range()]);
    parser.consume_body(buffer);
    assert!(parser.body_range().is_empty());
    if let Some(head) = parser.head() {
        assert_eq!(buffer.len(), head.len + parser.excess_bytes(), "only the head stays");
    }
}

/// What may follow a response on its connection, asked for or not.
const NEXT_RESPONSE: &[u8] = b"HTTP/1.1 500 Not Yours\r\nContent-Length: 3\r\n\r\nbad";

/// All splits together feed at most so many bytes: those of a response above 362 bytes are spread evenly.
const MAX_FED_BYTES: usize = 1 << 17;
/// A response longer than this is not fed byte by byte, but a few at a time.
const MAX_PIECES: usize = 4096;
