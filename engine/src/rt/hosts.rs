//! What is known of one host: its addresses in the order in which they are tried, and which of them answered last.
//!
//! The order is that of RFC 8305: the system's (or the user's), but with the IP versions taking turns, so that a network
//! without IPv6 costs one attempt and not as many as there are addresses.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicUsize, Ordering},
};

/// A host; one without addresses is known not to be there.
pub(super) struct Host {
    /// Their ports say nothing.
    addresses: Box<[SocketAddr]>,
    /// The place of the one that answered last.
    best: AtomicUsize,
    /// When this became known.
    pub(super) known_ns: u64,
}

impl Host {
    pub(super) fn new(found: Vec<SocketAddr>, known_ns: u64) -> Self {
        Self { addresses: alternating(found), best: AtomicUsize::new(0), known_ns }
    }

    pub(super) fn len(&self) -> usize {
        self.addresses.len()
    }

    pub(super) fn address(&self, place: usize, port: u16) -> SocketAddr {
        let mut address = self.addresses[place];
        address.set_port(port);
        address
    }

    /// The places of all addresses, that of the one that answered last first.
    pub(super) fn order(&self) -> impl Iterator<Item = usize> + use<> {
        let best = self.best.load(Ordering::Relaxed);
        std::iter::once(best).chain((0..self.addresses.len()).filter(move |place| *place != best))
    }

    /// The address in this place has answered.
    pub(super) fn answered(&self, place: usize) {
        self.best.store(place, Ordering::Relaxed);
    }
}

/// The version of the first address begins.
fn alternating(found: Vec<SocketAddr>) -> Box<[SocketAddr]> {
    let starts_with_ipv4 = found.first().is_some_and(SocketAddr::is_ipv4);
    let (first, second): (Vec<_>, Vec<_>) = found.into_iter().partition(|ip| ip.is_ipv4() == starts_with_ipv4);
    let turns = 0..first.len().max(second.len());
    turns.flat_map(|turn| [first.get(turn), second.get(turn)]).flatten().copied().collect()
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn host(ips: &[&str]) -> Host {
        Host::new(ips.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect(), 0)
    }

    fn tried(host: &Host) -> Vec<String> {
        host.order().map(|place| host.address(place, 0).ip()).map(|ip: IpAddr| ip.to_string()).collect()
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
        host.answered(1);
        assert_eq!(tried(&host), ["10.0.0.1", "::1", "::2"]);
        host.answered(0);
        assert_eq!(tried(&host), ["::1", "10.0.0.1", "::2"]);
    }

    #[test]
    fn an_address_has_the_port_that_it_is_asked_for() {
        assert_eq!(host(&["::1"]).address(0, 80).to_string(), "[::1]:80");
    }
}
