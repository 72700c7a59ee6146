//! Tests of the connection pool: which connections are reused, replaced and closed.

use gregaria_http::{ClientConfig, Method, Request};

use crate::scripted::{ConnectionStart, OK, ScriptStep, ScriptedNetwork, accept_with, poll_once, send_step};
use std::pin::pin;

#[test]
fn connection_is_reused_for_the_next_request() {
    let network = ScriptedNetwork::with_responses([OK, OK]);
    let session = network.session();
    assert_eq!(network.get(&session, "/a"), Ok(200));
    assert_eq!(network.get(&session, "/b"), Ok(200));
    assert_eq!(network.connections(), 1);
    assert!(network.sent(0).contains("GET /b HTTP/1.1\r\n"));
}

#[test]
fn connection_that_must_close_is_replaced() {
    let responses = [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and excess bytes",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ];
    for response in responses {
        let network = ScriptedNetwork::new([accept_with([response]), accept_with([OK])]);
        let session = network.session();
        assert!(network.get(&session, "/").is_ok(), "{response:?}");
        assert!(network.connection(0).is_closed(), "{response:?}");
        assert_eq!(network.get(&session, "/"), Ok(200));
        assert_eq!(network.connections(), 2);
    }
}

#[test]
fn body_without_length_ends_with_the_connection() {
    let script = vec![send_step("HTTP/1.1 200 OK\r\n\r\nall "), send_step("of it"), ScriptStep::Close];
    let network = ScriptedNetwork::new([ConnectionStart::Accept(0, script)]);
    let exchange = network.send(&network.session(), &Request::get("/"));
    assert_eq!(exchange.result.unwrap().body(), b"all of it");
    assert!(network.connection(0).is_closed());
}

#[test]
fn http_1_0_keep_alive_connection_is_reused() {
    let response = "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 0\r\n\r\n";
    let network = ScriptedNetwork::with_responses([response, response]);
    let session = network.session();
    assert_eq!(network.get(&session, "/"), Ok(200));
    assert_eq!(network.get(&session, "/"), Ok(200));
}

#[test]
fn request_with_connection_close_closes() {
    let network = ScriptedNetwork::with_responses([OK]);
    let session = network.session();
    let request = Request { headers: &[("Connection", "close")], ..Request::get("/") };
    assert!(network.send(&session, &request).result.is_ok());
    assert!(network.connection(0).is_closed());
}

#[test]
fn closed_idle_connection_is_replaced_before_sending() {
    let network = ScriptedNetwork::new([accept_with([OK]), accept_with([OK])]);
    let session = network.session();
    assert_eq!(network.get(&session, "/"), Ok(200));
    network.connection(0).push_step(ScriptStep::Close);
    let request = Request::post("/pay", b"once");
    assert_eq!(network.send(&session, &request).result.unwrap().status(), 200);
    assert!(!network.sent(0).contains("/pay") && network.sent(1).contains("/pay"));
}

#[test]
fn unsolicited_response_replaces_the_connection() {
    let unsolicited = "HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n";
    let network = ScriptedNetwork::new([accept_with([OK]), accept_with([OK])]);
    let session = network.session();
    assert_eq!(network.get(&session, "/"), Ok(200));
    network.connection(0).push_step(ScriptStep::Unsolicited(unsolicited.into()));
    assert_eq!((network.get(&session, "/"), network.connections()), (Ok(200), 2));
    assert!(network.connection(0).is_closed());
}

#[test]
fn open_connection_is_reused_after_an_idle_hour() {
    let network = ScriptedNetwork::with_responses([OK, OK]);
    let session = network.session();
    assert_eq!(network.get(&session, "/"), Ok(200));
    network.advance_ns(3_600 * SECOND_NS);
    assert_eq!(network.get(&session, "/"), Ok(200));
}

#[test]
fn dropped_request_closes_its_connection() {
    let network = ScriptedNetwork::new([accept_with([OK, "HTTP/1.1 200 OK\r\nContent-Le"]), accept_with([OK])]);
    let session = network.session();
    assert_eq!(network.get(&session, "/"), Ok(200));
    network.hold_deadlines();
    {
        let request = Request::get("/cut");
        let mut future = pin!(session.send(&network, &request));
        assert!(poll_once(future.as_mut()).is_pending());
    }
    assert!(network.connection(0).is_closed());
    assert_eq!(network.get(&session, "/"), Ok(200));
    assert_eq!(network.connections(), 2);
}

#[test]
fn concurrent_requests_share_cookies_not_connections() {
    let log_in = "HTTP/1.1 200 OK\r\nSet-Cookie: id=7\r\nContent-Length: 0\r\n\r\n";
    let network = ScriptedNetwork::new([accept_with(["HTTP/1.1 200 OK\r\nContent-Le"]), accept_with([log_in])]);
    let session = network.session();
    network.hold_deadlines();
    let slow = Request::get("/slow");
    let mut slow = pin!(session.send(&network, &slow));
    assert!(poll_once(slow.as_mut()).is_pending());
    assert_eq!(network.get(&session, "/login"), Ok(200));
    network.connection(0).push_step(send_step("ngth: 2\r\n\r\nok"));
    assert!(poll_once(slow).is_ready());
    network.connection(0).push_step(send_step(OK));
    assert_eq!(network.get(&session, "/me"), Ok(200));
    assert!(network.sent(0).contains("GET /me ") && network.sent(0).contains("Cookie: id=7"));
    let (one, other) = (Request::get("/one"), Request::get("/other"));
    let (mut one, mut other) = (pin!(session.send(&network, &one)), pin!(session.send(&network, &other)));
    assert!(poll_once(one.as_mut()).is_pending() && poll_once(other.as_mut()).is_pending());
    (0..2).for_each(|index| network.connection(index).push_step(send_step(OK)));
    assert!(poll_once(one).is_ready() && poll_once(other).is_ready());
    assert_eq!(network.connections(), 2, "both connections are reused");
}

#[test]
fn failed_request_closes_its_connection() {
    let network = ScriptedNetwork::new([accept_with(["garbage", OK]), accept_with([OK])]);
    let session = network.session();
    assert!(network.get(&session, "/").is_err());
    assert!(network.connection(0).is_closed());
    assert_eq!(network.get(&session, "/"), Ok(200));
}

#[test]
fn invalid_request_keeps_the_connection() {
    let network = ScriptedNetwork::with_responses([OK, OK]);
    let session = network.session();
    assert_eq!(network.get(&session, "/"), Ok(200));
    assert!(network.get(&session, "/\r\n").is_err());
    assert_eq!(network.get(&session, "/"), Ok(200));
}

#[test]
fn each_origin_has_its_own_connection() {
    let network = ScriptedNetwork::new([accept_with([OK, OK, OK]), accept_with([OK, OK])]);
    let session = network.session_to("http://target/base");
    assert_eq!(network.get(&session, "/a"), Ok(200));
    assert_eq!(network.get(&session, "http://other:81/b"), Ok(200));
    assert_eq!(network.get(&session, "http://target/c"), Ok(200));
    assert_eq!(network.get(&session, "HTTP://Other:81/d"), Ok(200));
    assert_eq!(network.get(&session, "http://TARGET:80/e"), Ok(200));
    assert_eq!(network.origins(), ["http://target", "http://other:81"]);
    assert!(network.sent(0).contains("GET /base/a ") && network.sent(0).contains("GET /c "));
    assert!(network.sent(0).contains("GET /e "));
    assert!(network.sent(1).contains("GET /d HTTP/1.1\r\nHost: other:81\r\n"));
}

#[test]
fn pool_keeps_eight_other_origins() {
    let network = ScriptedNetwork::new((0..20).map(|_| accept_with([OK])));
    let session = network.session();
    for host in 0..20 {
        assert_eq!(network.get(&session, &format!("http://h{host}/")), Ok(200));
    }
    let open = (0..20).filter(|&index| !network.connection(index).is_closed()).count();
    assert_eq!(open, 8);
}

#[test]
fn disconnect_closes_idle_connections() {
    let network = ScriptedNetwork::new([accept_with([OK]), accept_with([OK])]);
    let session = network.session();
    assert_eq!(network.get(&session, "/"), Ok(200));
    session.disconnect();
    assert!(network.connection(0).is_closed());
    assert_eq!(network.get(&session, "/"), Ok(200));
}

const SECOND_NS: u64 = 1_000_000_000;

#[test]
fn default_header_connection_close_closes() {
    for headers in [&[][..], &[("X", "1")]] {
        let network = ScriptedNetwork::new([accept_with([OK, OK]), accept_with([OK])]);
        let mut config = ClientConfig::default();
        config.default_headers.set("Connection", "close").unwrap();
        let session = network.session_with("http://target", config);
        for _ in 0..2 {
            assert!(network.send(&session, &Request { headers, ..Request::get("/") }).result.is_ok());
        }
        assert_eq!(network.connections(), 2);
    }
}

#[test]
fn connection_after_connect_is_not_reused() {
    let network = ScriptedNetwork::new([accept_with(["HTTP/1.1 200 OK\r\n\r\n", OK]), accept_with([OK])]);
    let session = network.session();
    assert_eq!(network.send(&session, &Request::new(Method::Connect, "/")).result.unwrap().status(), 200);
    assert_eq!((network.get(&session, "/"), network.connections()), (Ok(200), 2));
}
