//! `--print-first-response`: the user that sends the request of a quick run once, and the text of its response.
//!
//! The user runs before the run itself, so its request is in no statistics. `entry.rs` starts both.

use std::{
    fmt::Write,
    sync::mpsc::{self, Receiver},
};

use gregaria_engine::{HttpUser, StreamedResponse, TaskSet, UserClass, stop_user};

use crate::quick::QuickRequest;

/// Creates the class of a user that sends the request once, and the receiver of the text to print.
pub(crate) fn user_class(request: QuickRequest) -> (UserClass, Receiver<String>) {
    let (sender, receiver) = mpsc::channel();
    let host = request.host.clone();
    let headers = request.leak_headers();
    let send_request = async move |user: &mut HttpUser| {
        let mut response = request.prepare(user, &headers).stream().await;
        let text = describe(&request, &mut response).await;
        // The receiver exists until the user has ended.
        let _ = sender.send(text);
        stop_user()
    };
    let tasks = TaskSet::new(CLASS_NAME).task_named("request", 1, send_request);
    (UserClass::http(CLASS_NAME).host(host).tasks(tasks), receiver)
}

async fn describe(request: &QuickRequest, response: &mut StreamedResponse<'_>) -> String {
    let mut body = Vec::new();
    while body.len() <= MAX_BODY_BYTES {
        let Some(chunk) = response.next_chunk().await else { break };
        body.extend(chunk);
    }
    // Writing to a String cannot fail.
    let mut text = format!("First response to {} {}{}:\n", request.method, request.host, request.target);
    if let Some(received) = response.http_response() {
        if let Some(url) = received.redirected_to() {
            let _ = writeln!(text, "(after a redirect or authentication, from {url})");
        }
        text += &format_head(received.head());
        if !body.is_empty() || response.error().is_none() {
            text += &format_body(&body);
        }
    }
    if let Some(error) = response.error() {
        let _ = writeln!(text, "({error})");
    }
    text
}

/// Formats the status line and the headers, with an empty line at the end.
fn format_head(head: &[u8]) -> String {
    escape_lines(&String::from_utf8_lossy(head))
}

/// Formats the start of a body, and a line with its size or its kind.
fn format_body(body: &[u8]) -> String {
    let start = &body[..body.len().min(MAX_BODY_BYTES)];
    let is_longer = body.len() > MAX_BODY_BYTES;
    let is_text = |byte: &u8| *byte >= b' ' || b"\t\n\r\x0c\x1b".contains(byte);
    if start.is_empty() {
        return "(no body)\n".to_owned();
    }
    if !start.iter().all(is_text) {
        let size = if is_longer { format!("more than {MAX_BODY_BYTES}") } else { body.len().to_string() };
        return format!("(a binary body of {size} bytes)\n");
    }
    // The last character may be incomplete.
    let text = escape_lines(String::from_utf8_lossy(start).trim_end_matches(char::REPLACEMENT_CHARACTER));
    let more = if is_longer { format!("(the body has more than {MAX_BODY_BYTES} bytes)\n") } else { String::new() };
    text + &more
}

/// Escapes control characters, which could change the terminal, and ends the last line.
fn escape_lines(text: &str) -> String {
    let mut escaped = String::new();
    for line in text.split_terminator('\n') {
        for letter in line.strip_suffix('\r').unwrap_or(line).chars() {
            if letter.is_control() && letter != '\t' {
                escaped.extend(letter.escape_default());
            } else {
                escaped.push(letter);
            }
        }
        escaped.push('\n');
    }
    escaped
}

const CLASS_NAME: &str = "FirstResponse";
const MAX_BODY_BYTES: usize = 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_and_text_are_shown_with_escapes() {
        let head = b"HTTP/1.1 200 OK\r\nX-Bad: \x1b[2J\r\n\r\n";
        assert_eq!(format_head(head), "HTTP/1.1 200 OK\nX-Bad: \\u{1b}[2J\n\n");
        assert_eq!(format_body("grün\r\n\tb\x1b[31m\n".as_bytes()), "grün\n\tb\\u{1b}[31m\n");
        assert_eq!(format_body(b"no line end"), "no line end\n");
        assert_eq!(format_body(b""), "(no body)\n");
    }

    #[test]
    fn long_or_binary_body_is_said() {
        let long = "ü".repeat(600);
        let text = format_body(&long.as_bytes()[..1025]);
        assert_eq!(text, format!("{}\n(the body has more than 1024 bytes)\n", &long[..1024]));
        let cut = format!("a{}", "ü".repeat(600));
        assert_eq!(format_body(cut.as_bytes()).lines().next().unwrap().len(), 1023, "without the half of a character");
        assert_eq!(format_body(b"\x89PNG\r\n\x1a\n\0"), "(a binary body of 9 bytes)\n");
        assert_eq!(format_body(&[0; 5000]), "(a binary body of more than 1024 bytes)\n");
    }
}
