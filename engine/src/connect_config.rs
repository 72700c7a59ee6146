//! Connection endpoints of a run, as plain settings: which addresses connections go to and come from.
//!
//! [`Resolver::new`](crate::rt::Resolver::new) checks these settings and applies them. This file knows neither
//! sockets nor threads. The simulator ignores the settings.

use std::{io, net::IpAddr, path::PathBuf, time::Duration};

use thiserror::Error;

/// Connection endpoints of a run.
///
/// By default, connections go to the addresses that the system's resolver returns and come from any address of this
/// machine.
///
/// # Examples
/// ```
/// use gregaria_engine::{ConnectConfig, OverrideTarget, ResolveOverride, rt::Resolver};
///
/// let staging = ResolveOverride {
///     host: Some("shop.example".into()),
///     port: Some(443),
///     target: OverrideTarget::Ips(vec!["192.0.2.7".parse()?]),
/// };
/// let resolver = Resolver::new(ConnectConfig { overrides: vec![staging], ..ConnectConfig::default() })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectConfig {
    /// Addresses that replace the resolver's. Of the overrides that match a host and port, the most specific one
    /// applies, and of equally specific ones the last. Default: none.
    pub overrides: Vec<ResolveOverride>,
    /// Time for which a resolved name is cached. Zero resolves the name for every connection. A failed lookup is cached
    /// for this time, but at most 1 s. Default: 60 s.
    pub dns_ttl: Duration,
    /// Unix socket for all connections. It takes precedence over URLs and overrides. Default: `None`.
    pub unix_socket: Option<PathBuf>,
    /// Local addresses of connections, used in turn. Each address has its own range of local ports. A connection uses
    /// only addresses of the target's IP version. Default: none, the system selects the local address.
    pub source_ips: Vec<IpAddr>,
}

/// A rule that replaces the resolver's answer for matching hosts and ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveOverride {
    /// The host that the rule matches, spelled as [`Origin::host`](gregaria_http::Origin::host) returns it; `None`
    /// matches all hosts.
    pub host: Option<String>,
    /// The port that the rule matches; `None` matches all ports.
    pub port: Option<u16>,
    /// The destination of matching connections.
    pub target: OverrideTarget,
}

/// The destination of overridden connections.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverrideTarget {
    /// IP addresses at the URL's port. The first address that accepts is used.
    Ips(Vec<IpAddr>),
    /// The path of a Unix socket.
    UnixSocket(PathBuf),
}

/// A setting of [`ConnectConfig`] that cannot work on this machine.
#[derive(Debug, Error)]
pub enum ConnectConfigError {
    /// The source address does not belong to this machine.
    #[error("{ip} is not an address of this machine: {error}")]
    SourceIp {
        /// The rejected address.
        ip: IpAddr,
        /// The system's error.
        error: io::Error,
    },
    /// The path is not that of a Unix socket.
    #[error("{} {reason}", path.display())]
    NoUnixSocket {
        /// The rejected path.
        path: PathBuf,
        /// Explanation of the error.
        reason: &'static str,
    },
    /// No Unix socket can have this path.
    #[error("{} cannot be the path of a Unix socket: {error}", path.display())]
    UnixSocket {
        /// The rejected path.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
}

impl Default for ConnectConfig {
    fn default() -> Self {
        Self { overrides: Vec::new(), dns_ttl: DEFAULT_DNS_TTL, unix_socket: None, source_ips: Vec::new() }
    }
}

impl ResolveOverride {
    pub(crate) fn matches(&self, host: &str, port: u16) -> bool {
        self.host.as_deref().is_none_or(|known| known == host) && self.port.is_none_or(|known| known == port)
    }

    /// Returns a value that is greater for more specific rules. A host is more specific than a port.
    pub(crate) fn specificity(&self) -> (bool, bool) {
        (self.host.is_some(), self.port.is_some())
    }
}

const DEFAULT_DNS_TTL: Duration = Duration::from_secs(60);
