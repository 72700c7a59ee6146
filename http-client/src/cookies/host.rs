//! The host that cookies come from and go to: that of the `Host` header if a request has its own, as in curl and
//! requests, otherwise that of the URL.
//!
//! This file must not know cookies or requests. `session/hop.rs` supplies the header.

use std::borrow::Cow;
use std::net::IpAddr;

use crate::{Origin, Scheme};

/// A host as cookies see it.
#[derive(Clone, Debug)]
pub(crate) struct CookieHost<'a> {
    name: Cow<'a, str>,
    is_https: bool,
}

impl<'a> CookieHost<'a> {
    /// Returns the host of a request to `origin` with this `Host` header. An empty header counts as none.
    pub(crate) fn new(origin: &'a Origin, host_header: Option<&'a str>) -> Self {
        let named = host_header.map(strip_port).filter(|name| !name.is_empty());
        let name = match named {
            Some(name) if name.bytes().any(|byte| byte.is_ascii_uppercase()) => name.to_ascii_lowercase().into(),
            Some(name) => name.into(),
            None => origin.host().into(),
        };
        Self { name, is_https: origin.scheme() == Scheme::Https }
    }

    /// Returns the name in lower case, or the address without brackets.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Returns `true` if cookies marked `Secure` may be set and sent: over https, and to loopback hosts over http, as
    /// browsers do (W3C Secure Contexts §3.1).
    pub(super) fn is_secure(&self) -> bool {
        self.is_https || is_loopback(&self.name)
    }
}

/// Returns the host of `host:port`, without the brackets of an address.
fn strip_port(header: &str) -> &str {
    let header = header.trim_matches([' ', '\t']);
    match header.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => header.split(':').next().unwrap_or_default(),
    }
}

fn is_loopback(host: &str) -> bool {
    let name = host.strip_suffix('.').unwrap_or(host);
    let is_localhost = name.strip_suffix("localhost").is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    is_localhost || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn host_header_replaces_the_host_of_the_url() {
        let origin = Origin::parse("http://127.0.0.1:8080").unwrap();
        let name = |header| CookieHost::new(&origin, header).name().to_owned();
        assert_eq!(name(None), "127.0.0.1");
        assert_eq!(name(Some(" ")), "127.0.0.1");
        assert_eq!(name(Some("Shop.example:8080")), "shop.example");
        assert_eq!(name(Some("[::1]:80")), "::1");
    }

    #[test]
    fn loopback_and_https_are_secure() {
        let is_secure = |url| CookieHost::new(&Origin::parse(url).unwrap(), None).is_secure();
        for url in [
            "https://shop.example",
            "http://localhost:81",
            "http://a.localhost",
            "http://localhost.",
            "http://127.0.0.1",
            "http://127.9.9.9",
            "http://[::1]",
        ] {
            assert!(is_secure(url), "{url}");
        }
        for url in ["http://shop.example", "http://notlocalhost", "http://128.0.0.1", "http://[::2]"] {
            assert!(!is_secure(url), "{url}");
        }
        let origin = Origin::parse("http://127.0.0.1").unwrap();
        assert!(!CookieHost::new(&origin, Some("shop.example")).is_secure(), "the Host header counts, as in curl");
    }
}
