//! Parser of `Set-Cookie` header values, and the check whether the target may set the cookie (RFC 6265bis §5.6,
//! §5.7).
//!
//! This file does not know which cookies are stored. [`CookieJar::store`] does.

use super::date::parse_cookie_date;
use super::domain::cookie_scope;
use super::stored_cookie::{PairCoding, StoredCookie};
use super::{Cookie, CookieHost, CookieJar};
use crate::token::is_text_byte;

/// The parts of a `Set-Cookie` header value. The last of several equal attributes is used; an `Expires` or `Max-Age`
/// that cannot be parsed is skipped, and so is a value above the limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SetCookie<'a> {
    name: &'a str,
    value: &'a str,
    domain: Option<&'a str>,
    path: Option<&'a str>,
    secure: bool,
    max_age_s: Option<i64>,
    expires_unix_s: Option<i64>,
}

impl<'a> SetCookie<'a> {
    /// Parses a header value. Returns `None` for control characters, for an empty cookie, and for a nameless cookie
    /// whose value begins with a name prefix.
    pub(super) fn parse(text: &'a str) -> Option<Self> {
        if !text.bytes().all(is_text_byte) {
            return None;
        }
        let mut parts = text.split(';');
        let pair = trim(parts.next()?);
        let (name, value) = pair.split_once('=').map_or(("", pair), |(name, value)| (trim(name), trim(value)));
        if pair.is_empty() || (name.is_empty() && (value.is_empty() || CookiePrefix::of(value) != CookiePrefix::None)) {
            return None;
        }
        let mut parsed = Self { name, value, ..Self::default() };
        for part in parts {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            parsed.set_attribute(trim(key), trim(value));
        }
        Some(parsed)
    }

    /// Returns the cookie to store. Returns `None` if `host` may not set the cookie in a response to a request for
    /// `path`, or if the cookie exceeds a limit of the jar.
    pub(super) fn validate(
        &self,
        host: &CookieHost<'_>,
        path: &str,
        now_unix_s: i64,
        coding: PairCoding,
    ) -> Option<StoredCookie> {
        if self.secure && !host.is_secure() {
            return None;
        }
        let (domain, host_only) = cookie_scope(self.domain, host.name())?;
        let satisfies_prefix = match CookiePrefix::of(self.name) {
            CookiePrefix::None => true,
            CookiePrefix::Secure => self.secure,
            CookiePrefix::Host => self.secure && self.domain.is_none_or(str::is_empty) && self.path == Some("/"),
        };
        let max_age = self.max_age_s.map(|age_s| now_unix_s.saturating_add(age_s));
        let cookie = Cookie {
            name: self.name,
            value: self.value,
            domain: &domain,
            path: self.path.unwrap_or_else(|| default_path(path)),
            secure: self.secure,
            host_only,
            expires_unix_s: max_age.or(self.expires_unix_s),
        };
        if satisfies_prefix { StoredCookie::new(cookie, coding) } else { None }
    }

    fn set_attribute(&mut self, key: &str, value: &'a str) {
        if value.len() > CookieJar::MAX_ATTRIBUTE_BYTES {
            return;
        }
        if key.eq_ignore_ascii_case("Expires") {
            self.expires_unix_s = parse_cookie_date(value).or(self.expires_unix_s);
        } else if key.eq_ignore_ascii_case("Max-Age") {
            self.max_age_s = parse_max_age(value).or(self.max_age_s);
        } else if key.eq_ignore_ascii_case("Domain") {
            self.domain = Some(value.strip_prefix('.').unwrap_or(value));
        } else if key.eq_ignore_ascii_case("Path") {
            self.path = value.starts_with('/').then_some(value);
        } else if key.eq_ignore_ascii_case("Secure") {
            self.secure = true;
        }
    }
}

/// A name prefix, which requires certain attributes (RFC 6265bis §4.1.3).
#[derive(Clone, Copy, PartialEq, Eq)]
enum CookiePrefix {
    None,
    Secure,
    Host,
}

impl CookiePrefix {
    fn of(name: &str) -> Self {
        let starts_with =
            |prefix: &str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
        if starts_with("__Host-") {
            Self::Host
        } else if starts_with("__Secure-") {
            Self::Secure
        } else {
            Self::None
        }
    }
}

/// Parses a `Max-Age` in seconds, which may be negative. Values beyond `i64` saturate.
fn parse_max_age(text: &str) -> Option<i64> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let saturated = if digits.len() == text.len() { i64::MAX } else { i64::MIN };
    Some(text.parse().unwrap_or(saturated))
}

/// Returns the path of a cookie without a `Path` attribute: the request's path up to its last slash (RFC 6265
/// §5.1.4).
fn default_path(path: &str) -> &str {
    match path.rfind('/') {
        Some(end) if end > 0 => &path[..end],
        _ => "/",
    }
}

fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pair_ends_at_the_first_semicolon() {
        let pair = |text| SetCookie::parse(text).map(|parsed| (parsed.name, parsed.value));
        assert_eq!(pair(" a = \"b c\" ; Path=/"), Some(("a", "\"b c\"")));
        assert_eq!(pair("a=b=c"), Some(("a", "b=c")));
        assert_eq!(pair("a="), Some(("a", "")));
        assert_eq!(pair("=a"), Some(("", "a")));
        assert_eq!(pair("a"), Some(("", "a")));
        for text in ["", " ; a=b", "=", "a=\0", "a=b; Path=/\n", "\x7fa=b", "=__Host-a=b", "__secure-a"] {
            assert_eq!(pair(text), None, "{text:?}");
        }
    }

    #[test]
    fn last_of_repeated_attributes_is_used() {
        let parse = |text| SetCookie::parse(text).unwrap();
        assert_eq!(parse("a=b; Path=/a; PATH=/b; path").path, None);
        assert_eq!(parse("a=b; Domain=.a; domain = b ").domain, Some("b"));
        assert_eq!(parse("a=b; Max-Age=5; Max-Age=no; max-age=").max_age_s, Some(5));
        assert!(parse("a=b; secure=no; HttpOnly; SameSite=None").secure);
        assert_eq!(parse(&format!("a=b; Path=/a; Path=/{}", "x".repeat(1_024))).path, Some("/a"));
    }

    #[test]
    fn max_age_accepts_digits_and_a_minus_sign() {
        assert_eq!((parse_max_age("0"), parse_max_age("-1"), parse_max_age("007")), (Some(0), Some(-1), Some(7)));
        assert_eq!(parse_max_age("99999999999999999999"), Some(i64::MAX));
        assert_eq!(parse_max_age("-99999999999999999999"), Some(i64::MIN));
        for text in ["", "-", "+1", "1.5", "1s", "--1", "\u{661}"] {
            assert_eq!(parse_max_age(text), None, "{text}");
        }
    }

    #[test]
    fn default_path_is_the_directory_of_the_request() {
        assert_eq!(["/", "/a", "/a/b", "/a/b/", ""].map(default_path), ["/", "/", "/a", "/a/b", "/"]);
    }
}
