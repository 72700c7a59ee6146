//! What each path of the hostile server does.
//!
//! | path | what the client meets |
//! |---|---|
//! | `/ok`, `/echo`, `/slow?ms=`, `/drip?ms=`, `/status?code=` | good answers: at once, with the request in it, late, byte by byte, with that code |
//! | `/close-delimited`, `/http10`, `/1xx`, `/chunked` | good answers in the rarer framings |
//! | `/close-idle?ms=` | a good answer, and the end of the connection without a word about it |
//! | `/unasked` | a good answer, and bytes that nobody asked for behind it |
//! | `/stall`, `/reset-before`, `/close-before` | no byte of an answer: silence, RST, FIN |
//! | `/reset`, `/truncated-length`, `/truncated-chunk`, `/stall-body` | half an answer, then RST, FIN, FIN, silence |
//! | `/garbage`, `/bad-chunk`, `/bad-length` | something that is no HTTP |
//! | `/endless-headers`, `/endless-line`, `/1xx-storm`, `/huge`, `/huge-chunked` | more than anyone should take; bounded here too |

use std::net::TcpStream;

use super::Shared;
use super::connection::{Connection, Gone, Request, Result};

/// Answers requests on one connection until either side ends it.
pub(super) fn serve(stream: TcpStream, shared: &Shared) {
    let Ok(mut connection) = Connection::new(stream, shared) else {
        return;
    };
    while let Ok(request) = connection.request() {
        match behave(&mut connection, &request) {
            Ok(After::Keep) => {}
            Ok(After::Close) => return connection.close(),
            Ok(After::Reset) => return connection.reset(),
            Err(Gone) => return,
        }
    }
}

/// What becomes of the connection after an answer.
enum After {
    Keep,
    Close,
    Reset,
}

fn behave(connection: &mut Connection<'_>, request: &Request) -> Result<After> {
    match request.path.as_str() {
        "/echo" => echo(connection, request),
        "/slow" => slow(connection, request),
        "/drip" => drip(connection, request),
        "/status" => status(connection, request),
        "/close-delimited" => send_then(connection, "HTTP/1.1 200 OK\r\n\r\nuntil the end", After::Close),
        "/http10" => send_then(connection, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok", After::Close),
        "/1xx" => send_then(connection, &format!("{EARLY_HINTS}{EARLY_HINTS}{OK}"), After::Keep),
        "/chunked" => send_then(
            connection,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;x=y\r\no\r\n1\r\nk\r\n0\r\nT: v\r\n\r\n",
            After::Keep,
        ),
        "/close-idle" => close_idle(connection, request),
        "/unasked" => send_then(connection, &format!("{OK}{OK}"), After::Keep),
        "/stall" => connection.wait_for_close().map(|()| After::Close),
        "/reset-before" => Ok(After::Reset),
        "/close-before" => Ok(After::Close),
        "/reset" => send_then(connection, HALF_AN_ANSWER, After::Reset),
        "/truncated-length" => send_then(connection, HALF_AN_ANSWER, After::Close),
        "/truncated-chunk" => send_then(connection, &format!("{CHUNKED}10\r\nabc"), After::Close),
        "/stall-body" => send_then(connection, HALF_AN_ANSWER, After::Keep)
            .and_then(|_| connection.wait_for_close())
            .map(|()| After::Close),
        "/garbage" => send_then(connection, "\u{16}\u{3}\u{1} this is no HTTP\r\n\r\n", After::Close),
        "/bad-chunk" => send_then(connection, &format!("{CHUNKED}zz\r\nabc\r\n"), After::Close),
        "/bad-length" => send_then(connection, "HTTP/1.1 200 OK\r\nContent-Length: 2, 3\r\n\r\nok", After::Close),
        "/endless-headers" => endless(connection, "HTTP/1.1 200 OK\r\n", "X-Another: header\r\n"),
        "/endless-line" => endless(connection, "HTTP/1.1 200 OK\r\nX-Long: ", "more and more "),
        "/1xx-storm" => endless(connection, "", EARLY_HINTS),
        "/huge" => endless(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n", "locusts "),
        "/huge-chunked" => endless(connection, CHUNKED, "8\r\nlocusts \r\n"),
        _ => send_then(connection, OK, After::Keep),
    }
}

fn send_then(connection: &mut Connection<'_>, bytes: &str, after: After) -> Result<After> {
    connection.send(bytes)?;
    Ok(after)
}

/// The request as received, as the body.
fn echo(connection: &mut Connection<'_>, request: &Request) -> Result<After> {
    let length = request.head.len() + request.body.len();
    let cookie = if request.header("cookie").is_some() { "" } else { "Set-Cookie: crumb=1; Path=/\r\n" };
    let answer = format!("HTTP/1.1 200 OK\r\n{cookie}Content-Length: {length}\r\n\r\n{}{}", request.head, request.body);
    send_then(connection, &answer, After::Keep)
}

fn slow(connection: &mut Connection<'_>, request: &Request) -> Result<After> {
    connection.pause_ms(request.number("ms", 100))?;
    send_then(connection, OK, After::Keep)
}

fn drip(connection: &mut Connection<'_>, request: &Request) -> Result<After> {
    for byte in OK.bytes() {
        connection.send([byte])?;
        connection.pause_ms(request.number("ms", 1))?;
    }
    Ok(After::Keep)
}

fn status(connection: &mut Connection<'_>, request: &Request) -> Result<After> {
    let code = request.number("code", 200);
    send_then(connection, &format!("HTTP/1.1 {code} As Asked\r\nContent-Length: 2\r\n\r\nok"), After::Keep)
}

fn close_idle(connection: &mut Connection<'_>, request: &Request) -> Result<After> {
    connection.send(OK)?;
    connection.pause_ms(request.number("ms", 1))?;
    Ok(After::Close)
}

/// `start`, then `more` again and again until the client has had enough, at most 32 MiB.
fn endless(connection: &mut Connection<'_>, start: &str, more: &str) -> Result<After> {
    connection.send(start)?;
    let batch = more.repeat(16 * 1024 / more.len());
    for _ in 0..32 * 1024 * 1024 / batch.len() {
        connection.send(&batch)?;
    }
    Ok(After::Close)
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 2\r\n\r\nok";
const EARLY_HINTS: &str = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n";
const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
const HALF_AN_ANSWER: &str = "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nonly this";
