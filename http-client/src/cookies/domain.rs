//! Cookie domains: for which domains a host may set cookies, and which hosts match a domain (RFC 6265 §5.1.3, §5.3).
//!
//! A public suffix is a domain under which unrelated parties register names, such as `co.uk`. The list is that of
//! publicsuffix.org at the release of the `public_suffix` crate. A domain of one label is always a public suffix.
//! This file does not know headers. [`set_cookie`](super::set_cookie) parses them.

use std::borrow::Cow;
use std::net::IpAddr;

use public_suffix::DEFAULT_PROVIDER;
use url::Host;

/// Returns the domain of a cookie that `host` sets, and whether the cookie is host-only. Returns `None` if the host
/// may not set a cookie for the domain in the attribute.
pub(super) fn cookie_scope<'a>(attribute: Option<&'a str>, host: &'a str) -> Option<(Cow<'a, str>, bool)> {
    let domain = canonical_domain(attribute.unwrap_or_default())?;
    if domain.is_empty() {
        return Some((host.into(), true));
    }
    if domain == host {
        return Some((host.into(), is_address(host) || is_public_suffix(host)));
    }
    (domain_matches(host, &domain) && !is_public_suffix(&domain)).then_some((domain, false))
}

/// Returns `true` if the host is the domain or a subdomain (RFC 6265 §5.1.3). An IP address is never a subdomain.
pub(super) fn domain_matches(host: &str, domain: &str) -> bool {
    match host.strip_suffix(domain) {
        Some("") => true,
        Some(rest) => rest.ends_with('.') && !is_address(host),
        None => false,
    }
}

/// Converts a domain to lower case, and an international domain to its ASCII form (Punycode).
fn canonical_domain(domain: &str) -> Option<Cow<'_, str>> {
    if !domain.is_ascii() {
        return Host::parse(domain).ok().map(|host| host.to_string().into());
    }
    let has_capitals = domain.bytes().any(|byte| byte.is_ascii_uppercase());
    Some(if has_capitals { domain.to_ascii_lowercase().into() } else { domain.into() })
}

fn is_address(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok()
}

fn is_public_suffix(domain: &str) -> bool {
    let name = domain.strip_suffix('.').unwrap_or(domain);
    DEFAULT_PROVIDER.is_effective_tld(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scoped(attribute: &str, host: &str) -> Option<(String, bool)> {
        cookie_scope(Some(attribute), host).map(|(domain, host_only)| (domain.into_owned(), host_only))
    }

    #[test]
    fn host_may_set_own_and_parent_domains() {
        assert_eq!(scoped("", "www.shop.example"), Some(("www.shop.example".into(), true)));
        assert_eq!(scoped("www.Shop.example", "www.shop.example"), Some(("www.shop.example".into(), false)));
        assert_eq!(scoped("shop.example", "www.shop.example"), Some(("shop.example".into(), false)));
        assert_eq!(
            scoped("b\u{fc}cher.example", "a.xn--bcher-kva.example"),
            Some(("xn--bcher-kva.example".into(), false))
        );
        for domain in ["api.shop.example", "hop.example", "other.example", ".shop.example", "shop.example.", "\u{fc} x"]
        {
            assert_eq!(scoped(domain, "www.shop.example"), None, "{domain}");
        }
    }

    #[test]
    fn public_suffix_is_settable_only_by_its_own_host() {
        for (suffix, host) in [
            ("uk", "www.shop.co.uk"),
            ("co.uk", "www.shop.co.uk"),
            ("co.uk.", "www.shop.co.uk."),
            ("github.io", "someone.github.io"),
            ("any.ck", "shop.any.ck"),
            ("test", "shop.test"),
            ("xn--fiqs8s", "shop.xn--fiqs8s"),
        ] {
            assert_eq!(scoped(suffix, host), None, "{suffix}");
            assert_eq!(scoped(suffix, suffix), Some((suffix.into(), true)), "{suffix}");
        }
        assert_eq!(scoped("www.ck", "shop.www.ck"), Some(("www.ck".into(), false)), "an exception of the list");
        assert_eq!(scoped("localhost", "localhost"), Some(("localhost".into(), true)));
    }

    #[test]
    fn ip_address_may_set_only_its_own_cookies() {
        assert_eq!(scoped("127.0.0.1", "127.0.0.1"), Some(("127.0.0.1".into(), true)));
        assert_eq!(scoped("0.0.1", "127.0.0.1"), None);
        assert_eq!(scoped("::1", "::1"), Some(("::1".into(), true)));
    }
}
