//! The behaviours of the hostile server that take time. Responses that consist of bytes only are in `answers.rs`.
//!
//! | path | behaviour |
//! |---|---|
//! | `/echo`, `/slow?ms=`, `/status?code=` | valid responses: with the request as the body, delayed, with that code |
//! | `/drip?ms=`, `/drip-chunks?ms=` | valid responses, byte by byte |
//! | `/close-idle?ms=` | a valid response, then a close without notice |
//! | `/stall`, `/stall-head`, `/stall-body` | silence: from the start, within the head, within the body |
//! | `/early` | 413 before the body is read; the rest of the body is read afterwards |
//! | `/stall-upload` | the server reads the head only |
//! | `/endless-…`, `/1xx-storm`, `/huge`, `/huge-chunked` | more bytes than a client must accept, at most 32 MiB |
//! | `/any` | the paths of [`ANY_PATHS`] in turn |

use std::net::TcpStream;

use super::HostileShared;
use super::answers::{self, CHUNKED, EARLY_HINTS, HALF_A_HEAD, HALF_AN_ANSWER, OK};
use super::connection::{ClientGone, ConnectionResult, HostileConnection, ReceivedRequest};

/// The behaviours of `/any`. Each ends immediately and does not affect the next request.
pub const ANY_PATHS: [&str; 24] = [
    "/ok",
    "/reset",
    "/unasked",
    "/garbage",
    "/chunked",
    "/close-before",
    "/truncated-chunk",
    "/short-length",
    "/reset-before",
    "/bad-chunk",
    "/1xx",
    "/two-lengths",
    "/close-in-head",
    "/endless-headers",
    "/204-with-body",
    "/truncated-length",
    "/1xx-storm",
    "/endless-line",
    "/endless-extensions",
    "/endless-trailers",
    "/cookie-flood",
    "/redirect-loop",
    "/redirect-nowhere",
    "/random",
];

/// Responds to the requests on one connection until either side ends it.
pub(super) fn serve(stream: TcpStream, shared: &HostileShared) {
    let Ok(mut connection) = HostileConnection::new(stream, shared) else {
        return;
    };
    loop {
        match serve_one(&mut connection, shared) {
            Ok(AfterAnswer::Keep) => {}
            Ok(AfterAnswer::Close) => return connection.close(),
            Ok(AfterAnswer::Reset) => return connection.reset(),
            Err(ClientGone) => return,
        }
    }
}

/// The action on the connection after a response.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(super) enum AfterAnswer {
    Keep,
    Close,
    Reset,
}

fn serve_one(connection: &mut HostileConnection<'_>, shared: &HostileShared) -> ConnectionResult<AfterAnswer> {
    let mut request = connection.read_head()?;
    if !["/early", "/stall-upload"].contains(&request.path.as_str()) {
        connection.read_body(&mut request)?;
    }
    let earlier = shared.count(&request.path, &format!("{}{}", request.head, request.body));
    if request.path == "/any" {
        ANY_PATHS[earlier as usize % ANY_PATHS.len()].clone_into(&mut request.path);
        shared.count(&request.path, "");
    }
    let after = perform(connection, &request)?;
    let is_last = request.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    Ok(if is_last && after == AfterAnswer::Keep { AfterAnswer::Close } else { after })
}

fn perform(connection: &mut HostileConnection<'_>, request: &ReceivedRequest) -> ConnectionResult<AfterAnswer> {
    match request.path.as_str() {
        "/echo" => echo(connection, request),
        "/slow" => slow(connection, request),
        "/drip" => drip(connection, request, OK),
        "/drip-chunks" => drip(connection, request, &format!("{CHUNKED}1\r\no\r\n1\r\nk\r\n0\r\n\r\n")),
        "/status" => status(connection, request),
        "/close-idle" => close_idle(connection, request),
        "/stall" => stall(connection, ""),
        "/stall-upload" => connection.pause_ms(10_000).map(|()| AfterAnswer::Close),
        "/stall-head" => stall(connection, HALF_A_HEAD),
        "/stall-body" => stall(connection, HALF_AN_ANSWER),
        "/early" => early(connection),
        "/endless-headers" => endless(connection, "HTTP/1.1 200 OK\r\n", "X-Another: header\r\n"),
        "/endless-line" => endless(connection, "HTTP/1.1 200 OK\r\nX-Long: ", "more and more "),
        "/endless-extensions" => endless(connection, &format!("{CHUNKED}2;"), "x=y;"),
        "/endless-trailers" => endless(connection, &format!("{CHUNKED}0\r\n"), "X-Another: trailer\r\n"),
        "/1xx-storm" => endless(connection, "", EARLY_HINTS),
        "/huge" => endless(connection, "HTTP/1.1 200 OK\r\nContent-Length: 1099511627776\r\n\r\n", "locusts "),
        "/huge-chunked" => endless(connection, CHUNKED, "8\r\nlocusts \r\n"),
        path => {
            let (bytes, after) = answers::answer_for(path);
            connection.send(bytes)?;
            Ok(after)
        }
    }
}

/// Responds with the received request as the body.
fn echo(connection: &mut HostileConnection<'_>, request: &ReceivedRequest) -> ConnectionResult<AfterAnswer> {
    let length = request.head.len() + request.body.len();
    let cookie = if request.header("cookie").is_some() { "" } else { "Set-Cookie: crumb=1; Path=/\r\n" };
    let head = format!("HTTP/1.1 200 OK\r\n{cookie}Content-Length: {length}\r\n\r\n");
    connection.send(format!("{head}{}{}", request.head, request.body))?;
    Ok(AfterAnswer::Keep)
}

fn slow(connection: &mut HostileConnection<'_>, request: &ReceivedRequest) -> ConnectionResult<AfterAnswer> {
    connection.pause_ms(request.query_number("ms", 100))?;
    connection.send(OK)?;
    Ok(AfterAnswer::Keep)
}

fn drip(
    connection: &mut HostileConnection<'_>,
    request: &ReceivedRequest,
    answer: &str,
) -> ConnectionResult<AfterAnswer> {
    for byte in answer.bytes() {
        connection.send([byte])?;
        connection.pause_ms(request.query_number("ms", 1))?;
    }
    Ok(AfterAnswer::Keep)
}

fn status(connection: &mut HostileConnection<'_>, request: &ReceivedRequest) -> ConnectionResult<AfterAnswer> {
    let code = request.query_number("code", 200);
    connection.send(format!("HTTP/1.1 {code} As Asked\r\nContent-Length: 2\r\n\r\nok"))?;
    Ok(AfterAnswer::Keep)
}

fn close_idle(connection: &mut HostileConnection<'_>, request: &ReceivedRequest) -> ConnectionResult<AfterAnswer> {
    connection.send(OK)?;
    connection.pause_ms(request.query_number("ms", 1))?;
    Ok(AfterAnswer::Close)
}

fn stall(connection: &mut HostileConnection<'_>, start: &str) -> ConnectionResult<AfterAnswer> {
    connection.send(start)?;
    connection.wait_for_close()?;
    Ok(AfterAnswer::Close)
}

fn early(connection: &mut HostileConnection<'_>) -> ConnectionResult<AfterAnswer> {
    connection.send("HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno")?;
    connection.finish()?;
    Ok(AfterAnswer::Close)
}

/// Sends `start`, then repeats `more` until the client closes the connection, at most 32 MiB.
fn endless(connection: &mut HostileConnection<'_>, start: &str, more: &str) -> ConnectionResult<AfterAnswer> {
    connection.send(start)?;
    let batch = more.repeat(16 * 1024 / more.len());
    for _ in 0..32 * 1024 * 1024 / batch.len() {
        connection.send(&batch)?;
    }
    Ok(AfterAnswer::Close)
}
