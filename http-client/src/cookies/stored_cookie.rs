//! The stored form of a cookie: one allocation, which begins with the `name=value` pair.
//!
//! This file does not know headers. [`set_cookie`](super::set_cookie) parses them.

use super::domain::domain_matches;
use super::{Cookie, CookieHost, CookieJar};

/// A cookie in a jar.
#[derive(Clone, Debug)]
pub(super) struct StoredCookie {
    /// Pair, domain and path, concatenated.
    text: Box<str>,
    /// Expiry time in seconds since 1970, or [`NO_EXPIRY`].
    expires_unix_s: i64,
    name_len: u16,
    pair_len: u16,
    domain_len: u16,
    flags: CookieFlags,
    pair_coding: PairCoding,
}

/// The coding in which the pair was received and is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PairCoding {
    Utf8,
    /// Each character is one byte.
    Latin1,
}

/// Two flags in one byte, so that a cookie has 32 bytes.
#[derive(Clone, Copy, Debug)]
struct CookieFlags(u8);

impl CookieFlags {
    const HOST_ONLY: u8 = 1;
    const SECURE: u8 = 2;

    const fn new(host_only: bool, secure: bool) -> Self {
        Self((host_only as u8 * Self::HOST_ONLY) | (secure as u8 * Self::SECURE))
    }

    const fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }
}

impl StoredCookie {
    /// Copies a cookie. Returns `None` if it exceeds a limit of the jar.
    pub(super) fn new(cookie: Cookie<'_>, pair_coding: PairCoding) -> Option<Self> {
        let Cookie { name, value, domain, path, secure, host_only, expires_unix_s } = cookie;
        let attribute_len = domain.len().max(path.len());
        if pair_coding.encoded_len(name) + pair_coding.encoded_len(value) > CookieJar::MAX_PAIR_BYTES
            || attribute_len > CookieJar::MAX_ATTRIBUTE_BYTES
        {
            return None;
        }
        let equals = if name.is_empty() { "" } else { "=" };
        Some(Self {
            text: [name, equals, value, domain, path].concat().into(),
            expires_unix_s: expires_unix_s.unwrap_or(NO_EXPIRY),
            name_len: name.len() as u16,
            pair_len: (name.len() + equals.len() + value.len()) as u16,
            domain_len: domain.len() as u16,
            flags: CookieFlags::new(host_only, secure),
            pair_coding,
        })
    }

    pub(super) fn as_cookie(&self) -> Cookie<'_> {
        Cookie {
            name: self.name(),
            value: self.value(),
            domain: self.domain(),
            path: self.path(),
            secure: self.flags.has(CookieFlags::SECURE),
            host_only: self.flags.has(CookieFlags::HOST_ONLY),
            expires_unix_s: self.has_expiry().then_some(self.expires_unix_s),
        }
    }

    pub(super) fn name(&self) -> &str {
        &self.text[..self.name_len.into()]
    }

    pub(super) fn value(&self) -> &str {
        match self.name_len {
            0 => self.pair(),
            length => &self.pair()[usize::from(length) + 1..],
        }
    }

    /// Returns `name=value`, or the value alone if the name is empty.
    fn pair(&self) -> &str {
        &self.text[..self.pair_len.into()]
    }

    /// Appends the pair in the bytes in which it was received.
    pub(super) fn append_pair(&self, out: &mut Vec<u8>) {
        match self.pair_coding {
            PairCoding::Utf8 => out.extend_from_slice(self.pair().as_bytes()),
            PairCoding::Latin1 => out.extend(self.pair().chars().map(|letter| letter as u8)),
        }
    }

    pub(super) fn domain(&self) -> &str {
        &self.text[self.pair_len.into()..self.path_start()]
    }

    pub(super) fn path(&self) -> &str {
        &self.text[self.path_start()..]
    }

    /// Returns `true` if the cookie has an expiry time.
    pub(super) const fn has_expiry(&self) -> bool {
        self.expires_unix_s != NO_EXPIRY
    }

    pub(super) const fn is_expired(&self, now_unix_s: i64) -> bool {
        self.expires_unix_s <= now_unix_s
    }

    /// Returns `true` if both cookies have the same name, domain and path, so that one replaces the other.
    pub(super) fn has_same_key(&self, other: &Self) -> bool {
        self.name() == other.name() && self.domain() == other.domain() && self.path() == other.path()
    }

    /// Returns `true` if this is a `Secure` cookie that `insecure`, set over http, would replace or precede. RFC
    /// 6265bis §5.7 forbids that ("leave secure cookies alone").
    pub(super) fn is_protected_from(&self, insecure: &Self) -> bool {
        let domains_overlap =
            domain_matches(self.domain(), insecure.domain()) || domain_matches(insecure.domain(), self.domain());
        let (insecure_path, own_path) = (insecure.path().as_bytes(), self.path().as_bytes());
        self.flags.has(CookieFlags::SECURE)
            && self.name() == insecure.name()
            && domains_overlap
            && path_matches(insecure_path, own_path)
    }

    /// Returns `true` if a request to this host and path carries the cookie. Does not check the expiry time.
    pub(super) fn applies_to(&self, host: &CookieHost<'_>, path: &[u8]) -> bool {
        let (name, domain) = (host.name(), self.domain());
        let host_matches = match domain {
            "" => true,
            _ if self.flags.has(CookieFlags::HOST_ONLY) => name == domain,
            _ => domain_matches(name, domain),
        };
        host_matches
            && (!self.flags.has(CookieFlags::SECURE) || host.is_secure())
            && path_matches(path, self.path().as_bytes())
    }

    fn path_start(&self) -> usize {
        usize::from(self.pair_len) + usize::from(self.domain_len)
    }
}

impl PairCoding {
    fn encoded_len(self, text: &str) -> usize {
        match self {
            Self::Utf8 => text.len(),
            Self::Latin1 => text.chars().count(),
        }
    }
}

/// Returns `true` if `path` is `cookie_path` or below (RFC 6265 §5.1.4).
fn path_matches(path: &[u8], cookie_path: &[u8]) -> bool {
    match path.strip_prefix(cookie_path) {
        Some(rest) => rest.is_empty() || rest[0] == b'/' || cookie_path.ends_with(b"/"),
        None => false,
    }
}

/// The value of `expires_unix_s` of a cookie without an expiry time.
const NO_EXPIRY: i64 = i64::MAX;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stored_cookie_has_32_bytes() {
        assert_eq!(size_of::<StoredCookie>(), 32);
    }

    #[test]
    fn path_matches_only_whole_segments() {
        for (path, cookie_path) in
            [("/", "/"), ("/a", "/"), ("/a", "/a"), ("/a/", "/a"), ("/a/b", "/a/"), ("/a/b", "/a")]
        {
            assert!(path_matches(path.as_bytes(), cookie_path.as_bytes()), "{path} {cookie_path}");
        }
        for (path, cookie_path) in [("/ab", "/a"), ("/a", "/a/"), ("/", "/a"), ("/A", "/a"), ("", "/")] {
            assert!(!path_matches(path.as_bytes(), cookie_path.as_bytes()), "{path} {cookie_path}");
        }
    }
}
