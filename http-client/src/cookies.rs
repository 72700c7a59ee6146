//! A user's cookies: what targets set, and which of it goes with a request (RFC 6265 §5).
//!
//! The `cookie` crate reads `Set-Cookie`; keeping and matching is done here, because a jar of thousands of users must be
//! small and must write its header into the request without making a string of it first. Public suffixes are not
//! consulted: a jar lives as long as one simulated user and meets the few hosts of one test.

use std::net::IpAddr;
use std::ops::Range;

use cookie::Cookie;

use crate::Origin;

/// The cookies of one user.
#[derive(Clone, Debug, Default)]
pub struct CookieJar {
    /// In the order they are sent: longer paths first, then older first.
    cookies: Vec<Stored>,
}

#[derive(Clone, Debug)]
struct Stored {
    /// `name=value`, as it is sent.
    pair: Box<str>,
    name_len: usize,
    domain: Box<str>,
    host_only: bool,
    path: Box<str>,
    expires_unix_s: Option<i64>,
}

impl CookieJar {
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

    /// Forgets all.
    pub fn clear(&mut self) {
        self.cookies.clear();
    }

    /// Name and value of all cookies, whatever host they are for.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.cookies.iter().map(|cookie| (cookie.name(), cookie.value()))
    }

    /// The value of the first cookie of this name.
    pub fn value(&self, name: &str) -> Option<&str> {
        self.iter().find(|(own, _)| *own == name).map(|(_, value)| value)
    }

    /// Obeys the text of one `Set-Cookie` header in a response from `origin` to a request for `path`. What a target may
    /// not set, or what is longer than 4 KiB, is ignored; of more than 64 cookies the first to be sent is forgotten.
    pub fn store(&mut self, set_cookie: &str, origin: &Origin, path: &str, unix_time_s: u64) {
        let now = i64::try_from(unix_time_s).unwrap_or(i64::MAX);
        let Some(cookie) = Stored::read(set_cookie, origin, path, now) else {
            return;
        };
        let expired = cookie.is_expired(now);
        match self.cookies.iter().position(|own| own.is_same(&cookie)) {
            Some(at) if !expired => self.cookies[at] = cookie,
            Some(at) => drop(self.cookies.remove(at)),
            None if !expired => self.insert(cookie, now),
            None => {}
        }
    }

    /// Appends a `Cookie` header with its line end to a request whose path is at `path` of `out`, if any cookie applies.
    pub(crate) fn append_to(
        &self,
        out: &mut Vec<u8>,
        origin: &Origin,
        path: Range<usize>,
        _extra: &[(String, String)],
        unix_time_s: impl FnOnce() -> u64,
    ) {
        let expiring = self.cookies.iter().any(|cookie| cookie.expires_unix_s.is_some());
        let now = if expiring { unix_time_s() as i64 } else { 0 };
        let mut separator = "Cookie: ";
        for cookie in &self.cookies {
            if cookie.applies(origin, &out[path.clone()]) && !cookie.is_expired(now) {
                out.extend_from_slice(separator.as_bytes());
                out.extend_from_slice(cookie.pair.as_bytes());
                separator = "; ";
            }
        }
        if separator == "; " {
            out.extend_from_slice(b"\r\n");
        }
    }

    fn insert(&mut self, cookie: Stored, now: i64) {
        self.cookies.retain(|own| !own.is_expired(now));
        if self.cookies.len() == MAX_COOKIES {
            self.cookies.remove(0);
        }
        let at = self.cookies.partition_point(|own| own.path.len() >= cookie.path.len());
        self.cookies.insert(at, cookie);
    }
}

impl Stored {
    fn read(set_cookie: &str, origin: &Origin, path: &str, now: i64) -> Option<Self> {
        let cookie = Cookie::parse(set_cookie).ok()?;
        let pair = format!("{}={}", cookie.name(), cookie.value());
        if pair.len() > MAX_PAIR_BYTES {
            return None;
        }
        // A cookie from the open could otherwise stand in for one that only a secure origin may set.
        if cookie.secure() == Some(true) && !origin.scheme().is_secure() {
            return None;
        }
        let (domain, host_only) = domain_of(cookie.domain(), origin.host())?;
        let max_age = cookie.max_age().map(|age| now.saturating_add(age.whole_seconds()));
        let expires = cookie.expires_datetime().map(|time| time.unix_timestamp());
        Some(Self {
            name_len: cookie.name().len(),
            pair: pair.into(),
            domain: domain.into(),
            host_only,
            path: cookie.path().filter(|path| path.starts_with('/')).unwrap_or_else(|| directory(path)).into(),
            expires_unix_s: max_age.or(expires),
        })
    }

    fn name(&self) -> &str {
        &self.pair[..self.name_len]
    }

    fn value(&self) -> &str {
        &self.pair[self.name_len + 1..]
    }

    /// Whether the other one replaces this one.
    fn is_same(&self, other: &Self) -> bool {
        self.name() == other.name() && self.domain == other.domain && self.path == other.path
    }

    fn is_expired(&self, now: i64) -> bool {
        self.expires_unix_s.is_some_and(|expires| expires <= now)
    }

    fn applies(&self, origin: &Origin, path: &[u8]) -> bool {
        let host = origin.host();
        let to_host = if self.host_only { host == &*self.domain } else { domain_matches(host, &self.domain) };
        to_host && path_matches(path, self.path.as_bytes())
    }
}

/// The domain a cookie is for and whether it is for that host alone; `None` when this host may not set it.
fn domain_of(attribute: Option<&str>, host: &str) -> Option<(String, bool)> {
    let domain = attribute.unwrap_or_default().trim_start_matches('.').to_ascii_lowercase();
    if domain.is_empty() {
        return Some((host.to_owned(), true));
    }
    if domain == host {
        return Some((domain, is_ip(host)));
    }
    (domain.contains('.') && domain_matches(host, &domain)).then_some((domain, false))
}

fn domain_matches(host: &str, domain: &str) -> bool {
    match host.strip_suffix(domain) {
        Some("") => true,
        Some(rest) => rest.ends_with('.') && !is_ip(host),
        None => false,
    }
}

fn is_ip(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
}

fn path_matches(path: &[u8], cookie_path: &[u8]) -> bool {
    match path.strip_prefix(cookie_path) {
        Some(rest) => rest.is_empty() || rest[0] == b'/' || cookie_path.ends_with(b"/"),
        None => false,
    }
}

/// The path of a cookie that says none: the request's, up to its last slash.
fn directory(path: &str) -> &str {
    match path.rfind('/') {
        Some(end) if end > 0 => &path[..end],
        _ => "/",
    }
}

const MAX_COOKIES: usize = 64;
const MAX_PAIR_BYTES: usize = 4096;
