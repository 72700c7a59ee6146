//! Tests of [`ResponseParser`], mostly through [`ExhaustiveReader`].
//!
//! The corpus has the cases for each rule of RFC 9112. This file has a short overview of them, properties that hold
//! for arbitrary bytes, and the memory use of the parser.

use gregaria_http::proto::{ParseProgress, ResponseParser};
use gregaria_http::{Error, HttpLimits, InvalidResponse, Method, ResponseBodyMode};
use proptest::prelude::*;

use crate::reader::{BodyMode, ExhaustiveReader, ReadResponse};

fn read(bytes: &str) -> Result<ReadResponse, Error> {
    ExhaustiveReader::new().read(bytes.as_bytes())
}

fn body_of(bytes: &str) -> String {
    String::from_utf8(read(bytes).unwrap().body).unwrap()
}

fn is_keep_alive(bytes: &str) -> bool {
    read(bytes).unwrap().keep_alive
}

fn invalid(detail: InvalidResponse) -> Result<ReadResponse, Error> {
    Err(detail.into())
}

#[test]
fn content_length_ends_the_body() {
    let response = read("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Y:  a b \r\n\r\nhello").unwrap();
    assert_eq!((response.status, &response.body[..]), (200, &b"hello"[..]));
    assert_eq!((response.body_bytes, response.excess_bytes), (5, 0));
    assert!(response.keep_alive);
    let headers = [("Content-Length", "5"), ("X-Y", "a b")];
    assert_eq!(response.headers, headers.map(|(name, value)| (name.into(), value.into())));
}

#[test]
fn chunked_body_is_joined() {
    let head = "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n";
    assert_eq!(body_of(&format!("{head}5\r\nhello\r\n0\r\n\r\n")), "hello");
    assert_eq!(body_of(&format!("{head}1\r\nh\r\n003\r\nell\r\n1\r\no\r\n000\r\n\r\n")), "hello");
    assert_eq!(body_of(&format!("{head}A;x=\"y\"\r\n0123456789\r\na \t; z\r\nabcdefghij\r\n0;e\r\n\r\n")).len(), 20);
    assert_eq!(body_of(&format!("{head}0\r\nX-Checksum: 1\r\nY:2\r\n\r\n")), "");
}

#[test]
fn body_without_length_ends_with_the_stream() {
    let response = read("HTTP/1.1 200 OK\r\n\r\nall of it").unwrap();
    assert_eq!(response.body, b"all of it");
    assert!(!response.keep_alive);
    assert_eq!(body_of("HTTP/1.0 200 OK\r\n\r\n"), "");
}

#[test]
fn status_204_304_and_head_have_no_body() {
    assert_eq!(read("HTTP/1.1 204 No Content\r\n\r\n").unwrap().body_bytes, 0);
    assert_eq!(read("HTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n").unwrap().body_bytes, 0);
    let reader = ExhaustiveReader { method: Method::Head, ..ExhaustiveReader::new() };
    assert!(reader.read(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").unwrap().keep_alive);
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
fn switching_protocols_ends_keep_alive() {
    let response = read("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n").unwrap();
    assert_eq!((response.status, response.keep_alive), (101, false));
}

#[test]
fn keep_alive_follows_version_and_connection_header() {
    let response =
        |version: &str, connection: &str| format!("HTTP/{version} 200 OK\r\nContent-Length: 0\r\n{connection}\r\n");
    assert!(is_keep_alive(&response("1.1", "")));
    assert!(is_keep_alive(&response("1.1", "Connection: keep-alive\r\n")));
    assert!(!is_keep_alive(&response("1.1", "Connection: close\r\n")));
    assert!(!is_keep_alive(&response("1.1", "connection: x,\t CLOSE ,y\r\n")));
    assert!(!is_keep_alive(&response("1.1", "Connection: keep-alive\r\nConnection: close\r\n")));
    assert!(is_keep_alive(&response("1.1", "Connection: closed\r\n")));
    assert!(!is_keep_alive(&response("1.0", "")));
    assert!(is_keep_alive(&response("1.0", "Connection: Keep-Alive\r\n")));
    assert!(!is_keep_alive("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: keep-alive\r\n\r\n0\r\n\r\n"));
}

#[test]
fn bare_lf_ends_a_line_of_the_head() {
    assert_eq!(body_of("HTTP/1.1 200 OK\nContent-Length: 2\n\nok"), "ok");
    assert_eq!(body_of("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\nok"), "ok");
    assert_eq!(body_of("HTTP/1.1 200 OK\nContent-Length: 2\n\r\nok"), "ok");
}

#[test]
fn reason_phrase_may_be_empty_or_non_ascii() {
    for line in ["HTTP/1.1 200", "HTTP/1.1 200 ", "HTTP/1.1 200 Très bien"] {
        assert_eq!(body_of(&format!("{line}\r\nContent-Length: 2\r\n\r\nok")), "ok");
    }
}

#[test]
fn invalid_head_is_named_by_its_defect() {
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
        ("HTTP/1.1 200 OK\r\n folded\r\n\r\n", InvalidResponse::HeaderName),
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
fn invalid_chunk_is_named_by_its_defect() {
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
fn trailers_must_have_header_syntax() {
    let trailers = |lines: &str| read(&format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n{lines}"));
    for valid in ["A: b\r\n\r\n", "A:\r\n\r\n", "a-b_c!: \u{e9}\t:\r\nD: e\r\n\r\n", "A: b\r\n\tc\r\nD: e\r\n\r\n"] {
        assert!(trailers(valid).unwrap().headers.len() == 1, "{valid:?}");
    }
    for bad in ["no colon\r\n", "A\r\n", "A\n", ": b\r\n", "A : b\r\n", " A: b\r\n", "\u{e9}: b\r\n"] {
        assert_eq!(trailers(bad), invalid(InvalidResponse::HeaderName), "{bad:?}");
    }
    for bad in ["A: \0\r\n", "A: \x1b\r\n", "A: \x7f\r\n"] {
        assert_eq!(trailers(bad), invalid(InvalidResponse::HeaderValue), "{bad:?}");
    }
    assert_eq!(trailers("HTTP/1.1 200 OK\r\n"), invalid(InvalidResponse::HeaderName));
}

#[test]
fn truncated_response_differs_from_no_response() {
    assert_eq!(read(""), Err(Error::ClosedBeforeResponse));
    let bytes = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell";
    for end in 1..=bytes.len() {
        assert_eq!(read(&bytes[..end]), Err(Error::IncompleteResponse), "{end}");
    }
    let bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n\r";
    for end in 1..=bytes.len() {
        assert_eq!(read(&bytes[..end]), Err(Error::IncompleteResponse), "{end}");
    }
}

#[test]
fn discarded_body_does_not_grow_the_buffer() {
    let limits = HttpLimits::default();
    let mut parser = ResponseParser::new(Method::Get, ResponseBodyMode::Discard, &limits);
    let mut buffer = Vec::with_capacity(4096);
    buffer.extend_from_slice(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
    let mut remaining = 1_000_000;
    while parser.feed(&mut buffer) == Ok(ParseProgress::NeedMore) {
        parser.reserve(&mut buffer);
        let received = remaining.min(buffer.capacity() - buffer.len());
        buffer.resize(buffer.len() + received, b'x');
        remaining -= received;
    }
    assert_eq!((remaining, buffer.capacity()), (0, 4096));
}

#[test]
fn streamed_body_needs_a_buffer_of_one_chunk() {
    let limits = HttpLimits { max_body_bytes: 0, ..HttpLimits::default() };
    for framing in ["Content-Length: 4000000\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut parser = ResponseParser::new(Method::Get, ResponseBodyMode::Stream, &limits);
        let mut buffer = format!("HTTP/1.1 200 OK\r\n{framing}\r\n").into_bytes();
        if framing.starts_with('T') {
            buffer.extend_from_slice(b"3d0900\r\n");
        }
        let mut remaining = 4_000_000;
        while parser.feed(&mut buffer) == Ok(ParseProgress::NeedMore) && remaining > 0 {
            parser.consume_body(&mut buffer);
            parser.reserve(&mut buffer);
            let received = remaining.min(buffer.capacity() - buffer.len());
            buffer.resize(buffer.len() + received, b'x');
            remaining -= received;
        }
        assert_eq!((remaining, parser.body_bytes()), (0, 4_000_000));
        assert!((64 << 10..80 << 10).contains(&buffer.capacity()), "{}", buffer.capacity());
    }
}

#[test]
fn head_is_available_before_the_body_is_complete() {
    let limits = HttpLimits::default();
    let mut parser = ResponseParser::new(Method::Get, ResponseBodyMode::Stream, &limits);
    let mut buffer = b"HTTP/1.1 302 Found\r\nLocation: /b\r\nContent-Length: 12\r\n\r\nmov".to_vec();
    let before = buffer.clone();
    for _ in 0..2 {
        assert_eq!(parser.feed(&mut buffer), Ok(ParseProgress::NeedMore));
        assert_eq!((&buffer, &buffer[parser.body_range()]), (&before, &b"mov"[..]));
        assert!(parser.head().unwrap().has_location && !parser.is_reusable());
    }
    parser.consume_body(&mut buffer);
    assert_eq!((buffer.len(), parser.body_bytes()), (parser.head().unwrap().len, 3));
    buffer.extend_from_slice(b"ed awayX");
    assert_eq!(parser.feed(&mut buffer), Ok(ParseProgress::NeedMore));
    assert_eq!(&buffer[parser.body_range()], b"ed awayX");
    assert_eq!(parser.feed_eof(&buffer), Err(Error::IncompleteResponse));
}

#[test]
fn continue_response_is_recorded() {
    let limits = HttpLimits::default();
    let has_continue = |bytes: &str| {
        let mut parser = ResponseParser::new(Method::Post, ResponseBodyMode::Keep, &limits);
        let mut buffer = bytes.as_bytes().to_vec();
        assert!(parser.feed(&mut buffer).is_ok());
        parser.has_continue()
    };
    assert!(has_continue("HTTP/1.1 100 Continue\r\n\r\n"));
    assert!(has_continue("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"));
    assert!(has_continue("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n"));
    assert!(!has_continue("HTTP/1.1 103 Early Hints\r\n\r\n"));
    assert!(!has_continue("HTTP/1.1 100 Continue\r\n\r"));
    assert!(!has_continue("HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n"));
}

#[test]
fn discardable_bytes_need_not_be_fed() {
    let limits = HttpLimits::default();
    let parser_with = |framing: &str, body_mode| {
        let mut parser = ResponseParser::new(Method::Get, body_mode, &limits);
        let mut buffer = format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n12345").into_bytes();
        assert_eq!((parser.discardable_bytes(), parser.remaining_hint()), (0, 0));
        assert_eq!(parser.feed(&mut buffer), Ok(ParseProgress::NeedMore));
        parser
    };
    let mut parser = parser_with("Content-Length: 100", ResponseBodyMode::Discard);
    assert_eq!((parser.discardable_bytes(), parser.remaining_hint()), (95, 95));
    assert_eq!(parser.advance_discarded(90), ParseProgress::NeedMore);
    assert_eq!(parser.advance_discarded(5), ParseProgress::Complete);
    assert_eq!((parser.body_bytes(), parser.is_reusable(), parser.discardable_bytes()), (100, true, 0));

    let mut parser = parser_with("Content-Length: 100", ResponseBodyMode::Discard);
    assert_eq!(parser.advance_discarded(96), ParseProgress::Complete);
    assert_eq!((parser.body_bytes(), parser.excess_bytes(), parser.is_reusable()), (100, 1, false));

    let mut parser = parser_with("Connection: close", ResponseBodyMode::Discard);
    assert_eq!((parser.discardable_bytes(), parser.advance_discarded(1 << 40)), (u64::MAX, ParseProgress::NeedMore));
    assert_eq!((parser.feed_eof(b""), parser.body_bytes()), (Ok(()), (1 << 40) + 5));

    let parser = parser_with("Content-Length: 100", ResponseBodyMode::Keep);
    assert_eq!((parser.discardable_bytes(), parser.remaining_hint()), (0, 95));
    let parser = parser_with("Connection: close", ResponseBodyMode::Keep);
    assert_eq!((parser.discardable_bytes(), parser.remaining_hint()), (0, 5));
}

#[test]
fn reserve_trusts_content_length_up_to_1_mib() {
    let limits = HttpLimits::default();
    let spare_bytes = |length: usize| {
        let mut parser = ResponseParser::new(Method::Get, ResponseBodyMode::Keep, &limits);
        let mut buffer = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        assert_eq!(parser.feed(&mut buffer), Ok(ParseProgress::NeedMore));
        parser.reserve(&mut buffer);
        buffer.capacity() - buffer.len()
    };
    assert!((100_000..200_000).contains(&spare_bytes(100_000)));
    assert!(spare_bytes(60 << 20) < 4 << 20);
}

#[test]
fn single_chunk_is_not_moved() {
    let limits = HttpLimits::default();
    let mut parser = ResponseParser::new(Method::Get, ResponseBodyMode::Keep, &limits);
    let mut buffer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n".to_vec();
    let before = buffer.clone();
    assert_eq!(parser.feed(&mut buffer), Ok(ParseProgress::Complete));
    assert_eq!((buffer == before, &buffer[parser.body_range()]), (true, &b"hello"[..]));
}

/// Valid and invalid parts of responses. Random sequences of them reach more states of the parser than random bytes.
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

/// Generates responses, most of which start with a valid status line, so that not every case fails there.
fn responses() -> impl Strategy<Value = Vec<u8>> {
    let start =
        prop::sample::select(&["", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"][..]);
    (start, fragments()).prop_map(|(start, rest)| [start.as_bytes(), &rest].concat())
}

fn small_limits() -> HttpLimits {
    HttpLimits {
        max_head_bytes: 100,
        max_headers: 4,
        max_body_bytes: 12,
        max_informational: 1,
        max_chunk_extension_bytes: 10,
        max_trailer_bytes: 10,
        ..HttpLimits::default()
    }
}

proptest! {
    #[test]
    fn arbitrary_splits_give_the_same_result(
        bytes in responses(),
        splits in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        body_mode in prop::sample::select(
            &[BodyMode::Keep, BodyMode::Discard, BodyMode::Stream { every: 1 }, BodyMode::Stream { every: 3 }][..]
        ),
        bounded in any::<bool>(),
    ) {
        let limits = if bounded { small_limits() } else { HttpLimits::default() };
        let reader = ExhaustiveReader { method: Method::Get, body_mode, limits };
        let mut splits: Vec<usize> = splits.iter().map(|split| split.index(bytes.len() + 1)).collect();
        splits.extend([0, bytes.len()]);
        splits.sort_unstable();
        let pieces = splits.windows(2).map(|bounds| &bytes[bounds[0]..bounds[1]]);
        prop_assert_eq!(reader.read_pieces(pieces), reader.read_pieces([&bytes[..]]));
        prop_assert_eq!(reader.read_pieces(bytes.chunks(1)), reader.read_pieces([&bytes[..]]));
    }

    #[test]
    fn folded_head_equals_the_unfolded_one(
        values in prop::collection::vec(prop::collection::vec("[a-z:,]{1,9}", 1..4), 0..4),
        fold in "[ \t]{0,2}\r?\n[ \t]{1,3}",
    ) {
        let head = |separator: &str| {
            let lines = values.iter().map(|words| format!("X: {}\r\n", words.join(separator)));
            format!("HTTP/1.1 200 OK\r\n{}Content-Length: 2\r\n\r\nok", lines.collect::<String>())
        };
        prop_assert_eq!(read(&head(&fold)), read(&head(" ")));
    }

    #[test]
    fn random_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = ExhaustiveReader::new().read_pieces([&bytes[..]]);
    }

    #[test]
    fn chunked_encoding_is_decoded(body in prop::collection::vec(any::<u8>(), 0..200), size in 1_usize..50, step in 1_usize..70) {
        let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        for chunk in body.chunks(size) {
            bytes.extend(format!("{:x}\r\n", chunk.len()).bytes());
            bytes.extend(chunk);
            bytes.extend(b"\r\n");
        }
        bytes.extend(b"0\r\n\r\n");
        let read = ExhaustiveReader::new().read_pieces(bytes.chunks(step)).unwrap();
        prop_assert_eq!(read.body, body);
        prop_assert_eq!(read.excess_bytes, 0);
    }
}
