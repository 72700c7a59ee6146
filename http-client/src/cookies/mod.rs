//! A user's cookies: what targets set, and which of it goes with a request (RFC 6265 §5, with what browsers have agreed on
//! since: draft-ietf-httpbis-rfc6265bis).
//!
//! A jar of thousands of users must be small, and must write its header into the request without making a string of it
//! first: [`stored`] is a cookie in one piece of memory. [`set_cookie`] reads what targets send, [`date`] the dates in it,
//! [`domain`] says who may set a cookie for whom. `HttpOnly` and `SameSite` mean nothing here: there are no scripts and no
//! pages of others.

mod date;
mod domain;
mod set_cookie;
mod stored_cookie;

use std::ops::Range;

use self::set_cookie::SetCookie;
use self::stored_cookie::StoredCookie;
use crate::{InvalidRequest, Origin};

/// The cookies of one user.
#[derive(Clone, Debug, Default)]
pub struct CookieJar {
    /// In the order they are sent: longer paths first, then older first.
    cookies: Vec<StoredCookie>,
}

/// One cookie, as a jar shows it and as a user gives it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cookie<'a> {
    /// The name; empty for one that is sent as its value alone.
    pub name: &'a str,
    /// The value, with the quotes it came in.
    pub value: &'a str,
    /// The host it is for, in lower case. Empty: all hosts, which only a user can ask for.
    pub domain: &'a str,
    /// The path at and below which it is sent. Empty counts as `/`.
    pub path: &'a str,
    /// Whether it is sent over https only.
    pub secure: bool,
    /// Whether hosts below `domain` do not get it.
    pub host_only: bool,
    /// When it expires, in seconds since 1970; `None` at the end of the session.
    pub expires_unix_s: Option<i64>,
}

impl CookieJar {
    /// Most cookies in a jar. For one more, the first that would be sent is forgotten.
    pub const MAX_COOKIES: usize = 64;
    /// Longest name and value of a cookie together, in bytes. A longer one is not kept.
    pub const MAX_PAIR_BYTES: usize = 4096;
    /// Longest domain or path of a cookie, in bytes.
    pub const MAX_ATTRIBUTE_BYTES: usize = 1024;

    /// A jar without cookies.
    pub const fn new() -> Self {
        Self { cookies: Vec::new() }
    }

    /// How many cookies there are, those that expired since the last response included.
    pub fn len(&self) -> usize {
        self.cookies.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.cookies.is_empty()
    }

    /// All cookies, whatever host they are for, in the order they are sent.
    pub fn iter(&self) -> impl Iterator<Item = Cookie<'_>> {
        self.cookies.iter().map(StoredCookie::as_cookie)
    }

    /// The value of the first cookie of this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.cookies.iter().find(|own| own.name() == name).map(StoredCookie::value)
    }

    /// Puts in a cookie of the user's own, in place of one with the same name, domain and path. None of the rules that
    /// bind a target hold for it.
    ///
    /// # Errors
    /// [`InvalidRequest::Cookie`] when it could not be sent, or is longer than a jar keeps.
    pub fn set(&mut self, cookie: Cookie<'_>) -> Result<(), InvalidRequest> {
        check_pair(cookie.name, cookie.value)?;
        let domain = cookie.domain.strip_prefix('.').unwrap_or(cookie.domain).to_ascii_lowercase();
        let path = if cookie.path.is_empty() { "/" } else { cookie.path };
        let cookie = Cookie { domain: &domain, path, ..cookie };
        self.insert(StoredCookie::new(cookie).ok_or(InvalidRequest::Cookie)?, i64::MIN);
        Ok(())
    }

    /// Removes cookies by name, and by domain and path where these are given; says how many there were.
    pub fn remove(&mut self, name: &str, domain: Option<&str>, path: Option<&str>) -> usize {
        let before = self.cookies.len();
        self.cookies.retain(|own| {
            own.name() != name
                || domain.is_some_and(|domain| own.domain() != domain)
                || path.is_some_and(|path| own.path() != path)
        });
        before - self.cookies.len()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.cookies.clear();
    }

    /// Obeys the text of one `Set-Cookie` header in a response from `origin` to a request for `path`. What a target may
    /// not set, or what is longer than a jar keeps, is ignored.
    pub fn store(&mut self, set_cookie: &str, origin: &Origin, path: &str, unix_time_s: u64) {
        let now = i64::try_from(unix_time_s).unwrap_or(i64::MAX);
        let Some(cookie) = SetCookie::parse(set_cookie).and_then(|read| read.validate(origin, path, now)) else {
            return;
        };
        if !origin.scheme().is_secure() && self.cookies.iter().any(|own| own.is_protected_from(&cookie)) {
            return;
        }
        if cookie.is_expired(now) {
            self.cookies.retain(|own| !own.has_same_key(&cookie));
        } else {
            self.insert(cookie, now);
        }
    }

    /// Appends a `Cookie` header with its line end to a request whose path is at `path` of `out`, if any cookie applies.
    /// Those of this request alone, `extra`, go behind the jar's, and in place of any of the same name.
    pub(crate) fn append_to(
        &self,
        out: &mut Vec<u8>,
        origin: &Origin,
        path: Range<usize>,
        extra: &[(&str, &str)],
        unix_time_s: impl FnOnce() -> u64,
    ) -> Result<(), InvalidRequest> {
        let expiring = self.cookies.iter().any(StoredCookie::has_expiry);
        let now = if expiring { unix_time_s() as i64 } else { 0 };
        let mut separator = "Cookie: ";
        for cookie in &self.cookies {
            let replaced = extra.iter().any(|(name, _)| *name == cookie.name());
            if !replaced && cookie.applies_to(origin, &out[path.clone()]) && !cookie.is_expired(now) {
                for part in [separator, cookie.pair()] {
                    out.extend_from_slice(part.as_bytes());
                }
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

    /// A cookie takes the place of one that it replaces, or else one behind those that are sent before it.
    fn insert(&mut self, cookie: StoredCookie, now: i64) {
        if let Some(same) = self.cookies.iter_mut().find(|own| own.has_same_key(&cookie)) {
            *same = cookie;
            return;
        }
        self.cookies.retain(|own| !own.is_expired(now));
        if self.cookies.len() == Self::MAX_COOKIES {
            self.cookies.remove(0);
        }
        let at = self.cookies.partition_point(|own| own.path().len() >= cookie.path().len());
        self.cookies.insert(at, cookie);
    }
}

/// Whether a pair of the user's own can stand in a `Cookie` header: it stays on its line, and its name ends where it ends.
fn check_pair(name: &str, value: &str) -> Result<(), InvalidRequest> {
    let unsendable = |byte: u8| byte.is_ascii_control() && byte != b'\t';
    if name.bytes().any(|byte| unsendable(byte) || matches!(byte, b'=' | b';')) || value.bytes().any(unsendable) {
        return Err(InvalidRequest::Cookie);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
