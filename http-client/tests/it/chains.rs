//! What a response leads to: redirects, and questions for a password.

use gregaria_http::{Auth, Body, ClientConfig, Error, HttpLimits, Method, Proxies, Request, RequestOptions};

use crate::scripted::{OK, ScriptedNetwork, accept_with};

fn redirect(status: u16, location: &str) -> String {
    format!("HTTP/1.1 {status} Moved\r\nLocation: {location}\r\nContent-Length: 4\r\n\r\nmove")
}

#[test]
fn a_redirect_is_followed_on_the_same_connection_and_is_one_exchange() {
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
fn a_post_becomes_a_get_unless_the_redirect_keeps_it() {
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
fn credentials_stay_with_their_origin() {
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
fn whether_redirects_are_followed_can_be_said() {
    let network = ScriptedNetwork::with_responses([&redirect(302, "/x"), "HTTP/1.1 302 Moved\r\nLocation: /x\r\n\r\n"]);
    let options = RequestOptions { follow_redirects: Some(false), ..RequestOptions::default() };
    let session = network.session();
    let exchange = network.send(&session, &Request { options: Some(&options), ..Request::get("/") });
    let response = exchange.result.unwrap();
    assert_eq!((response.status(), response.is_redirect(), response.redirected_to()), (302, true, None));
    let head = network.send(&session, &Request::new(Method::Head, "/"));
    assert_eq!(head.result.unwrap().status(), 302, "a HEAD follows none unless it is told to");

    let network = ScriptedNetwork::with_responses([&redirect(302, "/x")]);
    let config = ClientConfig { follow_redirects: false, ..ClientConfig::default() };
    assert_eq!(network.get(&network.session_with("http://target", config), "/"), Ok(302));
}

#[test]
fn redirects_end() {
    let limited = |redirects| ClientConfig {
        limits: HttpLimits { max_redirects: redirects, ..HttpLimits::default() },
        ..ClientConfig::default()
    };
    let answers = [&*redirect(302, "/b"), &*redirect(302, "/c"), OK];
    for (redirects, result) in [(1, Err(Error::TooManyRedirects)), (2, Ok(200))] {
        let network = ScriptedNetwork::with_responses(answers);
        assert_eq!(network.get(&network.session_with("http://target", limited(redirects)), "/"), result);
    }
    let loops: Vec<_> = (0..31).map(|_| redirect(302, "/")).collect();
    let loops: [&str; 31] = std::array::from_fn(|index| loops[index].as_str());
    let network = ScriptedNetwork::new([accept_with(loops)]);
    assert_eq!(network.get(&network.session(), "/"), Err(Error::TooManyRedirects), "30 unless it is set");
    assert_eq!(network.sent(0).matches("GET / ").count(), 31);
}

#[test]
fn a_redirect_to_nowhere_is_an_error_of_its_own() {
    let cases = [("http://[/", Error::InvalidRedirect), ("ftp://target/", Error::InvalidRedirect)];
    for (location, error) in cases {
        let network = ScriptedNetwork::with_responses([&redirect(302, location)]);
        assert_eq!(network.get(&network.session(), "/"), Err(error), "{location}");
    }
    let network = ScriptedNetwork::with_responses(["HTTP/1.1 302 Moved\r\nContent-Length: 0\r\n\r\n"]);
    assert_eq!(network.get(&network.session(), "/"), Ok(302), "without a Location it is an answer like any other");
}

#[test]
fn cookies_of_a_redirect_go_with_the_next_request() {
    let login = "HTTP/1.1 303 See Other\r\nLocation: /home\r\nSet-Cookie: id=7\r\nContent-Length: 0\r\n\r\n";
    let network = ScriptedNetwork::with_responses([login, OK]);
    let form = Request { body: Body::Bytes(b"user=me"), ..Request::new(Method::Post, "/login") };
    assert!(network.send(&network.session(), &form).result.is_ok());
    assert!(network.sent(0).contains("Cookie: id=7\r\n"));
}

#[test]
fn a_digest_is_given_when_it_is_asked_for_and_then_at_once() {
    let question = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n1\", qop=\"auth\"\r\n\
                    Content-Length: 2\r\n\r\nno";
    let network = ScriptedNetwork::with_responses([question, OK, OK]);
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
fn a_wrong_password_is_asked_for_once() {
    let question = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Digest realm=\"r\", nonce=\"n1\"\r\n\
                    Content-Length: 0\r\n\r\n";
    let network = ScriptedNetwork::with_responses([question, question]);
    let config = ClientConfig { auth: Some(Auth::digest("me", "wrong")), ..ClientConfig::default() };
    assert_eq!(network.get(&network.session_with("http://target", config), "/"), Ok(401));
    assert_eq!(network.sent(0).matches("GET / ").count(), 2);
}

#[test]
fn credentials_in_a_url_log_in_there() {
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
fn whom_a_url_names_asks_behind_a_redirect_to_the_same_origin_too() {
    let network = ScriptedNetwork::new([accept_with([&redirect(302, "/y"), OK])]);
    assert_eq!(network.get(&network.session(), "http://you:there@other/x"), Ok(200));
    assert_eq!(network.sent(0).matches("Authorization: Basic eW91OnRoZXJl\r\n").count(), 2, "{}", network.sent(0));
}

#[test]
fn whom_the_base_url_names_asks_whatever_way_the_request_goes() {
    let options = RequestOptions { proxies: Some(Proxies::none()), ..RequestOptions::default() };
    for target in ["/x", "http://target/x"] {
        let network = ScriptedNetwork::with_responses([OK]);
        let session = network.session_to("http://me:p%40ss@target");
        assert!(network.send(&session, &Request { options: Some(&options), ..Request::get(target) }).result.is_ok());
        assert!(network.sent(0).contains("Authorization: Basic bWU6cEBzcw==\r\n"), "{}", network.sent(0));
    }
}

#[test]
fn credentials_among_the_default_headers_stay_with_their_origin_too() {
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
fn cookies_of_a_redirect_are_not_held_back_by_a_header_of_the_first_request() {
    let login = "HTTP/1.1 303 See Other\r\nLocation: /home\r\nSet-Cookie: id=7\r\nContent-Length: 0\r\n\r\n";
    let network = ScriptedNetwork::with_responses([login, OK]);
    let request = Request { headers: &[("Cookie", "mine=1")], ..Request::get("/login") };
    assert!(network.send(&network.session(), &request).result.is_ok());
    let sent = network.sent(0);
    assert_eq!(sent.matches("Cookie: ").count(), 2, "{sent}");
    assert!(sent.contains("Cookie: mine=1\r\n") && sent.contains("Cookie: id=7\r\n"), "{sent}");
}

#[test]
fn what_fails_behind_a_redirect_has_no_body() {
    let network = ScriptedNetwork::with_responses([&redirect(302, "/x")]);
    let exchange = network.send(&network.session(), &Request::get("/"));
    assert_eq!((exchange.bytes_in, exchange.result.unwrap_err()), (0, Error::ReadTimeout));
}

#[test]
fn a_response_that_leads_nowhere_was_not_redirected_to() {
    let network = ScriptedNetwork::with_responses(["HTTP/1.1 302 Found\r\nLocation: \r\nContent-Length: 0\r\n\r\n"]);
    let response = network.send(&network.session(), &Request::get("/")).result.unwrap();
    assert_eq!((response.redirected_to(), response.history().len()), (None, 0));
}

#[test]
fn a_redirect_that_is_not_followed_to_its_end_costs_neither_connection_nor_buffer() {
    for (location, redirects, error) in [("/x", 0, Error::TooManyRedirects), ("ftp://x", 9, Error::InvalidRedirect)] {
        let network = ScriptedNetwork::with_responses([&redirect(302, location), OK]);
        let limits = HttpLimits { max_redirects: redirects, ..HttpLimits::default() };
        let session = network.session_with("http://target", ClientConfig { limits, ..ClientConfig::default() });
        let exchange = network.send(&session, &Request::get("/"));
        assert_eq!((exchange.result.unwrap_err(), exchange.bytes_in, network.pooled_buffers()), (error, 0, 1));
        assert_eq!((network.get(&session, "/"), network.connections()), (Ok(200), 1));
    }
}
