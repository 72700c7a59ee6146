//! The local addresses that connections come from in turn, as configured in
//! [`ConnectConfig::source_ips`](crate::ConnectConfig). Each one has its own range of local ports.

use std::{
    net::{IpAddr, SocketAddr},
    sync::atomic::{AtomicUsize, Ordering},
};

/// The source addresses of a run. If there are none, the system selects the address.
pub(in crate::rt) struct SourceAddrs {
    ipv4: RoundRobin,
    ipv6: RoundRobin,
}

/// The source addresses of one IP version.
#[derive(Default)]
struct RoundRobin {
    ips: Box<[IpAddr]>,
    next: AtomicUsize,
}

impl SourceAddrs {
    pub(in crate::rt) fn new(ips: &[IpAddr]) -> Self {
        let (ipv4, ipv6) = ips.iter().partition::<Vec<IpAddr>, _>(|ip| ip.is_ipv4());
        Self { ipv4: RoundRobin::new(ipv4), ipv6: RoundRobin::new(ipv6) }
    }

    /// Returns the source addresses to try for the next connection to `target`: the next one in turn, then others in
    /// case the ones before have no free port.
    ///
    /// The only item is `None` if the system selects the address. The iterator is empty if all sources have the other
    /// IP version.
    pub(in crate::rt) fn candidates(&self, target: &SocketAddr) -> impl Iterator<Item = Option<IpAddr>> {
        let sources = if target.is_ipv4() { &self.ipv4 } else { &self.ipv6 };
        let is_unconfigured = self.ipv4.ips.is_empty() && self.ipv6.ips.is_empty();
        is_unconfigured.then_some(None).into_iter().chain(sources.next_candidates().map(Some))
    }
}

impl RoundRobin {
    fn new(ips: Vec<IpAddr>) -> Self {
        Self { ips: ips.into(), next: AtomicUsize::new(0) }
    }

    /// Returns the next source in turn and its successors, at most [`MAX_SOURCE_TRIES`].
    fn next_candidates(&self) -> impl Iterator<Item = IpAddr> {
        let first = if self.ips.is_empty() { 0 } else { self.next.fetch_add(1, Ordering::Relaxed) };
        let tries = 0..self.ips.len().min(MAX_SOURCE_TRIES);
        tries.map(move |offset| self.ips[first.wrapping_add(offset) % self.ips.len()])
    }
}

/// Maximum number of sources tried for one connection. If so many have no free port, the others hardly have one.
const MAX_SOURCE_TRIES: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    fn sources(ips: &[&str]) -> SourceAddrs {
        SourceAddrs::new(&ips.iter().map(|ip| ip.parse().unwrap()).collect::<Vec<_>>())
    }

    fn next(sources: &SourceAddrs, target: &str) -> Vec<Option<String>> {
        let target = target.parse().unwrap();
        sources.candidates(&target).map(|source| source.map(|ip| ip.to_string())).collect()
    }

    #[test]
    fn sources_rotate_and_replace_each_other() {
        let sources = sources(&["127.0.0.2", "::1", "127.0.0.3"]);
        let [two, three] = ["127.0.0.2", "127.0.0.3"].map(|ip| Some(ip.to_owned()));
        assert_eq!(next(&sources, "127.0.0.1:80"), [two.clone(), three.clone()]);
        assert_eq!(next(&sources, "[::1]:80"), [Some("::1".to_owned())]);
        assert_eq!(next(&sources, "127.0.0.1:80"), [three.clone(), two.clone()]);
        assert_eq!(next(&sources, "127.0.0.1:80"), [two, three]);
    }

    #[test]
    fn candidates_are_none_or_empty_without_a_source() {
        assert_eq!(next(&sources(&[]), "127.0.0.1:80"), [None]);
        assert_eq!(next(&sources(&["127.0.0.2"]), "[::1]:80"), vec![]);
    }

    #[test]
    fn number_of_source_tries_is_limited() {
        let many: Vec<String> = (1..=50).map(|last| format!("127.0.0.{last}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(next(&sources(&many), "127.0.0.1:80").len(), MAX_SOURCE_TRIES);
    }
}
