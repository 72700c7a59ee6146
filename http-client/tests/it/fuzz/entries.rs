//! The functions of the fuzz targets, with the properties that they check for any input.
//!
//! An input is either accepted or gives an error of the expected category. The result is the same at every split.
//! The memory stays within the limits. `http-client/fuzz/` and `mod.rs` beside this file call these functions, so
//! this file must not depend on other crates.

use gregaria_http::proto::chunked::ChunkedDecoder;
use gregaria_http::proto::coding::BodyDecoder;
use gregaria_http::proto::{ParseProgress, ResponseParser};
use gregaria_http::{
    BaseUrl, CookieJar, Error, ErrorCategory, HttpLimits, Method, Origin, ResponseBodyMode, resolve_redirect,
    split_credentials,
};

use crate::reader::{BodyMode, ExhaustiveReader};

/// Small limits, so that short inputs reach them.
const LIMITS: HttpLimits = HttpLimits {
    max_head_bytes: 1 << 10,
    max_headers: 20,
    max_body_bytes: 4 << 10,
    max_decoded_bytes: 64 << 10,
    max_decoded_ratio: 100,
    max_redirects: 5,
    max_informational: 4,
    max_chunk_extension_bytes: 64,
    max_trailer_bytes: 64,
};

/// Parses the input as a response, in several pieces and body modes, with equal results.
pub(crate) fn response(bytes: &[u8]) {
    for body_mode in [BodyMode::Keep, BodyMode::Discard, BodyMode::Stream { every: 1 }] {
        let reader = ExhaustiveReader { method: Method::Get, body_mode, limits: LIMITS };
        let whole = reader.read_pieces([bytes]);
        assert_eq!(reader.read_pieces(bytes.chunks(1)), whole, "{body_mode:?}");
        assert_eq!(reader.read_pieces(bytes.chunks(7)), whole, "{body_mode:?}");
        assert_target_category(whole.err());
        receive_without_end(bytes, body_mode);
    }
    for method in [Method::Head, Method::Connect] {
        let reader = ExhaustiveReader { method, body_mode: BodyMode::Keep, limits: LIMITS };
        assert_target_category(reader.read_pieces([bytes]).err());
    }
}

/// Checks the memory of a parser for a target that sends the bytes, and then repeats the last 64 bytes.
fn receive_without_end(bytes: &[u8], body_mode: BodyMode) {
    let parser_mode = match body_mode {
        BodyMode::Keep => ResponseBodyMode::Keep,
        BodyMode::Discard => ResponseBodyMode::Discard,
        BodyMode::Stream { .. } => ResponseBodyMode::Stream,
    };
    let mut parser = ResponseParser::new(Method::Get, parser_mode, &LIMITS);
    let mut buffer = Vec::new();
    let tail = &bytes[bytes.len().saturating_sub(64)..];
    let mut stream = bytes.iter().chain(tail.iter().cycle()).take(ENDLESS_BYTES).peekable();
    while stream.peek().is_some() {
        parser.reserve(&mut buffer);
        assert!(buffer.capacity() <= MAX_BUFFER_BYTES, "buffer of {} bytes, {body_mode:?}", buffer.capacity());
        let spare_bytes = buffer.capacity() - buffer.len();
        buffer.extend(stream.by_ref().take(spare_bytes));
        if parser.feed(&mut buffer) != Ok(ParseProgress::NeedMore) {
            break;
        }
        if parser_mode == ResponseBodyMode::Stream {
            parser.consume_body(&mut buffer);
        }
    }
}

/// Decodes the input as a chunked body, at once and in pieces, with equal results. Then encodes the input and
/// decodes the result, which gives the input.
pub(crate) fn chunked(bytes: &[u8]) {
    let whole = unchunk([bytes]);
    assert_eq!(unchunk(bytes.chunks(1)), whole);
    assert_eq!(unchunk(bytes.chunks(5)), whole);
    assert_target_category(whole.err());

    let size = bytes.first().map_or(1, |first| usize::from(first % 40) + 1);
    let mut coded = Vec::new();
    for chunk in bytes.chunks(size) {
        coded.extend_from_slice(format!("{:X}\r\n", chunk.len()).as_bytes());
        coded.extend_from_slice(chunk);
        coded.extend_from_slice(b"\r\n");
    }
    coded.extend_from_slice(b"0\r\n\r\n");
    assert_eq!(unchunk(coded.chunks(3)), Ok((bytes.to_vec(), true)));
}

/// Returns the decoded data, and whether the body is complete.
fn unchunk<'b>(pieces: impl IntoIterator<Item = &'b [u8]>) -> Result<(Vec<u8>, bool), Error> {
    let mut decoder = ChunkedDecoder::new(&LIMITS);
    let mut data = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            let span = decoder.next_span(piece)?;
            if span.end {
                assert_eq!(span.data, 0);
                return Ok((data, true));
            }
            assert!(span.framing + span.data > 0, "every span has bytes");
            data.extend_from_slice(&piece[span.framing..][..span.data]);
            piece = &piece[span.framing + span.data..];
        }
    }
    Ok((data, false))
}

/// Decodes a body, at once and in pieces, with equal results, within the limits. The first byte selects the codings.
pub(crate) fn decompression(input: &[u8]) {
    let Some((choice, body)) = input.split_first() else { return };
    let codings = CODINGS[usize::from(*choice) % CODINGS.len()];
    let whole = decode(codings, [body]);
    for step in [1, 13] {
        let in_pieces = decode(codings, body.chunks(step));
        assert_eq!(in_pieces.is_ok(), whole.is_ok(), "in pieces of {step}: {in_pieces:?}, whole: {whole:?}");
        assert!(whole.is_err() || in_pieces == whole, "in pieces of {step}: {in_pieces:?}, whole: {whole:?}");
    }
    assert_target_category(whole.err());
    assert_target_category(decode_bounded(codings, body).err());
}

/// Decodes a body without a size limit and without keeping the output, and checks the ratio of output to input.
fn decode_bounded(codings: &[u8], mut body: &[u8]) -> Result<(), Error> {
    let max_bytes = (1 << 20) + body.len() as u64 * u64::from(LIMITS.max_decoded_ratio) + (64 << 10);
    let Some(decoder) = BodyDecoder::for_codings(codings, &LIMITS)? else {
        return Ok(());
    };
    let mut decoder = decoder.without_size_limit();
    let mut decoded_bytes = 0;
    let mut out = Vec::new();
    while decoder.decode_some(&mut body, &mut out)? {
        decoded_bytes += out.len() as u64;
        assert!(decoded_bytes <= max_bytes, "{decoded_bytes} bytes decoded");
        assert!(out.capacity() <= 64 << 10, "buffer of {} bytes", out.capacity());
        out.clear();
    }
    decoder.finish(&mut out)
}

/// Decodes a body with the limits. Returns `None` if the codings leave the body unchanged.
fn decode<'b>(codings: &[u8], pieces: impl IntoIterator<Item = &'b [u8]>) -> Result<Option<Vec<u8>>, Error> {
    let Some(mut decoder) = BodyDecoder::for_codings(codings, &LIMITS)? else {
        return Ok(None);
    };
    let mut out = Vec::new();
    let mut result = pieces.into_iter().try_for_each(|piece| decoder.decode(piece, &mut out));
    if result.is_ok() {
        result = decoder.finish(&mut out);
    }
    // The decoder writes one byte above the limit to detect that the body is too large.
    let max_bytes = LIMITS.max_decoded_bytes + usize::from(result.is_err());
    assert!(out.len() <= max_bytes && out.capacity() <= max_bytes + 1, "{} bytes decoded, {result:?}", out.len());
    result.map(|()| Some(out))
}

/// Stores the lines of the input as `Set-Cookie` values. The jar stays within its limits, and no cookie can end a
/// header.
pub(crate) fn cookies(bytes: &[u8]) {
    let mut jar = CookieJar::new();
    let origins = ["http://a.example.com", "https://a.example.com:8443", "http://127.0.0.1"];
    let origins = origins.map(|url| Origin::parse(url).unwrap());
    for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
        let line = String::from_utf8_lossy(line);
        jar.store(&line, &origins[index % origins.len()], "/some/path", 1_700_000_000);
    }
    assert!(jar.len() <= CookieJar::MAX_COOKIES);
    assert_eq!(jar.iter().count(), jar.len());
    for cookie in jar.iter() {
        let is_short = cookie.name.len() + cookie.value.len() <= CookieJar::MAX_PAIR_BYTES
            && cookie.domain.len().max(cookie.path.len()) <= CookieJar::MAX_ATTRIBUTE_BYTES;
        let is_safe =
            [cookie.name, cookie.value].concat().bytes().all(|byte| !byte.is_ascii_control() || byte == b'\t');
        assert!(is_short && is_safe, "{cookie:?}");
        assert!(!cookie.name.contains(['=', ';']) && !cookie.value.contains(';'), "{cookie:?}");
        assert!(cookie.path.starts_with('/') && !cookie.domain.is_empty(), "{cookie:?}");
    }
}

/// Resolves a redirect from the URL in the first line to the location in the rest. The resulting URL is valid, and a
/// redirect to it gives the same URL.
pub(crate) fn url_and_redirect(bytes: &[u8]) {
    let (url, location) = match bytes.iter().position(|byte| *byte == b'\n') {
        Some(end) => (&bytes[..end], &bytes[end + 1..]),
        None => (bytes, &b""[..]),
    };
    let url = String::from_utf8_lossy(url);
    match BaseUrl::parse(&url) {
        Ok(base) => check_base(&base),
        Err(error) => assert!(matches!(error, Error::InvalidRequest(_) | Error::UnsupportedScheme), "{error:?}"),
    }
    match resolve_redirect(Method::Post, 302, location, &url) {
        Ok(Some(redirect)) => {
            assert!(redirect.url.bytes().all(|byte| byte.is_ascii_graphic()), "{:?}", redirect.url);
            let (without_credentials, _) = split_credentials(&redirect.url);
            check_base(&BaseUrl::parse(&without_credentials).unwrap());
            let repeated = resolve_redirect(Method::Post, 302, redirect.url.as_bytes(), &url).unwrap().unwrap();
            assert_eq!(repeated, redirect, "an absolute URL resolves to itself");
        }
        Ok(None) => assert!(location.trim_ascii().is_empty()),
        Err(error) => assert!(error == Error::InvalidRedirect, "{error:?}"),
    }
}

fn check_base(base: &BaseUrl) {
    let origin = base.origin();
    assert_eq!(Origin::parse(origin.as_str()).as_ref(), Ok(origin));
    assert!(!origin.host().is_empty(), "{origin:?}");
    let line = origin.host_line().strip_suffix("\r\n").unwrap_or_default();
    assert!(line.starts_with("Host: ") && !line.contains(char::is_control), "{origin:?}");
    assert!(!base.prefix().bytes().any(|byte| byte.is_ascii_control()), "{base:?}");
}

/// Checks that an error caused by received bytes has the category `Target`.
fn assert_target_category(error: Option<Error>) {
    assert!(error.is_none_or(|error| error.category() == ErrorCategory::Target), "{error:?}");
}

const CODINGS: &[&[u8]] =
    &[b"gzip", b"deflate", b"br", b"zstd", b"gzip, br", b"x-gzip, identity", b"deflate, deflate", b"what"];
/// Maximum capacity of the parser's buffer: a head and a body at their limits and one receive, after doubling.
const MAX_BUFFER_BYTES: usize = 2 * (LIMITS.max_head_bytes + LIMITS.max_body_bytes + (64 << 10));
/// Number of bytes that the endless target sends, more than the buffer may hold.
const ENDLESS_BYTES: usize = 2 * MAX_BUFFER_BYTES;
