//! The addresses of requests: an origin (scheme, host, port), and the base URL to which the paths of requests are
//! appended.
//!
//! The `url` crate decides which authority is valid. Paths stay as written, because Locust concatenates and a load
//! test must be able to request exactly `/a//b/../c`. This file must not know connections.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::auth::AUTHORITY_TERMINATORS;
use crate::{Auth, Error, InvalidRequest, split_credentials};

/// The protocol of an origin.
///
/// # Examples
///
/// ```
/// use gregaria_http::{Origin, Scheme};
///
/// let origin = Origin::parse("HTTPS://shop.example")?;
/// assert_eq!((origin.scheme(), origin.scheme().as_str()), (Scheme::Https, "https"));
/// # Ok::<(), gregaria_http::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain HTTP over TCP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// Returns the scheme as written in a URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    /// Returns `true` if cookies marked `Secure` may be sent.
    pub(crate) const fn is_secure(self) -> bool {
        matches!(self, Self::Https)
    }
}

/// Scheme, host and port of a target, together with their spelling in a URL and in a `Host` header.
///
/// # Examples
///
/// ```
/// use gregaria_http::{Origin, Scheme};
///
/// let origin = Origin::parse("https://Shop.example:443/cart")?;
/// assert_eq!((origin.scheme(), origin.host(), origin.port()), (Scheme::Https, "shop.example", 443));
/// assert_eq!(origin.as_str(), "https://shop.example");
/// # Ok::<(), gregaria_http::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
    text: String,
    host_line: String,
}

impl Origin {
    /// Parses scheme, host and port of an absolute URL, and ignores the rest.
    ///
    /// # Errors
    /// - [`Error::UnsupportedScheme`] for a scheme other than `http` and `https`.
    /// - [`Error::InvalidRequest`] if the URL cannot be parsed, or has a control character, which the `url` crate
    ///   would drop.
    /// - [`Error::InvalidRequest`] if the URL carries credentials, which [`split_credentials`] removes.
    pub fn parse(url: &str) -> Result<Self, Error> {
        if url.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(InvalidRequest::Target.into());
        }
        if split_scheme(url).is_some_and(|(_, rest)| strip_slashes(rest).is_none_or(is_empty_authority)) {
            return Err(InvalidRequest::Url.into());
        }
        let url = Url::parse(url).map_err(|_| InvalidRequest::Url)?;
        let scheme = match url.scheme() {
            "http" => Scheme::Http,
            "https" => Scheme::Https,
            _ => return Err(Error::UnsupportedScheme),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err(InvalidRequest::Credentials.into());
        }
        let host = url.host().ok_or(InvalidRequest::Url)?;
        let port = url.port().unwrap_or_else(|| scheme.default_port());
        Ok(Self::new(scheme, &host, port))
    }

    fn new(scheme: Scheme, host: &Host<&str>, port: u16) -> Self {
        let authority = if port == scheme.default_port() { host.to_string() } else { format!("{host}:{port}") };
        Self {
            scheme,
            host: unbracketed_host(host),
            port,
            text: format!("{}://{authority}", scheme.as_str()),
            host_line: format!("Host: {authority}\r\n"),
        }
    }

    /// Returns the scheme.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// Returns the host name in lower case, or the IP address without brackets. This is the text that is resolved.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port, which is the scheme's default if the URL has none.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Returns host and port, as required in a request to a proxy.
    pub(crate) fn authority_with_port(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// Returns the origin as the start of a URL: `http://host:port`, without the scheme's default port.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Returns the `Host` header line of requests, with its line end.
    pub fn host_line(&self) -> &str {
        &self.host_line
    }

    /// Returns the part of an absolute URL after this origin, if the origin is spelled as in [`Origin::as_str`].
    pub(crate) fn strip_origin<'a>(&self, url: &'a str) -> Option<&'a str> {
        let path = url.strip_prefix(self.text.as_str())?;
        path.as_bytes().first().is_none_or(|byte| AUTHORITY_TERMINATORS.contains(byte)).then_some(path)
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

/// An origin and the path to which the targets of requests are appended, as Locust's `host` is.
///
/// # Examples
///
/// ```
/// use gregaria_http::BaseUrl;
///
/// let base = BaseUrl::parse("http://user:secret@127.0.0.1:8080/api/")?;
/// assert_eq!((base.origin().port(), base.prefix()), (8080, "/api/"));
/// assert!(base.auth().is_some());
/// assert_eq!(base.to_string(), "http://127.0.0.1:8080/api/");
/// # Ok::<(), gregaria_http::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    origin: Origin,
    prefix: String,
    auth: Option<Auth>,
}

impl BaseUrl {
    /// Parses an absolute URL.
    ///
    /// Credentials in the URL are stored apart. The prefix is the text after the host, as written. A fragment is cut
    /// off.
    ///
    /// # Errors
    /// As [`Origin::parse`].
    pub fn parse(url: &str) -> Result<Self, Error> {
        let url = url.trim_matches(' ');
        let (url, auth) = split_credentials(url);
        let origin = Origin::parse(&url)?;
        let path = after_authority(&url).ok_or(InvalidRequest::Url)?;
        let prefix = path.split('#').next().unwrap_or_default().to_owned();
        Ok(Self { origin, prefix, auth })
    }

    /// Returns the origin of the requests.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Returns the credentials of the URL, for requests to its origin.
    pub const fn auth(&self) -> Option<&Auth> {
        self.auth.as_ref()
    }

    /// Returns the text before each target in the request line. Empty for a URL without a path.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Returns the absolute URL of a target, not encoded. A slash at the end of the prefix is not doubled.
    pub fn join(&self, target: &str) -> String {
        format!("{}{}{target}", self.origin, join_prefix(&self.prefix, target))
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.prefix)
    }
}

/// Returns `true` if a target is an absolute URL of HTTP, with a scheme in any case, and not a path below the base URL.
///
/// # Examples
///
/// ```
/// use gregaria_http::is_absolute_url;
///
/// assert!(is_absolute_url("HTTP://host/path"));
/// assert!(!is_absolute_url("/path"));
/// ```
pub fn is_absolute_url(target: &str) -> bool {
    let starts_with = |scheme: &str| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    starts_with("http://") || starts_with("https://")
}

/// Returns the prefix to which the target is appended: without its last slash if the target begins with a slash.
pub(crate) fn join_prefix<'a>(prefix: &'a str, target: &str) -> &'a str {
    if target.starts_with('/') { prefix.strip_suffix('/').unwrap_or(prefix) } else { prefix }
}

/// Splits an http or https URL after the colon of its scheme. Returns `None` for other references.
pub(crate) fn split_scheme(reference: &str) -> Option<(Scheme, &str)> {
    let (scheme, rest) = reference.split_once(':')?;
    let scheme = [Scheme::Http, Scheme::Https].into_iter().find(|known| known.as_str().eq_ignore_ascii_case(scheme))?;
    Some((scheme, rest))
}

/// Returns the authority and path of a reference after its scheme, or `None` if it does not begin with `//`. As in
/// browsers, a backslash is a slash.
pub(crate) fn strip_slashes(reference: &str) -> Option<&str> {
    let is_slash = |letter| matches!(letter, '/' | '\\');
    reference.strip_prefix(is_slash)?.strip_prefix(is_slash)
}

/// Returns `true` if an authority is empty. RFC 9110 §4.2.1 rejects such a URL, but the `url` crate would take the host
/// from the path.
pub(crate) fn is_empty_authority(text: &str) -> bool {
    text.as_bytes().first().is_none_or(|byte| AUTHORITY_TERMINATORS.contains(byte))
}

/// Returns the part of an absolute URL after its authority, as written. Returns `None` without a `scheme://`.
pub(crate) fn after_authority(url: &str) -> Option<&str> {
    url.split_once("://").map(|(_, rest)| strip_authority(rest))
}

/// Returns the rest of a text that begins with an authority.
pub(crate) fn strip_authority(text: &str) -> &str {
    let end = text.bytes().position(|byte| AUTHORITY_TERMINATORS.contains(&byte));
    end.map_or("", |end| &text[end..])
}

fn unbracketed_host(host: &Host<&str>) -> String {
    match host {
        Host::Domain(name) => (*name).to_owned(),
        Host::Ipv4(address) => Ipv4Addr::to_string(address),
        Host::Ipv6(address) => Ipv6Addr::to_string(address),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_line_omits_default_port() {
        let origin = Origin::parse("http://Example.org:80/x").unwrap();
        assert_eq!(origin.host_line(), "Host: example.org\r\n");
        assert_eq!((origin.host(), origin.port()), ("example.org", 80));
    }

    #[test]
    fn https_default_port_is_443() {
        let origin = Origin::parse("HTTPS://h:443/x").unwrap();
        assert_eq!((origin.scheme(), origin.port(), origin.as_str()), (Scheme::Https, 443, "https://h"));
        assert_eq!(Origin::parse("https://h:80").unwrap().host_line(), "Host: h:80\r\n");
        assert_ne!(Origin::parse("https://h:80").unwrap(), Origin::parse("http://h").unwrap());
    }

    #[test]
    fn international_host_is_punycode() {
        assert_eq!(Origin::parse("http://Bücher.example").unwrap().host(), "xn--bcher-kva.example");
    }

    #[test]
    fn ipv6_host_has_brackets_only_in_url() {
        let origin = Origin::parse("http://[::1]:8080").unwrap();
        assert_eq!(origin.host(), "::1");
        assert_eq!(origin.host_line(), "Host: [::1]:8080\r\n");
        assert_eq!(origin.as_str(), "http://[::1]:8080");
    }

    #[test]
    fn invalid_origin_reports_reason() {
        let error = |url| Origin::parse(url).unwrap_err();
        assert_eq!(error("ftp://h/"), Error::UnsupportedScheme);
        assert_eq!(error("localhost:80"), Error::UnsupportedScheme);
        assert_eq!(error("example.org"), InvalidRequest::Url.into());
        for empty_host in ["http://", "http:///x", "https:////x", "http:/x", "http:x", "http:\\\\/x", "http://?x"] {
            assert_eq!(error(empty_host), InvalidRequest::Url.into(), "{empty_host}");
        }
        assert_eq!(error("http://h:99999/"), InvalidRequest::Url.into());
        assert_eq!(error("http://user:secret@h/"), InvalidRequest::Credentials.into());
        assert_eq!(error("http://a\n.b/"), InvalidRequest::Target.into());
    }

    #[test]
    fn prefix_is_kept_as_written() {
        let prefix = |url| BaseUrl::parse(url).unwrap().prefix;
        assert_eq!(prefix("http://h"), "");
        assert_eq!(prefix("http://h/"), "/");
        assert_eq!(prefix("http://h/a/../b//#top"), "/a/../b//");
        assert_eq!(prefix("http://h?q=1"), "?q=1");
    }

    #[test]
    fn target_is_joined_with_one_slash() {
        let join = |url, target| BaseUrl::parse(url).unwrap().join(target);
        assert_eq!(join("http://h", "/x"), "http://h/x");
        assert_eq!(join("http://h/", "/x"), "http://h/x");
        assert_eq!(join("http://h/", "x"), "http://h/x");
        assert_eq!(join("http://h/api/", "/x//y"), "http://h/api/x//y");
    }

    #[test]
    fn base_url_rejects_control_characters() {
        assert_eq!(BaseUrl::parse("http://h/a\r\nb"), Err(InvalidRequest::Target.into()));
    }

    #[test]
    fn strip_origin_stops_at_end_of_authority() {
        let origin = Origin::parse("http://h:81").unwrap();
        assert_eq!(origin.strip_origin("http://h:81/x"), Some("/x"));
        assert_eq!(origin.strip_origin("http://h:81"), Some(""));
        assert_eq!(origin.strip_origin("http://h:811/x"), None);
        assert_eq!(origin.strip_origin("http://h:81@evil/x"), None);
        assert_eq!(after_authority("http://h\\@evil/x"), Some("\\@evil/x"));
    }

    #[test]
    fn is_absolute_url_accepts_http_and_https_only() {
        assert!(is_absolute_url("HTTP://h") && is_absolute_url("https://h"));
        assert!(!is_absolute_url("/http://h") && !is_absolute_url("httpx://") && !is_absolute_url(""));
    }
}
