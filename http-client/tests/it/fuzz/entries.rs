//! What the fuzzers do with their input, and what must hold whatever it is: the input is read, or there is an error that
//! says whose fault it is; the same at every split; and no more is held than the limits let.
//!
//! Called by `http-client/fuzz/` and by the smoke run beside this file. Uses nothing but the crate itself.

use gregaria_http::proto::chunked::ChunkedDecoder;
use gregaria_http::proto::coding::BodyDecoder;
use gregaria_http::proto::{ParseProgress, ResponseParser};
use gregaria_http::{
    BaseUrl, CookieJar, Error, ErrorCategory, HttpLimits, Method, Origin, ResponseBodyMode, resolve_redirect,
    split_credentials,
};

use crate::reader::{BodyMode, ExhaustiveReader};

/// Small, so that they are met.
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

/// A response: the same however it arrives and however its body is taken.
pub(crate) fn response(bytes: &[u8]) {
    for body_mode in [BodyMode::Keep, BodyMode::Discard, BodyMode::Stream { every: 1 }] {
        let reader = ExhaustiveReader { method: Method::Get, body_mode, limits: LIMITS };
        let whole = reader.read_pieces([bytes]);
        assert_eq!(reader.read_pieces(bytes.chunks(1)), whole, "{body_mode:?}");
        assert_eq!(reader.read_pieces(bytes.chunks(7)), whole, "{body_mode:?}");
        assert_target_fault(whole.err());
        receive_without_end(bytes, body_mode);
    }
    for method in [Method::Head, Method::Connect] {
        let reader = ExhaustiveReader { method, body_mode: BodyMode::Keep, limits: LIMITS };
        assert_target_fault(reader.read_pieces([bytes]).err());
    }
}

/// The target sends the bytes, and then the last of them again and again; the client holds no more than it may.
fn receive_without_end(bytes: &[u8], body_mode: BodyMode) {
    let policy = match body_mode {
        BodyMode::Keep => ResponseBodyMode::Keep,
        BodyMode::Discard => ResponseBodyMode::Discard,
        BodyMode::Stream { .. } => ResponseBodyMode::Stream,
    };
    let mut parser = ResponseParser::new(Method::Get, policy, &LIMITS);
    let mut buffer = Vec::new();
    let tail = &bytes[bytes.len().saturating_sub(64)..];
    let mut coming = bytes.iter().chain(tail.iter().cycle()).take(ENDLESS_BYTES).peekable();
    while coming.peek().is_some() {
        parser.reserve(&mut buffer);
        assert!(buffer.capacity() <= MAX_HELD_BYTES, "{} bytes are held, {body_mode:?}", buffer.capacity());
        let room = buffer.capacity() - buffer.len();
        buffer.extend(coming.by_ref().take(room));
        if parser.feed(&mut buffer) != Ok(ParseProgress::NeedMore) {
            break;
        }
        if policy == ResponseBodyMode::Stream {
            parser.consume_body(&mut buffer);
        }
    }
}

/// A body in the chunked coding: the same in pieces as whole. And what is put into the coding comes out of it.
pub(crate) fn chunked(bytes: &[u8]) {
    let whole = unchunk([bytes]);
    assert_eq!(unchunk(bytes.chunks(1)), whole);
    assert_eq!(unchunk(bytes.chunks(5)), whole);
    assert_target_fault(whole.err());

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

/// The data, and whether it has an end.
fn unchunk<'b>(pieces: impl IntoIterator<Item = &'b [u8]>) -> Result<(Vec<u8>, bool), Error> {
    let mut decoder = ChunkedDecoder::new(&LIMITS);
    let mut data = Vec::new();
    for mut piece in pieces {
        while !piece.is_empty() {
            let stretch = decoder.next_span(piece)?;
            if stretch.end {
                assert_eq!(stretch.data, 0);
                return Ok((data, true));
            }
            assert!(stretch.framing + stretch.data > 0, "every step goes on");
            data.extend_from_slice(&piece[stretch.framing..][..stretch.data]);
            piece = &piece[stretch.framing + stretch.data..];
        }
    }
    Ok((data, false))
}

/// A body under content codings: the same in pieces as whole, and never larger than it may be.
pub(crate) fn decompression(input: &[u8]) {
    let Some((choice, body)) = input.split_first() else { return };
    let codings = CODINGS[usize::from(*choice) % CODINGS.len()];
    let whole = decode(codings, [body]);
    for step in [1, 13] {
        let in_pieces = decode(codings, body.chunks(step));
        assert_eq!(in_pieces.is_ok(), whole.is_ok(), "in pieces of {step}: {in_pieces:?}, whole: {whole:?}");
        assert!(whole.is_err() || in_pieces == whole, "in pieces of {step}: {in_pieces:?}, whole: {whole:?}");
    }
    assert_target_fault(whole.err());
    assert_target_fault(decode_bounded(codings, body).err());
}

/// Decodes a body of any length without keeping it: what comes out is still in proportion to what went in.
fn decode_bounded(codings: &[u8], mut body: &[u8]) -> Result<(), Error> {
    let most = (1 << 20) + body.len() as u64 * u64::from(LIMITS.max_decoded_ratio) + (64 << 10);
    let Some(decoder) = BodyDecoder::for_codings(codings, &LIMITS)? else {
        return Ok(());
    };
    let mut decoder = decoder.without_size_limit();
    let mut made = 0;
    let mut out = Vec::new();
    while decoder.decode_some(&mut body, &mut out)? {
        made += out.len() as u64;
        assert!(made <= most && out.capacity() <= 64 << 10, "{made} bytes came out, {} at once", out.capacity());
        out.clear();
    }
    decoder.finish(&mut out)
}

/// `None` for a body that is left as it is.
fn decode<'b>(codings: &[u8], pieces: impl IntoIterator<Item = &'b [u8]>) -> Result<Option<Vec<u8>>, Error> {
    let Some(mut decoder) = BodyDecoder::for_codings(codings, &LIMITS)? else {
        return Ok(None);
    };
    let mut out = Vec::new();
    let mut all = pieces.into_iter().try_for_each(|piece| decoder.decode(piece, &mut out));
    if all.is_ok() {
        all = decoder.finish(&mut out);
    }
    // One byte shows that there are too many.
    let most = LIMITS.max_decoded_bytes + usize::from(all.is_err());
    assert!(out.len() <= most && out.capacity() <= most + 1, "{} bytes came out, {all:?}", out.len());
    all.map(|()| Some(out))
}

/// Lines as `Set-Cookie`: the jar stays small, and nothing in it can break out of a header.
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

/// A URL, and where a redirect from there leads: to a URL that is as safe as the first, and reads back as itself.
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
            let (bare, _) = split_credentials(&redirect.url);
            check_base(&BaseUrl::parse(&bare).unwrap());
            let again = resolve_redirect(Method::Post, 302, redirect.url.as_bytes(), &url).unwrap().unwrap();
            assert_eq!(again, redirect, "a URL leads to itself");
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

/// Whatever a target sends is its own doing.
fn assert_target_fault(error: Option<Error>) {
    assert!(error.is_none_or(|error| error.category() == ErrorCategory::Target), "{error:?}");
}

const CODINGS: &[&[u8]] =
    &[b"gzip", b"deflate", b"br", b"zstd", b"gzip, br", b"x-gzip, identity", b"deflate, deflate", b"what"];
/// A head and a body of the largest size, and what is received at once, in a buffer that has doubled.
const MAX_HELD_BYTES: usize = 2 * (LIMITS.max_head_bytes + LIMITS.max_body_bytes + (64 << 10));
/// What a target sends that does not stop: more than may be held.
const ENDLESS_BYTES: usize = 2 * MAX_HELD_BYTES;
