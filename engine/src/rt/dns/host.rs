//! The addresses of one host in the order of connection attempts, and which of them accepted last.
//!
//! The order follows RFC 8305: the order of the system or of the override, but with alternating IP versions. A network
//! without IPv6 then costs one attempt instead of one per IPv6 address.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

/// The result of a lookup. A host without addresses does not exist.
pub(in crate::rt) struct ResolvedHost {
    /// In the order of connection attempts. The ports are unused.
    addresses: Box<[SocketAddr]>,
    /// The index of the address that accepted last; 0 before the first connection.
    last_reachable: AtomicUsize,
    /// Monotonic time of the end of the lookup.
    pub(super) resolved_at_ns: u64,
}

impl ResolvedHost {
    pub(super) fn new(addresses: Vec<SocketAddr>, resolved_at_ns: u64) -> Self {
        Self { addresses: interleave_ip_versions(addresses), last_reachable: AtomicUsize::new(0), resolved_at_ns }
    }

    pub(super) fn len(&self) -> usize {
        self.addresses.len()
    }

    /// Returns the address at `index`, with this port.
    pub(in crate::rt) fn address(&self, index: usize, port: u16) -> SocketAddr {
        let mut address = self.addresses[index];
        address.set_port(port);
        address
    }

    /// Returns the indices of all addresses in the order of connection attempts. The address that accepted last is
    /// first.
    pub(in crate::rt) fn connect_order(&self) -> impl Iterator<Item = usize> + use<> {
        let first = self.last_reachable.load(Ordering::Relaxed);
        std::iter::once(first).chain((0..self.addresses.len()).filter(move |index| *index != first))
    }

    /// Records that the address at `index` has accepted a connection.
    pub(in crate::rt) fn mark_reachable(&self, index: usize) {
        self.last_reachable.store(index, Ordering::Relaxed);
    }
}

/// Reorders the addresses so that the IP versions alternate. The version of the first address comes first.
fn interleave_ip_versions(addresses: Vec<SocketAddr>) -> Box<[SocketAddr]> {
    let starts_with_ipv4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) = addresses.into_iter().partition(|ip| ip.is_ipv4() == starts_with_ipv4);
    let indices = 0..first.len().max(second.len());
    indices.flat_map(|index| [first.get(index), second.get(index)]).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn host(ips: &[&str]) -> ResolvedHost {
        ResolvedHost::new(ips.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect(), 0)
    }

    fn attempted_ips(host: &ResolvedHost) -> Vec<String> {
        host.connect_order().map(|index| host.address(index, 0).ip()).map(|ip: IpAddr| ip.to_string()).collect()
    }

    #[test]
    fn ip_versions_alternate_from_the_first_address() {
        assert_eq!(attempted_ips(&host(&["::1", "::2", "::3", "10.0.0.1"])), ["::1", "10.0.0.1", "::2", "::3"]);
        assert_eq!(attempted_ips(&host(&["10.0.0.1", "10.0.0.2", "::1"])), ["10.0.0.1", "::1", "10.0.0.2"]);
        assert_eq!(attempted_ips(&host(&["10.0.0.2", "10.0.0.1"])), ["10.0.0.2", "10.0.0.1"]);
    }

    #[test]
    fn last_reachable_address_is_tried_first() {
        let host = host(&["::1", "10.0.0.1", "::2"]);
        host.mark_reachable(1);
        assert_eq!(attempted_ips(&host), ["10.0.0.1", "::1", "::2"]);
        host.mark_reachable(0);
        assert_eq!(attempted_ips(&host), ["::1", "10.0.0.1", "::2"]);
    }

    #[test]
    fn address_has_the_requested_port() {
        assert_eq!(host(&["::1"]).address(0, 80).to_string(), "[::1]:80");
    }
}
