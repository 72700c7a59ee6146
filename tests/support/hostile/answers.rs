//! Responses of the hostile server that consist of bytes only, and the action on the connection afterwards.
//!
//! | path | behaviour |
//! |---|---|
//! | `/ok`, unlisted paths, `/close-delimited`, `/http10`, `/1xx`, `/chunked` | valid responses, some rarely framed |
//! | `/unasked`, `/short-length`, `/204-with-body` | valid responses, followed by unexpected bytes |
//! | `/reset-before`, `/close-before` | RST or FIN without a response |
//! | `/…-in-head`, `/reset`, `/truncated-length`, `/truncated-chunk` | half a head or body, then RST or FIN |
//! | `/garbage`, `/random`, `/http09`, `/http2` | bytes that are not HTTP/1 |
//! | `/bad-length`, `/negative-length`, `/two-lengths`, `/length-and-chunks`, `/gzipped-chunks` | invalid framing |
//! | `/bad-chunk`, `/negative-chunk`, `/largest-chunk`, `/unended-chunk` | invalid chunks |
//! | `/nul-header`, `/cookie-flood` | headers that a client must reject |
//! | `/cookies`, `/gzip`, `/unknown-coding`, `/folded-header` | valid: 90 cookies, content codings, a folded line |
//! | `/gzip-bomb`, `/large-gzip`, `/not-gzip`, `/cut-gzip` | zeros that expand 1000-fold; 2 MiB; no gzip; half of it |
//! | `/redirect-loop`, `/redirect-nowhere`, `/redirect-ftp` | redirects to itself and to unusable targets |

use std::io::Write;
use std::sync::LazyLock;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::behaviours::AfterAnswer;

pub(super) fn answer_for(path: &str) -> (Vec<u8>, AfterAnswer) {
    let (answer, after) = match path {
        "/random" => return (random(), AfterAnswer::Close),
        "/gzip" => return (encoded_answer("gzip", &GZIP), AfterAnswer::Keep),
        "/large-gzip" => return (encoded_answer("gzip", &LARGE_GZIP), AfterAnswer::Keep),
        "/gzip-bomb" => return (encoded_answer("gzip", &GZIP_BOMB), AfterAnswer::Keep),
        "/not-gzip" => return (encoded_answer("gzip", b"ok"), AfterAnswer::Keep),
        "/unknown-coding" => return (encoded_answer("locust", b"ok"), AfterAnswer::Keep),
        "/cut-gzip" => return (encoded_answer("gzip", &GZIP[..GZIP.len() / 2]), AfterAnswer::Keep),
        "/close-before" => (String::new(), AfterAnswer::Close),
        "/reset-before" => (String::new(), AfterAnswer::Reset),
        "/close-in-head" => (HALF_A_HEAD.to_owned(), AfterAnswer::Close),
        "/reset-in-head" => (HALF_A_HEAD.to_owned(), AfterAnswer::Reset),
        "/truncated-length" => (HALF_AN_ANSWER.to_owned(), AfterAnswer::Close),
        "/reset" => (HALF_AN_ANSWER.to_owned(), AfterAnswer::Reset),
        "/close-delimited" => ("HTTP/1.1 200 OK\r\n\r\nuntil the end".to_owned(), AfterAnswer::Close),
        "/http10" => ("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok".to_owned(), AfterAnswer::Close),
        "/truncated-chunk" => (format!("{CHUNKED}10\r\nabc"), AfterAnswer::Close),
        _ => (keep_alive_answer(path), AfterAnswer::Keep),
    };
    (answer.into_bytes(), after)
}

/// Returns a response after which the server keeps the connection open.
fn keep_alive_answer(path: &str) -> String {
    match path {
        "/1xx" => format!("{EARLY_HINTS}{EARLY_HINTS}{OK}"),
        "/chunked" => format!("{CHUNKED}1;x=y\r\no\r\n1\r\nk\r\n0\r\nT: v\r\n\r\n"),
        "/unasked" => format!("{OK}{OK}"),
        "/short-length" => format!("{OK}, and more than was said"),
        "/204-with-body" => "HTTP/1.1 204 No Content\r\n\r\nwhich is not true".to_owned(),
        "/cookies" => with_headers(&cookies(90)),
        "/cookie-flood" => with_headers(&cookies(10_000)),
        "/garbage" => "\u{16}\u{3}\u{1} this is no HTTP\r\n\r\n".to_owned(),
        "/http09" => "<html>as in 1991</html>\r\n".to_owned(),
        "/http2" => "HTTP/2 200\r\nContent-Length: 2\r\n\r\nok".to_owned(),
        "/bad-length" => with_headers("Content-Length: 2, 3\r\n"),
        "/negative-length" => with_headers("Content-Length: -2\r\n"),
        "/two-lengths" => with_headers("Content-Length: 2\r\nContent-Length: 3\r\n"),
        "/length-and-chunks" => with_headers("Content-Length: 2\r\nTransfer-Encoding: chunked\r\n"),
        "/gzipped-chunks" => with_headers("Transfer-Encoding: gzip, chunked\r\n"),
        "/bad-chunk" => format!("{CHUNKED}zz\r\nabc\r\n"),
        "/negative-chunk" => format!("{CHUNKED}-1\r\nabc\r\n"),
        "/largest-chunk" => format!("{CHUNKED}fffffffffffffffff\r\nabc\r\n"),
        "/unended-chunk" => format!("{CHUNKED}2\r\nok, and more\r\n"),
        "/folded-header" => with_headers("X-Long: one\r\n two\r\nContent-Length: 2\r\n"),
        "/nul-header" => with_headers("X-Nul: \0\r\nContent-Length: 2\r\n"),
        "/redirect-loop" => redirect("/redirect-loop"),
        "/redirect-nowhere" => redirect("http://"),
        "/redirect-ftp" => redirect("ftp://127.0.0.1/"),
        _ => OK.to_owned(),
    }
}

fn with_headers(headers: &str) -> String {
    let length = if headers.contains("Content-Length") || headers.contains("Transfer-Encoding") {
        ""
    } else {
        "Content-Length: 2\r\n"
    };
    format!("HTTP/1.1 200 OK\r\n{length}{headers}\r\nok")
}

fn redirect(location: &str) -> String {
    format!("HTTP/1.1 302 Found\r\nLocation: {location}\r\nContent-Length: 0\r\n\r\n")
}

fn cookies(count: u32) -> String {
    (0..count).map(|number| format!("Set-Cookie: crumb{number}=1; Path=/\r\n")).collect()
}

fn encoded_answer(coding: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).expect("writing to a Vec cannot fail");
    encoder.finish().expect("writing to a Vec cannot fail")
}

/// Returns 64 KiB of pseudo-random bytes. They are the same each time, so that failures are reproducible.
fn random() -> Vec<u8> {
    let step = |state: &mut u32| {
        *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        Some((*state >> 24) as u8)
    };
    std::iter::repeat_n((), 64 * 1024).scan(1, |state, ()| step(state)).collect()
}

pub(super) const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
pub(super) const EARLY_HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n";
pub(super) const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
pub(super) const HALF_A_HEAD: &str = "HTTP/1.1 200 OK\r\nContent-Le";
pub(super) const HALF_AN_ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this";

/// Compressed once, because compression is slow.
static GZIP: LazyLock<Vec<u8>> = LazyLock::new(|| gzip(&b"locusts ".repeat(1 << 14)));
static LARGE_GZIP: LazyLock<Vec<u8>> = LazyLock::new(|| gzip(&random()[..2048].repeat(1 << 10)));
static GZIP_BOMB: LazyLock<Vec<u8>> = LazyLock::new(|| gzip(&[0; 1_200_000]));
