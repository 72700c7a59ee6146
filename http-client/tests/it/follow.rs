//! Tests of requests that need more than one hop: redirects and authentication.

use gregaria_http::{
    Auth, Body, ClientConfig, Error, HttpLimits, Method, Proxies, Request, RequestOptions, ResponseBodyMode,
};

use crate::requests::gzip_response;
use crate::scripted::{ConnectionStart, OK, ScriptStep, ScriptedNetwork, accept_with, send_step};

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 4\r\n\r\nmove")
}

#[test]
fn redirect_chain_is_one_exchange_on_one_connection() {
    let network = ScriptedNetwork::with_responses([&redirect(302, "/there?x=1#top"), &redirect(301, "end"), OK]);
    let session = network.session_to("http://target/base");
    let exchange = network.send(&session, &Request::get("/here"));
    assert_eq!(exchange.bytes_in, 2);
    assert_eq!(exchange.bytes_out, network.sent(0).len() as u64);
    let response = exchange.result.unwrap();
    assert_eq!((response.status(), response.body()), (200, &b"ok"[..]));
    assert_eq!(response.redirected_to().unwrap(), "http://target/end#top");
    let history = response.history().iter().map(|response| (response.status(), response.redirected_to().unwrap()));
    assert_eq!(history.collect::<Vec<_>>(), [(302, "http://target/base/here"), (301, "http://target/there?x=1#top")]);
    assert_eq!(response.history()[0].body(), b"move");
    let lines: Vec<_> = network.sent(0).lines().filter(|line| line.starts_with("GET")).map(str::to_owned).collect();
    assert_eq!(lines, ["GET /base/here HTTP/1.1", "GET /there?x=1 HTTP/1.1", "GET /end HTTP/1.1"]);
    assert_eq!(network.connections(), 1);
}

#[test]
fn post_becomes_get_except_after_307_and_308() {
    for (status, line) in [(302, "GET /b "), (303, "GET /b "), (301, "GET /b "), (307, "POST /b "), (308, "POST /b ")] {
        let network = ScriptedNetwork::with_responses([&redirect(status, "/b"), OK]);
        let request = Request { headers: &[("Content-Type", "text/x")], ..Request::post("/a", b"body") };
        assert!(network.send(&network.session(), &request).result.is_ok());
        let sent = network.sent(0);
        let second = &sent[sent.find(line).unwrap_or_else(|| panic!("{status}: {sent}"))..];
        assert_eq!(
            second.contains("Content-Type: text/x") && second.ends_with("\r\n\r\nbody"),
            line.starts_with("POST")
        );
    }
}

#[test]
fn cross_origin_redirect_drops_credentials() {
    let network = ScriptedNetwork::new([accept_with([&redirect(302, "http://other/x")]), accept_with([OK])]);
    let options = RequestOptions {
        auth: Some(Auth::basic("me", "secret")),
        cookies: vec![("mine".into(), "1".into())],
        ..RequestOptions::default()
    };
    let request = Request { headers: &[("X-Other", "stays")], options: Some(&options), ..Request::get("/") };
    assert!(network.send(&network.session(), &request).result.is_ok());
    let (first, second) = (network.sent(0), network.sent(1));
    assert!(first.contains("Authorization: Basic bWU6c2VjcmV0\r\n") && first.contains("Cookie: mine=1\r\n"), "{first}");
    assert!(second.starts_with("GET /x HTTP/1.1\r\nHost: other\r\n") && second.contains("X-Other: stays"), "{second}");
    assert!(!second.contains("Authorization") && !second.contains("Cookie"), "{second}");

    let network = ScriptedNetwork::new([accept_with([&redirect(302, "http://other/x")]), accept_with([OK])]);
    let request = Request { headers: &[("authorization", "Bearer x"), ("Host", "front")], ..Request::get("/") };
    assert!(network.send(&network.session(), &request).result.is_ok());
    assert!(!network.sent(1).contains("earer") && network.sent(1).contains("Host: other"), "{}", network.sent(1));
}

#[test]
fn following_redirects_can_be_disabled() {
    let network = ScriptedNetwork::with_responses([&redirect(302, "/x"), "HTTP/1.1 302 Moved\r\nLocation: /x\r\n\r\n"]);
    let options = RequestOptions { follow_redirects: Some(false), ..RequestOptions::default() };
    let session = network.session();
    let exchange = network.send(&session, &Request { options: Some(&options), ..Request::get("/") });
    let response = exchange.result.unwrap();
    assert_eq!((response.status(), response.is_redirect(), response.redirected_to()), (302, true, None));
    let head = network.send(&session, &Request::new(Method::Head, "/"));
    assert_eq!(head.result.unwrap().status(), 302, "a HEAD follows redirects only on request");

    let network = ScriptedNetwork::with_responses([&redirect(302, "/x")]);
    let config = ClientConfig { follow_redirects: false, ..ClientConfig::default() };
    assert_eq!(network.get(&network.session_with("http://target", config), "/"), Ok(302));
}

#[test]
fn redirects_beyond_the_limit_fail() {
    let limited = |redirects| ClientConfig {
        limits: HttpLimits { max_redirects: redirects, ..HttpLimits::default() },
        ..ClientConfig::default()
    };
    let responses = [&*redirect(302, "/b"), &*redirect(302, "/c"), OK];
    for (redirects, result) in [(1, Err(Error::TooManyRedirects)), (2, Ok(200))] {
        let network = ScriptedNetwork::with_responses(responses);
        assert_eq!(network.get(&network.session_with("http://target", limited(redirects)), "/"), result);
    }
    let loops: Vec<_> = (0..31).map(|_| redirect(302, "/")).collect();
    let loops: [&str; 31] = std::array::from_fn(|index| loops[index].as_str());
    let network = ScriptedNetwork::new([accept_with(loops)]);
    assert_eq!(network.get(&network.session(), "/"), Err(Error::TooManyRedirects), "the default is 30");
    assert_eq!(network.sent(0).matches("GET / ").count(), 31);
}

/// Ways to end a redirect's body, which the next request does not need.
fn broken_bodies() -> [(&'static str, &'static str, Option<ScriptStep>); 7] {
    [
        ("Content-Encoding: gzip\r\nContent-Length: 5\r\n", "moved", None),
        ("Content-Encoding: gzip, br, gzip, br, gzip, br\r\nContent-Length: 5\r\n", "moved", None),
        ("Content-Length: 9\r\n", "moved", Some(ScriptStep::Close)),
        ("Content-Length: 9\r\n", "moved", Some(ScriptStep::Reset)),
        ("Content-Length: 99\r\n", "moved", None),
        ("Transfer-Encoding: chunked\r\n", "5\r\nmoved\r\nx\r\n", None),
        ("Transfer-Encoding: chunked\r\n", "5\r\nmoved\r\n5a\r\nmoved", Some(ScriptStep::Close)),
    ]
}

#[test]
fn broken_body_of_an_earlier_response_ends_no_chain() {
    let first_lines = [
        "302 Found\r\nLocation: /there",
        "401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n1\"",
        "417 Expectation Failed",
    ];
    for first_line in first_lines {
        for (headers, body, end) in broken_bodies() {
            let head = format!("HTTP/1.1 {first_line}\r\n{headers}\r\n");
            for packets in [vec![format!("{head}{body}")], vec![head.clone(), body.to_owned()]] {
                let steps = packets.iter().map(|packet| send_step(packet)).chain(end.clone()).chain([send_step(OK)]);
                let network = ScriptedNetwork::new([ConnectionStart::Accept(0, steps.collect()), accept_with([OK])]);
                let config = ClientConfig {
                    auth: Some(Auth::digest("me", "secret")),
                    limits: HttpLimits { max_body_bytes: 50, ..HttpLimits::default() },
                    ..ClientConfig::default()
                };
                let request = Request { headers: &[("Expect", "100-continue")], ..Request::post("/here", b"body") };
                let exchange = network.send(&network.session_with("http://target", config), &request);
                let response = exchange.result.unwrap_or_else(|error| panic!("{first_line}, {headers}: {error}"));
                assert_eq!((response.status(), response.body(), response.history().len()), (200, &b"ok"[..], 1));
                // A body that only has a wrong coding was received completely.
                assert_eq!(response.history()[0].has_whole_body(), headers.contains("gzip"), "{headers}");
            }
        }
    }
}

#[test]
fn silent_body_of_a_redirect_is_a_timeout() {
    for packets in [&["HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 9\r\n\r\nmove"][..], &[]] {
        let steps = packets.iter().map(|packet| send_step(packet)).collect();
        let network = ScriptedNetwork::new([ConnectionStart::Accept(0, steps)]);
        assert_eq!(network.get(&network.session(), "/"), Err(Error::ReadTimeout));
    }
}

#[test]
fn bodies_of_a_history_share_one_limit() {
    let chunked = "HTTP/1.1 302 Found\r\nLocation: /x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nmove\r\n0\r\n\r\n";
    let network = ScriptedNetwork::with_responses([&redirect(302, "/x"), chunked, &redirect(302, "/x"), chunked, OK]);
    let limits = HttpLimits { max_body_bytes: 9, ..HttpLimits::default() };
    let session = network.session_with("http://target", ClientConfig { limits, ..ClientConfig::default() });
    let response = network.send(&session, &Request::get("/")).result.unwrap();
    let bodies = response.history().iter().map(|response| (response.body(), response.has_whole_body()));
    let (kept, dropped) = ((&b"move"[..], true), (&b""[..], false));
    assert_eq!(bodies.collect::<Vec<_>>(), [kept, kept, dropped, dropped]);
    assert_eq!((response.status(), response.body(), network.connections()), (200, &b"ok"[..], 1));
}

#[test]
fn endless_body_of_a_redirect_is_given_up() {
    let chunk = format!("10\r\n{}\r\n", "x".repeat(16));
    for mode in [ResponseBodyMode::Keep, ResponseBodyMode::Discard, ResponseBodyMode::Stream] {
        let head = "HTTP/1.1 302 Found\r\nLocation: /x\r\nTransfer-Encoding: chunked\r\n\r\n";
        let steps = [send_step(head)].into_iter().chain((0..1_000).map(|_| send_step(&chunk)));
        let network = ScriptedNetwork::new([ConnectionStart::Accept(0, steps.collect()), accept_with([OK])]);
        let limits = HttpLimits { max_body_bytes: 160, ..HttpLimits::default() };
        let session = network.session_with("http://target", ClientConfig { limits, ..ClientConfig::default() });
        let request = Request { response_body_mode: mode, ..Request::get("/") };
        let response = network.send(&session, &request).result.unwrap();
        assert_eq!((response.status(), response.history()[0].has_whole_body()), (200, false), "{mode:?}");
        assert!(network.connection(0).is_closed());
        assert_eq!(network.connection(0).remaining_steps(), 1_000 - 11, "{mode:?}: ten chunks are within the limit");
    }
}

#[test]
fn coded_body_of_a_redirect_is_decoded_on_request() {
    let mut redirect = gzip_response("moved away");
    let location = "HTTP/1.1 302 Found\r\nLocation: /x".as_bytes();
    redirect.splice(.."HTTP/1.1 200 OK".len(), location.iter().copied());
    let network = ScriptedNetwork::new([ConnectionStart::Accept(0, vec![ScriptStep::Send(redirect), send_step(OK)])]);
    let response = network.send(&network.session(), &Request::get("/")).result.unwrap();
    let earlier = &response.history()[0];
    assert!(earlier.has_whole_body() && earlier.body().starts_with(b"\x1f\x8b"));
    assert_eq!(earlier.decoded_body(&HttpLimits::default()).unwrap(), &b"moved away"[..]);
    let limits = HttpLimits { max_decoded_bytes: 3, ..HttpLimits::default() };
    assert_eq!(earlier.decoded_body(&limits), Err(Error::DecodedTooLarge));
    assert_eq!(response.decoded_body(&limits).unwrap(), &b"ok"[..]);
}

#[test]
fn invalid_redirect_location_is_an_error() {
    let cases = [("http://[/", Error::InvalidRedirect), ("ftp://target/", Error::InvalidRedirect)];
    for (location, error) in cases {
        let network = ScriptedNetwork::with_responses([&redirect(302, location)]);
        assert_eq!(network.get(&network.session(), "/"), Err(error), "{location}");
    }
    let network = ScriptedNetwork::with_responses(["HTTP/1.1 302 Moved\r\nContent-Length: 0\r\n\r\n"]);
    assert_eq!(network.get(&network.session(), "/"), Ok(302), "a redirect without Location is final");
}

#[test]
fn next_hop_carries_cookies_of_the_redirect() {
    let login = "HTTP/1.1 303 See Other\r\nLocation: /home\r\nSet-Cookie: id=7\r\nContent-Length: 0\r\n\r\n";
    let network = ScriptedNetwork::with_responses([login, OK]);
    let form = Request { body: Body::Bytes(b"user=me"), ..Request::new(Method::Post, "/login") };
    assert!(network.send(&network.session(), &form).result.is_ok());
    assert!(network.sent(0).contains("Cookie: id=7\r\n"));
}

#[test]
fn digest_follows_a_challenge_and_is_then_preemptive() {
    let challenge = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth\"\r\n\
                     Content-Length: 2\r\n\r\nno";
    let network = ScriptedNetwork::with_responses([challenge, OK, OK]);
    let config = ClientConfig { auth: Some(Auth::digest("me", "secret")), ..ClientConfig::default() };
    let session = network.session_with("http://target/base", config);
    let response = network.send(&session, &Request::post("/x?y", b"body")).result.unwrap();
    assert_eq!((response.status(), response.history().len()), (200, 1));
    assert_eq!(network.get(&session, "/z"), Ok(200));
    let sent = network.sent(0);
    assert_eq!(sent.matches("Authorization: Digest ").count(), 2, "{sent}");
    assert!(sent.contains("uri=\"/base/x?y\"") && sent.contains("uri=\"/base/z\""), "{sent}");
    assert!(sent.contains("nc=00000001") && sent.contains("nc=00000002"), "{sent}");
    assert_eq!(sent.matches("\r\n\r\nbody").count(), 2);
}

#[test]
fn redirect_after_a_challenge_is_followed_on_request() {
    let challenge = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n1\"\r\n\
                     Content-Length: 0\r\n\r\n";
    for (follow_redirects, status) in [(true, 200), (false, 302)] {
        let network = ScriptedNetwork::with_responses([challenge, &redirect(302, "/x"), OK]);
        let config =
            ClientConfig { auth: Some(Auth::digest("me", "secret")), follow_redirects, ..ClientConfig::default() };
        assert_eq!(network.get(&network.session_with("http://target", config), "/"), Ok(status));
    }
}

#[test]
fn wrong_password_is_sent_only_once() {
    let challenge = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n1\"\r\n\
                     Content-Length: 0\r\n\r\n";
    let network = ScriptedNetwork::with_responses([challenge, challenge]);
    let config = ClientConfig { auth: Some(Auth::digest("me", "wrong")), ..ClientConfig::default() };
    assert_eq!(network.get(&network.session_with("http://target", config), "/"), Ok(401));
    assert_eq!(network.sent(0).matches("GET / ").count(), 2);
}

#[test]
fn unsupported_challenge_is_reported() {
    let challenge =
        |header: &str| format!("HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: {header}\r\nContent-Length: 0\r\n\r\n");
    let reported = |auth: Option<Auth>, header: &str| {
        let network = ScriptedNetwork::with_responses([&challenge(header), &challenge(header)]);
        let session = network.session_with("http://target", ClientConfig { auth, ..ClientConfig::default() });
        let response = network.send(&session, &Request::get("/")).result.unwrap();
        assert_eq!((response.status(), response.redirected_to().is_some()), (401, !response.history().is_empty()));
        response.has_unsupported_challenge()
    };
    let digest = || Some(Auth::digest("me", "secret"));
    for unsupported in [
        "Digest realm=\"r\", nonce=\"n\", algorithm=SHA3-256",
        "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\"",
        "Digest realm=\"r\"",
        "Basic realm=\"r\"",
    ] {
        assert!(reported(digest(), unsupported), "{unsupported}");
        assert!(!reported(None, unsupported), "{unsupported}");
        assert!(!reported(Some(Auth::basic("me", "secret")), unsupported), "{unsupported}");
    }
    assert!(!reported(digest(), "Digest realm=\"r\", nonce=\"n\""), "the password is wrong");
}

#[test]
fn url_credentials_apply_to_their_origin() {
    let network = ScriptedNetwork::new([accept_with([OK, OK]), accept_with([OK])]);
    let session = network.session_to("http://me:p%40ss@target/base");
    assert_eq!(network.get(&session, "/x"), Ok(200));
    assert_eq!(network.get(&session, "http://target/y"), Ok(200));
    assert_eq!(network.get(&session, "http://you:there@other/z"), Ok(200));
    assert_eq!(network.sent(0).matches("Authorization: Basic bWU6cEBzcw==\r\n").count(), 2, "{}", network.sent(0));
    assert!(network.sent(1).contains("Authorization: Basic eW91OnRoZXJl\r\n"), "{}", network.sent(1));
    assert_eq!(network.origins(), ["http://target", "http://other"]);
}

#[test]
fn url_credentials_apply_after_same_origin_redirect() {
    let network = ScriptedNetwork::new([accept_with([&redirect(302, "/y"), OK])]);
    assert_eq!(network.get(&network.session(), "http://you:there@other/x"), Ok(200));
    assert_eq!(network.sent(0).matches("Authorization: Basic eW91OnRoZXJl\r\n").count(), 2, "{}", network.sent(0));
}

#[test]
fn base_url_credentials_apply_with_proxy_options() {
    let options = RequestOptions { proxies: Some(Proxies::none()), ..RequestOptions::default() };
    for target in ["/x", "http://target/x"] {
        let network = ScriptedNetwork::with_responses([OK]);
        let session = network.session_to("http://me:p%40ss@target");
        assert!(network.send(&session, &Request { options: Some(&options), ..Request::get(target) }).result.is_ok());
        assert!(network.sent(0).contains("Authorization: Basic bWU6cEBzcw==\r\n"), "{}", network.sent(0));
    }
}

#[test]
fn cross_origin_redirect_drops_default_credentials() {
    let network = ScriptedNetwork::new([accept_with([&redirect(302, "http://other/x")]), accept_with([OK])]);
    let mut config = ClientConfig::default();
    for (name, value) in [("Authorization", "Bearer x"), ("Cookie", "a=1"), ("X-Other", "stays")] {
        config.default_headers.set(name, value).unwrap();
    }
    let request = Request { headers: &[("Proxy-Authorization", "Basic x")], ..Request::get("/") };
    assert!(network.send(&network.session_with("http://target", config), &request).result.is_ok());
    assert!(network.sent(0).contains("Authorization: Bearer x\r\nCookie: a=1\r\n"), "{}", network.sent(0));
    let second = network.sent(1);
    assert!(!second.contains("Authorization") && !second.contains("Cookie") && second.contains("X-Other"), "{second}");
}

#[test]
fn cookie_header_applies_only_to_the_first_hop() {
    let login = "HTTP/1.1 303 See Other\r\nLocation: /home\r\nSet-Cookie: id=7\r\nContent-Length: 0\r\n\r\n";
    let network = ScriptedNetwork::with_responses([login, OK]);
    let request = Request { headers: &[("Cookie", "mine=1")], ..Request::get("/login") };
    assert!(network.send(&network.session(), &request).result.is_ok());
    let sent = network.sent(0);
    assert_eq!(sent.matches("Cookie: ").count(), 2, "{sent}");
    assert!(sent.contains("Cookie: mine=1\r\n") && sent.contains("Cookie: id=7\r\n"), "{sent}");
}

#[test]
fn failure_after_a_redirect_counts_no_body_bytes() {
    let network = ScriptedNetwork::with_responses([&redirect(302, "/x")]);
    let exchange = network.send(&network.session(), &Request::get("/"));
    assert_eq!((exchange.bytes_in, exchange.result.unwrap_err()), (0, Error::ReadTimeout));
}

#[test]
fn redirect_with_empty_location_has_no_history() {
    let network = ScriptedNetwork::with_responses(["HTTP/1.1 302 Found\r\nLocation: \r\nContent-Length: 0\r\n\r\n"]);
    let response = network.send(&network.session(), &Request::get("/")).result.unwrap();
    assert_eq!((response.redirected_to(), response.history().len()), (None, 0));
}

#[test]
fn failed_redirect_keeps_connection_and_buffer() {
    for (location, redirects, error) in [("/x", 0, Error::TooManyRedirects), ("ftp://x", 9, Error::InvalidRedirect)] {
        let network = ScriptedNetwork::with_responses([&redirect(302, location), OK]);
        let limits = HttpLimits { max_redirects: redirects, ..HttpLimits::default() };
        let session = network.session_with("http://target", ClientConfig { limits, ..ClientConfig::default() });
        let exchange = network.send(&session, &Request::get("/"));
        assert_eq!((exchange.result.unwrap_err(), exchange.bytes_in, network.pooled_buffers()), (error, 0, 1));
        assert_eq!((network.get(&session, "/"), network.connections()), (Ok(200), 1));
    }
}
