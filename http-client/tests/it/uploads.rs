//! How bodies leave: long ones in pieces, unknown ones in chunks, and none that the target does not want.

use std::cell::RefCell;
use std::io;
use std::task::{Context, Poll};

use gregaria_http::{Body, BodySource, ClientConfig, Error, HttpLimits, Method, Request};

use crate::scripted::{ConnectionStart, OK, ScriptStep, ScriptedNetwork, accept_with, block_on, send_step};

/// Gives a number of pieces of 30,000 bytes.
struct ChunkSource {
    count: usize,
    produced: usize,
    length: Option<u64>,
    rewinds: bool,
}

const CHUNK_BYTES: usize = 30_000;

impl ChunkSource {
    fn new(count: usize, length: Option<u64>) -> RefCell<Self> {
        RefCell::new(Self { count, produced: 0, length, rewinds: true })
    }
}

impl BodySource for ChunkSource {
    fn len_bytes(&self) -> Option<u64> {
        self.length
    }

    fn poll_next(&mut self, _: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<io::Result<bool>> {
        if self.produced == self.count {
            return Poll::Ready(Ok(false));
        }
        out.resize(out.len() + CHUNK_BYTES, b'a' + self.produced as u8);
        self.produced += 1;
        Poll::Ready(Ok(self.produced < self.count))
    }

    fn rewind(&mut self) -> bool {
        self.produced = 0;
        self.rewinds
    }
}

fn put<'a>(body: &'a RefCell<impl BodySource + 'static>) -> Request<'a> {
    Request { body: Body::Source(body), ..Request::new(Method::Put, "/") }
}

#[test]
fn a_source_with_a_length_says_it() {
    let network = ScriptedNetwork::with_responses([OK]);
    let source = ChunkSource::new(4, Some(4 * CHUNK_BYTES as u64));
    let exchange = network.send(&network.session(), &put(&source));
    assert!(exchange.result.is_ok());
    let sent = network.sent(0);
    let (head, body) = sent.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("\r\nContent-Length: 120000") && !head.contains("Transfer-Encoding"), "{head}");
    assert_eq!((body.len(), &body[CHUNK_BYTES - 1..=CHUNK_BYTES]), (4 * CHUNK_BYTES, "ab"));
    assert_eq!(exchange.bytes_out, sent.len() as u64);
}

#[test]
fn a_source_without_a_length_comes_in_chunks() {
    for pieces in [0, 1, 3] {
        let network = ScriptedNetwork::with_responses([OK]);
        let exchange = network.send(&network.session(), &put(&ChunkSource::new(pieces, None)));
        assert!(exchange.result.is_ok());
        let sent = network.sent(0);
        let (head, body) = sent.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("\r\nTransfer-Encoding: chunked") && !head.contains("Content-Length"), "{head}");
        let chunks: String =
            (0..pieces).map(|at| format!("00007530\r\n{}\r\n", ["a", "b", "c"][at].repeat(CHUNK_BYTES))).collect();
        assert!(body == chunks + "0\r\n\r\n", "{pieces} pieces");
        assert_eq!(exchange.bytes_out, sent.len() as u64);
    }
}

#[test]
fn long_bytes_arrive_whole() {
    let network = ScriptedNetwork::with_responses([OK, OK]);
    let session = network.session();
    let body: Vec<u8> = (0..200_000).map(|at| b'a' + (at % 26) as u8).collect();
    for _ in 0..2 {
        assert!(network.send(&session, &Request::post("/", &body)).result.is_ok());
    }
    assert_eq!(network.connections(), 1);
    assert!(network.sent(0).as_bytes().ends_with(&body));
}

#[test]
fn a_source_that_breaks_its_word_breaks_the_request() {
    for promised in [2 * CHUNK_BYTES as u64 + 1, 2 * CHUNK_BYTES as u64 - 1] {
        let network = ScriptedNetwork::with_responses([OK]);
        let exchange = network.send(&network.session(), &put(&ChunkSource::new(2, Some(promised))));
        assert_eq!(exchange.result.unwrap_err(), Error::BodySourceFailed);
        assert!(network.connection(0).is_closed());
    }
}

#[test]
fn an_early_answer_ends_the_upload_and_the_connection() {
    let answer = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n";
    let network = ScriptedNetwork::new([
        ConnectionStart::Accept(0, vec![ScriptStep::Unsolicited(answer.into())]),
        accept_with([OK]),
    ]);
    let session = network.session();
    let exchange = network.send(&session, &put(&ChunkSource::new(9, None)));
    assert_eq!(exchange.result.unwrap().status(), 413);
    assert!(network.connection(0).is_closed() && network.sent(0).len() < CHUNK_BYTES);
    assert_eq!(network.get(&session, "/"), Ok(200));
}

#[test]
fn an_early_answer_that_refuses_nothing_does_not_end_the_upload() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
    for (early, late) in [("ec", vec![send_step("ho")]), ("echo", vec![])] {
        let mut script = vec![ScriptStep::Unsolicited(format!("{head}{early}").into())];
        script.extend(late.into_iter().chain([send_step(OK)]));
        let network = ScriptedNetwork::new([ConnectionStart::Accept(0, script)]);
        let session = network.session();
        let exchange = network.send(&session, &put(&ChunkSource::new(3, None)));
        assert_eq!(exchange.result.unwrap().body(), b"echo");
        assert!(network.sent(0).ends_with("0\r\n\r\n"));
        assert_eq!(
            (network.get(&session, "/"), network.connections()),
            (Ok(200), 1),
            "the connection is as good as new"
        );
    }
}

#[test]
fn an_interim_answer_does_not_end_the_upload() {
    let script = vec![ScriptStep::Unsolicited("HTTP/1.1 102 Processing\r\n\r\n".into()), send_step(OK)];
    let network = ScriptedNetwork::new([ConnectionStart::Accept(0, script)]);
    let exchange = network.send(&network.session(), &put(&ChunkSource::new(3, None)));
    assert_eq!(exchange.result.unwrap().status(), 200);
    assert!(network.sent(0).ends_with("0\r\n\r\n"));
}

#[test]
fn a_body_is_sent_again_where_a_redirect_keeps_it() {
    let redirect = "HTTP/1.1 307 Moved\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n";
    for rewinds in [true, false] {
        let network = ScriptedNetwork::with_responses([redirect, OK]);
        let source = ChunkSource::new(2, None);
        source.borrow_mut().rewinds = rewinds;
        let exchange = network.send(&network.session(), &put(&source));
        let status = exchange.result.map(|response| response.status());
        assert_eq!(status, if rewinds { Ok(200) } else { Err(Error::BodyNotRewindable) });
    }
}

fn expect_continue_config(above_bytes: u64) -> ClientConfig {
    ClientConfig {
        expect_continue_above_bytes: Some(above_bytes),
        expect_continue_timeout_ns: 5_000,
        ..ClientConfig::default()
    }
}

#[test]
fn a_large_body_waits_for_leave() {
    let network = ScriptedNetwork::with_responses(["HTTP/1.1 100 Continue\r\n\r\n", OK, OK]);
    let session = network.session_with("http://target", expect_continue_config(3));
    assert!(network.send(&session, &Request::post("/", b"long")).result.is_ok());
    assert!(network.sent(0).contains("Expect: 100-continue\r\n") && network.sent(0).ends_with("\r\n\r\nlong"));
    assert!(network.send(&session, &Request::post("/", b"abc")).result.is_ok());
    assert_eq!(network.sent(0).matches("Expect").count(), 1, "a short one does not ask");
}

#[test]
fn leave_that_does_not_come_is_taken() {
    let network = ScriptedNetwork::new([accept_with([])]);
    let session = network.session_with("http://target", expect_continue_config(3));
    network.answer_when("long", OK);
    let exchange = network.send(&session, &Request::post("/", b"long"));
    assert_eq!(exchange.result.unwrap().status(), 200);
    assert!(exchange.done_ns - exchange.due_ns >= 5_000);
}

#[test]
fn a_body_that_is_not_wanted_is_not_sent() {
    let refusal = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n";
    let network = ScriptedNetwork::with_responses([refusal]);
    let request = Request { headers: &[("Expect", "100-continue")], ..Request::post("/", b"body") };
    let exchange = network.send(&network.session(), &request);
    assert_eq!(exchange.result.unwrap().status(), 417);
    assert!(network.sent(0).ends_with("Content-Length: 4\r\n\r\n") && network.connection(0).is_closed());
}

#[test]
fn an_answer_that_comes_while_a_piece_is_refused_is_heard() {
    let network = ScriptedNetwork::new([accept_with([])]);
    let late = FailingSource { network: network.clone(), produced: 0 };
    let exchange = network.send(&network.session(), &put(&RefCell::new(late)));
    assert_eq!(exchange.result.unwrap().status(), 413);
    assert!(network.connection(0).is_closed());
}

/// Its target hangs up when the second piece is on its way.
struct FailingSource {
    network: ScriptedNetwork,
    produced: usize,
}

impl BodySource for FailingSource {
    fn len_bytes(&self) -> Option<u64> {
        None
    }

    fn poll_next(&mut self, _: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<io::Result<bool>> {
        if self.produced == 1 {
            self.network.connection(0).fail_sends_with("HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
        }
        self.produced += 1;
        out.extend_from_slice(b"piece");
        Poll::Ready(Ok(self.produced < 9))
    }

    fn rewind(&mut self) -> bool {
        false
    }
}

#[test]
fn what_comes_back_of_an_upload_and_is_not_taken_yet_is_limited() {
    let echo = vec![b'x'; 4 << 10];
    let mut script = vec![ScriptStep::Unsolicited(b"HTTP/1.1 200 OK\r\n\r\n".to_vec())];
    script.extend((0..600).map(|_| ScriptStep::Unsolicited(echo.clone())));
    let network = ScriptedNetwork::new([ConnectionStart::Accept(0, script)]);
    let limits = HttpLimits { max_body_bytes: 2 << 20, ..HttpLimits::default() };
    let session = network.session_with("http://target", ClientConfig { limits, ..ClientConfig::default() });
    let source = ChunkSource::new(3, None);
    let (exchange, stream) = block_on(session.send_streaming(&network, &put(&source)));
    assert_eq!(exchange.result.unwrap_err(), Error::BodyTooLarge);
    assert!(stream.is_none());
}
