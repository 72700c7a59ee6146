//! What is known of one host: its addresses in the order in which they are tried, and which of them answered last.
//!
//! The order is that of RFC 8305: the system's (or the user's), but with the IP versions taking turns, so that a network
//! without IPv6 costs one attempt and not as many as there are addresses.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

/// A host; one without addresses is known not to be there.
pub(in crate::rt) struct ResolvedHost {
    /// Their ports say nothing.
    addresses: Box<[SocketAddr]>,
    /// The place of the one that answered last.
    last_reachable: AtomicUsize,
    /// When this became known.
    pub(super) resolved_at_ns: u64,
}

impl ResolvedHost {
    pub(super) fn new(addresses: Vec<SocketAddr>, resolved_at_ns: u64) -> Self {
        Self { addresses: interleave_ip_versions(addresses), last_reachable: AtomicUsize::new(0), resolved_at_ns }
    }

    pub(super) fn len(&self) -> usize {
        self.addresses.len()
    }

    pub(in crate::rt) fn address(&self, index: usize, port: u16) -> SocketAddr {
        let mut address = self.addresses[index];
        address.set_port(port);
        address
    }

    /// The places of all addresses, that of the one that answered last first.
    pub(in crate::rt) fn connect_order(&self) -> impl Iterator<Item = usize> + use<> {
        let best = self.last_reachable.load(Ordering::Relaxed);
        std::iter::once(best).chain((0..self.addresses.len()).filter(move |place| *place != best))
    }

    /// The address in this place has answered.
    pub(in crate::rt) fn mark_reachable(&self, index: usize) {
        self.last_reachable.store(index, Ordering::Relaxed);
    }
}

/// The version of the first address begins.
fn interleave_ip_versions(found: Vec<SocketAddr>) -> Box<[SocketAddr]> {
    let starts_with_ipv4 = found.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) = found.into_iter().partition(|ip| ip.is_ipv4() == starts_with_ipv4);
    let turns = 0..first.len().max(second.len());
    turns.flat_map(|turn| [first.get(turn), second.get(turn)]).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn host(ips: &[&str]) -> ResolvedHost {
        ResolvedHost::new(ips.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect(), 0)
    }

    fn tried(host: &ResolvedHost) -> Vec<String> {
        host.connect_order().map(|place| host.address(place, 0).ip()).map(|ip: IpAddr| ip.to_string()).collect()
    }

    #[test]
    fn versions_take_turns_and_the_first_one_begins() {
        assert_eq!(tried(&host(&["::1", "::2", "::3", "10.0.0.1"])), ["::1", "10.0.0.1", "::2", "::3"]);
        assert_eq!(tried(&host(&["10.0.0.1", "10.0.0.2", "::1"])), ["10.0.0.1", "::1", "10.0.0.2"]);
        assert_eq!(tried(&host(&["10.0.0.2", "10.0.0.1"])), ["10.0.0.2", "10.0.0.1"]);
    }

    #[test]
    fn the_one_that_answered_last_is_tried_first() {
        let host = host(&["::1", "10.0.0.1", "::2"]);
        host.mark_reachable(1);
        assert_eq!(tried(&host), ["10.0.0.1", "::1", "::2"]);
        host.mark_reachable(0);
        assert_eq!(tried(&host), ["::1", "10.0.0.1", "::2"]);
    }

    #[test]
    fn an_address_has_the_port_that_it_is_asked_for() {
        assert_eq!(host(&["::1"]).address(0, 80).to_string(), "[::1]:80");
    }
}
