//! The request that follows a redirect, as python-requests and browsers build it: its method, its URL, and the parts
//! of the first request that it keeps.
//!
//! A pure function. `session/follow.rs` sends the request and limits the number of redirects.

use url::Url;

use crate::origin::{is_empty_authority, split_scheme, strip_authority, strip_slashes};
use crate::proto::target::{encode_url, has_stray_percent};
use crate::{Error, Method};

/// The request that a redirect leads to.
///
/// # Examples
///
/// ```
/// use gregaria_http::{Method, Redirect, resolve_redirect};
///
/// let redirect = resolve_redirect(Method::Put, 307, b"https://pay.example/", "https://shop.example/buy")?;
/// let url = "https://pay.example/".to_owned();
/// assert_eq!(redirect, Some(Redirect { method: Method::Put, url, keeps_body: true, same_origin: false }));
/// # Ok::<(), gregaria_http::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redirect {
    /// The method, often `GET`.
    pub method: Method,
    /// The absolute URL, in ASCII and percent-encoded. It inherits the fragment of the previous URL if the location
    /// has none, and may have credentials.
    pub url: String,
    /// Whether the body is sent again. If not, the headers that describe the body are removed too.
    pub keeps_body: bool,
    /// Whether the next request goes to the same scheme, host and port, or from http to https of the same host on
    /// the default ports. If not, credentials are not sent.
    pub same_origin: bool,
}

/// Returns the request that follows a response with this status and `Location`. `from_url` is the absolute URL of
/// the response.
///
/// Returns `None` unless the status is 301, 302, 303, 307 or 308 and the location is not empty.
///
/// # Errors
/// [`Error::InvalidRedirect`] if the location is not a URL, has a control character, or leaves http and https.
///
/// # Examples
///
/// ```
/// use gregaria_http::{Method, resolve_redirect};
///
/// let redirect = resolve_redirect(Method::Post, 303, b"/cart?id=7", "http://shop.example/buy")?.expect("a redirect");
/// assert_eq!((redirect.method, redirect.url.as_str()), (Method::Get, "http://shop.example/cart?id=7"));
/// assert!(redirect.same_origin && !redirect.keeps_body);
/// # Ok::<(), gregaria_http::Error>(())
/// ```
pub fn resolve_redirect(
    method: Method,
    status: u16,
    location: &[u8],
    from_url: &str,
) -> Result<Option<Redirect>, Error> {
    let location = location.trim_ascii();
    if !is_redirect_status(status) || location.is_empty() {
        return Ok(None);
    }
    let from = Url::parse(&encode_url(from_url)).map_err(|_| Error::InvalidRedirect)?;
    let to = join_location(&from, location)?;
    Ok(Some(Redirect {
        method: next_method(method, status),
        keeps_body: matches!(status, 307 | 308),
        same_origin: is_same_origin(&from, &to),
        url: encode_url(to.as_str()).into_owned(),
    }))
}

/// Returns `true` for the statuses of a redirect.
pub(crate) const fn is_redirect_status(status: u16) -> bool {
    matches!(status, 301 | 302 | 303 | 307 | 308)
}

/// Returns the next method. 307 and 308 keep the method. The other statuses follow python-requests.
fn next_method(method: Method, status: u16) -> Method {
    match (status, method) {
        (302 | 303, Method::Head) => Method::Head,
        (302 | 303, _) | (301, Method::Post) => Method::Get,
        _ => method,
    }
}

fn join_location(from: &Url, location: &[u8]) -> Result<Url, Error> {
    // The `url` crate would drop control characters. The remaining URL could differ from the URL that an intermediary
    // checked.
    if location.iter().any(u8::is_ascii_control) {
        return Err(Error::InvalidRedirect);
    }
    let mut location = location_to_string(location);
    let (scheme, rest) = split_scheme(&location).map_or((None, &*location), |(scheme, rest)| (Some(scheme), rest));
    // Without slashes, a location with the scheme of the previous URL is relative (RFC 3986 §5.2.2).
    let is_relative = scheme.is_none_or(|scheme| scheme.as_str() == from.scheme());
    let authority = strip_slashes(rest);
    if authority.map_or(!is_relative, is_empty_authority) {
        return Err(Error::InvalidRedirect);
    }
    let path = authority.map_or(rest, strip_authority);
    if has_stray_percent(path.bytes()) {
        // Before the `url` crate adds escapes, so that those are not encoded twice.
        let encoded = path.replace('%', "%25");
        location.replace_range(location.len() - path.len().., &encoded);
    }
    let mut url = from.join(&location).map_err(|_| Error::InvalidRedirect)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Error::InvalidRedirect);
    }
    if url.fragment().is_none_or(str::is_empty) {
        url.set_fragment(from.fragment());
    }
    Ok(url)
}

/// Decodes the location as UTF-8, which servers use. Bytes that are not UTF-8 are percent-encoded.
fn location_to_string(location: &[u8]) -> String {
    let mut text = String::with_capacity(location.len());
    for chunk in location.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(percent_encoding::percent_encode(chunk.invalid(), percent_encoding::NON_ALPHANUMERIC));
    }
    text
}

fn is_same_origin(from: &Url, to: &Url) -> bool {
    let address = |url: &Url| (url.scheme() == "https", url.port_or_known_default());
    let is_upgrade = address(from) == (false, Some(80)) && address(to) == (true, Some(443));
    from.host() == to.host() && (address(from) == address(to) || is_upgrade)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::origin::after_authority;
    use crate::proto::target;
    use crate::{Origin, split_credentials};

    fn to(location: &str, from_url: &str) -> Redirect {
        resolve_redirect(Method::Get, 302, location.as_bytes(), from_url).unwrap().unwrap()
    }

    #[test]
    fn redirect_requires_status_and_location() {
        let follows = |status, location: &str| {
            resolve_redirect(Method::Get, status, location.as_bytes(), "http://h/").unwrap().is_some()
        };
        for status in [301, 302, 303, 307, 308] {
            assert!(follows(status, "/x") && !follows(status, "") && !follows(status, " "), "{status}");
        }
        for status in [200, 201, 300, 304, 305, 306, 309, 404] {
            assert!(!follows(status, "/x"), "{status}");
        }
    }

    #[test]
    fn next_method_matches_python_requests() {
        let (get, head, post, put) = (Method::Get, Method::Head, Method::Post, Method::Put);
        for (status, next_of_head, next_of_post, next_of_put, keeps_body) in [
            (301, head, get, put, false),
            (302, head, get, get, false),
            (303, head, get, get, false),
            (307, head, post, put, true),
            (308, head, post, put, true),
        ] {
            for (method, next) in [(get, get), (head, next_of_head), (post, next_of_post), (put, next_of_put)] {
                let redirect = resolve_redirect(method, status, b"/x", "http://h/").unwrap().unwrap();
                assert_eq!((redirect.method, redirect.keeps_body), (next, keeps_body), "{status} {method}");
            }
        }
    }

    #[test]
    fn location_is_joined_to_previous_url() {
        // RFC 3986 §5.4, and the behaviour of browsers for the rest.
        let base = "http://a/b/c/d;p?q";
        for (location, url) in [
            ("g", "http://a/b/c/g"),
            ("./g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g:81", "http://g:81/"),
            ("?y", "http://a/b/c/d;p?y"),
            ("#s", "http://a/b/c/d;p?q#s"),
            ("../../../g", "http://a/g"),
            ("https://G/x", "https://g/x"),
            ("http:g", "http://a/b/c/g"),
            ("\\g", "http://a/g"),
            ("/a b\"<>?c d", "http://a/a%20b%22%3C%3E?c%20d"),
            ("/\u{fc}%20%zz", "http://a/%C3%BC%2520%25zz"),
            ("http://b/%%C3%BC#%", "http://b/%25%25C3%25BC#%25"),
            ("/[1]?q[]=%41", "http://a/%5B1%5D?q%5B%5D=%41"),
            ("http://[::1]/[1]", "http://[::1]/%5B1%5D"),
            ("http://b\u{fc}cher.example/", "http://xn--bcher-kva.example/"),
        ] {
            assert_eq!(to(location, base).url, url, "{location}");
        }
    }

    #[test]
    fn location_bytes_beyond_utf_8_are_percent_encoded() {
        let redirect = resolve_redirect(Method::Get, 302, b" /caf\xe9?\xc3\xa9 ", "http://h/").unwrap().unwrap();
        assert_eq!(redirect.url, "http://h/caf%E9?%C3%A9");
    }

    #[test]
    fn fragment_is_inherited() {
        assert_eq!(to("/x", "http://h/y#part").url, "http://h/x#part");
        assert_eq!(to("/x#", "http://h/y#part").url, "http://h/x#part");
        assert_eq!(to("/x#own", "http://h/y#part").url, "http://h/x#own");
    }

    #[test]
    fn same_origin_compares_scheme_host_and_port() {
        for (from_url, location, same_origin) in [
            ("http://h/", "/x", true),
            ("http://h:80/", "http://H/x", true),
            ("http://h/", "https://h/", true),
            ("http://h:80/", "https://h:443/", true),
            ("https://h/", "http://h/", false),
            ("http://h:81/", "https://h/", false),
            ("http://h/", "https://h:444/", false),
            ("http://h/", "http://h:81/", false),
            ("http://h:81/", "https://h:81/", false),
            ("http://h/", "http://www.h/", false),
            ("http://h/", "http://h@evil/", false),
        ] {
            assert_eq!(to(location, from_url).same_origin, same_origin, "{from_url} to {location}");
        }
    }

    #[test]
    fn invalid_location_is_an_invalid_redirect() {
        let error = |location: &[u8]| resolve_redirect(Method::Get, 301, location, "http://h/").unwrap_err();
        for location in ["ftp://h/", "javascript:alert(1)", "mailto:a@b", "file:///etc/passwd"] {
            assert_eq!(error(location.as_bytes()), Error::InvalidRedirect, "{location}");
        }
        for location in ["http:///x", "HTTP:////x", "///x", "//", "//?x", "/\\/x", "https:/x", "https:x", "https:"] {
            assert_eq!(error(location.as_bytes()), Error::InvalidRedirect, "{location}");
        }
        for location in ["http://", "http://h:99999/", "http://a b/", "//[::1/", "/a\r\nX: 1", "/\0", "/a\tb"] {
            assert_eq!(error(location.as_bytes()), Error::InvalidRedirect, "{location:?}");
        }
        assert_eq!(error(b"http://\xff/"), Error::InvalidRedirect);
    }

    proptest! {
        /// Checks that any location leads to a URL with a target that is sent as one word and encoded once.
        #[test]
        fn any_location_yields_a_safe_url(
            location in prop_oneof![
                prop::collection::vec(any::<u8>(), 0..40),
                "(https?:)?(//)?[a-z@:.]{0,6}[/?#%\\\\ ]\\PC{0,30}".prop_map(String::into_bytes),
            ],
            from_url in "http://h/[a-z %?#\u{fc}./]{0,10}",
        ) {
            let Ok(Some(redirect)) = resolve_redirect(Method::Get, 302, &location, &from_url) else {
                return Ok(());
            };
            prop_assert!(redirect.url.bytes().all(|byte| byte.is_ascii_graphic()), "{:?}", redirect.url);
            let (url, _) = split_credentials(&redirect.url);
            prop_assert!(Origin::parse(&url).is_ok(), "{url:?}");
            let path = after_authority(&url).unwrap();
            let mut encoded = Vec::new();
            prop_assert_eq!(target::append(&mut encoded, "", path), Ok(()));
            let encoded = String::from_utf8(encoded).unwrap();
            prop_assert_eq!(encoded.matches("%25").count(), path.split('#').next().unwrap().matches("%25").count());
            prop_assert_eq!(&to(&redirect.url, &from_url).url, &redirect.url);
        }
    }
}
