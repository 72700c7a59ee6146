//! Tests of request bodies: framing, early responses, `Expect: 100-continue`, and repetition after a redirect.

use std::cell::RefCell;
use std::io;
use std::task::{Context, Poll};

use gregaria_http::{Auth, Body, BodySource, ClientConfig, Error, HttpLimits, Method, Request};

use crate::scripted::{ConnectionStart, OK, ScriptStep, ScriptedNetwork, accept_with, block_on, send_step};

/// A body source of `count` chunks of 30,000 bytes.
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
fn source_with_length_sends_content_length() {
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
fn source_without_length_is_sent_chunked() {
    for count in [0, 1, 3] {
        let network = ScriptedNetwork::with_responses([OK]);
        let exchange = network.send(&network.session(), &put(&ChunkSource::new(count, None)));
        assert!(exchange.result.is_ok());
        let sent = network.sent(0);
        let (head, body) = sent.split_once("\r\n\r\n").unwrap();
        assert!(head.contains("\r\nTransfer-Encoding: chunked") && !head.contains("Content-Length"), "{head}");
        let chunks: String = ["a", "b", "c"][..count]
            .iter()
            .map(|letter| format!("00007530\r\n{}\r\n", letter.repeat(CHUNK_BYTES)))
            .collect();
        assert!(body == chunks + "0\r\n\r\n", "{count} chunks");
        assert_eq!(exchange.bytes_out, sent.len() as u64);
    }
}

#[test]
fn large_byte_body_is_sent_completely() {
    let network = ScriptedNetwork::with_responses([OK, OK]);
    let session = network.session();
    let body: Vec<u8> = (0..200_000).map(|index| b'a' + (index % 26) as u8).collect();
    for _ in 0..2 {
        assert!(network.send(&session, &Request::post("/", &body)).result.is_ok());
    }
    assert_eq!(network.connections(), 1);
    assert!(network.sent(0).as_bytes().ends_with(&body));
}

#[test]
fn source_with_wrong_length_fails_the_request() {
    for stated_length in [2 * CHUNK_BYTES as u64 + 1, 2 * CHUNK_BYTES as u64 - 1] {
        let network = ScriptedNetwork::with_responses([OK]);
        let exchange = network.send(&network.session(), &put(&ChunkSource::new(2, Some(stated_length))));
        assert_eq!(exchange.result.unwrap_err(), Error::BodySourceFailed);
        assert!(network.connection(0).is_closed());
    }
}

#[test]
fn early_error_response_ends_upload_and_connection() {
    let response = "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n";
    let network = ScriptedNetwork::new([
        ConnectionStart::Accept(0, vec![ScriptStep::Unsolicited(response.into())]),
        accept_with([OK]),
    ]);
    let session = network.session();
    let exchange = network.send(&session, &put(&ChunkSource::new(9, None)));
    assert_eq!(exchange.result.unwrap().status(), 413);
    assert!(network.connection(0).is_closed() && network.sent(0).len() < CHUNK_BYTES);
    assert_eq!(network.get(&session, "/"), Ok(200));
}

#[test]
fn early_ok_response_does_not_end_the_upload() {
    let head = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n";
    for (early, late) in [("ec", vec![send_step("ho")]), ("echo", vec![])] {
        let mut script = vec![ScriptStep::Unsolicited(format!("{head}{early}").into())];
        script.extend(late.into_iter().chain([send_step(OK)]));
        let network = ScriptedNetwork::new([ConnectionStart::Accept(0, script)]);
        let session = network.session();
        let exchange = network.send(&session, &put(&ChunkSource::new(3, None)));
        assert_eq!(exchange.result.unwrap().body(), b"echo");
        assert!(network.sent(0).ends_with("0\r\n\r\n"));
        assert_eq!((network.get(&session, "/"), network.connections()), (Ok(200), 1), "the connection is reused");
    }
}

#[test]
fn interim_response_does_not_end_the_upload() {
    let script = vec![ScriptStep::Unsolicited("HTTP/1.1 102 Processing\r\n\r\n".into()), send_step(OK)];
    let network = ScriptedNetwork::new([ConnectionStart::Accept(0, script)]);
    let exchange = network.send(&network.session(), &put(&ChunkSource::new(3, None)));
    assert_eq!(exchange.result.unwrap().status(), 200);
    assert!(network.sent(0).ends_with("0\r\n\r\n"));
}

#[test]
fn redirect_307_resends_a_rewindable_body() {
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
fn large_body_waits_for_100_continue() {
    let network = ScriptedNetwork::with_responses(["HTTP/1.1 100 Continue\r\n\r\n", OK, OK]);
    let session = network.session_with("http://target", expect_continue_config(3));
    assert!(network.send(&session, &Request::post("/", b"long")).result.is_ok());
    assert!(network.sent(0).contains("Expect: 100-continue\r\n") && network.sent(0).ends_with("\r\n\r\nlong"));
    assert!(network.send(&session, &Request::post("/", b"abc")).result.is_ok());
    assert_eq!(network.sent(0).matches("Expect").count(), 1, "a short body is sent without Expect");
}

#[test]
fn missing_100_continue_sends_body_after_timeout() {
    let network = ScriptedNetwork::new([accept_with([])]);
    let session = network.session_with("http://target", expect_continue_config(3));
    network.respond_when("long", OK);
    let exchange = network.send(&session, &Request::post("/", b"long"));
    assert_eq!(exchange.result.unwrap().status(), 200);
    assert!(exchange.done_ns - exchange.due_ns >= 5_000);
}

const REFUSED_EXPECTATION: &str = "HTTP/1.1 417 Expectation Failed\r\nContent-Length: 0\r\n\r\n";

#[test]
fn refused_expectation_is_repeated_without_it() {
    let mut with_default = ClientConfig::default();
    with_default.default_headers.set("Expect", "100-continue").unwrap();
    for (config, headers) in [
        (ClientConfig::default(), &[("Expect", "100-continue")][..]),
        (expect_continue_config(3), &[][..]),
        (with_default, &[][..]),
    ] {
        let network = ScriptedNetwork::new([accept_with([REFUSED_EXPECTATION]), accept_with([OK])]);
        let session = network.session_with("http://target", config);
        let exchange = network.send(&session, &Request { headers, ..Request::post("/", b"body") });
        let response = exchange.result.unwrap();
        assert_eq!((response.status(), response.history().len(), exchange.retries), (200, 1, 0));
        assert_eq!(response.history()[0].status(), 417);
        let (first, second) = (network.sent(0), network.sent(1));
        assert!(first.contains("Expect: 100-continue\r\n") && first.ends_with("Content-Length: 4\r\n\r\n"), "{first}");
        assert!(!second.contains("Expect") && second.ends_with("Content-Length: 4\r\n\r\nbody"), "{second}");
        assert!(network.connection(0).is_closed());
    }

    let network = ScriptedNetwork::new([accept_with([REFUSED_EXPECTATION]), accept_with([OK])]);
    let session = network.session_with("http://target", expect_continue_config(3));
    assert_eq!(network.send(&session, &put(&ChunkSource::new(2, None))).result.unwrap().status(), 200);
    assert!(network.sent(1).ends_with("0\r\n\r\n"));
}

#[test]
fn expectation_refused_after_the_body_is_repeated() {
    let network = ScriptedNetwork::new([accept_with([])]);
    let session = network.session_with("http://target", expect_continue_config(3));
    network.respond_when("long", REFUSED_EXPECTATION);
    let exchange = network.send(&session, &Request::post("/", b"so long"));
    assert_eq!(exchange.result.unwrap().status(), 417, "the script refuses the second body too");
    let sent = network.sent(0);
    assert_eq!((sent.matches("so long").count(), sent.matches("Expect").count()), (2, 1), "{sent}");
}

#[test]
fn status_417_is_final_without_a_second_chance() {
    let network = ScriptedNetwork::with_responses([REFUSED_EXPECTATION]);
    let exchange = network.send(&network.session(), &Request::post("/", b"body"));
    assert_eq!(exchange.result.unwrap().status(), 417, "the request has no expectation");

    let network = ScriptedNetwork::with_responses([REFUSED_EXPECTATION]);
    let source = ChunkSource::new(2, None);
    source.borrow_mut().rewinds = false;
    let exchange = network.send(&network.session_with("http://target", expect_continue_config(3)), &put(&source));
    let response = exchange.result.unwrap();
    assert_eq!((response.status(), response.history().len()), (417, 0), "the body cannot be sent again");
    assert!(network.connection(0).is_closed());
}

#[test]
fn refused_expectation_precedes_a_digest_challenge() {
    let challenge = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n1\"\r\n\
                     Content-Length: 0\r\n\r\n";
    let network = ScriptedNetwork::new([accept_with([REFUSED_EXPECTATION]), accept_with([challenge, OK])]);
    let config = ClientConfig { auth: Some(Auth::digest("me", "secret")), ..expect_continue_config(3) };
    let exchange = network.send(&network.session_with("http://target", config), &Request::post("/", b"body"));
    let response = exchange.result.unwrap();
    let statuses: Vec<u16> = response.history().iter().map(|response| response.status()).collect();
    assert_eq!((statuses.as_slice(), response.status()), (&[417, 401][..], 200));
    assert!(!network.sent(1).contains("Expect"));
}

#[test]
fn response_is_read_after_a_failed_chunk_send() {
    let network = ScriptedNetwork::new([accept_with([])]);
    let source = FailingSource { network: network.clone(), produced: 0 };
    let exchange = network.send(&network.session(), &put(&RefCell::new(source)));
    assert_eq!(exchange.result.unwrap().status(), 413);
    assert!(network.connection(0).is_closed());
}

/// A body source that makes the target close its connection before the second chunk is sent.
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
fn response_during_an_upload_is_limited_in_size() {
    let echo = vec![b'x'; 4 << 10];
    let mut script = vec![ScriptStep::Unsolicited(b"HTTP/1.1 200 OK\r\n\r\n".to_vec())];
    script.extend((0..600).map(|_| ScriptStep::Unsolicited(echo.clone())));
    let network = ScriptedNetwork::new([ConnectionStart::Accept(0, script)]);
    let limits = HttpLimits { max_body_bytes: 2 << 20, ..HttpLimits::default() };
    let session = network.session_with("http://target", ClientConfig { limits, ..ClientConfig::default() });
    let source = ChunkSource::new(3, None);
    let (exchange, stream) = block_on(session.send_streaming(&network, &put(&source)));
    assert_eq!(exchange.result.unwrap().status(), 200);
    let mut received = Vec::new();
    let mut stream = stream.unwrap();
    while block_on(stream.read_chunk(&mut received)) == Ok(true) {}
    assert_eq!(stream.error(), Some(Error::BodyTooLarge));
    assert_eq!(received.len(), 2 << 20);
}
