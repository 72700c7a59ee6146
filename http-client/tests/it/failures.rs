//! Tests of failed requests: the error for each failure of the target, the network, the machine or the scenario.

use gregaria_http::{
    ClientConfig, Error, ErrorCategory, InvalidRequest, InvalidResponse, Proxies, ProxyFailure, Request, RequestOptions,
};

use crate::scripted::{ConnectionStart, OK, ScriptStep, ScriptedNetwork, accept_with, send_step};

#[test]
fn failed_connect_is_retried_by_the_next_request() {
    for error in [Error::ConnectRefused, Error::NameNotFound, Error::NoLocalPorts] {
        let network = ScriptedNetwork::new([ConnectionStart::Fail(error), accept_with([OK])]);
        let session = network.session();
        let exchange = network.send(&session, &Request::get("/"));
        assert_eq!((exchange.result.unwrap_err(), exchange.bytes_out), (error, 0));
        assert_eq!(network.get(&session, "/"), Ok(200), "the next request connects again");
    }
}

#[test]
fn connect_timeout_ends_the_request() {
    let network = ScriptedNetwork::new([ConnectionStart::Silence]);
    let config = ClientConfig { connect_timeout_ns: 5_000, ..ClientConfig::default() };
    let session = network.session_with("http://target", config);
    let exchange = network.send(&session, &Request::get("/"));
    assert_eq!(exchange.result.unwrap_err(), Error::ConnectTimeout);
    assert_eq!((exchange.phases.connect_ns, exchange.done_ns - exchange.due_ns), (5_000, 5_000));
}

#[test]
fn read_timeout_ends_the_request() {
    for received in [&[][..], &["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"]] {
        let script = received.iter().map(|text| send_step(text)).collect();
        let network = ScriptedNetwork::new([ConnectionStart::Accept(1_000, script)]);
        let config = ClientConfig { read_timeout_ns: 7_000, ..ClientConfig::default() };
        let session = network.session_with("http://target", config);
        let exchange = network.send(&session, &Request::get("/"));
        assert_eq!(exchange.result.unwrap_err(), Error::ReadTimeout);
        assert_eq!(exchange.done_ns - exchange.due_ns, 1_000 + 7_000);
        assert!(network.connection(0).is_closed());
    }
}

#[test]
fn read_timeout_of_a_request_takes_precedence() {
    let network = ScriptedNetwork::new([accept_with([])]);
    let options = RequestOptions { read_timeout_ns: Some(9), ..RequestOptions::default() };
    let request = Request { options: Some(&options), ..Request::get("/") };
    let exchange = network.send(&network.session(), &request);
    assert_eq!(exchange.done_ns - exchange.due_ns, 9);
}

#[test]
fn slow_response_exceeds_only_the_total_timeout() {
    let script: Vec<_> = OK.bytes().map(|byte| ScriptStep::SendAfter(1_000, vec![byte])).collect();
    let starts = [ConnectionStart::Accept(0, script.clone()), ConnectionStart::Accept(0, script)];
    let network = ScriptedNetwork::new(starts);
    let read_only = ClientConfig { read_timeout_ns: 5_000, ..ClientConfig::default() };
    let with_total = ClientConfig { total_timeout_ns: Some(7_500), ..read_only.clone() };
    assert_eq!(network.get(&network.session_with("http://target", read_only), "/"), Ok(200));
    let exchange = network.send(&network.session_with("http://target", with_total), &Request::get("/"));
    assert_eq!(exchange.result.unwrap_err(), Error::TotalTimeout);
    assert_eq!(exchange.done_ns - exchange.due_ns, 7_500);
}

#[test]
fn broken_connection_is_named_by_its_stage() {
    let half = || send_step("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe");
    let chunk = || send_step("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe");
    let cases = [
        (vec![ScriptStep::Close], Error::ClosedBeforeResponse),
        (vec![ScriptStep::Reset], Error::ConnectionReset),
        (vec![half(), ScriptStep::Close], Error::IncompleteResponse),
        (vec![half(), ScriptStep::Reset], Error::ConnectionReset),
        (vec![chunk(), ScriptStep::Close], Error::IncompleteResponse),
        (vec![send_step("HTTP/1.1 200 OK\r\n\r\nhe"), ScriptStep::Reset], Error::ConnectionReset),
        (vec![send_step("HTTP/1"), ScriptStep::Close], Error::IncompleteResponse),
        (vec![send_step("\u{7f}ELF")], InvalidResponse::Version.into()),
    ];
    for (script, error) in cases {
        let network = ScriptedNetwork::new([ConnectionStart::Accept(0, script)]);
        let exchange = network.send(&network.session(), &Request::get("/"));
        assert_eq!(exchange.bytes_in, 0);
        assert_eq!(exchange.result.unwrap_err(), error);
        assert!(network.connection(0).is_closed());
    }
}

#[test]
fn proxy_that_cannot_be_reached_is_named() {
    let via_proxy = |base, start| {
        let mut proxies = Proxies::none();
        proxies.set("all", "http://proxy:3128").unwrap();
        let network = ScriptedNetwork::new([start]);
        let session = network.session_with(base, ClientConfig { proxies, ..ClientConfig::default() });
        network.get(&session, "/").unwrap_err()
    };
    for base in ["http://target", "https://target"] {
        for (error, expected) in [
            (Error::ConnectRefused, Error::Proxy(ProxyFailure::ConnectRefused)),
            (Error::ConnectFailed, Error::Proxy(ProxyFailure::ConnectFailed)),
            (Error::NameNotFound, Error::Proxy(ProxyFailure::NameNotFound)),
            (Error::Unreachable, Error::Proxy(ProxyFailure::Unreachable)),
            (Error::NoLocalPorts, Error::NoLocalPorts),
        ] {
            assert_eq!(via_proxy(base, ConnectionStart::Fail(error)), expected, "{base}");
        }
        assert_eq!(via_proxy(base, ConnectionStart::Silence), Error::Proxy(ProxyFailure::ConnectTimeout), "{base}");
    }
    for (step, expected) in [
        (ScriptStep::Close, ProxyFailure::ConnectionClosed),
        (ScriptStep::Reset, ProxyFailure::ConnectionReset),
        (ScriptStep::Send(b"SSH-2.0\r\n".to_vec()), ProxyFailure::InvalidResponse),
        (ScriptStep::Send(b"HTTP/1.1 403 No\r\n\r\n".to_vec()), ProxyFailure::TunnelRefused),
    ] {
        assert_eq!(via_proxy("https://target", ConnectionStart::Accept(0, vec![step])), Error::Proxy(expected));
    }
}

#[test]
fn failed_send_is_a_connection_reset() {
    let network = ScriptedNetwork::with_responses([OK]);
    let session = network.session();
    assert_eq!(network.get(&session, "/"), Ok(200));
    network.connection(0).fail_sends();
    let exchange = network.send(&session, &Request::post("/", b"once"));
    assert_eq!(exchange.result.unwrap_err(), Error::ConnectionReset);
}

#[test]
fn endless_head_is_too_large() {
    let line = format!("X: {}\r\n", "y".repeat(1_000));
    let mut script = vec![send_step("HTTP/1.1 200 OK\r\n")];
    script.extend((0..100).map(|_| send_step(&line)));
    let network = ScriptedNetwork::new([ConnectionStart::Accept(0, script)]);
    assert_eq!(network.get(&network.session(), "/"), Err(Error::HeadTooLarge));
}

#[test]
fn invalid_target_is_a_scenario_error() {
    let network = ScriptedNetwork::default();
    let session = network.session();
    let cases = [
        ("ftp://files/", InvalidRequest::Target.into()),
        ("http://", InvalidRequest::Url.into()),
        ("/a\r\nX-Smuggled: 1", InvalidRequest::Target.into()),
        ("http://target:8080/a\n", InvalidRequest::Target.into()),
    ];
    for (target, error) in cases {
        assert_eq!(network.get(&session, target), Err(error), "{target:?}");
        assert_eq!(error.category(), ErrorCategory::Scenario);
    }
    assert_eq!(network.connections(), 0);
}

#[test]
fn failed_requests_release_their_buffers() {
    let scripts = [ConnectionStart::Fail(Error::ConnectRefused), accept_with(["garbage"]), accept_with([OK])];
    let network = ScriptedNetwork::new(scripts);
    let session = network.session();
    for _ in 0..3 {
        let _ = network.get(&session, "/");
        assert_eq!(network.pooled_buffers(), 1);
    }
    let _ = network.get(&session, "/\0");
    assert_eq!(network.pooled_buffers(), 1);
}
