//! Where the connections of a run go and come from, beyond what URLs say: plain settings for all of its threads.
//!
//! `rt/resolve.rs` asks them about names, `rt/net.rs` about sockets. The simulator has no use for them.

use std::{
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use thiserror::Error;

use crate::rt;

/// Where connections go and come from. By default to where the system's resolver says, looked up once a minute, and from
/// any address of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConnectConfig {
    /// Answers in place of the resolver's. Of those that fit, the most precise counts, and of equal ones the last.
    pub overrides: Vec<ResolveOverride>,
    /// How long what was looked up holds; with zero a name is looked up for every connection. That there is no such
    /// name is believed for a second at most. Default 60 s.
    pub dns_ttl: Duration,
    /// All connections go to this Unix socket, whatever URLs and overrides say.
    pub unix_socket: Option<PathBuf>,
    /// Addresses of this machine that connections come from in turn, each having a whole range of local ports; the
    /// system's choice if there are none. Only those of the target's IP version are used.
    pub source_ips: Vec<IpAddr>,
}

/// An answer in place of the resolver's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolveOverride {
    /// The host that it is about, as [`Origin::host`](gregaria_http::Origin::host) spells it; `None` for all.
    pub host: Option<String>,
    /// The port that it is about; `None` for all.
    pub port: Option<u16>,
    /// The answer.
    pub target: OverrideTarget,
}

/// Where a connection goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OverrideTarget {
    /// To the first of these addresses that accepts, at the URL's port.
    Ips(Vec<IpAddr>),
    /// To a Unix socket.
    UnixSocket(PathBuf),
}

/// Why there can be no connection with these settings.
#[derive(Debug, Error)]
pub enum ConnectConfigError {
    /// This machine has no such address.
    #[error("{ip} is not an address of this machine: {error}")]
    SourceIp {
        /// The address.
        ip: IpAddr,
        /// What the system says.
        error: io::Error,
    },
    /// No Unix socket can have this path.
    #[error("{} cannot be the path of a Unix socket: {error}", path.display())]
    UnixSocket {
        /// The path.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
}

impl ConnectConfig {
    /// Finds out whether connections can come from these addresses, and go to these sockets. To be asked before a run,
    /// in which all that cannot be connected is only counted.
    ///
    /// # Errors
    /// The first setting with which there can be no connection.
    pub fn check(&self) -> Result<(), ConnectConfigError> {
        for path in self.unix_paths() {
            rt::check_unix_path(path)
                .map_err(|error| ConnectConfigError::UnixSocket { path: path.to_owned(), error })?;
        }
        for ip in &self.source_ips {
            rt::check_source_ip(*ip).map_err(|error| ConnectConfigError::SourceIp { ip: *ip, error })?;
        }
        Ok(())
    }

    fn unix_paths(&self) -> impl Iterator<Item = &Path> {
        let of_overrides = self.overrides.iter().filter_map(|rule| match &rule.target {
            OverrideTarget::UnixSocket(path) => Some(path.as_path()),
            OverrideTarget::Ips(_) => None,
        });
        self.unix_socket.as_deref().into_iter().chain(of_overrides)
    }
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

    /// A host says more than a port.
    pub(crate) fn specificity(&self) -> (bool, bool) {
        (self.host.is_some(), self.port.is_some())
    }
}

const DEFAULT_DNS_TTL: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_sources_and_endless_paths_are_refused() {
        let from = |ip: &str| ConnectConfig { source_ips: vec![ip.parse().unwrap()], ..ConnectConfig::default() };
        assert!(from("127.0.0.9").check().is_ok());
        let refusal = from("203.0.113.9").check().unwrap_err().to_string();
        assert!(refusal.starts_with("203.0.113.9 is not an address of this machine: "), "{refusal}");
        let to = |path: String| ConnectConfig { unix_socket: Some(path.into()), ..ConnectConfig::default() };
        assert!(to("not-there.sock".into()).check().is_ok(), "it may come");
        let refusal = to("x".repeat(200)).check().unwrap_err().to_string();
        assert!(refusal.contains("cannot be the path of a Unix socket: "), "{refusal}");
        let rule =
            ResolveOverride { host: None, port: None, target: OverrideTarget::UnixSocket("x".repeat(200).into()) };
        assert!(ConnectConfig { overrides: vec![rule], ..ConnectConfig::default() }.check().is_err());
    }
}
