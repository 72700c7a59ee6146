//! Limits on the memory of sessions and requests. The benches measure time.

use allocation_counter::measure;
use gregaria_http::{ClientConfig, Request, Session};

use crate::scripted::{OK, ScriptStep, ScriptedNetwork, block_on};

/// Counts the allocations of the third request on a session.
fn allocations(base: &str, first: &str, request: &Request<'_>) -> u64 {
    let network = ScriptedNetwork::with_responses([first]);
    let session = network.session_with(base, ClientConfig::default());
    for _ in 0..2 {
        assert_eq!(network.get(&session, request.target), Ok(200));
        network.connection(0).push_step(ScriptStep::Send(OK.into()));
    }
    network.connection(0).stop_recording();
    let measured = measure(|| {
        let exchange = network.send(&session, request);
        assert_eq!(exchange.result.as_ref().map(|response| response.status()), Ok(200));
        allocation_counter::opt_out(|| drop(exchange));
    });
    assert_eq!(network.connections(), 1);
    measured.count_total
}

#[test]
fn repeated_request_makes_no_allocations() {
    assert_eq!(allocations("http://target:8080/api", OK, &Request::get("/a b?c=1")), 0);
}

#[test]
fn headers_body_and_cookies_make_no_allocations() {
    let response = "HTTP/1.1 200 OK\r\nSet-Cookie: a=1; Path=/; Max-Age=9\r\nContent-Length: 2\r\n\r\nok";
    let request = Request {
        headers: &[("Content-Type", "text/plain"), ("Accept", "text/plain")],
        ..Request::post("/", b"some body")
    };
    assert_eq!(allocations("http://target", response, &request), 0);
}

#[test]
fn absolute_url_makes_no_allocations() {
    for target in ["http://target/x", "http://other:81/x"] {
        assert_eq!(allocations("http://target", OK, &Request::get(target)), 0, "{target}");
    }
}

#[test]
fn session_has_at_most_168_bytes() {
    assert!(size_of::<Session<ScriptedNetwork>>() <= 168, "{}", size_of::<Session<ScriptedNetwork>>());
}

#[test]
fn request_future_has_at_most_1408_bytes() {
    let network = ScriptedNetwork::with_responses([OK]);
    let session = network.session();
    let request = Request::get("/");
    let future = session.send(&network, &request);
    assert!(size_of_val(&future) <= 1_408, "{}", size_of_val(&future));
    assert!(block_on(future).result.is_ok());
}
