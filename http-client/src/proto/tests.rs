//! The parser, fed whole, byte by byte, at every split, and with another message behind: it must not matter.
//!
//! `read` is the only way in, so no test can forget one of the ways.

use proptest::prelude::*;

use super::{Progress, ResponseParser};
use crate::{BodyPolicy, Error, HttpLimits, InvalidResponse, Method, Response};

/// What came of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Read {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    body_bytes: u64,
    surplus: usize,
    keep_alive: bool,
}

#[derive(Clone, Copy)]
struct Reader {
    method: Method,
    policy: BodyPolicy,
    limits: HttpLimits,
}

impl Reader {
    fn new() -> Self {
        Self { method: Method::Get, policy: BodyPolicy::Keep, limits: HttpLimits::default() }
    }

    /// Reads a response in every way there is, and checks that all agree.
    fn read(&self, bytes: &[u8]) -> Result<Read, Error> {
        let whole = self.pieces([bytes]);
        assert_eq!(self.pieces(bytes.chunks(1)), whole, "bytewise");
        for at in 0..bytes.len() {
            let (head, tail) = bytes.split_at(at);
            assert_eq!(self.pieces([head, tail]), whole, "split at {at}");
        }
        self.check_next_message(bytes, &whole);
        whole
    }

    /// A message behind a complete one changes nothing but the surplus, unless only the end of the stream ends it.
    fn check_next_message(&self, bytes: &[u8], alone: &Result<Read, Error>) {
        let Ok(alone) = alone else { return };
        let both = [bytes, NEXT].concat();
        let followed = self.pieces([&both[..]]).unwrap();
        if followed.surplus == 0 {
            assert_eq!(followed.body_bytes, alone.body_bytes + NEXT.len() as u64);
            return;
        }
        let surplus = alone.surplus + NEXT.len();
        assert_eq!(followed, Read { surplus, ..alone.clone() });
        assert_eq!(self.pieces(both.chunks(1)), Ok(followed));
    }

    fn pieces<'b>(&self, pieces: impl IntoIterator<Item = &'b [u8]>) -> Result<Read, Error> {
        let mut parser = ResponseParser::new(self.method, self.policy, &self.limits);
        let mut buffer = Vec::new();
        let mut fed = Vec::new();
        let mut done = false;
        let mut unread = 0;
        for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
            if done {
                unread += piece.len();
                continue;
            }
            buffer.extend_from_slice(piece);
            fed.extend_from_slice(piece);
            done = parser.feed(&mut buffer)? == Progress::Done;
        }
        let surplus = parser.surplus();
        assert!(fed.ends_with(&buffer[buffer.len() - surplus..]), "surplus is left alone");
        if !done {
            parser.end(&buffer)?;
        }
        let keep_alive = parser.head().unwrap().keep_alive;
        assert_eq!(parser.is_reusable(), keep_alive && surplus == 0);
        let body_bytes = parser.body_bytes();
        let response = Response::new(buffer, &parser).unwrap();
        let text = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        Ok(Read {
            status: response.status(),
            headers: response.headers().map(|(name, value)| (name.into(), text(value))).collect(),
            body: response.body().to_vec(),
            body_bytes,
            surplus: surplus + unread,
            keep_alive,
        })
    }
}

fn read(bytes: &str) -> Result<Read, Error> {
    Reader::new().read(bytes.as_bytes())
}

fn body_of(bytes: &str) -> String {
    String::from_utf8(read(bytes).unwrap().body).unwrap()
}

fn keeps_alive(bytes: &str) -> bool {
    read(bytes).unwrap().keep_alive
}

fn invalid(detail: InvalidResponse) -> Result<Read, Error> {
    Err(detail.into())
}

#[test]
fn a_length_ends_the_body() {
    let response = read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Y:  a b \r\n\r\nhello").unwrap();
    assert_eq!((response.status, &response.body[..]), (200, &b"hello"[..]));
    assert_eq!((response.body_bytes, response.surplus), (5, 0));
    assert!(response.keep_alive);
    let headers = [("Content-Length", "5"), ("X-Y", "a b")];
    assert_eq!(response.headers, headers.map(|(name, value)| (name.into(), value.into())));
}

#[test]
fn chunks_are_joined() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n";
    assert_eq!(body_of(&format!("{head}5\r\nhello\r\n0\r\n\r\n")), "hello");
    assert_eq!(body_of(&format!("{head}1\r\nh\r\n003\r\nell\r\n1\r\no\r\n000\r\n\r\n")), "hello");
    assert_eq!(body_of(&format!("{head}A;x=\"y\"\r\n0123456789\r\na \t; z\r\nabcdefghij\r\n0;e\r\n\r\n")).len(), 20);
    assert_eq!(body_of(&format!("{head}0\r\nX-Checksum: 1\r\nY:2\r\n\r\n")), "");
}

#[test]
fn a_body_without_length_lasts_until_the_end_of_the_stream() {
    let response = read("HTTP/1.1 200 OK\r\n\r\nall of it").unwrap();
    assert_eq!(response.body, b"all of it");
    assert!(!response.keep_alive);
    assert_eq!(body_of("HTTP/1.0 200 OK\r\n\r\n"), "");
}

#[test]
fn some_responses_have_no_body() {
    assert_eq!(read("HTTP/1.1 204 No Content\r\n\r\n").unwrap().body_bytes, 0);
    assert_eq!(read("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n").unwrap().body_bytes, 0);
    let reader = Reader { method: Method::Head, ..Reader::new() };
    let response = reader.read(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n");
    assert!(response.unwrap().keep_alive);
}

#[test]
fn interim_responses_are_skipped() {
    let interim = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 3\r\n\r\n";
    let response = read(&format!("{interim}HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")).unwrap();
    assert_eq!((response.status, &response.body[..]), (200, &b"ok"[..]));
    assert_eq!(response.headers.len(), 1);
    assert_eq!(read(interim), Err(Error::ClosedBeforeResponse));
}

#[test]
fn interim_responses_have_an_end() {
    let limits = HttpLimits { informational: 2, ..HttpLimits::default() };
    let reader = Reader { limits, ..Reader::new() };
    let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
    let last = b"HTTP/1.1 204 No Content\r\n\r\n";
    assert!(reader.read(&[interim.repeat(2), last.to_vec()].concat()).is_ok());
    assert_eq!(reader.read(&interim.repeat(3)), Err(Error::TooManyInformational));
}

#[test]
fn after_switching_protocols_it_is_http_no_more() {
    let response = read("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n").unwrap();
    assert_eq!((response.status, response.keep_alive), (101, false));
}

#[test]
fn a_connection_is_kept_when_both_ends_agree() {
    let response =
        |version: &str, connection: &str| format!("HTTP/{version} 200 OK\r\nContent-Length: 0\r\n{connection}\r\n");
    assert!(keeps_alive(&response("1.1", "")));
    assert!(keeps_alive(&response("1.1", "Connection: keep-alive\r\n")));
    assert!(!keeps_alive(&response("1.1", "Connection: close\r\n")));
    assert!(!keeps_alive(&response("1.1", "connection: x,\t CLOSE ,y\r\n")));
    assert!(!keeps_alive(&response("1.1", "Connection: keep-alive\r\nConnection: close\r\n")));
    assert!(keeps_alive(&response("1.1", "Connection: closed\r\n")));
    assert!(!keeps_alive(&response("1.0", "")));
    assert!(keeps_alive(&response("1.0", "Connection: Keep-Alive\r\n")));
    assert!(!keeps_alive("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n"));
}

#[test]
fn a_bare_lf_may_end_a_line_of_the_head() {
    assert_eq!(body_of("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), "ok");
    assert_eq!(body_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok"), "ok");
    assert_eq!(body_of("HTTP/1.1 200 OK\nContent-Length: 2\n\r\nok"), "ok");
}

#[test]
fn the_reason_may_be_anything_or_nothing() {
    for line in ["HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.1 200 Très bien"] {
        assert_eq!(body_of(&format!("{line}\r\nContent-Length: 2\r\n\r\nok")), "ok");
    }
}

#[test]
fn garbage_is_named() {
    let cases = [
        ("SSH-2.0-OpenSSH_9.6\r\n", InvalidResponse::Version),
        ("\r\nHTTP/1.1 200 OK\r\n\r\n", InvalidResponse::Version),
        ("HTTP/2 200\r\n\r\n", InvalidResponse::Version),
        ("HTTP/1.2 200 OK\r\n\r\n", InvalidResponse::Version),
        ("HTTP/1.1 20 OK\r\n\r\n", InvalidResponse::StatusLine),
        ("HTTP/1.1 099 No\r\n\r\n", InvalidResponse::StatusLine),
        ("HTTP/1.1 2000 OK\r\n\r\n", InvalidResponse::StatusLine),
        ("HTTP/1.1 200 O\rK\r\n\r\n", InvalidResponse::StatusLine),
        ("HTTP/1.1 200 OK\0\r\n\r\n", InvalidResponse::StatusLine),
        ("HTTP/1.1 200 OK\r\nno colon\r\n\r\n", InvalidResponse::HeaderName),
        ("HTTP/1.1 200 OK\r\nX : 1\r\n\r\n", InvalidResponse::HeaderName),
        ("HTTP/1.1 200 OK\r\n: 1\r\n\r\n", InvalidResponse::HeaderName),
        ("HTTP/1.1 200 OK\r\nX: 1\r\n folded\r\n\r\n", InvalidResponse::HeaderName),
        ("HTTP/1.1 200 OK\r\nX: a\rb\r\n\r\n", InvalidResponse::HeaderValue),
        ("HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n", InvalidResponse::HeaderValue),
        ("HTTP/1.1 200 OK\r\nContent-Length: +5\r\n\r\nhello", InvalidResponse::ContentLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n", InvalidResponse::DuplicateContentLength),
        ("HTTP/1.1 200 OK\r\nContent-Length: 18446744073709551616\r\n\r\n", InvalidResponse::ContentLength),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            InvalidResponse::LengthAndCoding,
        ),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", InvalidResponse::TransferEncoding),
    ];
    for (bytes, detail) in cases {
        assert_eq!(read(bytes), invalid(detail), "{bytes:?}");
    }
}

#[test]
fn malformed_chunks_are_named() {
    let chunks = |chunks: &str| read(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}"));
    for bad in
        ["\r\n", "-1\r\n", "+1\r\n", "0x5\r\nhello", "g\r\n", "5\nhello", "5 5\r\n", "10000000000000000\r\n", ";a\r\n"]
    {
        assert_eq!(chunks(bad), invalid(InvalidResponse::ChunkSize), "{bad:?}");
    }
    for bad in
        ["5\r\nhelloX", "5\r\nhello\n", "5;a\nhello", "5;a\0\r\n", "5\rX", "0\r\n\n", "0\r\nA: b\n\r\n", "0\r\nA: b\rc"]
    {
        assert_eq!(chunks(bad), invalid(InvalidResponse::ChunkSyntax), "{bad:?}");
    }
}

#[test]
fn a_cut_is_told_from_silence() {
    assert_eq!(read(""), Err(Error::ClosedBeforeResponse));
    let bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell";
    for end in 1..=bytes.len() {
        assert_eq!(read(&bytes[..end]), Err(Error::ResponseCutShort), "{end}");
    }
    let bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r";
    for end in 1..=bytes.len() {
        assert_eq!(read(&bytes[..end]), Err(Error::ResponseCutShort), "{end}");
    }
}

#[test]
fn the_head_is_bounded() {
    let limits = HttpLimits { head_bytes: 64, headers: 3, ..HttpLimits::default() };
    let reader = Reader { limits, ..Reader::new() };
    let response = |headers: &str| reader.read(format!("HTTP/1.1 204 No\r\n{headers}\r\n").as_bytes());
    assert!(response("A: 1\r\nB: 2\r\nC: 3\r\n").is_ok());
    assert_eq!(response("A: 1\r\nB: 2\r\nC: 3\r\nD: 4\r\n"), Err(Error::TooManyHeaders));
    let exactly = format!("A: {}\r\n", "a".repeat(64 - 17 - 5 - 2));
    assert!(response(&exactly).is_ok());
    assert_eq!(response(&format!("B{exactly}")), Err(Error::HeadTooLarge));
    assert_eq!(reader.read(&[b"HTTP/1.1 200 ", &b"x".repeat(100)[..]].concat()), Err(Error::HeadTooLarge));
}

#[test]
fn a_kept_body_is_bounded_and_a_discarded_one_is_not() {
    let limits = HttpLimits { body_bytes: 4, ..HttpLimits::default() };
    let keep = Reader { limits, ..Reader::new() };
    let discard = Reader { policy: BodyPolicy::Discard, ..keep };
    let heads =
        ["Content-Length: 5\r\n\r\nhello", "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "\r\nhello"];
    for rest in heads {
        let bytes = format!("HTTP/1.1 200 OK\r\n{rest}");
        assert_eq!(keep.read(bytes.as_bytes()), Err(Error::BodyTooLarge), "{rest:?}");
        let read = discard.read(bytes.as_bytes()).unwrap();
        assert_eq!((read.body.len(), read.body_bytes), (0, 5), "{rest:?}");
    }
}

#[test]
fn what_surrounds_chunks_is_bounded() {
    let limits = HttpLimits { chunk_extension_bytes: 8, ..HttpLimits::default() };
    let reader = Reader { limits, ..Reader::new() };
    let chunks =
        |chunks: &str| reader.read(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}").as_bytes());
    assert!(chunks("1;abc\r\nx\r\n1;abc\r\ny\r\n0\r\n\r\n").is_ok());
    for bad in
        ["1;abcdefgh", "1;abc\r\nx\r\n1;abcd", "0\r\nTrailer: 1", "0\r\na: b\r\na: b\r\na", "0000000000", "1         "]
    {
        assert_eq!(chunks(bad), Err(Error::ChunkExtensionsTooLarge), "{bad:?}");
    }
}

#[test]
fn a_discarded_body_needs_no_room() {
    let limits = HttpLimits::default();
    let mut parser = ResponseParser::new(Method::Get, BodyPolicy::Discard, &limits);
    let mut buffer = Vec::with_capacity(4096);
    buffer.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    let mut left = 1_000_000;
    while parser.feed(&mut buffer) == Ok(Progress::More) {
        parser.make_room(&mut buffer);
        let piece = left.min(buffer.capacity() - buffer.len());
        buffer.resize(buffer.len() + piece, b'x');
        left -= piece;
    }
    assert_eq!((left, buffer.capacity()), (0, 4096));
}

#[test]
fn what_is_unwanted_may_be_dropped_unseen() {
    let limits = HttpLimits::default();
    let head_of = |framing: &str, policy| {
        let mut parser = ResponseParser::new(Method::Get, policy, &limits);
        let mut buffer = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n12345").into_bytes();
        assert_eq!((parser.unwanted(), parser.to_come()), (0, 0));
        assert_eq!(parser.feed(&mut buffer), Ok(Progress::More));
        parser
    };
    let mut parser = head_of("Content-Length: 100", BodyPolicy::Discard);
    assert_eq!((parser.unwanted(), parser.to_come()), (95, 95));
    assert_eq!(parser.skip(90), Progress::More);
    assert_eq!(parser.skip(5), Progress::Done);
    assert_eq!((parser.body_bytes(), parser.is_reusable(), parser.unwanted()), (100, true, 0));

    let mut parser = head_of("Content-Length: 100", BodyPolicy::Discard);
    assert_eq!(parser.skip(96), Progress::Done);
    assert_eq!((parser.body_bytes(), parser.surplus(), parser.is_reusable()), (100, 1, false));

    let mut parser = head_of("Connection: close", BodyPolicy::Discard);
    assert_eq!((parser.unwanted(), parser.skip(1 << 40)), (u64::MAX, Progress::More));
    assert_eq!((parser.end(b""), parser.body_bytes()), (Ok(()), (1 << 40) + 5));

    let parser = head_of("Content-Length: 100", BodyPolicy::Keep);
    assert_eq!((parser.unwanted(), parser.to_come()), (0, 95));
    let parser = head_of("Connection: close", BodyPolicy::Keep);
    assert_eq!((parser.unwanted(), parser.to_come()), (0, 5));
}

#[test]
fn a_stated_length_is_believed_up_to_a_point() {
    let limits = HttpLimits::default();
    let room = |length: usize| {
        let mut parser = ResponseParser::new(Method::Get, BodyPolicy::Keep, &limits);
        let mut buffer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        assert_eq!(parser.feed(&mut buffer), Ok(Progress::More));
        parser.make_room(&mut buffer);
        buffer.capacity() - buffer.len()
    };
    assert!((100_000..200_000).contains(&room(100_000)));
    assert!(room(60 << 20) < 4 << 20);
}

#[test]
fn a_single_chunk_is_not_moved() {
    let limits = HttpLimits::default();
    let mut parser = ResponseParser::new(Method::Get, BodyPolicy::Keep, &limits);
    let mut buffer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_vec();
    let before = buffer.clone();
    assert_eq!(parser.feed(&mut buffer), Ok(Progress::Done));
    assert_eq!((buffer == before, &buffer[parser.body()]), (true, &b"hello"[..]));
}

const NEXT: &[u8] = b"HTTP/1.1 500 Not Yours\r\nContent-Length: 3\r\n\r\nbad";

/// Pieces of responses, whole and broken, so that random strings of them get deep into the parser.
const FRAGMENTS: &[&str] = &[
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.0 200 OK\r\n",
    "HTTP/1.1 100 Continue\r\n\r\n",
    "HTTP/1.1 304 \n",
    "Content-Length: 5\r\n",
    "Content-Length: 99999999999999999999\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Connection: close\r\n",
    "Set-Cookie: a=b\r\n",
    "X: y\n",
    "\r\n",
    "\n",
    "\r",
    "5\r\nhello\r\n",
    "1;ext=1\r\nx\r\n",
    "0\r\n\r\n",
    "0\r\nT: 1\r\n\r\n",
    "hello",
    "ffffffffffffffff\r\n",
    " ",
    "\0",
];

fn fragments() -> impl Strategy<Value = Vec<u8>> {
    let fragment = prop_oneof![
        8 => prop::sample::select(FRAGMENTS).prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(fragment, 0..12).prop_map(|fragments| fragments.concat())
}

/// Mostly a sound beginning, so that not all cases end in the first line.
fn responses() -> impl Strategy<Value = Vec<u8>> {
    let start =
        prop::sample::select(&["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"][..]);
    (start, fragments()).prop_map(|(start, rest)| [start.as_bytes(), &rest].concat())
}

fn small_limits() -> HttpLimits {
    HttpLimits {
        head_bytes: 100,
        headers: 4,
        body_bytes: 12,
        informational: 1,
        chunk_extension_bytes: 10,
        ..HttpLimits::default()
    }
}

proptest! {
    #[test]
    fn any_split_of_anything_reads_the_same(
        bytes in responses(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        discard in any::<bool>(),
        bounded in any::<bool>(),
    ) {
        let policy = if discard { BodyPolicy::Discard } else { BodyPolicy::Keep };
        let limits = if bounded { small_limits() } else { HttpLimits::default() };
        let reader = Reader { method: Method::Get, policy, limits };
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|cut| &bytes[cut[0]..cut[1]]);
        prop_assert_eq!(reader.pieces(pieces), reader.pieces([&bytes[..]]));
        prop_assert_eq!(reader.pieces(bytes.chunks(1)), reader.pieces([&bytes[..]]));
    }

    #[test]
    fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Reader::new().pieces([&bytes[..]]);
    }

    #[test]
    fn chunked_is_undone(body in prop::collection::vec(any::<u8>(), 0..200), size in 1_usize..50, step in 1_usize..70) {
        let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in body.chunks(size) {
            bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
        let read = Reader::new().pieces(bytes.chunks(step)).unwrap();
        prop_assert_eq!(read.body, body);
        prop_assert_eq!(read.surplus, 0);
    }
}
