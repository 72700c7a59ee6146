//! Which requests go by way of a proxy: the `proxies=` of requests, and the variables `http_proxy` and the like.
//!
//! A proxy is spoken to in plain HTTP; https goes through a tunnel in it. How, is the session's business.

use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

use crate::auth::strip_user_info;
use crate::{CredentialsLine, Origin, Scheme};

/// Proxies for some targets or for all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proxies {
    rules: Vec<ProxyRule>,
    no_proxy: Vec<NoProxyRule>,
}

/// A proxy, and who we are to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proxy {
    /// Where it is.
    pub origin: Origin,
    /// `Proxy-Authorization`, if its URL has credentials.
    pub authorization: Option<CredentialsLine>,
}

/// The proxy of the targets that a key names; `None` keeps them from any other.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ProxyRule {
    key: ProxyKey,
    proxy: Option<Proxy>,
}

/// `http`, `all://host` and so on.
#[derive(Clone, Debug, PartialEq, Eq)]
struct ProxyKey {
    scheme: Option<Scheme>,
    host: Option<Box<str>>,
}

impl Proxies {
    /// No proxy for anything.
    pub const fn none() -> Self {
        Self { rules: Vec::new(), no_proxy: Vec::new() }
    }

    /// Whether no target has a proxy.
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Sets the proxy for `http`, `https` or `all`, or for one host of these (`http://host`); `no_proxy` takes a list of
    /// hosts instead. An empty URL stands for no proxy, and one without a scheme is of http.
    ///
    /// # Errors
    /// When the key or the URL is none that we know.
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

    /// Says which hosts are spoken to directly: names, with all that is below them, addresses and networks (`10.0.0.0/8`),
    /// each with a port or without, divided by commas; `*` is all.
    pub fn set_no_proxy(&mut self, list: &str) {
        let items = list.split([',', ' ', '\t']).filter(|item| !item.is_empty());
        self.no_proxy = items.map(NoProxyRule::parse).collect();
    }

    /// Reads `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`, each also in capitals, where those in small letters
    /// count first.
    ///
    /// # Errors
    /// The variable that has no valid URL, and what is wrong with it.
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

    /// The proxy for requests to this origin. A rule for the host counts before one for the scheme, and that before one
    /// for all.
    pub fn proxy_for(&self, origin: &Origin) -> Option<&Proxy> {
        let best =
            self.rules.iter().filter(|rule| rule.key.matches(origin)).max_by_key(|rule| rule.key.specificity())?;
        let proxy = best.proxy.as_ref()?;
        (!self.no_proxy.iter().any(|exception| exception.matches(origin))).then_some(proxy)
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
            // Read as a URL, so that it is spelled as origins are.
            Some(host) => Some(Origin::parse(&format!("http://{host}")).ok()?.host().into()),
            None => None,
        };
        Some(Self { scheme, host })
    }

    fn matches(&self, origin: &Origin) -> bool {
        self.scheme.is_none_or(|scheme| scheme == origin.scheme())
            && self.host.as_deref().is_none_or(|host| host == origin.host())
    }

    /// The order of requests: `http://host`, `http`, `all://host`, `all`.
    const fn specificity(&self) -> (bool, bool) {
        (self.scheme.is_some(), self.host.is_some())
    }
}

/// Some targets that have no proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NoProxyRule {
    pattern: HostPattern,
    port: Option<u16>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostPattern {
    All,
    Network(IpNet),
    /// A name, and all below it.
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
    /// An address, in brackets or not, or a network.
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
                let above = host.strip_suffix(&**name);
                above.is_some_and(|rest| rest.is_empty() || rest.ends_with('.')) && host.parse::<IpAddr>().is_err()
            }
        }
    }
}

/// What is wrong with a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum InvalidProxy {
    /// The proxy is to be spoken to over TLS.
    Https,
    /// It is for none of `http`, `https`, `all`, or a host of these.
    Key,
    /// The proxy speaks SOCKS.
    Socks,
    /// The URL cannot be read.
    Url,
}

impl fmt::Display for InvalidProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Https => "a proxy that speaks TLS itself is not supported: give an http:// one, it takes https too",
            Self::Key => "a proxy is for http, https or all, or for one host of these, such as http://example.org",
            Self::Socks => "SOCKS proxies are not supported: give an http:// one",
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
    fn the_nearest_key_counts() {
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
    fn a_key_set_again_is_replaced() {
        let mut proxies = proxies(&[("http", "a"), ("http", "b")]);
        assert_eq!(host_for(&proxies, "http://h"), "b");
        proxies.set("http", " ").unwrap();
        assert_eq!(host_for(&proxies, "http://h"), "direct");
    }

    #[test]
    fn a_proxy_may_know_us() {
        let proxies = proxies(&[("http", "us%40er:pa%3ass@p:3128/ignored")]);
        let proxy = proxies.proxy_for(&Origin::parse("http://h").unwrap()).unwrap();
        assert_eq!(proxy.origin, Origin::parse("http://p:3128").unwrap());
        let line = proxy.authorization.as_ref().unwrap().as_str();
        assert_eq!(line, "Proxy-Authorization: Basic dXNAZXI6cGE6c3M=\r\n");
    }

    #[test]
    fn what_is_no_proxy_says_why() {
        let error = |key, url| Proxies::none().set(key, url).unwrap_err();
        assert_eq!(error("http", "https://p"), InvalidProxy::Https);
        assert_eq!(error("http", "SOCKS5h://p"), InvalidProxy::Socks);
        for url in ["http://", "ftp://p", "p:port", "http://a b", "http://p\rq", "://p"] {
            assert_eq!(error("all", url), InvalidProxy::Url, "{url:?}");
        }
        for key in ["", "ftp", "HTTP", "http://", "http://a b"] {
            assert_eq!(error(key, "p"), InvalidProxy::Key, "{key:?}");
        }
        assert!(InvalidProxy::Https.to_string().starts_with("a proxy that speaks TLS"));
    }

    #[test]
    fn some_hosts_are_spoken_to_directly() {
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
    fn a_star_is_everything() {
        let proxies = proxies(&[("all", "p"), ("no_proxy", "x, *")]);
        assert_eq!((host_for(&proxies, "http://h"), host_for(&proxies, "http://[::1]")), ("direct", "direct"));
    }

    #[test]
    fn the_environment_is_read_small_letters_first() {
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
