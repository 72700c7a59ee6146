//! Tests of the retry of a request that a reused connection lost (RFC 9110 §9.2.2).

use std::cell::RefCell;
use std::io::Cursor;
use std::slice::from_ref;

use gregaria_http::{
    Body, ClientConfig, Error, Exchange, FileBody, Method, Proxies, ReaderBody, Request, RequestOptions,
};

use crate::scripted::{ConnectionStart, OK, ScriptStep, ScriptedNetwork, accept_with, block_on, send_step};

/// Sends a request on a connection that has served one before and then takes `lost`, which ends it. The target accepts
/// one more connection.
fn send_on_lost_connection(lost: &[ScriptStep], request: &Request<'_>) -> (Exchange, ScriptedNetwork) {
    let network = ScriptedNetwork::new([accept_with([OK]), accept_with([OK])]);
    let session = network.session();
    assert_eq!(network.get(&session, "/first"), Ok(200));
    lost.iter().for_each(|step| network.connection(0).push_step(step.clone()));
    (network.send(&session, request), network)
}

fn status(exchange: &Exchange) -> Result<u16, Error> {
    exchange.result.as_ref().map(|response| response.status()).map_err(|error| *error)
}

#[test]
fn idempotent_request_is_sent_again_once() {
    for step in [ScriptStep::CloseAfter(0), ScriptStep::ResetLate] {
        for method in [Method::Get, Method::Head, Method::Put, Method::Delete, Method::Options, Method::Trace] {
            let (exchange, network) = send_on_lost_connection(from_ref(&step), &Request::new(method, "/second"));
            assert_eq!((status(&exchange), exchange.retries), (Ok(200), 1), "{method}");
            assert_eq!(network.connections(), 2);
            assert!(network.connection(0).is_closed());
            let again = network.sent(1);
            assert!(network.sent(0).ends_with(&again) && again.starts_with(method.as_str()), "{again}");
            assert_eq!(exchange.bytes_out, 2 * again.len() as u64);
        }
    }
}

#[test]
fn other_request_is_sent_only_once() {
    for (step, error) in
        [(ScriptStep::CloseAfter(0), Error::ClosedBeforeResponse), (ScriptStep::ResetLate, Error::ConnectionReset)]
    {
        for method in [Method::Post, Method::Patch, Method::Connect, "PURGE".parse().unwrap()] {
            let (exchange, network) = send_on_lost_connection(from_ref(&step), &Request::new(method, "/second"));
            assert_eq!((status(&exchange), exchange.retries), (Err(error), 0), "{method}");
            assert_eq!(network.connections(), 1);
        }
    }
}

#[test]
fn request_is_not_repeated_after_the_first_byte() {
    for (bytes, step, error) in [
        ("H", ScriptStep::CloseAfter(0), Error::IncompleteResponse),
        ("H", ScriptStep::ResetLate, Error::ConnectionReset),
        ("HTTP/1.1 103 Early Hints\r\n\r\n", ScriptStep::CloseAfter(0), Error::ClosedBeforeResponse),
        ("HTTP/1.1 103 Early Hints\r\n\r\n", ScriptStep::ResetLate, Error::ConnectionReset),
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", ScriptStep::CloseAfter(0), Error::IncompleteResponse),
    ] {
        let (exchange, network) = send_on_lost_connection(&[send_step(bytes), step], &Request::get("/"));
        assert_eq!((status(&exchange), exchange.retries), (Err(error), 0), "{bytes:?}");
        assert_eq!(network.connections(), 1);
    }
}

#[test]
fn request_is_not_repeated_after_a_timeout() {
    let (exchange, network) = send_on_lost_connection(&[], &Request::get("/"));
    assert_eq!((status(&exchange), exchange.retries), (Err(Error::ReadTimeout), 0));
    assert_eq!(network.connections(), 1);
}

#[test]
fn request_on_a_new_connection_is_not_repeated() {
    let lost = || ConnectionStart::Accept(0, vec![ScriptStep::CloseAfter(0)]);
    let network = ScriptedNetwork::new([lost()]);
    assert_eq!(network.get(&network.session(), "/"), Err(Error::ClosedBeforeResponse));

    // Neither is the retry itself, which never uses another idle connection.
    let network = ScriptedNetwork::new([accept_with([OK]), lost()]);
    let session = network.session();
    assert_eq!(network.get(&session, "/"), Ok(200));
    network.connection(0).push_step(ScriptStep::CloseAfter(0));
    let exchange = network.send(&session, &Request::get("/"));
    assert_eq!((status(&exchange), exchange.retries), (Err(Error::ClosedBeforeResponse), 1));
    assert_eq!(network.connections(), 2);
}

#[test]
fn failed_send_on_a_reused_connection_is_repeated() {
    let network = ScriptedNetwork::new([accept_with([OK]), accept_with([OK])]);
    let session = network.session();
    assert_eq!(network.get(&session, "/"), Ok(200));
    network.connection(0).fail_sends();
    let exchange = network.send(&session, &Request::get("/"));
    assert_eq!((status(&exchange), exchange.retries), (Ok(200), 1));
}

#[test]
fn body_is_repeated_unless_it_can_be_read_only_once() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "content").unwrap();
    let file = RefCell::new(FileBody::new(file.path()).unwrap());
    let reader = RefCell::new(ReaderBody::new(Cursor::new("content")));
    let large = "content".repeat(20_000);
    for (body, is_repeated) in [
        (Body::Bytes(b"content"), true),
        (Body::Bytes(large.as_bytes()), true),
        (Body::Source(&file), true),
        (Body::Source(&reader), false),
    ] {
        let request = Request { body, ..Request::new(Method::Put, "/") };
        let (exchange, network) = send_on_lost_connection(&[ScriptStep::CloseAfter(0)], &request);
        let expected = if is_repeated { (Ok(200), 1) } else { (Err(Error::ClosedBeforeResponse), 0) };
        assert_eq!((status(&exchange), exchange.retries), expected, "{body:?}");
        if is_repeated {
            assert!(network.sent(0).ends_with(&network.sent(1)) && network.sent(1).ends_with("content"));
        }
    }
}

#[test]
fn streamed_response_is_repeated() {
    let network = ScriptedNetwork::new([accept_with([OK]), accept_with([OK])]);
    let session = network.session();
    assert_eq!(network.get(&session, "/"), Ok(200));
    network.connection(0).push_step(ScriptStep::ResetLate);
    let (exchange, stream) = block_on(session.send_streaming(&network, &Request::get("/")));
    assert_eq!((status(&exchange), exchange.retries, stream.is_some()), (Ok(200), 1, true));
}

#[test]
fn each_hop_of_a_chain_is_repeated_once() {
    let redirect = "HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n\r\n";
    let lost_after = |response| ConnectionStart::Accept(0, vec![send_step(response), ScriptStep::CloseAfter(0)]);
    let network = ScriptedNetwork::new([lost_after(redirect), lost_after(redirect), accept_with([OK])]);
    let exchange = network.send(&network.session(), &Request::get("/"));
    assert_eq!((status(&exchange), exchange.retries, network.connections()), (Ok(200), 2, 3));
}

#[test]
fn kept_connection_of_a_proxy_is_replaced() {
    let network = ScriptedNetwork::new([accept_with([OK]), accept_with([OK])]);
    let session = network.session();
    let mut proxies = Proxies::none();
    proxies.set("http", "http://proxy:3128").unwrap();
    let options = RequestOptions { proxies: Some(proxies), ..RequestOptions::default() };
    let request = Request { options: Some(&options), ..Request::get("/") };
    assert_eq!(status(&network.send(&session, &request)), Ok(200));
    network.connection(0).push_step(ScriptStep::CloseAfter(0));
    let exchange = network.send(&session, &request);
    assert_eq!((status(&exchange), exchange.retries), (Ok(200), 1));
    assert_eq!(network.origins(), ["http://proxy:3128", "http://proxy:3128"]);
}

#[test]
fn retry_is_timed_from_the_first_due_time() {
    let (wait_ns, connect_ns) = (70 * SECOND_NS, 5 * SECOND_NS);
    let network = ScriptedNetwork::new([accept_with([OK]), ConnectionStart::Accept(connect_ns, vec![send_step(OK)])]);
    let config = ClientConfig { read_timeout_ns: 2 * wait_ns, ..ClientConfig::default() };
    let session = network.session_with("http://target", config);
    assert_eq!(network.get(&session, "/"), Ok(200));
    network.connection(0).push_step(ScriptStep::CloseAfter(wait_ns));
    let exchange = network.send(&session, &Request::get("/"));
    assert_eq!((status(&exchange), exchange.retries), (Ok(200), 1), "the connect timeout starts with the connect");
    assert_eq!(exchange.done_ns - exchange.due_ns, wait_ns + connect_ns);
    assert_eq!((exchange.phases.first_byte_ns, exchange.phases.connect_ns), (wait_ns, connect_ns));
    assert_eq!(exchange.lag_ns(), 0, "the wait for the lost response is not the generator's");
}

#[test]
fn retry_is_within_the_total_timeout() {
    let network = ScriptedNetwork::new([accept_with([OK]), ConnectionStart::Silence]);
    let config = ClientConfig { total_timeout_ns: Some(10 * SECOND_NS), ..ClientConfig::default() };
    let session = network.session_with("http://target", config);
    assert_eq!(network.get(&session, "/"), Ok(200));
    network.connection(0).push_step(ScriptStep::CloseAfter(4 * SECOND_NS));
    let exchange = network.send(&session, &Request::get("/"));
    assert_eq!((status(&exchange), exchange.retries), (Err(Error::TotalTimeout), 0), "no connection for the retry");
    assert_eq!(exchange.done_ns - exchange.due_ns, 10 * SECOND_NS);
}

const SECOND_NS: u64 = 1_000_000_000;
