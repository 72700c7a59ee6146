//! The demo shop: makes the response to each request. State is in memory. This file uses no sockets or processes.
//!
//! | request | response |
//! |---|---|
//! | `GET /` | the front page, HTML |
//! | `POST /login` | 200 and the cookie `session` for any name and the password "education", else 401 |
//! | `GET /profile` | the visitor's name; 401 without the cookie, as for `/cart` and `/checkout` |
//! | `GET /cart`, `POST /cart` | the cart; 201 for `{"item": 7, "amount": 2}` |
//! | `POST /checkout` | 201 and an order; 409 for an empty cart; every 50th fails with 500 |
//! | `GET /items?page=2`, `GET /items/7` | a page of the listing; one item |
//! | `GET /search?q=lamp` | the items with "lamp" in their names; takes 50 to 150 ms |
//! | `GET /health` | "healthy" |

use std::{
    borrow::Cow,
    fmt::Write as _,
    io::Read,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use gregaria_engine::rt;
use oxhttp::model::{Body, Request, Response, StatusCode, Uri, header};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{
    catalogue::Catalogue,
    sessions::{SessionStore, ShopVisitor},
};

/// The shop. Any number of threads may call it.
pub(super) struct DemoShop {
    catalogue: Catalogue,
    sessions: Mutex<SessionStore>,
    checkouts: AtomicU64,
    searches: AtomicU64,
}

impl DemoShop {
    pub(super) fn new() -> Self {
        Self {
            catalogue: Catalogue::new(),
            sessions: Mutex::default(),
            checkouts: AtomicU64::new(0),
            searches: AtomicU64::new(0),
        }
    }

    pub(super) fn respond(&self, request: &mut Request<Body>) -> Response<Body> {
        let uri = request.uri().clone();
        match (request.method().as_str(), uri.path()) {
            ("GET", "/") => self.front_page(),
            ("GET", "/health") => response_with_type(StatusCode::OK, "text/plain", "healthy"),
            ("GET", "/items") => self.listing(&uri),
            ("GET", "/search") => self.search(&uri),
            ("POST", "/login") => self.log_in(&read_body(request)),
            ("GET", "/profile") => self.with_visitor(request, |visitor| json_response(StatusCode::OK, &visitor.name)),
            ("GET", "/cart") => self.with_visitor(request, |visitor| self.cart(visitor)),
            ("POST", "/cart") => self.add_to_cart(request),
            ("POST", "/checkout") => self.with_visitor(request, |visitor| self.check_out(visitor)),
            ("GET", path) => path.strip_prefix("/items/").map_or_else(not_found, |id| self.item(id)),
            _ => not_found(),
        }
    }

    fn front_page(&self) -> Response<Body> {
        let mut page = String::from(FRONT_PAGE_HEAD);
        for item in self.catalogue.featured_items() {
            // Writing to a String cannot fail.
            let _ = writeln!(page, "<li><a href=\"/items/{}\">{}</a></li>", item.id, item.name);
        }
        page.push_str("</ul>\n");
        response_with_type(StatusCode::OK, "text/html; charset=utf-8", page)
    }

    fn listing(&self, uri: &Uri) -> Response<Body> {
        let page = query_param(uri, "page").map_or(Ok(1), |page| page.parse());
        match page.map(|page| self.catalogue.page(page)) {
            Ok(Some(page)) => json_response(StatusCode::OK, &page),
            Ok(None) => not_found(),
            Err(_) => error_response(StatusCode::BAD_REQUEST, "page takes a whole number"),
        }
    }

    fn item(&self, id: &str) -> Response<Body> {
        let item = id.parse().ok().and_then(|id| self.catalogue.item(id));
        item.map_or_else(not_found, |item| json_response(StatusCode::OK, item))
    }

    fn search(&self, uri: &Uri) -> Response<Body> {
        let Some(text) = query_param(uri, "q") else {
            return error_response(StatusCode::BAD_REQUEST, "q is missing");
        };
        // The search is slow on purpose. The times are spread evenly and are the same in each run.
        let spread_ms = self.searches.fetch_add(1, Ordering::Relaxed) * 37 % 101;
        rt::sleep_blocking(Duration::from_millis(50 + spread_ms));
        json_response(StatusCode::OK, &self.catalogue.find(&text))
    }

    fn log_in(&self, form: &[u8]) -> Response<Body> {
        let field = |name| form_field(form, name).filter(|value| !value.is_empty());
        match (field("username"), field("password")) {
            (Some(name), Some(password)) if password == PASSWORD => {
                let session = self.sessions().open(name.into_owned());
                let cookie = format!("{SESSION_COOKIE}={session}; HttpOnly; Path=/");
                let mut response = json_response(StatusCode::OK, &json!({ "session": session }));
                let cookie = cookie.parse().expect("a cookie with a number is a valid header value");
                response.headers_mut().insert(header::SET_COOKIE, cookie);
                response
            }
            _ => error_response(StatusCode::UNAUTHORIZED, "wrong name or password"),
        }
    }

    fn cart(&self, visitor: &ShopVisitor) -> Response<Body> {
        let lines: Vec<CartLine> = visitor.cart.iter().map(|(&item, &amount)| CartLine { item, amount }).collect();
        json_response(StatusCode::OK, &json!({ "items": lines, "total_cents": self.total_cents(visitor) }))
    }

    fn add_to_cart(&self, request: &mut Request<Body>) -> Response<Body> {
        let line: Result<CartLine, _> = serde_json::from_slice(&read_body(request));
        self.with_visitor(request, |visitor| match line {
            Ok(CartLine { item, amount }) if self.catalogue.item(item).is_some() => {
                let total = visitor.cart.entry(item).or_default();
                *total = total.saturating_add(amount);
                json_response(StatusCode::CREATED, &CartLine { item, amount: *total })
            }
            Ok(_) => not_found(),
            Err(_) => error_response(StatusCode::BAD_REQUEST, "takes {\"item\": 7, \"amount\": 2}"),
        })
    }

    fn check_out(&self, visitor: &mut ShopVisitor) -> Response<Body> {
        let order = 1 + self.checkouts.fetch_add(1, Ordering::Relaxed);
        if order.is_multiple_of(CHECKOUTS_PER_FAILURE) {
            return error_response(StatusCode::INTERNAL_SERVER_ERROR, "an occasional 500: every 50th checkout fails");
        }
        if visitor.cart.is_empty() {
            return error_response(StatusCode::CONFLICT, "the cart is empty");
        }
        let total_cents = self.total_cents(visitor);
        visitor.cart.clear();
        json_response(StatusCode::CREATED, &json!({ "order": order, "total_cents": total_cents }))
    }

    fn total_cents(&self, visitor: &ShopVisitor) -> u64 {
        let price_cents = |item| self.catalogue.item(item).map_or(0, |item| u64::from(item.price_cents));
        visitor.cart.iter().map(|(&item, &amount)| price_cents(item) * u64::from(amount)).sum()
    }

    fn with_visitor(
        &self,
        request: &Request<Body>,
        respond: impl FnOnce(&mut ShopVisitor) -> Response<Body>,
    ) -> Response<Body> {
        let mut sessions = self.sessions();
        match session_id(request).and_then(|session| sessions.visitor(session)) {
            Some(visitor) => respond(visitor),
            None => error_response(StatusCode::UNAUTHORIZED, "log in first"),
        }
    }

    fn sessions(&self) -> MutexGuard<'_, SessionStore> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An item and its amount in a cart.
#[derive(Deserialize, Serialize)]
struct CartLine {
    item: u32,
    amount: u32,
}

fn session_id(request: &Request<Body>) -> Option<u64> {
    let cookies = request.headers().get_all(header::COOKIE).into_iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split("; ")).filter_map(|pair| pair.split_once('='));
    pairs.find(|(name, _)| *name == SESSION_COOKIE)?.1.parse().ok()
}

/// Reads the body of a request, up to 64 KiB.
fn read_body(request: &mut Request<Body>) -> Vec<u8> {
    let mut body = Vec::new();
    // An incomplete body is an invalid form or invalid JSON, which is rejected later.
    let _ = request.body_mut().take(MAX_BODY_BYTES).read_to_end(&mut body);
    body
}

fn query_param<'a>(uri: &'a Uri, name: &str) -> Option<Cow<'a, str>> {
    form_field(uri.query()?.as_bytes(), name)
}

fn form_field<'a>(form: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
    form_urlencoded::parse(form).find(|(key, _)| key == name).map(|(_, value)| value)
}

fn json_response(status: StatusCode, value: &impl Serialize) -> Response<Body> {
    let text = serde_json::to_string(value).expect("the values of the shop are valid JSON");
    response_with_type(status, "application/json", text)
}

fn error_response(status: StatusCode, message: &str) -> Response<Body> {
    json_response(status, &json!({ "error": message }))
}

fn not_found() -> Response<Body> {
    error_response(StatusCode::NOT_FOUND, "there is no such thing")
}

fn response_with_type(status: StatusCode, content_type: &str, body: impl Into<Body>) -> Response<Body> {
    let response = Response::builder().status(status).header(header::CONTENT_TYPE, content_type);
    response.body(body.into()).expect("status and content type are valid")
}

const SESSION_COOKIE: &str = "session";
/// The password of all visitors, from the quick start of Locust's manual.
const PASSWORD: &str = "education";
const CHECKOUTS_PER_FAILURE: u64 = 50;
const MAX_BODY_BYTES: u64 = 64 * 1024;

const FRONT_PAGE_HEAD: &str = "<!doctype html>\n<title>The demo shop</title>\n<h1>The demo shop</h1>\n\
    <p>Made to be loaded by gregaria: it sells nothing and forgets everything.</p>\n<ul>\n";

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::Value;

    use super::*;

    fn send(shop: &DemoShop, method: &str, target: &str, cookie: Option<&str>, body: &str) -> (u16, String) {
        let request = Request::builder().method(method).uri(target);
        let request = cookie.into_iter().fold(request, |request, cookie| request.header(header::COOKIE, cookie));
        let mut response = shop.respond(&mut request.body(Body::from(body.to_owned())).unwrap());
        let mut text = String::new();
        response.body_mut().read_to_string(&mut text).unwrap();
        (response.status().as_u16(), text)
    }

    fn status(shop: &DemoShop, method: &str, target: &str, cookie: Option<&str>, body: &str) -> u16 {
        send(shop, method, target, cookie, body).0
    }

    fn get(shop: &DemoShop, target: &str) -> (u16, Value) {
        let (status, text) = send(shop, "GET", target, None, "");
        (status, serde_json::from_str(&text).unwrap())
    }

    /// Logs in and returns the cookie of the session, as a browser sends it.
    fn log_in(shop: &DemoShop) -> String {
        let form = Body::from("username=ellen_key&password=education");
        let response = shop.respond(&mut Request::post("/login").body(form).unwrap());
        assert_eq!(response.status(), 200);
        let cookie = response.headers()[header::SET_COOKIE].to_str().unwrap();
        let (pair, attributes) = cookie.split_once("; ").unwrap();
        let attributes: BTreeSet<&str> = attributes.split("; ").collect();
        assert_eq!(attributes, BTreeSet::from(["HttpOnly", "Path=/"]));
        pair.to_owned()
    }

    #[test]
    fn public_pages_are_found() {
        let shop = DemoShop::new();
        assert_eq!(send(&shop, "GET", "/health", None, ""), (200, "healthy".to_owned()));
        let (status, page) = send(&shop, "GET", "/", None, "");
        assert!(status == 200 && page.contains("<a href=\"/items/1\">amber basket</a>"), "{page}");
        assert_eq!(get(&shop, "/items").1, get(&shop, "/items?page=1").1);
        assert_eq!(get(&shop, "/items?page=10").1["items"][19]["id"], 200);
        assert_eq!(get(&shop, "/items/7").1["name"], "amber kettle");
        assert_eq!(get(&shop, "/search?q=brass+lamp").1[0]["name"], "brass lamp");
    }

    #[test]
    fn unknown_or_invalid_targets_are_rejected() {
        let shop = DemoShop::new();
        for (method, target, expected) in [
            ("GET", "/items?page=11", 404),
            ("GET", "/items?page=two", 400),
            ("GET", "/items/201", 404),
            ("GET", "/items/", 404),
            ("GET", "/items/one", 404),
            ("GET", "/search", 400),
            ("GET", "/nowhere", 404),
            ("DELETE", "/items/1", 404),
            ("GET", "/checkout", 404),
        ] {
            assert_eq!(status(&shop, method, target, None, ""), expected, "{method} {target}");
        }
    }

    #[test]
    fn cart_needs_a_login() {
        let shop = DemoShop::new();
        for form in ["", "username=a", "username=a&password=guess", "username=&password=education"] {
            assert_eq!(status(&shop, "POST", "/login", None, form), 401, "{form}");
        }
        let cookie = log_in(&shop);
        for (method, target) in [("GET", "/profile"), ("GET", "/cart"), ("POST", "/cart"), ("POST", "/checkout")] {
            for cookie in [None, Some("session=99"), Some("session=x"), Some("other=1")] {
                assert_eq!(status(&shop, method, target, cookie, ""), 401, "{method} {target} {cookie:?}");
            }
        }
        let with_others = format!("theme=dark; {cookie}");
        assert_eq!(send(&shop, "GET", "/profile", Some(&with_others), ""), (200, "\"ellen_key\"".to_owned()));
    }

    #[test]
    fn cart_keeps_items_until_checkout() {
        let shop = DemoShop::new();
        let (ours, theirs) = (log_in(&shop), log_in(&shop));
        let put = |body: &str| status(&shop, "POST", "/cart", Some(&ours), body);
        assert_eq!(put(r#"{"item": 7, "amount": 2}"#), 201);
        assert_eq!(put(r#"{"item": 7, "amount": 1}"#), 201);
        assert_eq!(put(r#"{"item": 201, "amount": 1}"#), 404);
        assert_eq!(put(r#"{"item": 7}"#), 400);
        let cart =
            |cookie: &str| -> Value { serde_json::from_str(&send(&shop, "GET", "/cart", Some(cookie), "").1).unwrap() };
        let price_cents = get(&shop, "/items/7").1["price_cents"].as_u64().unwrap();
        assert_eq!(cart(&ours), json!({ "items": [{ "item": 7, "amount": 3 }], "total_cents": 3 * price_cents }));
        assert_eq!(cart(&theirs), json!({ "items": [], "total_cents": 0 }));
        let (code, order) = send(&shop, "POST", "/checkout", Some(&ours), "");
        assert_eq!((code, order), (201, json!({ "order": 1, "total_cents": 3 * price_cents }).to_string()));
        assert_eq!(status(&shop, "POST", "/checkout", Some(&ours), ""), 409);
    }

    #[test]
    fn every_fiftieth_checkout_fails() {
        let shop = DemoShop::new();
        let cookie = log_in(&shop);
        let order = |_| {
            status(&shop, "POST", "/cart", Some(&cookie), r#"{"item": 1, "amount": 1}"#);
            status(&shop, "POST", "/checkout", Some(&cookie), "")
        };
        let codes: Vec<u16> = (1..=100).map(order).collect();
        let failed: Vec<usize> = (1..).zip(&codes).filter(|(_, code)| **code != 201).map(|(order, _)| order).collect();
        assert_eq!((failed, codes[49]), (vec![50, 100], 500));
        assert_eq!(status(&shop, "POST", "/checkout", Some(&cookie), ""), 201);
    }
}
