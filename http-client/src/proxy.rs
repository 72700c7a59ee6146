//! The choice of a proxy per origin: the `proxies=` of python-requests, and the variables `http_proxy` and the like.
//!
//! The client speaks plain HTTP to a proxy, and https through a tunnel. This file must not know connections.
//! `session/connect.rs` opens the tunnel.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::auth::strip_user_info;
use crate::{CredentialsLine, Origin, Scheme};

/// Proxies for some targets or for all.
///
/// # Examples
///
/// ```
/// use gregaria_http::{InvalidProxy, Proxies};
///
/// let mut proxies = Proxies::none();
/// proxies.set("all", "http://user:secret@proxy.example:3128")?;
/// proxies.set("http://internal.example", "")?;
/// proxies.set("no_proxy", "localhost, 10.0.0.0/8")?;
/// assert!(!proxies.is_empty());
/// assert_eq!(proxies.set("http", "socks5://proxy.example"), Err(InvalidProxy::Socks));
/// # Ok::<(), InvalidProxy>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    rules: Vec<ProxyRule>,
    no_proxy: Vec<NoProxyRule>,
}

/// A proxy, and the client's credentials for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proxy {
    /// The proxy's own origin.
    pub(crate) origin: Origin,
    /// The `Proxy-Authorization` line, if the proxy's URL has credentials.
    pub(crate) authorization: Option<CredentialsLine>,
}

/// The proxy of the targets that match a key. `None` exempts these targets from all proxies.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ProxyRule {
    key: ProxyKey,
    proxy: Option<Proxy>,
}

/// A key such as `http` or `all://host`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ProxyKey {
    scheme: Option<Scheme>,
    host: Option<Box<str>>,
}

impl Proxies {
    /// Creates an empty set, which sends all requests directly.
    pub const fn none() -> Self {
        Self { rules: Vec::new(), no_proxy: Vec::new() }
    }

    /// Returns `true` if there is no rule.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Sets the proxy for `http`, `https` or `all`, or for one host of these (`http://host`). The key `no_proxy`
    /// sets a list of exempt hosts instead.
    ///
    /// An empty URL stands for no proxy. A URL without a scheme is an http URL.
    ///
    /// # Errors
    /// If the key or the URL is not supported.
    pub fn set(&mut self, key: &str, url: &str) -> Result<(), InvalidProxy> {
        if key == "no_proxy" {
            self.set_no_proxy(url);
            return Ok(());
        }
        let key = ProxyKey::parse(key).ok_or(InvalidProxy::Key)?;
        let proxy = if url.trim().is_empty() { None } else { Some(Proxy::parse(url.trim())?) };
        self.rules.retain(|rule| rule.key != key);
        self.rules.push(ProxyRule { key, proxy });
        Ok(())
    }

    /// Sets the hosts that requests reach directly, separated by commas or blanks.
    ///
    /// An entry is a name, which includes its subdomains, an address, or a network (`10.0.0.0/8`). Each entry may
    /// have a port. `*` matches all hosts.
    pub fn set_no_proxy(&mut self, list: &str) {
        let items = list.split([',', ' ', '\t']).filter(|item| !item.is_empty());
        self.no_proxy = items.map(NoProxyRule::parse).collect();
    }

    /// Reads `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`. The names in upper case are read too, but the
    /// names in lower case take precedence.
    ///
    /// # Errors
    /// The variable with an invalid URL, and the reason.
    pub fn from_environment(variable: impl Fn(&str) -> Option<String>) -> Result<Self, (String, InvalidProxy)> {
        let mut proxies = Self::none();
        for key in ["http", "https", "all", "no"] {
            let small = format!("{key}_proxy");
            let names = [small.to_ascii_uppercase(), small];
            let set = |name: &String| variable(name).filter(|value| !value.trim().is_empty());
            let Some((name, value)) = names.iter().rev().find_map(|name| Some((name, set(name)?))) else {
                continue;
            };
            let key = if key == "no" { "no_proxy" } else { key };
            proxies.set(key, &value).map_err(|error| (name.clone(), error))?;
        }
        Ok(proxies)
    }

    /// Returns the proxy for requests to this origin. The most specific key applies: `http://host`, then `http`, then
    /// `all://host`, then `all`. A host in `no_proxy` has none.
    pub(crate) fn proxy_for(&self, origin: &Origin) -> Option<&Proxy> {
        let best =
            self.rules.iter().filter(|rule| rule.key.matches(origin)).max_by_key(|rule| rule.key.specificity())?;
        let proxy = best.proxy.as_ref()?;
        (!self.no_proxy.iter().any(|rule| rule.matches(origin))).then_some(proxy)
    }
}

impl Proxy {
    fn parse(url: &str) -> Result<Self, InvalidProxy> {
        let url = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let (url, user_info) = strip_user_info(&url);
        match url.split("://").next().unwrap_or_default().to_ascii_lowercase().as_str() {
            "http" => {}
            "https" => return Err(InvalidProxy::Https),
            scheme if scheme.starts_with("socks") => return Err(InvalidProxy::Socks),
            _ => return Err(InvalidProxy::Url),
        }
        let origin = Origin::parse(&url).map_err(|_| InvalidProxy::Url)?;
        let authorization =
            user_info.map(|user_info| CredentialsLine::from_user_info("Proxy-Authorization", user_info));
        Ok(Self { origin, authorization })
    }
}

impl ProxyKey {
    fn parse(text: &str) -> Option<Self> {
        let (scheme, host) = text.split_once("://").map_or((text, None), |(scheme, host)| (scheme, Some(host)));
        let scheme = match scheme {
            "http" => Some(Scheme::Http),
            "https" => Some(Scheme::Https),
            "all" => None,
            _ => return None,
        };
        let host = match host {
            // Parsed as a URL, so that the spelling matches that of origins.
            Some(host) => Some(Origin::parse(&format!("http://{host}")).ok()?.host().into()),
            None => None,
        };
        Some(Self { scheme, host })
    }

    fn matches(&self, origin: &Origin) -> bool {
        self.scheme.is_none_or(|scheme| scheme == origin.scheme())
            && self.host.as_deref().is_none_or(|host| host == origin.host())
    }

    /// Returns the rank of the key, in the order of python-requests: `http://host`, `http`, `all://host`, `all`.
    const fn specificity(&self) -> (bool, bool) {
        (self.scheme.is_some(), self.host.is_some())
    }
}

/// Targets that have no proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NoProxyRule {
    pattern: HostPattern,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    All,
    Network(IpNet),
    /// A name and its subdomains.
    Domain(Box<str>),
}

impl NoProxyRule {
    fn parse(item: &str) -> Self {
        if let Some(pattern) = HostPattern::parse_network(item) {
            return Self { pattern, port: None };
        }
        let with_port = item.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse().ok()?)));
        let (host, port) = with_port.map_or((item, None), |(host, port)| (host, Some(port)));
        Self { pattern: HostPattern::parse_network(host).unwrap_or_else(|| HostPattern::parse_domain(host)), port }
    }

    fn matches(&self, origin: &Origin) -> bool {
        self.port.is_none_or(|port| port == origin.port()) && self.pattern.matches(origin.host())
    }
}

impl HostPattern {
    /// Parses a network, or an address with or without brackets.
    fn parse_network(text: &str) -> Option<Self> {
        let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
        let address = bare.parse::<IpAddr>().map(IpNet::from);
        address.ok().or_else(|| text.parse().ok()).map(Self::Network)
    }

    fn parse_domain(text: &str) -> Self {
        if text == "*" {
            return Self::All;
        }
        Self::Domain(text.trim_start_matches("*.").trim_start_matches('.').to_ascii_lowercase().into())
    }

    fn matches(&self, host: &str) -> bool {
        match self {
            Self::All => true,
            Self::Network(network) => host.parse::<IpAddr>().is_ok_and(|address| network.contains(&address)),
            Self::Domain(name) => {
                let prefix = host.strip_suffix(&**name);
                prefix.is_some_and(|rest| rest.is_empty() || rest.ends_with('.')) && host.parse::<IpAddr>().is_err()
            }
        }
    }
}

/// The reason why a proxy is rejected.
///
/// # Examples
///
/// ```
/// use gregaria_http::{InvalidProxy, Proxies};
///
/// let mut proxies = Proxies::none();
/// assert_eq!(proxies.set("ftp", "http://proxy.example"), Err(InvalidProxy::Key));
/// assert_eq!(proxies.set("http", "https://proxy.example"), Err(InvalidProxy::Https));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidProxy {
    /// The proxy requires TLS between client and proxy.
    Https,
    /// The key is none of `http`, `https`, `all`, or a host of these.
    Key,
    /// The proxy uses SOCKS.
    Socks,
    /// The URL cannot be parsed.
    Url,
}

impl fmt::Display for InvalidProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Https => "a proxy over TLS is not supported: use an http:// proxy, which also tunnels https",
            Self::Key => "a proxy is for http, https or all, or for one host of these, such as http://example.org",
            Self::Socks => "SOCKS proxies are not supported: use an http:// proxy",
            Self::Url => "a proxy is http://[USER:PASSWORD@]HOST[:PORT]",
        })
    }
}

impl std::error::Error for InvalidProxy {}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(pairs: &[(&str, &str)]) -> Proxies {
        let mut proxies = Proxies::none();
        pairs.iter().for_each(|(key, url)| proxies.set(key, url).unwrap());
        proxies
    }

    fn host_for<'a>(proxies: &'a Proxies, url: &str) -> &'a str {
        let proxy = proxies.proxy_for(&Origin::parse(url).unwrap());
        proxy.map_or("direct", |proxy| proxy.origin.host())
    }

    #[test]
    fn most_specific_proxy_key_applies() {
        let proxies = proxies(&[
            ("all", "http://p-all"),
            ("http", "p-http:3128"),
            ("all://Special", "http://p-special"),
            ("http://special", "http://p-http-special"),
            ("http://bare", ""),
        ]);
        assert_eq!(host_for(&proxies, "http://h"), "p-http");
        assert_eq!(host_for(&proxies, "https://h"), "p-all");
        assert_eq!(host_for(&proxies, "http://special:81"), "p-http-special");
        assert_eq!(host_for(&proxies, "https://special"), "p-special");
        assert_eq!(host_for(&proxies, "http://bare"), "direct");
        assert_eq!(host_for(&Proxies::none(), "http://h"), "direct");
    }

    #[test]
    fn proxy_key_set_again_is_replaced() {
        let mut proxies = proxies(&[("http", "a"), ("http", "b")]);
        assert_eq!(host_for(&proxies, "http://h"), "b");
        proxies.set("http", " ").unwrap();
        assert_eq!(host_for(&proxies, "http://h"), "direct");
    }

    #[test]
    fn proxy_url_credentials_become_a_header() {
        let proxies = proxies(&[("http", "us%40er:pa%3ass@p:3128/ignored")]);
        let proxy = proxies.proxy_for(&Origin::parse("http://h").unwrap()).unwrap();
        assert_eq!(proxy.origin, Origin::parse("http://p:3128").unwrap());
        let line = proxy.authorization.as_ref().unwrap().as_str();
        assert_eq!(line, "Proxy-Authorization: Basic dXNAZXI6cGE6c3M=\r\n");
    }

    #[test]
    fn invalid_proxy_reports_reason() {
        let error = |key, url| Proxies::none().set(key, url).unwrap_err();
        assert_eq!(error("http", "https://p"), InvalidProxy::Https);
        assert_eq!(error("http", "SOCKS5h://p"), InvalidProxy::Socks);
        for url in ["http://", "ftp://p", "p:port", "http://a b", "http://p\rq", "://p"] {
            assert_eq!(error("all", url), InvalidProxy::Url, "{url:?}");
        }
        for key in ["", "ftp", "HTTP", "http://", "http://a b"] {
            assert_eq!(error(key, "p"), InvalidProxy::Key, "{key:?}");
        }
        assert!(InvalidProxy::Https.to_string().starts_with("a proxy over TLS"));
    }

    #[test]
    fn no_proxy_hosts_are_reached_directly() {
        let list = "localhost, .Corp.example,10.0.0.0/8 192.168.1.1,[::1],fd00::/8,*.wild.example,ported:8080,127.0.0.1:81,[::2]:81,1.2";
        let proxies = proxies(&[("all", "p"), ("no_proxy", list)]);
        for url in [
            "http://localhost:8080",
            "http://a.localhost",
            "http://corp.example",
            "https://a.b.corp.example",
            "http://10.1.2.3",
            "http://192.168.1.1:81",
            "http://[::1]",
            "http://[fd00::1]",
            "http://a.wild.example",
            "http://ported:8080",
            "http://a.ported:8080",
            "http://127.0.0.1:81",
            "http://[::2]:81",
        ] {
            assert_eq!(host_for(&proxies, url), "direct", "{url}");
        }
        for url in [
            "http://notcorp.example",
            "http://corp.example.org",
            "http://11.0.0.1",
            "http://192.168.1.10",
            "http://[::3]",
            "http://ported",
            "http://127.0.0.1",
            "http://[::2]",
            "http://3.4.1.2",
        ] {
            assert_eq!(host_for(&proxies, url), "p", "{url}");
        }
    }

    #[test]
    fn no_proxy_star_matches_all_hosts() {
        let proxies = proxies(&[("all", "p"), ("no_proxy", "x, *")]);
        assert_eq!((host_for(&proxies, "http://h"), host_for(&proxies, "http://[::1]")), ("direct", "direct"));
    }

    #[test]
    fn environment_prefers_lower_case_names() {
        let read = |pairs: &[(&str, &str)]| {
            Proxies::from_environment(|name| {
                pairs.iter().find(|(own, _)| *own == name).map(|(_, value)| (*value).to_owned())
            })
        };
        let all = [
            ("HTTP_PROXY", "big"),
            ("http_proxy", "small"),
            ("HTTPS_PROXY", "tls"),
            ("ALL_PROXY", "rest"),
            ("NO_PROXY", "x"),
        ];
        let proxies = read(&all).unwrap();
        assert_eq!((host_for(&proxies, "http://h"), host_for(&proxies, "https://h")), ("small", "tls"));
        assert_eq!(host_for(&proxies, "http://x"), "direct");
        assert_eq!(host_for(&read(&[("all_proxy", "rest"), ("http_proxy", " ")]).unwrap(), "http://h"), "rest");
        assert_eq!(read(&[("ALL_PROXY", "socks5://p")]), Err(("ALL_PROXY".into(), InvalidProxy::Socks)));
        assert_eq!(read(&[]), Ok(Proxies::none()));
    }
}
