//! What targets set, and which of it comes back to them.

use gregaria_http::{Request, Session};

use crate::scripted::{OK, Scripted, Step, accept, send};

/// A session that got these `Set-Cookie` values in the response to a request for `/dir/page`.
struct Visitor {
    network: Scripted,
    session: Session<Scripted>,
}

impl Visitor {
    fn with(set: &[&str]) -> Self {
        Self::at("http://www.shop.test", set)
    }

    fn at(base: &str, set: &[&str]) -> Self {
        let network = Scripted::new([accept([&response(set)]), accept([OK])]);
        let session = network.session_to(base);
        let visitor = Self { network, session };
        assert_eq!(visitor.network.get(&visitor.session, "/dir/page?q"), Ok(200));
        visitor
    }

    fn told(&self, set: &[&str]) {
        self.network.wire(0).then(send(&response(set)));
        assert_eq!(self.network.get(&self.session, "/dir/page?q"), Ok(200));
    }

    /// The `Cookie` header of a request, empty without one.
    fn shows(&self, target: &str) -> String {
        self.shows_with(&Request::get(target))
    }

    fn shows_with(&self, request: &Request<'_>) -> String {
        self.network.wire(0).then(Step::Send(OK.into()));
        assert!(self.network.send(&self.session, request).result.is_ok());
        let last = self.network.connections() - 1;
        let sent = self.network.sent(last);
        let head = sent.trim_end().rsplit("\r\n\r\n").next().unwrap();
        let lines = head.lines().filter_map(|line| line.strip_prefix("Cookie: "));
        lines.collect::<Vec<_>>().join(" and again: ")
    }
}

fn response(set: &[&str]) -> String {
    let lines: String = set.iter().map(|value| format!("Set-Cookie: {value}\r\n")).collect();
    format!("HTTP/1.1 200 OK\r\n{lines}Content-Length: 0\r\n\r\n")
}

#[test]
fn cookies_come_back() {
    let visitor = Visitor::with(&["a=1; Path=/", "b=\"2 3\"; HttpOnly; Path=/; Unknown=x"]);
    assert_eq!(visitor.shows("/"), "a=1; b=\"2 3\"");
    assert_eq!(visitor.session.cookies().borrow().value("a"), Some("1"));
    assert_eq!(visitor.session.cookies().borrow().len(), 2);
}

#[test]
fn a_path_confines() {
    let visitor = Visitor::with(&["deep=1; Path=/a/b", "a=1; Path=/a", "default=1", "odd=1; Path=x"]);
    assert_eq!(visitor.shows("/a/b/c"), "deep=1; a=1");
    assert_eq!(visitor.shows("/a?/b"), "a=1");
    assert_eq!(visitor.shows("/ab"), "");
    assert_eq!(visitor.shows("/dir/other"), "default=1; odd=1");
    assert_eq!(visitor.shows("/"), "");
}

#[test]
fn a_domain_widens() {
    let set = ["wide=1; Domain=.Shop.test; Path=/", "own=1; Path=/"];
    let visitor = Visitor::with(&set);
    assert_eq!(visitor.shows("/"), "wide=1; own=1");
    assert_eq!(visitor.shows("http://api.shop.test/"), "wide=1");
}

#[test]
fn a_domain_does_not_reach_others() {
    let visitor = Visitor::with(&["wide=1; Domain=shop.test; Path=/"]);
    assert_eq!(visitor.shows("http://workshop.test/"), "");
}

#[test]
fn nobody_sets_cookies_for_others() {
    let set = ["a=1; Domain=other.test", "b=1; Domain=test", "c=1; Domain=api.shop.test", "d=1; Domain=hop.test"];
    assert!(Visitor::with(&set).session.cookies().borrow().is_empty());
}

#[test]
fn an_address_is_no_domain() {
    let visitor = Visitor::at("http://127.0.0.1", &["a=1; Domain=0.0.1; Path=/", "b=1; Domain=127.0.0.1; Path=/"]);
    assert_eq!(visitor.shows("/"), "b=1");
}

#[test]
fn secure_cookies_do_not_travel_in_the_open() {
    let visitor = Visitor::with(&["a=1; Secure; Path=/"]);
    assert_eq!(visitor.shows("/"), "");
}

#[test]
fn a_cookie_expires() {
    let set = [
        "age=1; Max-Age=10; Path=/",
        "date=1; Expires=Tue, 14 Nov 2023 22:13:30 GMT; Path=/",
        "both=1; Max-Age=100; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/",
    ];
    let visitor = Visitor::with(&set);
    assert_eq!(visitor.shows("/"), "age=1; date=1; both=1");
    visitor.network.pass_unix(9);
    assert_eq!(visitor.shows("/"), "age=1; date=1; both=1");
    visitor.network.pass_unix(1);
    assert_eq!(visitor.shows("/"), "both=1");
}

#[test]
fn a_target_replaces_and_deletes() {
    let visitor = Visitor::with(&["a=1; Path=/", "b=1; Path=/", "c=1; Path=/"]);
    visitor.told(&["a=2; Path=/", "b=; Max-Age=0; Path=/", "c=; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=/"]);
    assert_eq!(visitor.shows("/"), "a=2");
    visitor.told(&["a=3; Path=/dir"]);
    assert_eq!(visitor.shows("/dir/"), "a=3; a=2");
}

#[test]
fn a_request_may_bring_its_own_cookies() {
    let visitor = Visitor::with(&["a=1; Path=/"]);
    let request = Request { headers: &[("Cookie", "mine=1")], ..Request::get("/") };
    assert_eq!(visitor.shows_with(&request), "mine=1");
}

#[test]
fn nonsense_is_ignored() {
    let huge = format!("a={}", "x".repeat(5_000));
    let visitor = Visitor::with(&["", "=", "=__Host-a=1; Path=/", &huge, "ok=; Max-Age=soon; Path=/"]);
    assert_eq!(visitor.shows("/"), "ok=");
}

#[test]
fn a_cookie_may_be_a_value_alone() {
    let visitor = Visitor::with(&["value; Path=/"]);
    assert_eq!(visitor.shows("/"), "value");
}

#[test]
fn a_flood_of_cookies_is_bounded() {
    let set: Vec<String> = (0..90).map(|at| format!("c{at}=1; Path=/")).collect();
    let set: Vec<&str> = set.iter().map(String::as_str).collect();
    let visitor = Visitor::with(&set);
    assert_eq!(visitor.session.cookies().borrow().len(), 64);
    assert_eq!(visitor.session.cookies().borrow().value("c89"), Some("1"));
    assert_eq!(visitor.session.cookies().borrow().value("c0"), None);
}

#[test]
fn a_jar_can_be_emptied() {
    let visitor = Visitor::with(&["a=1; Path=/"]);
    visitor.session.cookies().borrow_mut().clear();
    assert_eq!(visitor.shows("/"), "");
}
