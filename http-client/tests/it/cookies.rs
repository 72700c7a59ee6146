//! Tests of cookies in a session: which cookies of a response the later requests carry.

use gregaria_http::{Cookie, Request, Session};

use crate::scripted::{OK, ScriptStep, ScriptedNetwork, accept_with, send_step};

/// A session that received `Set-Cookie` values in the response to a request for `/dir/page`.
struct CookieSession {
    network: ScriptedNetwork,
    session: Session<ScriptedNetwork>,
}

impl CookieSession {
    fn with_cookies(set: &[&str]) -> Self {
        Self::at("http://www.shop.test", set)
    }

    fn at(base: &str, set: &[&str]) -> Self {
        let network = ScriptedNetwork::new([accept_with([&set_cookie_response(set)]), accept_with([OK])]);
        let session = network.session_to(base);
        let client = Self { network, session };
        assert_eq!(client.network.get(&client.session, "/dir/page?q"), Ok(200));
        client
    }

    fn set_cookies(&self, set: &[&str]) {
        self.network.connection(0).push_step(send_step(&set_cookie_response(set)));
        assert_eq!(self.network.get(&self.session, "/dir/page?q"), Ok(200));
    }

    /// Returns the `Cookie` header of a request, or an empty string.
    fn cookie_header(&self, target: &str) -> String {
        self.cookie_header_of(&Request::get(target))
    }

    fn cookie_header_of(&self, request: &Request<'_>) -> String {
        self.network.connection(0).push_step(ScriptStep::Send(OK.into()));
        assert!(self.network.send(&self.session, request).result.is_ok());
        let last = self.network.connections() - 1;
        let sent = self.network.sent(last);
        let head = sent.trim_end().rsplit("\r\n\r\n").next().unwrap();
        let lines = head.lines().filter_map(|line| line.strip_prefix("Cookie: "));
        lines.collect::<Vec<_>>().join(" and again: ")
    }
}

fn set_cookie_response(set: &[&str]) -> String {
    let lines: String = set.iter().map(|value| format!("Set-Cookie: {value}\r\n")).collect();
    format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n")
}

#[test]
fn cookies_are_sent_back() {
    let client = CookieSession::with_cookies(&["a=1; Path=/", "b=\"2 3\"; HttpOnly; Path=/; Unknown=x"]);
    assert_eq!(client.cookie_header("/"), "a=1; b=\"2 3\"");
    assert_eq!(client.session.cookies().borrow().value("a"), Some("1"));
    assert_eq!(client.session.cookies().borrow().len(), 2);
}

#[test]
fn path_restricts_a_cookie() {
    let client = CookieSession::with_cookies(&["deep=1; Path=/a/b", "a=1; Path=/a", "default=1", "odd=1; Path=x"]);
    assert_eq!(client.cookie_header("/a/b/c"), "deep=1; a=1");
    assert_eq!(client.cookie_header("/a?/b"), "a=1");
    assert_eq!(client.cookie_header("/ab"), "");
    assert_eq!(client.cookie_header("/dir/other"), "default=1; odd=1");
    assert_eq!(client.cookie_header("/"), "");
}

#[test]
fn domain_extends_a_cookie_to_subdomains() {
    let set = ["wide=1; Domain=.Shop.test; Path=/", "own=1; Path=/"];
    let client = CookieSession::with_cookies(&set);
    assert_eq!(client.cookie_header("/"), "wide=1; own=1");
    assert_eq!(client.cookie_header("http://api.shop.test/"), "wide=1");
}

#[test]
fn domain_does_not_match_a_common_suffix() {
    let client = CookieSession::with_cookies(&["wide=1; Domain=shop.test; Path=/"]);
    assert_eq!(client.cookie_header("http://workshop.test/"), "");
}

#[test]
fn cookie_for_a_foreign_domain_is_ignored() {
    let set = ["a=1; Domain=other.test", "b=1; Domain=test", "c=1; Domain=api.shop.test", "d=1; Domain=hop.test"];
    assert!(CookieSession::with_cookies(&set).session.cookies().borrow().is_empty());
}

#[test]
fn part_of_an_ip_address_is_not_a_domain() {
    let client = CookieSession::at("http://127.0.0.1", &["a=1; Domain=0.0.1; Path=/", "b=1; Domain=127.0.0.1; Path=/"]);
    assert_eq!(client.cookie_header("/"), "b=1");
}

#[test]
fn secure_cookie_is_not_sent_over_http() {
    let client = CookieSession::with_cookies(&["a=1; Secure; Path=/"]);
    assert_eq!(client.cookie_header("/"), "");
}

#[test]
fn cookie_expires_by_max_age_or_date() {
    let set = [
        "age=1; Max-Age=10; Path=/",
        "date=1; Expires=Tue, 14 Nov 2023 22:13:30 GMT; Path=/",
        "both=1; Max-Age=100; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/",
    ];
    let client = CookieSession::with_cookies(&set);
    assert_eq!(client.cookie_header("/"), "age=1; date=1; both=1");
    client.network.advance_unix_s(9);
    assert_eq!(client.cookie_header("/"), "age=1; date=1; both=1");
    client.network.advance_unix_s(1);
    assert_eq!(client.cookie_header("/"), "both=1");
}

#[test]
fn target_replaces_and_deletes_cookies() {
    let client = CookieSession::with_cookies(&["a=1; Path=/", "b=1; Path=/", "c=1; Path=/"]);
    client.set_cookies(&["a=2; Path=/", "b=; Max-Age=0; Path=/", "c=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/"]);
    assert_eq!(client.cookie_header("/"), "a=2");
    client.set_cookies(&["a=3; Path=/dir"]);
    assert_eq!(client.cookie_header("/dir/"), "a=3; a=2");
}

#[test]
fn cookie_header_of_a_request_replaces_the_jar() {
    let client = CookieSession::with_cookies(&["a=1; Path=/"]);
    let request = Request { headers: &[("Cookie", "mine=1")], ..Request::get("/") };
    assert_eq!(client.cookie_header_of(&request), "mine=1");
}

#[test]
fn malformed_set_cookie_is_ignored() {
    let huge = format!("a={}", "x".repeat(5_000));
    let client = CookieSession::with_cookies(&["", "=", "=__Host-a=1; Path=/", &huge, "ok=; Max-Age=soon; Path=/"]);
    assert_eq!(client.cookie_header("/"), "ok=");
}

#[test]
fn cookie_without_name_is_sent_as_its_value() {
    let client = CookieSession::with_cookies(&["value; Path=/"]);
    assert_eq!(client.cookie_header("/"), "value");
}

#[test]
fn cookie_count_is_limited() {
    let set: Vec<String> = (0..90).map(|index| format!("c{index}=1; Path=/")).collect();
    let set: Vec<&str> = set.iter().map(String::as_str).collect();
    let client = CookieSession::with_cookies(&set);
    assert_eq!(client.session.cookies().borrow().len(), 64);
    assert_eq!(client.session.cookies().borrow().value("c89"), Some("1"));
    assert_eq!(client.session.cookies().borrow().value("c0"), None);
}

#[test]
fn dropped_cookies_are_counted_by_their_exchange() {
    let many: String = (0..70).map(|index| format!("Set-Cookie: c{index}=1; Path=/\r\n")).collect();
    let many = format!("HTTP/1.1 200 OK\r\n{many}Content-Length: 0\r\n\r\n");
    let network = ScriptedNetwork::with_responses([OK, &many, OK]);
    let session = network.session();
    let dropped = [(); 3].map(|()| network.send(&session, &Request::get("/")).dropped_cookies);
    assert_eq!(dropped, [0, 6, 0]);
    for name in ["a", "b"] {
        session.cookies().borrow_mut().set(Cookie { name, value: "1", ..Cookie::default() }).unwrap();
    }
    network.connection(0).push_step(send_step(OK));
    assert_eq!(network.send(&session, &Request::get("/")).dropped_cookies, 2);
}

#[test]
fn cookies_match_the_host_header_of_the_request() {
    let set =
        set_cookie_response(&["sid=1; Path=/; Domain=shop.example", "own=1; Path=/", "no=1; Domain=other.example"]);
    let network = ScriptedNetwork::with_responses([&set, OK, OK, OK, OK]);
    let session = network.session_to("http://127.0.0.1:8080");
    let cookies = ["www.shop.example", "WWW.Shop.example:81", "api.shop.example", "other.example", ""].map(|host| {
        let headers = [("Host", host)];
        let headers = if host.is_empty() { &[][..] } else { &headers[..] };
        let sent_before = network.connections().checked_sub(1).map_or(0, |last| network.sent(last).len());
        assert!(network.send(&session, &Request { headers, ..Request::get("/") }).result.is_ok());
        let sent = network.sent(0);
        let line = sent[sent_before..].lines().find_map(|line| line.strip_prefix("Cookie: ")).unwrap_or_default();
        line.to_owned()
    });
    assert_eq!(cookies, ["", "sid=1; own=1", "sid=1", "", ""]);
}

#[test]
fn cleared_jar_sends_no_cookies() {
    let client = CookieSession::with_cookies(&["a=1; Path=/"]);
    client.session.cookies().borrow_mut().clear();
    assert_eq!(client.cookie_header("/"), "");
}
