//! Tests of streamed response bodies.

use std::pin::pin;

use gregaria_http::{ClientConfig, Error, HttpLimits, InvalidResponse, Request, ResponseBodyMode};

use crate::requests::gzip_response;
use crate::scripted::{ConnectionStart, OK, ScriptStep, ScriptedNetwork, accept_with, block_on, poll_once, send_step};

const HEAD: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX: 1\r\n\r\n";

#[test]
fn streamed_body_is_read_in_chunks() {
    let script = vec![
        send_step(&format!("{HEAD}3\r\none\r\n")),
        ScriptStep::SendAfter(50, b"3\r\ntwo\r\n".to_vec()),
        ScriptStep::SendAfter(50, b"5\r\nthree\r\n0\r\n\r\n".to_vec()),
        send_step(OK),
    ];
    let network = ScriptedNetwork::new([ConnectionStart::Accept(0, script)]);
    let session = network.session();
    let (mut exchange, stream) = block_on(session.send_streaming(&network, &Request::get("/")));
    let mut stream = stream.unwrap();
    let head = exchange.result.as_ref().unwrap();
    assert_eq!((head.status(), head.header("x"), head.body().len()), (200, Some("1"), 0));
    assert_eq!((exchange.done_ns, exchange.bytes_in), (exchange.first_byte_ns, 0));
    let mut chunks = Vec::new();
    loop {
        let mut chunk = Vec::new();
        if !block_on(stream.read_chunk(&mut chunk)).unwrap() {
            break;
        }
        chunks.push(String::from_utf8(chunk).unwrap());
    }
    assert_eq!(chunks, ["one", "two", "three"]);
    assert_eq!(block_on(stream.read_chunk(&mut Vec::new())), Ok(false));
    stream.update_exchange(&mut exchange);
    assert_eq!((exchange.phases.body_ns, exchange.bytes_in, stream.bytes_read()), (100, 11, 11));
    assert_eq!(exchange.done_ns - exchange.first_byte_ns, 100);
    drop(stream);
    assert_eq!((network.get(&session, "/"), network.connections()), (Ok(200), 1));
}

#[test]
fn dropped_stream_closes_connection_unless_drained() {
    for drains in [true, false] {
        let network = ScriptedNetwork::new([accept_with([HEAD, "3\r\none\r\n", "0\r\n\r\n", OK]), accept_with([OK])]);
        let session = network.session();
        let (_, stream) = block_on(session.send_streaming(&network, &Request::get("/")));
        let mut stream = stream.unwrap();
        if drains {
            assert_eq!(block_on(stream.drain()), Ok(()));
            assert_eq!(stream.bytes_read(), 3);
        }
        drop(stream);
        assert_eq!(network.connection(0).is_closed(), !drains);
        assert_eq!(network.get(&session, "/"), Ok(200));
        assert_eq!(network.connections(), if drains { 1 } else { 2 });
        assert_eq!(network.pooled_buffers(), if drains { 2 } else { 1 });
    }
}

/// Responses with a broken body: the bytes of the body before the fault, and the error.
const BROKEN: &[(&str, &str, Error)] = &[
    ("Content-Length: 9\r\n\r\nbeg", "beg", Error::IncompleteResponse),
    ("Transfer-Encoding: chunked\r\n\r\n3\r\nbeg\r\n9\r\nin", "begin", Error::IncompleteResponse),
    ("Transfer-Encoding: chunked\r\n\r\n3\r\nbeg\r\nx\r\n", "beg", BAD_CHUNK_SIZE),
    ("Transfer-Encoding: chunked\r\n\r\n3\r\nbeg\r\n2\r\ninx", "begin", BAD_CHUNK),
    ("Transfer-Encoding: chunked\r\n\r\n-3\r\n", "", BAD_CHUNK_SIZE),
    ("Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nbegin", "", Error::InvalidContentCoding),
];

const BAD_CHUNK_SIZE: Error = Error::InvalidResponse(InvalidResponse::ChunkSize);
const BAD_CHUNK: Error = Error::InvalidResponse(InvalidResponse::ChunkSyntax);

#[test]
fn broken_body_belongs_to_its_reader() {
    for (rest, expected_body, expected_error) in BROKEN {
        let bytes = format!("HTTP/1.1 200 OK\r\n{rest}");
        for split in 1..=bytes.len() {
            let packets = [&bytes[..split], &bytes[split..]].into_iter().filter(|packet| !packet.is_empty());
            let script = packets.map(send_step).chain([ScriptStep::Close]).collect();
            let network = ScriptedNetwork::new([ConnectionStart::Accept(0, script)]);
            let session = network.session();
            let (mut exchange, stream) = block_on(session.send_streaming(&network, &Request::get("/")));
            let mut stream = stream.unwrap_or_else(|| panic!("{bytes:?} split at {split}: {:?}", exchange.result));
            assert_eq!(exchange.result.as_ref().unwrap().status(), 200);
            let mut body = Vec::new();
            while block_on(stream.read_chunk(&mut body)) == Ok(true) {}
            assert_eq!(String::from_utf8_lossy(&body), *expected_body, "{bytes:?} split at {split}");
            assert_eq!(block_on(stream.read_chunk(&mut body)), Err(*expected_error), "{bytes:?} split at {split}");
            stream.update_exchange(&mut exchange);
            assert_eq!(exchange.result.unwrap_err(), *expected_error);
            assert!(network.connection(0).is_closed());
        }
    }
}

#[test]
fn send_discards_the_body_in_stream_mode() {
    for packets in [vec![OK], vec!["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "ok"]] {
        let script = packets.into_iter().map(send_step).collect();
        let network = ScriptedNetwork::new([ConnectionStart::Accept(0, script)]);
        let request = Request { response_body_mode: ResponseBodyMode::Stream, ..Request::get("/") };
        let exchange = network.send(&network.session(), &request);
        let response = exchange.result.unwrap();
        assert_eq!((response.body(), response.has_whole_body(), exchange.bytes_in), (&b""[..], false, 2));
    }
}

#[test]
fn truncated_stream_repeats_its_error() {
    let network = ScriptedNetwork::new([ConnectionStart::Accept(
        0,
        vec![send_step(HEAD), send_step("9\r\nbeg"), ScriptStep::Close],
    )]);
    let session = network.session();
    let (mut exchange, stream) = block_on(session.send_streaming(&network, &Request::get("/")));
    let mut stream = stream.unwrap();
    let mut out = Vec::new();
    assert_eq!((block_on(stream.read_chunk(&mut out)), &out[..]), (Ok(true), &b"beg"[..]));
    for _ in 0..2 {
        assert_eq!(block_on(stream.read_chunk(&mut out)), Err(Error::IncompleteResponse));
    }
    stream.update_exchange(&mut exchange);
    assert_eq!(exchange.result.unwrap_err(), Error::IncompleteResponse);
}

#[test]
fn streamed_body_may_exceed_max_body_bytes() {
    let body = "x".repeat(100_000);
    let response = format!("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n{body}");
    let network = ScriptedNetwork::with_responses([&response]);
    let limits = HttpLimits { max_body_bytes: 1_000, ..HttpLimits::default() };
    let session = network.session_with("http://target", ClientConfig { limits, ..ClientConfig::default() });
    let (_, stream) = block_on(session.send_streaming(&network, &Request::get("/")));
    let (mut stream, mut bytes, mut chunk) = (stream.unwrap(), 0, Vec::new());
    while block_on(stream.read_chunk(&mut chunk)).unwrap() {
        assert!(chunk.len() < 70_000, "a chunk holds the received bytes, not the whole body");
        bytes += chunk.len();
        chunk.clear();
    }
    assert_eq!(bytes, 100_000);
}

#[test]
fn redirect_is_followed_before_streaming() {
    let redirect = "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 3\r\n\r\nfoo";
    let network = ScriptedNetwork::with_responses([redirect, OK]);
    let session = network.session();
    let (exchange, stream) = block_on(session.send_streaming(&network, &Request::get("/")));
    assert_eq!(exchange.result.unwrap().history().len(), 1);
    let mut out = Vec::new();
    assert_eq!((block_on(stream.unwrap().read_chunk(&mut out)), &out[..]), (Ok(true), &b"ok"[..]));
}

#[test]
fn failed_request_has_no_stream() {
    let network = ScriptedNetwork::new([ConnectionStart::Fail(Error::ConnectRefused)]);
    let session = network.session();
    let (exchange, stream) = block_on(session.send_streaming(&network, &Request::get("/")));
    assert!(stream.is_none() && exchange.result.is_err());
}

#[test]
fn cancelled_read_chunk_ends_the_stream() {
    let network = ScriptedNetwork::with_responses(["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\none"]);
    network.hold_deadlines();
    let session = network.session();
    let (_, stream) = block_on(session.send_streaming(&network, &Request::get("/")));
    let mut stream = stream.unwrap();
    assert_eq!(block_on(stream.read_chunk(&mut Vec::new())), Ok(true));
    assert!(poll_once(pin!(stream.read_chunk(&mut Vec::new()))).is_pending());
    network.connection(0).push_step(send_step("two456"));
    assert_eq!(block_on(stream.read_chunk(&mut Vec::new())), Err(Error::ReadTimeout));
    assert!(network.connection(0).is_closed());
}

#[test]
fn read_timeout_counts_into_the_body_phase() {
    let network = ScriptedNetwork::with_responses([&format!("{HEAD}3\r\none\r\n")]);
    let session = network.session();
    let (mut exchange, stream) = block_on(session.send_streaming(&network, &Request::get("/")));
    let mut stream = stream.unwrap();
    assert_eq!(block_on(stream.drain()), Err(Error::ReadTimeout));
    stream.update_exchange(&mut exchange);
    assert_eq!(exchange.phases.body_ns, ClientConfig::default().read_timeout_ns);
}

#[test]
fn drained_body_counts_decoded_bytes() {
    let text = "so much the same ".repeat(20_000);
    let network = ScriptedNetwork::new([ConnectionStart::Accept(0, vec![ScriptStep::Send(gzip_response(&text))])]);
    let session = network.session();
    let (_, stream) = block_on(session.send_streaming(&network, &Request::get("/")));
    let mut stream = stream.unwrap();
    let mut chunk = Vec::new();
    assert_eq!(block_on(stream.read_chunk(&mut chunk)), Ok(true));
    assert!(chunk.len() < text.len());
    assert_eq!((block_on(stream.drain()), stream.bytes_read()), (Ok(()), text.len() as u64));
}
