//! Where requests go: an origin (scheme, host, port) and the base URL that a user's paths are appended to.
//!
//! The `url` crate decides what a valid authority is. Paths stay as they were written: Locust concatenates, and a load
//! test must be able to ask for `/a//b/../c` exactly so.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::{Auth, Error, InvalidRequest, split_credentials};

/// How an origin is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scheme {
    /// Plain HTTP over TCP.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// The scheme as it stands in a URL.
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

    /// Whether cookies marked `Secure` may travel.
    pub(crate) const fn is_secure(self) -> bool {
        matches!(self, Self::Https)
    }
}

/// Scheme, host and port of a target, with the text that requests to it repeat prepared.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Origin {
    scheme: Scheme,
    host: String,
    port: u16,
    text: String,
    host_line: String,
}

impl Origin {
    /// Reads scheme, host and port of an absolute URL; the rest is not looked at.
    ///
    /// # Errors
    /// [`Error::UnsupportedScheme`] for anything but `http` and `https`; [`Error::InvalidRequest`] when the URL cannot be
    /// read, has a control character, which the `url` crate would drop, or carries credentials, which
    /// [`split_credentials`] takes off.
    pub fn parse(url: &str) -> Result<Self, Error> {
        if url.bytes().any(|byte| byte.is_ascii_control()) {
            return Err(InvalidRequest::Target.into());
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

    /// The scheme.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host name in lower case, or the IP address without brackets: what is resolved.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port, the scheme's own if the URL had none.
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Host and port, as a proxy wants them.
    pub(crate) fn authority_with_port(&self) -> String {
        let Self { host, port, .. } = self;
        if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
    }

    /// The origin as the start of a URL: `http://host:port`, without the port where it is the scheme's own.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// `Host: …` with its line end, as requests carry it.
    pub fn host_line(&self) -> &str {
        &self.host_line
    }

    /// The part of an absolute URL behind this origin, if it is spelled as [`Origin::as_str`] spells it.
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

/// An origin and the path that a user's targets are appended to, as Locust's `host` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    origin: Origin,
    prefix: String,
    auth: Option<Auth>,
}

impl BaseUrl {
    /// Reads an absolute URL. A user and a password in it are kept apart; everything behind the host is the prefix, as written; a fragment is cut off.
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

    /// Where the requests go.
    pub const fn origin(&self) -> &Origin {
        &self.origin
    }

    /// Who asks there, if the URL says so with a user and a password.
    pub const fn auth(&self) -> Option<&Auth> {
        self.auth.as_ref()
    }

    /// What stands before each target on the wire; empty for a URL without a path.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.origin, self.prefix)
    }
}

/// Whether a target is a URL of its own rather than a path below the base URL.
pub(crate) fn is_absolute_url(target: &str) -> bool {
    let starts_with = |scheme: &str| target.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
    starts_with("http://") || starts_with("https://")
}

/// The part of an absolute URL behind its authority, as written; `None` without a `scheme://`.
pub(crate) fn after_authority(url: &str) -> Option<&str> {
    let (_, rest) = url.split_once("://")?;
    let end = rest.bytes().position(|byte| AUTHORITY_TERMINATORS.contains(&byte));
    Some(end.map_or("", |end| &rest[end..]))
}

fn unbracketed_host(host: &Host<&str>) -> String {
    match host {
        Host::Domain(name) => (*name).to_owned(),
        Host::Ipv4(address) => Ipv4Addr::to_string(address),
        Host::Ipv6(address) => Ipv6Addr::to_string(address),
    }
}

/// The backslash as browsers have it: a path of which it is the first character is then refused as a target.
pub(crate) const AUTHORITY_TERMINATORS: &[u8] = b"/?#\\";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_port_is_left_out_of_the_host_line() {
        let origin = Origin::parse("http://Example.org:80/x").unwrap();
        assert_eq!(origin.host_line(), "Host: example.org\r\n");
        assert_eq!((origin.host(), origin.port()), ("example.org", 80));
    }

    #[test]
    fn https_has_a_port_of_its_own() {
        let origin = Origin::parse("HTTPS://h:443/x").unwrap();
        assert_eq!((origin.scheme(), origin.port(), origin.as_str()), (Scheme::Https, 443, "https://h"));
        assert_eq!(Origin::parse("https://h:80").unwrap().host_line(), "Host: h:80\r\n");
        assert_ne!(Origin::parse("https://h:80").unwrap(), Origin::parse("http://h").unwrap());
    }

    #[test]
    fn an_international_name_is_resolved_in_ascii() {
        assert_eq!(Origin::parse("http://Bücher.example").unwrap().host(), "xn--bcher-kva.example");
    }

    #[test]
    fn an_ipv6_host_has_brackets_on_the_wire_only() {
        let origin = Origin::parse("http://[::1]:8080").unwrap();
        assert_eq!(origin.host(), "::1");
        assert_eq!(origin.host_line(), "Host: [::1]:8080\r\n");
        assert_eq!(origin.as_str(), "http://[::1]:8080");
    }

    #[test]
    fn what_cannot_be_spoken_to_says_why() {
        let error = |url| Origin::parse(url).unwrap_err();
        assert_eq!(error("ftp://h/"), Error::UnsupportedScheme);
        assert_eq!(error("localhost:80"), Error::UnsupportedScheme);
        assert_eq!(error("example.org"), InvalidRequest::Url.into());
        assert_eq!(error("http://"), InvalidRequest::Url.into());
        assert_eq!(error("http://h:99999/"), InvalidRequest::Url.into());
        assert_eq!(error("http://user:secret@h/"), InvalidRequest::Credentials.into());
        assert_eq!(error("http://a\n.b/"), InvalidRequest::Target.into());
    }

    #[test]
    fn the_prefix_is_what_was_written() {
        let prefix = |url| BaseUrl::parse(url).unwrap().prefix;
        assert_eq!(prefix("http://h"), "");
        assert_eq!(prefix("http://h/"), "/");
        assert_eq!(prefix("http://h/a/../b//#top"), "/a/../b//");
        assert_eq!(prefix("http://h?q=1"), "?q=1");
    }

    #[test]
    fn control_characters_are_refused_rather_than_dropped() {
        assert_eq!(BaseUrl::parse("http://h/a\r\nb"), Err(InvalidRequest::Target.into()));
    }

    #[test]
    fn an_origin_ends_where_its_authority_ends() {
        let origin = Origin::parse("http://h:81").unwrap();
        assert_eq!(origin.strip_origin("http://h:81/x"), Some("/x"));
        assert_eq!(origin.strip_origin("http://h:81"), Some(""));
        assert_eq!(origin.strip_origin("http://h:811/x"), None);
        assert_eq!(origin.strip_origin("http://h:81@evil/x"), None);
        assert_eq!(after_authority("http://h\\@evil/x"), Some("\\@evil/x"));
    }

    #[test]
    fn only_http_urls_are_absolute() {
        assert!(is_absolute_url("HTTP://h") && is_absolute_url("https://h"));
        assert!(!is_absolute_url("/http://h") && !is_absolute_url("httpx://") && !is_absolute_url(""));
    }
}
