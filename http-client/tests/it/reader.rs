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
pub(crate) struct Read {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
    pub(crate) body_bytes: u64,
    pub(crate) surplus: usize,
    pub(crate) keep_alive: bool,
}

/// What a response is read as.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    pub(crate) method: Method,
    pub(crate) taking: Taking,
    pub(crate) limits: HttpLimits,
}

/// How the body is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Taking {
    Keep,
    Discard,
    /// In pieces, at every so many feeds.
    Stream {
        every: usize,
    },
}

impl Reader {
    /// Reads the answer to a GET, keeps its body, and has the default limits.
    pub(crate) fn new() -> Self {
        Self { method: Method::Get, taking: Taking::Keep, limits: HttpLimits::default() }
    }

    /// Reads a response in every way there is, and checks that all agree.
    pub(crate) fn read(&self, bytes: &[u8]) -> Result<Read, Error> {
        let read = self.read_at_every_split(bytes);
        self.check_next_message(bytes, &read);
        if self.taking == Taking::Keep {
            self.check_other_takings(bytes, &read);
        }
        read
    }

    fn read_at_every_split(&self, bytes: &[u8]) -> Result<Read, Error> {
        let whole = self.pieces([bytes]);
        assert_eq!(self.pieces(bytes.chunks(bytes.len() / MOST_PIECES + 1)), whole, "bytewise, {self:?}");
        for at in (0..bytes.len()).step_by(bytes.len() * bytes.len() / MOST_FED + 1) {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(self.pieces([head, tail]), whole, "split at {at}, {self:?}");
        }
        whole
    }

    /// A message behind a complete one changes nothing but the surplus, unless only the end of the stream ends it.
    fn check_next_message(&self, bytes: &[u8], alone: &Result<Read, Error>) {
        let Ok(alone) = alone else { return };
        let both = [bytes, NEXT].concat();
        let followed = match self.pieces([&both[..]]) {
            // What only the end of the stream ends takes in the other message, until it is too large.
            Err(error) => return assert_eq!((error, alone.keep_alive), (Error::BodyTooLarge, false)),
            Ok(followed) => followed,
        };
        if followed.surplus == 0 {
            assert_eq!(followed.body_bytes, alone.body_bytes + NEXT.len() as u64);
            return;
        }
        let surplus = alone.surplus + NEXT.len();
        assert_eq!(followed, Read { surplus, ..alone.clone() });
        assert_eq!(self.pieces(both.chunks(1)), Ok(followed));
    }

    /// A streamed body is the kept one, a discarded one is as long, and neither is too large.
    fn check_other_takings(&self, bytes: &[u8], kept: &Result<Read, Error>) {
        let limits = HttpLimits { max_body_bytes: usize::MAX, ..self.limits };
        let unlimited = match kept {
            Err(Error::BodyTooLarge) => Self { limits, ..*self }.pieces([bytes]),
            kept => kept.clone(),
        };
        let streamed = Self { taking: Taking::Stream { every: 1 }, ..*self };
        assert_eq!(streamed.read_at_every_split(bytes), unlimited, "streamed");
        let discarded = Self { taking: Taking::Discard, ..*self };
        let without_body = unlimited.map(|read| Read { body: Vec::new(), ..read });
        assert_eq!(discarded.read_at_every_split(bytes), without_body, "discarded");
    }

    /// Reads a response that arrives in these pieces: without a memo, with one that does not know it, with one that does.
    pub(crate) fn pieces<'b>(&self, pieces: impl IntoIterator<Item = &'b [u8]> + Clone) -> Result<Read, Error> {
        let read = self.read_once(pieces.clone(), None);
        let memo = RefCell::new(HeadCache::default());
        for round in ["empty", "full"] {
            assert_eq!(self.read_once(pieces.clone(), Some(&memo)), read, "{round} memo, {self:?}");
        }
        read
    }

    fn read_once<'b>(
        &self,
        pieces: impl IntoIterator<Item = &'b [u8]>,
        memo: Option<&RefCell<HeadCache>>,
    ) -> Result<Read, Error> {
        let mut parser = self.parser().with_head_cache(memo);
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
            if let Taking::Stream { every } = self.taking
                && index % every == 0
            {
                take_piece(&mut parser, &mut buffer, &mut streamed);
            }
        }
        let surplus = parser.excess_bytes();
        assert!(fed.ends_with(&buffer[buffer.len() - surplus..]), "surplus is left alone");
        if !done {
            parser.feed_eof(&buffer)?;
        }
        let keep_alive = parser.head().unwrap().keep_alive;
        assert_eq!(parser.is_reusable(), keep_alive && surplus == 0);
        let body_bytes = parser.body_bytes();
        let response = Response::new(buffer, &parser).unwrap();
        streamed.extend_from_slice(response.body());
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        Ok(Read {
            status: response.status(),
            headers: response.headers().map(|(name, value)| (name.into(), text(value))).collect(),
            body: streamed,
            body_bytes,
            surplus: surplus + unread,
            keep_alive,
        })
    }

    fn parser(&self) -> ResponseParser<'_> {
        match self.taking {
            Taking::Keep => ResponseParser::new(self.method, ResponseBodyMode::Keep, &self.limits),
            Taking::Discard => ResponseParser::new(self.method, ResponseBodyMode::Discard, &self.limits),
            Taking::Stream { .. } => ResponseParser::new(self.method, ResponseBodyMode::Stream, &self.limits),
        }
    }
}

/// Takes the body bytes at hand, after which there are none.
fn take_piece(parser: &mut ResponseParser<'_>, buffer: &mut Vec<u8>, streamed: &mut Vec<u8>) {
    streamed.extend_from_slice(&buffer[parser.body_range()]);
    parser.consume_body(buffer);
    assert!(parser.body_range().is_empty());
    if let Some(head) = parser.head() {
        assert_eq!(buffer.len(), head.len + parser.excess_bytes(), "only the head stays");
    }
}

/// What may follow a response on its connection, asked for or not.
const NEXT: &[u8] = b"HTTP/1.1 500 Not Yours\r\nContent-Length: 3\r\n\r\nbad";

/// All splits together feed at most so many bytes: those of a response above 362 bytes are spread evenly.
const MOST_FED: usize = 1 << 17;
/// A response longer than this is not fed byte by byte, but a few at a time.
const MOST_PIECES: usize = 4096;
