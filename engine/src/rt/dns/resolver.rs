//! From the host of a URL to where connections go: by the run's [`Addresses`], or looked up off the hot path.
//!
//! All threads of a run share one [`AddressBook`], which is asked only when a connection is made. It remembers what was
//! looked up (`lookup.rs`) for as long as it holds, and with it which of a host's addresses answered (`hosts.rs`).

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr},
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use gregaria_http::Error;

use super::{
    host::ResolvedHost,
    sources::SourceAddrs,
    threads::{PendingLookup, ResolverThreads},
};
use crate::{
    connect_config::{ConnectConfig, OverrideTarget, ResolveOverride},
    rt::Runtime,
};

/// Where connections go and come from, and what was found out about it so far.
pub struct Resolver {
    config: ConnectConfig,
    /// The most precise first, and of equal ones the last. Each with its host, unless it leads to a Unix socket.
    overrides: Vec<(ResolveOverride, Option<Arc<ResolvedHost>>)>,
    lookups: Mutex<HashMap<String, Arc<PendingLookup>>>,
    threads: ResolverThreads,
    pub(in crate::rt) sources: SourceAddrs,
}

/// Where a connection goes.
pub(in crate::rt) enum ConnectTarget<'a> {
    /// To this address.
    Address(SocketAddr),
    /// To one of a host's addresses.
    Host(Arc<ResolvedHost>),
    /// To this Unix socket.
    UnixSocket(&'a Path),
}

impl Resolver {
    /// A book that knows no more than these settings.
    pub fn new(config: ConnectConfig) -> Arc<Self> {
        Self::with_threads(config, ResolverThreads::new())
    }

    fn with_threads(config: ConnectConfig, threads: ResolverThreads) -> Arc<Self> {
        let mut overrides: Vec<_> = config.overrides.iter().map(|rule| (rule.clone(), override_host(rule))).collect();
        overrides.sort_by_key(|(rule, _)| rule.specificity());
        overrides.reverse();
        let sources = SourceAddrs::new(&config.source_ips);
        Arc::new(Self { config, overrides, lookups: Mutex::default(), threads, sources })
    }

    /// Where a connection to `host` goes. `resolved_ns` is set if a look-up took time, also one that nobody waited for to
    /// its end.
    ///
    /// # Errors
    /// [`Error::NameNotFound`] when the host has no address.
    pub(in crate::rt) async fn resolve(
        &self,
        rt: &Runtime,
        host: &str,
        port: u16,
        resolved_ns: &mut u64,
    ) -> Result<ConnectTarget<'_>, Error> {
        if let Some(path) = &self.config.unix_socket {
            return Ok(ConnectTarget::UnixSocket(path));
        }
        match self.overrides.iter().find(|(rule, _)| rule.matches(host, port)) {
            Some((_, Some(known))) => return ConnectTarget::from_host(known, port),
            Some((ResolveOverride { target: OverrideTarget::UnixSocket(path), .. }, None)) => {
                return Ok(ConnectTarget::UnixSocket(path));
            }
            _ => {}
        }
        match host.parse::<IpAddr>() {
            Ok(ip) => Ok(ConnectTarget::Address(SocketAddr::new(ip, port))),
            Err(_) => ConnectTarget::from_host(&self.resolve_host(rt, host, resolved_ns).await, port),
        }
    }

    async fn resolve_host(&self, rt: &Runtime, host: &str, resolved_ns: &mut u64) -> Arc<ResolvedHost> {
        let lookup = self.get_or_start_lookup(host, rt.now_ns());
        let Some(known) = lookup.host() else {
            let _waiting = ResolveTimer { rt, resolved_ns };
            return lookup.wait().await;
        };
        if known.len() == 0 {
            // A known miss costs time as well, so that users without waits do not count millions of them.
            rt.sleep_until(rt.now_ns() + NEGATIVE_DELAY_NS).await;
        }
        Arc::clone(known)
    }

    /// The look-up of a name that holds at `now_ns`; starts one when there is none.
    fn get_or_start_lookup(&self, host: &str, now_ns: u64) -> Arc<PendingLookup> {
        if self.config.dns_ttl.is_zero() {
            return self.threads.start_lookup(host);
        }
        let mut names = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(host).filter(|known| self.is_fresh(known, now_ns)) {
            return Arc::clone(known);
        }
        if names.len() >= MAX_CACHED_NAMES {
            names.clear();
        }
        let lookup = self.threads.start_lookup(host);
        names.insert(host.to_owned(), Arc::clone(&lookup));
        lookup
    }

    fn is_fresh(&self, lookup: &PendingLookup, now_ns: u64) -> bool {
        let Some(host) = lookup.host() else {
            return true;
        };
        let ttl = if host.len() == 0 { self.config.dns_ttl.min(NEGATIVE_TTL) } else { self.config.dns_ttl };
        u128::from(now_ns.saturating_sub(host.resolved_at_ns)) < ttl.as_nanos()
    }
}

impl ConnectTarget<'_> {
    fn from_host(host: &Arc<ResolvedHost>, port: u16) -> Result<Self, Error> {
        match host.len() {
            0 => Err(Error::NameNotFound),
            1 => Ok(Self::Address(host.address(0, port))),
            _ => Ok(Self::Host(Arc::clone(host))),
        }
    }
}

fn override_host(rule: &ResolveOverride) -> Option<Arc<ResolvedHost>> {
    match &rule.target {
        OverrideTarget::Ips(ips) => {
            let addresses = ips.iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
            Some(Arc::new(ResolvedHost::new(addresses, 0)))
        }
        OverrideTarget::UnixSocket(_) => None,
    }
}

/// Someone waits for a look-up, to its end or until it is dropped.
struct ResolveTimer<'a> {
    rt: &'a Runtime,
    resolved_ns: &'a mut u64,
}

impl Drop for ResolveTimer<'_> {
    fn drop(&mut self) {
        *self.resolved_ns = self.rt.now_ns();
    }
}

/// A missing name is asked for again soon, but not by every user.
const NEGATIVE_TTL: Duration = Duration::from_secs(1);
const NEGATIVE_DELAY_NS: u64 = 1_000_000;
/// A target that redirects to ever new names must not fill the memory.
const MAX_CACHED_NAMES: usize = 10_000;

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        rc::Rc,
        sync::{
            LazyLock,
            atomic::{AtomicUsize, Ordering},
        },
    };

    use super::*;
    use crate::rt::{DriverChoice, DriverKind, block_on, now_ns, sleep_blocking};

    /// A resolver that counts, is slow, and gives names the addresses that they consist of; others have none.
    fn book(addresses: ConnectConfig) -> (Arc<Resolver>, Arc<AtomicUsize>) {
        let lookups = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&lookups);
        let threads = ResolverThreads::with_lookup_fn(move |name| {
            counted.fetch_add(1, Ordering::SeqCst);
            sleep_blocking(Duration::from_millis(20));
            name.split('+').filter_map(|ip| Some(SocketAddr::new(ip.parse().ok()?, 0))).collect()
        });
        (Resolver::with_threads(addresses, threads), lookups)
    }

    fn lasting(dns_ttl: Duration) -> ConnectConfig {
        ConnectConfig { dns_ttl, ..ConnectConfig::default() }
    }

    fn rule(host: &str, port: u16, to: &str) -> ResolveOverride {
        let destination = match to.strip_prefix("unix:") {
            Some(path) => OverrideTarget::UnixSocket(path.into()),
            None => OverrideTarget::Ips(to.split(',').map(|ip| ip.parse().unwrap()).collect()),
        };
        ResolveOverride {
            host: (host != "*").then(|| host.into()),
            port: (port != 0).then_some(port),
            target: destination,
        }
    }

    /// Where the book sends a connection, as text, and the time of a look-up.
    fn route(book: &Arc<Resolver>, host: &'static str, port: u16) -> (String, u64) {
        let (book, result) = (Arc::clone(book), Rc::new(Cell::new(None)));
        let told = Rc::clone(&result);
        block_on(DriverChoice::Only(DriverKind::Epoll), |rt, _| async move {
            let mut resolved_ns = 0;
            let route = book.resolve(&rt, host, port, &mut resolved_ns).await;
            let text = match route {
                Ok(ConnectTarget::Address(address)) => address.to_string(),
                Ok(ConnectTarget::Host(host)) => {
                    host.connect_order().map(|place| host.address(place, port).to_string() + " ").collect()
                }
                Ok(ConnectTarget::UnixSocket(path)) => path.display().to_string(),
                Err(error) => error.to_string(),
            };
            told.set(Some((text, resolved_ns)));
        })
        .unwrap();
        result.take().unwrap()
    }

    #[test]
    fn a_name_is_looked_up_once_while_it_holds() {
        let (book, lookups) = book(lasting(Duration::from_secs(60)));
        let before_ns = now_ns();
        let (found, resolved_ns) = route(&book, "10.0.0.1+::1", 80);
        assert_eq!(found, "10.0.0.1:80 [::1]:80 ");
        assert!((before_ns..=now_ns()).contains(&resolved_ns));
        assert_eq!(route(&book, "10.0.0.1+::1", 81), ("10.0.0.1:81 [::1]:81 ".to_owned(), 0));
        let lookup = book.get_or_start_lookup("10.0.0.1+::1", now_ns());
        let until_ns = lookup.host().unwrap().resolved_at_ns + 60_000_000_000;
        assert!(Arc::ptr_eq(&lookup, &book.get_or_start_lookup("10.0.0.1+::1", until_ns - 1)));
        assert_eq!(lookups.load(Ordering::SeqCst), 1);
        assert!(!Arc::ptr_eq(&lookup, &book.get_or_start_lookup("10.0.0.1+::1", until_ns)));
    }

    #[test]
    fn those_who_ask_together_wait_for_one_lookup_unless_each_has_its_own() {
        for (ttl_s, expected) in [(60, 1), (0, 30)] {
            let (book, lookups) = book(lasting(Duration::from_secs(ttl_s)));
            let asked: Vec<_> = (0..30).map(|_| book.get_or_start_lookup("10.0.0.1", now_ns())).collect();
            // More than there are threads; all are served in the end.
            while asked.iter().any(|lookup| lookup.host().is_none()) {
                sleep_blocking(Duration::from_millis(1));
            }
            assert_eq!(lookups.load(Ordering::SeqCst), expected, "{ttl_s} s");
        }
    }

    #[test]
    fn with_a_ttl_of_zero_every_connection_looks_up() {
        let (book, lookups) = book(lasting(Duration::ZERO));
        for expected in 1..=3 {
            let (found, resolved_ns) = route(&book, "10.0.0.1+", 80);
            assert_eq!((found.as_str(), resolved_ns > 0), ("10.0.0.1:80", true));
            assert_eq!(lookups.load(Ordering::SeqCst), expected);
        }
    }

    #[test]
    fn a_miss_holds_briefly_and_costs_time() {
        let (book, lookups) = book(lasting(Duration::from_secs(60)));
        assert_eq!(route(&book, "nobody", 80).0, "host name not found");
        let before_ns = now_ns();
        assert_eq!(route(&book, "nobody", 80), ("host name not found".to_owned(), 0), "nothing was looked up");
        assert!(now_ns() - before_ns >= NEGATIVE_DELAY_NS);
        let miss = book.get_or_start_lookup("nobody", now_ns());
        let until_ns = miss.host().unwrap().resolved_at_ns + 1_000_000_000;
        assert!(Arc::ptr_eq(&miss, &book.get_or_start_lookup("nobody", until_ns - 1)));
        assert_eq!(lookups.load(Ordering::SeqCst), 1);
        assert!(!Arc::ptr_eq(&miss, &book.get_or_start_lookup("nobody", until_ns)));
    }

    #[test]
    fn a_lookup_that_nobody_waited_for_to_its_end_took_time() {
        let (book, _) = book(ConnectConfig::default());
        block_on(DriverChoice::Only(DriverKind::Epoll), |rt, _| async move {
            let (mut resolved_ns, now_ns) = (0, rt.now_ns());
            let asked =
                rt.reusable_deadline().run(now_ns + 1_000_000, book.resolve(&rt, "slow", 80, &mut resolved_ns)).await;
            assert!(asked.is_none() && resolved_ns >= now_ns + 1_000_000);
        })
        .unwrap();
    }

    #[test]
    fn names_are_kept_up_to_a_number() {
        let (book, _) = book(ConnectConfig::default());
        static NAMES: LazyLock<Vec<String>> =
            LazyLock::new(|| (0..2 * MAX_CACHED_NAMES).map(|n| n.to_string()).collect());
        // Known already, so that nothing is looked up.
        let known = book.get_or_start_lookup("known", now_ns());
        for name in &*NAMES {
            let mut names = book.lookups.lock().unwrap();
            if names.len() < MAX_CACHED_NAMES {
                names.insert(name.clone(), Arc::clone(&known));
                continue;
            }
            drop(names);
            book.get_or_start_lookup(name, now_ns());
        }
        assert!(book.lookups.lock().unwrap().len() <= MAX_CACHED_NAMES);
    }

    #[test]
    fn the_most_precise_override_counts_and_of_equal_ones_the_last() {
        let overrides = vec![
            rule("*", 0, "10.0.0.1"),
            rule("h", 80, "10.0.0.4,::1"),
            rule("h", 0, "10.0.0.3"),
            rule("*", 81, "10.0.0.2"),
            rule("u", 0, "unix:/run/first"),
            rule("u", 0, "unix:/run/last"),
        ];
        let (book, lookups) = book(ConnectConfig { overrides, ..ConnectConfig::default() });
        for (host, port, to) in [
            ("h", 80, "10.0.0.4:80 [::1]:80 "),
            ("h", 81, "10.0.0.3:81"),
            ("i", 81, "10.0.0.2:81"),
            ("i", 80, "10.0.0.1:80"),
            ("192.0.2.1", 80, "10.0.0.1:80"),
            ("u", 80, "/run/last"),
        ] {
            assert_eq!(route(&book, host, port), (to.to_owned(), 0), "{host}:{port}");
        }
        assert_eq!(lookups.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn a_unix_socket_comes_before_everything_and_an_address_needs_no_lookup() {
        let overrides = vec![rule("h", 80, "10.0.0.1")];
        let addresses = ConnectConfig { overrides, unix_socket: Some("/run/x".into()), ..ConnectConfig::default() };
        let (unix, _) = book(addresses);
        assert_eq!(route(&unix, "h", 80).0, "/run/x");
        let (plain, lookups) = book(ConnectConfig::default());
        assert_eq!(route(&plain, "::1", 80), ("[::1]:80".to_owned(), 0));
        assert_eq!(route(&plain, "127.0.0.1", 80), ("127.0.0.1:80".to_owned(), 0));
        assert_eq!(lookups.load(Ordering::SeqCst), 0);
    }
}
