//! The cookies of a user: storage of `Set-Cookie` headers and selection per request (RFC 6265 §5, updated by
//! draft-ietf-httpbis-rfc6265bis).
//!
//! A run has thousands of jars, so a jar must be small, and must write its header into the request without a
//! temporary string. [`stored_cookie`] therefore keeps a cookie in one allocation. [`set_cookie`] parses and
//! validates headers, [`date`] parses `Expires`, [`domain`] decides for which domains a host may set cookies, [`host`]
//! which host a request has.
//! `HttpOnly` and `SameSite` are ignored, because a load test has no scripts and no embedding pages. This module
//! does not know sessions.

mod date;
mod domain;
mod host;
mod set_cookie;
mod stored_cookie;

use std::borrow::Cow;
use std::ops::Range;

pub(crate) use self::host::CookieHost;
use self::set_cookie::SetCookie;
use self::stored_cookie::{PairCoding, StoredCookie};
use crate::token::is_text_byte;
use crate::{InvalidRequest, Origin, decode_header};

/// The cookies of one user.
///
/// A jar holds at most [`MAX_COOKIES`](Self::MAX_COOKIES) cookies.
///
/// # Examples
///
/// ```
/// use gregaria_http::{CookieJar, Origin};
///
/// # fn main() -> Result<(), gregaria_http::Error> {
/// let origin = Origin::parse("https://www.shop.example")?;
/// let now_s = 1_700_000_000;
/// let mut jar = CookieJar::new();
/// jar.store("session=42; Path=/; Max-Age=60; Secure", &origin, "/login", now_s);
/// assert_eq!(jar.value("session"), Some("42"));
///
/// // A host cannot set a cookie for another host.
/// jar.store("a=1; Domain=other.example", &origin, "/", now_s);
/// assert_eq!(jar.len(), 1);
///
/// assert_eq!(jar.remove("session", Some("www.shop.example"), None), 1);
/// assert!(jar.is_empty());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug, Default)]
pub struct CookieJar {
    /// Sorted in the order of sending: longer paths first, then older cookies first (RFC 6265 §5.4).
    cookies: Vec<StoredCookie>,
    /// Number of cookies that the limit has removed since [`take_dropped`](Self::take_dropped).
    dropped: u32,
}

/// The view of one cookie: an item of [`CookieJar::iter`], and the argument of [`CookieJar::set`].
///
/// # Examples
///
/// ```
/// use gregaria_http::{Cookie, CookieJar, InvalidRequest};
///
/// let mut jar = CookieJar::new();
/// let cookie = Cookie { name: "lang", value: "de", domain: "shop.example", path: "/items", ..Cookie::default() };
/// jar.set(cookie)?;
/// assert_eq!(jar.iter().next(), Some(cookie));
///
/// // The default domain is empty, which sends the cookie to all hosts.
/// jar.set(Cookie { name: "all", value: "1", ..Cookie::default() })?;
/// assert_eq!(jar.set(Cookie { name: "a;b", ..Cookie::default() }), Err(InvalidRequest::Cookie));
/// # Ok::<(), InvalidRequest>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cookie<'a> {
    /// The name. If it is empty, only the value is sent, without `=`.
    pub name: &'a str,
    /// The value, including its quotes if it has any. A value of a target that is not UTF-8 is read as Latin-1.
    pub value: &'a str,
    /// The domain, in lower case. Empty means all hosts, which only a user can set, not a target.
    pub domain: &'a str,
    /// The path prefix of the requests that carry the cookie. Empty counts as `/`.
    pub path: &'a str,
    /// Whether the cookie is sent over https only.
    pub secure: bool,
    /// Whether subdomains of `domain` are excluded.
    pub host_only: bool,
    /// The expiry time, in seconds since 1970. `None` keeps the cookie until the end of the session.
    pub expires_unix_s: Option<i64>,
}

impl CookieJar {
    /// Maximum number of cookies in a jar. When it is exceeded, the cookie that is first in sending order is removed.
    pub const MAX_COOKIES: usize = 64;
    /// Maximum length of name and value together, in bytes. A longer cookie is not stored.
    pub const MAX_PAIR_BYTES: usize = 4096;
    /// Maximum length of a domain or path, in bytes.
    pub const MAX_ATTRIBUTE_BYTES: usize = 1024;

    /// Creates an empty jar.
    pub const fn new() -> Self {
        Self { cookies: Vec::new(), dropped: 0 }
    }

    /// Returns the number of cookies, including expired cookies that the jar has not removed yet.
    pub fn len(&self) -> usize {
        self.cookies.len()
    }

    /// Returns `true` if the jar has no cookies.
    pub fn is_empty(&self) -> bool {
        self.cookies.is_empty()
    }

    /// Returns the cookies of all hosts, in the order of sending.
    pub fn iter(&self) -> impl Iterator<Item = Cookie<'_>> {
        self.cookies.iter().map(StoredCookie::as_cookie)
    }

    /// Returns the value of the first cookie with this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.cookies.iter().find(|stored| stored.name() == name).map(StoredCookie::value)
    }

    /// Adds a cookie, or replaces the cookie with the same name, domain and path. The rules for cookies from targets
    /// do not apply.
    ///
    /// # Errors
    /// [`InvalidRequest::Cookie`] if name or value has a character that cannot be sent, or if a length exceeds
    /// [`MAX_PAIR_BYTES`](Self::MAX_PAIR_BYTES) or [`MAX_ATTRIBUTE_BYTES`](Self::MAX_ATTRIBUTE_BYTES).
    pub fn set(&mut self, cookie: Cookie<'_>) -> Result<(), InvalidRequest> {
        check_pair(cookie.name, cookie.value)?;
        let domain = cookie.domain.strip_prefix('.').unwrap_or(cookie.domain).to_ascii_lowercase();
        let path = if cookie.path.is_empty() { "/" } else { cookie.path };
        let cookie = Cookie { domain: &domain, path, ..cookie };
        self.insert(StoredCookie::new(cookie, PairCoding::Utf8).ok_or(InvalidRequest::Cookie)?, i64::MIN);
        Ok(())
    }

    /// Removes the cookies with this name and, if given, exactly this domain and path. Returns the number removed.
    pub fn remove(&mut self, name: &str, domain: Option<&str>, path: Option<&str>) -> usize {
        let count_before = self.cookies.len();
        self.cookies.retain(|stored| {
            stored.name() != name
                || domain.is_some_and(|domain| stored.domain() != domain)
                || path.is_some_and(|path| stored.path() != path)
        });
        count_before - self.cookies.len()
    }

    /// Removes all cookies.
    pub fn clear(&mut self) {
        self.cookies.clear();
    }

    /// Applies one `Set-Cookie` header value from a response of `origin` to a request for `path`.
    ///
    /// A cookie with an expiry time in the past removes the stored cookie. Cookies that `origin` may not set, and
    /// cookies that exceed a limit of the jar, are ignored.
    pub fn store(&mut self, set_cookie: &str, origin: &Origin, path: &str, unix_time_s: u64) {
        self.store_from(&CookieHost::new(origin, None), set_cookie.as_bytes(), path, unix_time_s);
    }

    /// Stores a cookie as [`store`](Self::store) does, from a response of `host`. Bytes that are not UTF-8 are sent
    /// back as they came.
    pub(crate) fn store_from(&mut self, host: &CookieHost<'_>, set_cookie: &[u8], path: &str, unix_time_s: u64) {
        let now = i64::try_from(unix_time_s).unwrap_or(i64::MAX);
        let text = decode_header(set_cookie);
        let coding = if matches!(text, Cow::Borrowed(_)) { PairCoding::Utf8 } else { PairCoding::Latin1 };
        let parsed = SetCookie::parse(&text);
        let Some(cookie) = parsed.and_then(|parsed| parsed.validate(host, path, now, coding)) else {
            return;
        };
        if !host.is_secure() && self.cookies.iter().any(|stored| stored.is_protected_from(&cookie)) {
            return;
        }
        if cookie.is_expired(now) {
            self.cookies.retain(|stored| !stored.has_same_key(&cookie));
        } else {
            self.insert(cookie, now);
        }
    }

    /// Appends a `Cookie` header line, including CRLF, to the request in `out`, unless no cookie applies.
    ///
    /// `path` is the range of the request's path in `out`. The cookies in `extra` belong to this request only. They
    /// follow those of the jar, and replace cookies of the jar with the same name.
    ///
    /// # Errors
    /// [`InvalidRequest::Cookie`] if a cookie in `extra` cannot be sent.
    pub(crate) fn append_to(
        &self,
        out: &mut Vec<u8>,
        host: &CookieHost<'_>,
        path: Range<usize>,
        extra: &[(&str, &str)],
        unix_time_s: impl FnOnce() -> u64,
    ) -> Result<(), InvalidRequest> {
        let needs_clock = self.cookies.iter().any(StoredCookie::has_expiry);
        let now = if needs_clock { unix_time_s() as i64 } else { 0 };
        let mut separator = "Cookie: ";
        for cookie in &self.cookies {
            let is_replaced = extra.iter().any(|(name, _)| *name == cookie.name());
            if !is_replaced && cookie.applies_to(host, &out[path.clone()]) && !cookie.is_expired(now) {
                out.extend_from_slice(separator.as_bytes());
                cookie.append_pair(out);
                separator = "; ";
            }
        }
        for &(name, value) in extra {
            check_pair(name, value)?;
            let equals = if name.is_empty() { "" } else { "=" };
            for part in [separator, name, equals, value] {
                out.extend_from_slice(part.as_bytes());
            }
            separator = "; ";
        }
        if separator == "; " {
            out.extend_from_slice(b"\r\n");
        }
        Ok(())
    }

    /// Returns the number of cookies that [`MAX_COOKIES`](Self::MAX_COOKIES) has removed since the last call.
    pub(crate) const fn take_dropped(&mut self) -> u32 {
        std::mem::replace(&mut self.dropped, 0)
    }

    /// Replaces the cookie with the same key at its position, or inserts the cookie in sending order.
    fn insert(&mut self, cookie: StoredCookie, now: i64) {
        if let Some(same) = self.cookies.iter_mut().find(|stored| stored.has_same_key(&cookie)) {
            *same = cookie;
            return;
        }
        self.cookies.retain(|stored| !stored.is_expired(now));
        if self.cookies.len() == Self::MAX_COOKIES {
            self.cookies.remove(0);
            self.dropped = self.dropped.saturating_add(1);
        }
        let index = self.cookies.partition_point(|stored| stored.path().len() >= cookie.path().len());
        self.cookies.insert(index, cookie);
    }
}

/// Checks that a cookie of a user cannot end the header line, and that its name has no `=` or `;`.
fn check_pair(name: &str, value: &str) -> Result<(), InvalidRequest> {
    if name.bytes().any(|byte| !is_text_byte(byte) || matches!(byte, b'=' | b';')) || !value.bytes().all(is_text_byte) {
        return Err(InvalidRequest::Cookie);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
