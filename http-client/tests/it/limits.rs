//! Tests of [`HttpLimits`]: a response exactly at a limit is accepted, and one above gives the limit's error.
//!
//! Each limit is tested with its default and with another value.

use gregaria_http::proto::{ParseProgress, ResponseParser};
use gregaria_http::{Error, HttpLimits, Method, ResponseBodyMode};

use crate::reader::{BodyMode, ExhaustiveReader};

/// Returns a reader with the default limits and one with a changed limit, each with the value of that limit.
fn default_and_set<T: Copy>(limit: fn(&mut HttpLimits) -> &mut T, value: T) -> [(ExhaustiveReader, T); 2] {
    let (mut default, mut changed) = (ExhaustiveReader::new(), ExhaustiveReader::new());
    let default_value = *limit(&mut default.limits);
    *limit(&mut changed.limits) = value;
    [(default, default_value), (changed, value)]
}

fn read_error(reader: ExhaustiveReader, bytes: &[u8]) -> Option<Error> {
    reader.read(bytes).err()
}

fn chunked(chunks: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{chunks}").into_bytes()
}

#[test]
fn max_head_bytes_is_exact() {
    for (reader, limit) in default_and_set(|limits| &mut limits.max_head_bytes, 64) {
        let head = |bytes: usize| {
            let line = "HTTP/1.1 204 No\r\nA: ";
            format!("{line}{}\r\n\r\n", "a".repeat(bytes - line.len() - 4)).into_bytes()
        };
        assert_eq!(read_error(reader, &head(limit)), None);
        assert_eq!(read_error(reader, &head(limit + 1)), Some(Error::HeadTooLarge));
        let interim = b"HTTP/1.1 100 Continue\r\n\r\n";
        assert_eq!(read_error(reader, &[&interim[..], &head(limit)].concat()), None, "each head is limited separately");
        let endless = [&b"HTTP/1.1 200 "[..], &b"x".repeat(limit)].concat();
        assert_eq!(read_error(reader, &endless), Some(Error::HeadTooLarge));
        assert_eq!(read_error(reader, &endless[..limit - 1]), Some(Error::IncompleteResponse));
    }
}

#[test]
fn max_headers_is_exact() {
    for (reader, limit) in default_and_set(|limits| &mut limits.max_headers, 3) {
        let head = |headers: usize| format!("HTTP/1.1 204 No\r\n{}\r\n", "A: b\r\n".repeat(headers)).into_bytes();
        assert_eq!(read_error(reader, &head(limit)), None);
        assert_eq!(read_error(reader, &head(limit + 1)), Some(Error::TooManyHeaders));
    }
}

#[test]
fn max_body_bytes_is_exact() {
    let reader = ExhaustiveReader {
        limits: HttpLimits { max_body_bytes: 4, ..HttpLimits::default() },
        ..ExhaustiveReader::new()
    };
    let response = |rest: &str| format!("HTTP/1.1 200 OK\r\n{rest}").into_bytes();
    for (fits, too_large) in [
        ("Content-Length: 4\r\n\r\nfour", "Content-Length: 5\r\n\r\nfive!"),
        (
            "Transfer-Encoding: chunked\r\n\r\n3\r\nfou\r\n1\r\nr\r\n0\r\n\r\n",
            "Transfer-Encoding: chunked\r\n\r\n4\r\nfive\r\n1\r\n!\r\n0\r\n\r\n",
        ),
        ("\r\nfour", "\r\nfive!"),
    ] {
        assert_eq!(read_error(reader, &response(fits)), None, "{fits:?}");
        assert_eq!(read_error(reader, &response(too_large)), Some(Error::BodyTooLarge), "{too_large:?}");
        let discarded = ExhaustiveReader { body_mode: BodyMode::Discard, ..reader }.read(&response(too_large)).unwrap();
        assert_eq!((discarded.body.len(), discarded.body_bytes), (0, 5), "{too_large:?}");
        let streamed =
            ExhaustiveReader { body_mode: BodyMode::Stream { every: 2 }, ..reader }.read(&response(too_large)).unwrap();
        assert_eq!(streamed.body, b"five!");
    }
}

#[test]
fn default_max_body_bytes_is_exact() {
    let limits = HttpLimits::default();
    let feed_head = |length: usize| {
        let mut head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n").into_bytes();
        ResponseParser::new(Method::Get, ResponseBodyMode::Keep, &limits).feed(&mut head)
    };
    assert_eq!(feed_head(limits.max_body_bytes), Ok(ParseProgress::NeedMore));
    assert_eq!(feed_head(limits.max_body_bytes + 1), Err(Error::BodyTooLarge));

    let mut parser = ResponseParser::new(Method::Get, ResponseBodyMode::Keep, &limits);
    let mut buffer = chunked(&format!("{:x}\r\n", limits.max_body_bytes));
    buffer.resize(buffer.len() + limits.max_body_bytes, b'x');
    assert_eq!(parser.feed(&mut buffer), Ok(ParseProgress::NeedMore));
    assert_eq!(parser.body_range().len(), limits.max_body_bytes);
    buffer.extend_from_slice(b"\r\n1\r\nx");
    assert_eq!(parser.feed(&mut buffer), Err(Error::BodyTooLarge));
}

#[test]
fn max_informational_is_exact() {
    for (reader, limit) in default_and_set(|limits| &mut limits.max_informational, 2) {
        let last = b"HTTP/1.1 204 No Content\r\n\r\n".to_vec();
        let after = |interim: u32| [b"HTTP/1.1 103 Hint\r\n\r\n".repeat(interim as usize), last.clone()].concat();
        assert_eq!(read_error(reader, &after(limit)), None);
        assert_eq!(read_error(reader, &after(limit + 1)), Some(Error::TooManyInformational));
    }
}

#[test]
fn max_chunk_extension_bytes_is_exact() {
    for (reader, limit) in default_and_set(|limits| &mut limits.max_chunk_extension_bytes, 8) {
        let extension = |bytes: usize| format!("1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(bytes - 1));
        let two_chunks = |bytes: usize| format!("1;a\r\nx\r\n1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(bytes - 3));
        let last_chunk = |bytes: usize| format!("0;{}\r\n\r\n", "a".repeat(bytes - 1));
        let padding = |bytes: usize| format!("1{}\r\nx\r\n0\r\n\r\n", " \t".repeat(bytes)[..bytes].to_owned());
        let zeros = |bytes: usize| format!("{}1\r\nx\r\n0\r\n\r\n", "0".repeat(bytes));
        let bodies: [&dyn Fn(usize) -> String; 5] = [&extension, &two_chunks, &last_chunk, &padding, &zeros];
        for (index, body) in bodies.into_iter().enumerate() {
            assert_eq!(read_error(reader, &chunked(&body(limit))), None, "body {index}");
            let above = read_error(reader, &chunked(&body(limit + 1)));
            assert_eq!(above, Some(Error::ChunkExtensionsTooLarge), "body {index}");
        }
        let trailers = format!("0\r\nA: {}\r\n\r\n", "b".repeat(100));
        assert_eq!(read_error(reader, &chunked(&trailers)), None, "trailers are limited separately");
    }
}

#[test]
fn max_trailer_bytes_is_exact() {
    for (reader, limit) in default_and_set(|limits| &mut limits.max_trailer_bytes, 14) {
        let one = |bytes: usize| format!("0\r\nA:{}\r\n\r\n", "b".repeat(bytes - 4));
        let two = |bytes: usize| format!("0\r\nA: b\r\nC:{}\r\n\r\n", "d".repeat(bytes - 10));
        let bodies: [&dyn Fn(usize) -> String; 2] = [&one, &two];
        for (index, body) in bodies.into_iter().enumerate() {
            assert_eq!(read_error(reader, &chunked(&body(limit))), None, "body {index}");
            assert_eq!(read_error(reader, &chunked(&body(limit + 1))), Some(Error::TrailersTooLarge), "body {index}");
        }
        let extensions = format!("1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(100));
        assert_eq!(read_error(reader, &chunked(&extensions)), None, "extensions are limited separately");
    }
}

#[test]
fn max_headers_is_capped_at_the_supported_maximum() {
    let limits = HttpLimits { max_headers: usize::MAX, ..HttpLimits::default() };
    let reader = ExhaustiveReader { limits, ..ExhaustiveReader::new() };
    let head = |headers: usize| format!("HTTP/1.1 204 No\r\n{}\r\n", "A: b\r\n".repeat(headers)).into_bytes();
    assert_eq!(read_error(reader, &head(HttpLimits::MAX_SUPPORTED_HEADERS)), None);
    assert_eq!(read_error(reader, &head(HttpLimits::MAX_SUPPORTED_HEADERS + 1)), Some(Error::TooManyHeaders));
}
