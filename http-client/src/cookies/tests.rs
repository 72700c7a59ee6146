//! Tests of [`CookieJar`]: domains, prefixes, limits and the header that a request gets.

use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_700_000_000;

/// Creates a jar with these `Set-Cookie` values from `url`.
fn jar_with(url: &str, set: &[&str]) -> CookieJar {
    let mut jar = CookieJar::new();
    set_cookies(&mut jar, url, set);
    jar
}

fn set_cookies(jar: &mut CookieJar, url: &str, set: &[&str]) {
    let origin = Origin::parse(url).unwrap();
    set.iter().for_each(|text| jar.store(text, &origin, "/dir/page", NOW));
}

/// Returns the `Cookie` line of a request for `path` at the origin of `url`.
fn cookie_line(jar: &CookieJar, url: &str, path: &str, extra: &[(&str, &str)]) -> Result<String, InvalidRequest> {
    let mut out = path.as_bytes().to_vec();
    let origin = Origin::parse(url).unwrap();
    jar.append_to(&mut out, &CookieHost::new(&origin, None), 0..path.len(), extra, || NOW)?;
    Ok(String::from_utf8(out.split_off(path.len())).unwrap())
}

fn cookies_sent(jar: &CookieJar, url: &str) -> String {
    cookie_line(jar, url, "/", &[]).unwrap().trim_end().trim_start_matches("Cookie: ").to_owned()
}

#[test]
fn secure_cookie_requires_https() {
    assert!(jar_with("http://h.example", &["a=1; Secure"]).is_empty());
    let jar = jar_with("https://h.example", &["a=1; Secure; Path=/", "b=1; Path=/"]);
    assert_eq!(cookies_sent(&jar, "https://h.example"), "a=1; b=1");
    assert_eq!(cookies_sent(&jar, "http://h.example"), "b=1");
}

#[test]
fn secure_cookie_is_exchanged_with_loopback() {
    for url in ["http://localhost:81", "http://127.0.0.1", "http://[::1]:81"] {
        let jar = jar_with(url, &["a=1; Secure; Path=/", "__Host-b=1; Secure; Path=/"]);
        assert_eq!(cookies_sent(&jar, url), "a=1; __Host-b=1", "{url}");
    }
}

#[test]
fn bytes_that_are_not_utf_8_are_sent_as_received() {
    let origin = Origin::parse("http://h.example").unwrap();
    let host = CookieHost::new(&origin, None);
    let mut jar = CookieJar::new();
    for set in [&b"a=caf\xe9\xff; Path=/"[..], b"b=caf\xc3\xa9; Path=/", b"\xe9=1; Path=/"] {
        jar.store_from(&host, set, "/", NOW);
    }
    assert_eq!((jar.value("a"), jar.value("b")), (Some("caf\u{e9}\u{ff}"), Some("caf\u{e9}")));
    let mut out = b"/".to_vec();
    jar.append_to(&mut out, &host, 0..1, &[], || NOW).unwrap();
    assert_eq!(out, b"/Cookie: a=caf\xe9\xff; b=caf\xc3\xa9; \xe9=1\r\n");
    let longest = [b"c=", &b"\xe9".repeat(CookieJar::MAX_PAIR_BYTES - 1)[..]].concat();
    jar.store_from(&host, &longest, "/", NOW);
    assert!(jar.value("c").is_some(), "the limit counts received bytes");
    jar.store_from(&host, &[&longest[..], b"x"].concat(), "/", NOW);
    assert_eq!(jar.value("c").map(|value| value.chars().count()), Some(CookieJar::MAX_PAIR_BYTES - 1));
}

#[test]
fn insecure_origin_cannot_shadow_secure_cookies() {
    let secure = "a=1; Secure; Path=/dir; Domain=h.example";
    for (insecure, is_kept) in [
        ("a=2; Path=/dir", false),
        ("a=2; Path=/dir/deeper", false),
        ("a=; Max-Age=0; Path=/dir; Domain=h.example", false),
        ("a=2; Path=/", true),
        ("a=2; Path=/other", true),
        ("b=2; Path=/dir", true),
    ] {
        let mut jar = jar_with("https://www.h.example", &[secure]);
        set_cookies(&mut jar, "http://www.h.example", &[insecure]);
        assert_eq!((jar.len(), jar.value("a").is_some()), (1 + usize::from(is_kept), true), "{insecure}");
        set_cookies(&mut jar, "https://www.h.example", &["a=3; Path=/dir; Domain=h.example"]);
        assert!(jar.iter().any(|cookie| (cookie.value, cookie.secure) == ("3", false)), "{insecure}");
    }
}

#[test]
fn name_prefix_requires_its_attributes() {
    let is_kept = |set| !jar_with("https://www.h.example", &[set]).is_empty();
    for set in
        ["__Secure-a=1; Secure; Domain=h.example", "__Host-a=1; Secure; Path=/", "__host-a=1; Secure; Path=/; Domain="]
    {
        assert!(is_kept(set), "{set}");
    }
    for set in [
        "__Secure-a=1",
        "__SECURE-a=1",
        "__Host-a=1; Path=/",
        "__Host-a=1; Secure",
        "__Host-a=1; Secure; Path=/dir",
        "__Host-a=1; Secure; Path=/; Domain=www.h.example",
    ] {
        assert!(!is_kept(set), "{set}");
    }
    assert!(jar_with("http://www.h.example", &["__Host-a=1; Secure; Path=/"]).is_empty());
}

#[test]
fn iter_returns_all_attributes() {
    let jar = jar_with("https://www.h.example", &["a=1; Domain=.H.example; Max-Age=5; Secure", "b=\"2\"; Path=/x/"]);
    let cookies: Vec<_> = jar.iter().collect();
    let a = Cookie {
        name: "a",
        value: "1",
        domain: "h.example",
        path: "/dir",
        secure: true,
        host_only: false,
        expires_unix_s: Some(NOW as i64 + 5),
    };
    let b = Cookie {
        name: "b",
        value: "\"2\"",
        domain: "www.h.example",
        path: "/x/",
        host_only: true,
        ..Cookie::default()
    };
    assert_eq!(cookies, [a, b]);
}

#[test]
fn user_may_set_cookies_for_any_domain() {
    let mut jar = jar_with("http://h.example", &["a=1; Path=/"]);
    jar.set(Cookie { name: "all", value: "1", ..Cookie::default() }).unwrap();
    jar.set(Cookie { name: "wide", value: "1", domain: ".H.example", path: "/x", ..Cookie::default() }).unwrap();
    jar.set(Cookie { name: "own", value: "a; b", domain: "h.example", host_only: true, ..Cookie::default() }).unwrap();
    jar.set(Cookie { name: "co", value: "1", domain: "uk", ..Cookie::default() }).unwrap();
    assert_eq!(cookies_sent(&jar, "http://h.example"), "a=1; all=1; own=a; b");
    assert_eq!(cookies_sent(&jar, "http://127.0.0.1"), "all=1");
    assert_eq!(cookies_sent(&jar, "http://a.co.uk"), "all=1; co=1");
    assert_eq!(cookie_line(&jar, "http://www.h.example", "/x/y", &[]).unwrap(), "Cookie: wide=1; all=1\r\n");
    jar.set(Cookie { name: "all", value: "2", ..Cookie::default() }).unwrap();
    assert_eq!((jar.len(), cookies_sent(&jar, "http://127.0.0.1").as_str()), (5, "all=2"));
}

#[test]
fn user_cookie_that_cannot_be_sent_is_rejected() {
    let mut jar = CookieJar::new();
    let long = "x".repeat(4_096);
    for (name, value) in [("a\n", ""), ("a", "\r\nX: 1"), ("a=", ""), ("a;", ""), ("a", "\0"), ("a", &long)] {
        let cookie = Cookie { name, value, ..Cookie::default() };
        assert_eq!(jar.set(cookie), Err(InvalidRequest::Cookie), "{name:?} {value:?}");
    }
    assert_eq!(jar.set(Cookie { name: "a", domain: &long, ..Cookie::default() }), Err(InvalidRequest::Cookie));
    assert_eq!(jar.set(Cookie { name: "a", value: &long[1..], ..Cookie::default() }), Ok(()));
    assert_eq!(cookie_line(&jar, "http://h", "/", &[("a", "1\r\n")]), Err(InvalidRequest::Cookie));
}

#[test]
fn remove_filters_by_name_domain_and_path() {
    let jar =
        jar_with("http://www.h.example", &["a=1; Path=/", "a=2; Path=/x", "a=3; Path=/; Domain=h.example", "b=1"]);
    let removed = |name, domain, path| {
        let mut jar = jar.clone();
        (jar.remove(name, domain, path), jar.len())
    };
    assert_eq!(removed("a", None, None), (3, 1));
    assert_eq!(removed("a", Some("h.example"), None), (1, 3));
    assert_eq!(removed("a", None, Some("/")), (2, 2));
    assert_eq!(removed("a", Some("www.h.example"), Some("/x")), (1, 3));
    assert_eq!(removed("c", None, None), (0, 4));
}

#[test]
fn request_cookies_follow_those_of_the_jar() {
    let jar = jar_with("http://h.example", &["a=1; Path=/", "b=1; Path=/"]);
    let extra = [("a", "mine"), ("c", "1"), ("", "alone")];
    assert_eq!(cookie_line(&jar, "http://h.example", "/", &extra).unwrap(), "Cookie: b=1; a=mine; c=1; alone\r\n");
    assert_eq!(cookie_line(&CookieJar::new(), "http://h.example", "/", &extra[..1]).unwrap(), "Cookie: a=mine\r\n");
    assert_eq!(cookie_line(&CookieJar::new(), "http://h.example", "/", &[]).unwrap(), "");
}

#[test]
fn cookies_are_sorted_by_path_length_and_age() {
    let mut jar = jar_with("http://h.example", &["a=1; Path=/", "b=1; Path=/dir", "c=1; Path=/", "d=1; Path=/dir/x"]);
    set_cookies(&mut jar, "http://h.example", &["a=2; Path=/"]);
    assert_eq!(cookie_line(&jar, "http://h.example", "/dir/x", &[]).unwrap(), "Cookie: d=1; b=1; a=2; c=1\r\n");
}

fn hosts() -> impl Strategy<Value = String> {
    let label = prop::sample::select(vec!["a", "b", "co", "uk", "example", "com", "127", "0", "1"]);
    prop::collection::vec(label, 1..5).prop_map(|labels| labels.join("."))
}

proptest! {
    /// A cookie is sent only within the domain of the host that set the cookie, and never to a whole public suffix.
    #[test]
    fn cookie_is_confined_to_the_domain_of_its_host(setter in hosts(), domain in hosts(), other in hosts()) {
        let urls = [format!("http://{setter}"), format!("http://{other}")];
        let (Ok(from), Ok(to)) = (Origin::parse(&urls[0]), Origin::parse(&urls[1])) else {
            return Ok(());
        };
        let mut jar = CookieJar::new();
        jar.store(&format!("a=1; Path=/; Domain={domain}"), &from, "/", NOW);
        if !cookies_sent(&jar, &urls[1]).is_empty() && from != to {
            let below = format!(".{domain}");
            for host in [from.host(), to.host()] {
                prop_assert!(host == domain || host.ends_with(&below), "{}", host);
            }
            prop_assert!(!["co", "uk", "co.uk", "com", "example"].contains(&domain.as_str()));
        }
    }

    /// For arbitrary `Set-Cookie` values, the jar stays within its limits and sends one line.
    #[test]
    fn arbitrary_set_cookie_yields_at_most_one_line(texts in prop::collection::vec("\\PC*|[ -~\t]*|(a|b)=[^\n]{0,20}; ?(Path|Domain|Expires|Max-Age)=.{0,30}", 0..8)) {
        let mut jar = CookieJar::new();
        texts.iter().for_each(|text| jar.store(text, &Origin::parse("https://h.example").unwrap(), "/a/b", NOW));
        prop_assert!(jar.len() <= CookieJar::MAX_COOKIES);
        let line = cookie_line(&jar, "https://h.example", "/a/b", &[]).unwrap();
        let text = line.strip_suffix("\r\n").unwrap_or_default();
        prop_assert!(!text.contains(|c: char| c.is_ascii_control() && c != '\t'), "{text:?}");
    }
}
