//! What targets set, and which of it comes back to them.

use gregaria_http::{Request, Session};

use crate::scripted::{OK, ScriptStep, ScriptedNetwork, accept_with, send_step};

/// A session that got these `Set-Cookie` values in the response to a request for `/dir/page`.
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
        let visitor = Self { network, session };
        assert_eq!(visitor.network.get(&visitor.session, "/dir/page?q"), Ok(200));
        visitor
    }

    fn set_cookies(&self, set: &[&str]) {
        self.network.connection(0).push_step(send_step(&set_cookie_response(set)));
        assert_eq!(self.network.get(&self.session, "/dir/page?q"), Ok(200));
    }

    /// The `Cookie` header of a request, empty without one.
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
fn cookies_come_back() {
    let visitor = CookieSession::with_cookies(&["a=1; Path=/", "b=\"2 3\"; HttpOnly; Path=/; Unknown=x"]);
    assert_eq!(visitor.cookie_header("/"), "a=1; b=\"2 3\"");
    assert_eq!(visitor.session.cookies().borrow().value("a"), Some("1"));
    assert_eq!(visitor.session.cookies().borrow().len(), 2);
}

#[test]
fn a_path_confines() {
    let visitor = CookieSession::with_cookies(&["deep=1; Path=/a/b", "a=1; Path=/a", "default=1", "odd=1; Path=x"]);
    assert_eq!(visitor.cookie_header("/a/b/c"), "deep=1; a=1");
    assert_eq!(visitor.cookie_header("/a?/b"), "a=1");
    assert_eq!(visitor.cookie_header("/ab"), "");
    assert_eq!(visitor.cookie_header("/dir/other"), "default=1; odd=1");
    assert_eq!(visitor.cookie_header("/"), "");
}

#[test]
fn a_domain_widens() {
    let set = ["wide=1; Domain=.Shop.test; Path=/", "own=1; Path=/"];
    let visitor = CookieSession::with_cookies(&set);
    assert_eq!(visitor.cookie_header("/"), "wide=1; own=1");
    assert_eq!(visitor.cookie_header("http://api.shop.test/"), "wide=1");
}

#[test]
fn a_domain_does_not_reach_others() {
    let visitor = CookieSession::with_cookies(&["wide=1; Domain=shop.test; Path=/"]);
    assert_eq!(visitor.cookie_header("http://workshop.test/"), "");
}

#[test]
fn nobody_sets_cookies_for_others() {
    let set = ["a=1; Domain=other.test", "b=1; Domain=test", "c=1; Domain=api.shop.test", "d=1; Domain=hop.test"];
    assert!(CookieSession::with_cookies(&set).session.cookies().borrow().is_empty());
}

#[test]
fn an_address_is_no_domain() {
    let visitor =
        CookieSession::at("http://127.0.0.1", &["a=1; Domain=0.0.1; Path=/", "b=1; Domain=127.0.0.1; Path=/"]);
    assert_eq!(visitor.cookie_header("/"), "b=1");
}

#[test]
fn secure_cookies_do_not_travel_in_the_open() {
    let visitor = CookieSession::with_cookies(&["a=1; Secure; Path=/"]);
    assert_eq!(visitor.cookie_header("/"), "");
}

#[test]
fn a_cookie_expires() {
    let set = [
        "age=1; Max-Age=10; Path=/",
        "date=1; Expires=Tue, 14 Nov 2023 22:13:30 GMT; Path=/",
        "both=1; Max-Age=100; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/",
    ];
    let visitor = CookieSession::with_cookies(&set);
    assert_eq!(visitor.cookie_header("/"), "age=1; date=1; both=1");
    visitor.network.advance_unix_s(9);
    assert_eq!(visitor.cookie_header("/"), "age=1; date=1; both=1");
    visitor.network.advance_unix_s(1);
    assert_eq!(visitor.cookie_header("/"), "both=1");
}

#[test]
fn a_target_replaces_and_deletes() {
    let visitor = CookieSession::with_cookies(&["a=1; Path=/", "b=1; Path=/", "c=1; Path=/"]);
    visitor.set_cookies(&["a=2; Path=/", "b=; Max-Age=0; Path=/", "c=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/"]);
    assert_eq!(visitor.cookie_header("/"), "a=2");
    visitor.set_cookies(&["a=3; Path=/dir"]);
    assert_eq!(visitor.cookie_header("/dir/"), "a=3; a=2");
}

#[test]
fn a_request_may_bring_its_own_cookies() {
    let visitor = CookieSession::with_cookies(&["a=1; Path=/"]);
    let request = Request { headers: &[("Cookie", "mine=1")], ..Request::get("/") };
    assert_eq!(visitor.cookie_header_of(&request), "mine=1");
}

#[test]
fn nonsense_is_ignored() {
    let huge = format!("a={}", "x".repeat(5_000));
    let visitor = CookieSession::with_cookies(&["", "=", "=__Host-a=1; Path=/", &huge, "ok=; Max-Age=soon; Path=/"]);
    assert_eq!(visitor.cookie_header("/"), "ok=");
}

#[test]
fn a_cookie_may_be_a_value_alone() {
    let visitor = CookieSession::with_cookies(&["value; Path=/"]);
    assert_eq!(visitor.cookie_header("/"), "value");
}

#[test]
fn a_flood_of_cookies_is_bounded() {
    let set: Vec<String> = (0..90).map(|at| format!("c{at}=1; Path=/")).collect();
    let set: Vec<&str> = set.iter().map(String::as_str).collect();
    let visitor = CookieSession::with_cookies(&set);
    assert_eq!(visitor.session.cookies().borrow().len(), 64);
    assert_eq!(visitor.session.cookies().borrow().value("c89"), Some("1"));
    assert_eq!(visitor.session.cookies().borrow().value("c0"), None);
}

#[test]
fn a_jar_can_be_emptied() {
    let visitor = CookieSession::with_cookies(&["a=1; Path=/"]);
    visitor.session.cookies().borrow_mut().clear();
    assert_eq!(visitor.cookie_header("/"), "");
}
