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
    Rt,
    hosts::Host,
    lookup::{Lookup, LookupThreads},
    sources::Sources,
};
use crate::addresses::{Addresses, Destination, Override};

/// Where connections go and come from, and what was found out about it so far.
pub struct AddressBook {
    addresses: Addresses,
    /// The most precise first, and of equal ones the last. Each with its host, unless it leads to a Unix socket.
    overrides: Vec<(Override, Option<Arc<Host>>)>,
    names: Mutex<HashMap<String, Arc<Lookup>>>,
    threads: LookupThreads,
    pub(super) sources: Sources,
}

/// Where a connection goes.
pub(super) enum Route<'a> {
    /// To this address.
    Address(SocketAddr),
    /// To one of a host's addresses.
    Host(Arc<Host>),
    /// To this Unix socket.
    Unix(&'a Path),
}

impl AddressBook {
    /// A book that knows no more than these settings.
    pub fn new(addresses: Addresses) -> Arc<Self> {
        Self::with_threads(addresses, LookupThreads::new())
    }

    fn with_threads(addresses: Addresses, threads: LookupThreads) -> Arc<Self> {
        let mut overrides: Vec<_> = addresses.overrides.iter().map(|rule| (rule.clone(), host_of(rule))).collect();
        overrides.sort_by_key(|(rule, _)| rule.precision());
        overrides.reverse();
        let sources = Sources::new(&addresses.source_ips);
        Arc::new(Self { addresses, overrides, names: Mutex::default(), threads, sources })
    }

    /// Where a connection to `host` goes. `resolved_ns` is set if a look-up took time, also one that nobody waited for to
    /// its end.
    ///
    /// # Errors
    /// [`Error::NameNotFound`] when the host has no address.
    pub(super) async fn route(
        &self,
        rt: &Rt,
        host: &str,
        port: u16,
        resolved_ns: &mut u64,
    ) -> Result<Route<'_>, Error> {
        if let Some(path) = &self.addresses.unix_socket {
            return Ok(Route::Unix(path));
        }
        match self.overrides.iter().find(|(rule, _)| rule.fits(host, port)) {
            Some((_, Some(known))) => return Route::to(known, port),
            Some((Override { destination: Destination::Unix(path), .. }, None)) => return Ok(Route::Unix(path)),
            _ => {}
        }
        match host.parse::<IpAddr>() {
            Ok(ip) => Ok(Route::Address(SocketAddr::new(ip, port))),
            Err(_) => Route::to(&self.look_up(rt, host, resolved_ns).await, port),
        }
    }

    async fn look_up(&self, rt: &Rt, host: &str, resolved_ns: &mut u64) -> Arc<Host> {
        let lookup = self.lookup(host, rt.now_ns());
        let Some(known) = lookup.host() else {
            let _waiting = Waiting { rt, resolved_ns };
            return lookup.found().await;
        };
        if known.len() == 0 {
            // A known miss costs time as well, so that users without waits do not count millions of them.
            rt.sleep_until(rt.now_ns() + MISS_PAUSE_NS).await;
        }
        Arc::clone(known)
    }

    /// The look-up of a name that holds at `now_ns`; starts one when there is none.
    fn lookup(&self, host: &str, now_ns: u64) -> Arc<Lookup> {
        if self.addresses.dns_ttl.is_zero() {
            return self.threads.start(host);
        }
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(host).filter(|known| self.holds(known, now_ns)) {
            return Arc::clone(known);
        }
        if names.len() >= MOST_NAMES {
            names.clear();
        }
        let lookup = self.threads.start(host);
        names.insert(host.to_owned(), Arc::clone(&lookup));
        lookup
    }

    fn holds(&self, lookup: &Lookup, now_ns: u64) -> bool {
        let Some(host) = lookup.host() else {
            return true;
        };
        let ttl = if host.len() == 0 { self.addresses.dns_ttl.min(MISS_TTL) } else { self.addresses.dns_ttl };
        u128::from(now_ns.saturating_sub(host.known_ns)) < ttl.as_nanos()
    }
}

impl Route<'_> {
    fn to(host: &Arc<Host>, port: u16) -> Result<Self, Error> {
        match host.len() {
            0 => Err(Error::NameNotFound),
            1 => Ok(Self::Address(host.address(0, port))),
            _ => Ok(Self::Host(Arc::clone(host))),
        }
    }
}

fn host_of(rule: &Override) -> Option<Arc<Host>> {
    match &rule.destination {
        Destination::Ips(ips) => {
            let addresses = ips.iter().map(|ip| SocketAddr::new(*ip, 0)).collect();
            Some(Arc::new(Host::new(addresses, 0)))
        }
        Destination::Unix(_) => None,
    }
}

/// Someone waits for a look-up, to its end or until it is dropped.
struct Waiting<'a> {
    rt: &'a Rt,
    resolved_ns: &'a mut u64,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        *self.resolved_ns = self.rt.now_ns();
    }
}

/// A missing name is asked for again soon, but not by every user.
const MISS_TTL: Duration = Duration::from_secs(1);
const MISS_PAUSE_NS: u64 = 1_000_000;
/// A target that redirects to ever new names must not fill the memory.
const MOST_NAMES: usize = 10_000;

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

    use super::{
        super::{RingChoice, RingKind, block_on, now_ns, pause},
        *,
    };

    /// A resolver that counts, is slow, and gives names the addresses that they consist of; others have none.
    fn book(addresses: Addresses) -> (Arc<AddressBook>, Arc<AtomicUsize>) {
        let lookups = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&lookups);
        let threads = LookupThreads::asking(move |name| {
            counted.fetch_add(1, Ordering::SeqCst);
            pause(Duration::from_millis(20));
            name.split('+').filter_map(|ip| Some(SocketAddr::new(ip.parse().ok()?, 0))).collect()
        });
        (AddressBook::with_threads(addresses, threads), lookups)
    }

    fn lasting(dns_ttl: Duration) -> Addresses {
        Addresses { dns_ttl, ..Addresses::default() }
    }

    fn rule(host: &str, port: u16, to: &str) -> Override {
        let destination = match to.strip_prefix("unix:") {
            Some(path) => Destination::Unix(path.into()),
            None => Destination::Ips(to.split(',').map(|ip| ip.parse().unwrap()).collect()),
        };
        Override { host: (host != "*").then(|| host.into()), port: (port != 0).then_some(port), destination }
    }

    /// Where the book sends a connection, as text, and the time of a look-up.
    fn route(book: &Arc<AddressBook>, host: &'static str, port: u16) -> (String, u64) {
        let (book, result) = (Arc::clone(book), Rc::new(Cell::new(None)));
        let told = Rc::clone(&result);
        block_on(RingChoice::Only(RingKind::Epoll), |rt, _| async move {
            let mut resolved_ns = 0;
            let route = book.route(&rt, host, port, &mut resolved_ns).await;
            let text = match route {
                Ok(Route::Address(address)) => address.to_string(),
                Ok(Route::Host(host)) => {
                    host.order().map(|place| host.address(place, port).to_string() + " ").collect()
                }
                Ok(Route::Unix(path)) => path.display().to_string(),
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
        let lookup = book.lookup("10.0.0.1+::1", now_ns());
        let until_ns = lookup.host().unwrap().known_ns + 60_000_000_000;
        assert!(Arc::ptr_eq(&lookup, &book.lookup("10.0.0.1+::1", until_ns - 1)));
        assert_eq!(lookups.load(Ordering::SeqCst), 1);
        assert!(!Arc::ptr_eq(&lookup, &book.lookup("10.0.0.1+::1", until_ns)));
    }

    #[test]
    fn those_who_ask_together_wait_for_one_lookup_unless_each_has_its_own() {
        for (ttl_s, expected) in [(60, 1), (0, 30)] {
            let (book, lookups) = book(lasting(Duration::from_secs(ttl_s)));
            let asked: Vec<_> = (0..30).map(|_| book.lookup("10.0.0.1", now_ns())).collect();
            // More than there are threads; all are served in the end.
            while asked.iter().any(|lookup| lookup.host().is_none()) {
                pause(Duration::from_millis(1));
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
        assert!(now_ns() - before_ns >= MISS_PAUSE_NS);
        let miss = book.lookup("nobody", now_ns());
        let until_ns = miss.host().unwrap().known_ns + 1_000_000_000;
        assert!(Arc::ptr_eq(&miss, &book.lookup("nobody", until_ns - 1)));
        assert_eq!(lookups.load(Ordering::SeqCst), 1);
        assert!(!Arc::ptr_eq(&miss, &book.lookup("nobody", until_ns)));
    }

    #[test]
    fn a_lookup_that_nobody_waited_for_to_its_end_took_time() {
        let (book, _) = book(Addresses::default());
        block_on(RingChoice::Only(RingKind::Epoll), |rt, _| async move {
            let (mut resolved_ns, now_ns) = (0, rt.now_ns());
            let asked = rt.watchdog().guard(now_ns + 1_000_000, book.route(&rt, "slow", 80, &mut resolved_ns)).await;
            assert!(asked.is_none() && resolved_ns >= now_ns + 1_000_000);
        })
        .unwrap();
    }

    #[test]
    fn names_are_kept_up_to_a_number() {
        let (book, _) = book(Addresses::default());
        static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| (0..2 * MOST_NAMES).map(|n| n.to_string()).collect());
        // Known already, so that nothing is looked up.
        let known = book.lookup("known", now_ns());
        for name in &*NAMES {
            let mut names = book.names.lock().unwrap();
            if names.len() < MOST_NAMES {
                names.insert(name.clone(), Arc::clone(&known));
                continue;
            }
            drop(names);
            book.lookup(name, now_ns());
        }
        assert!(book.names.lock().unwrap().len() <= MOST_NAMES);
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
        let (book, lookups) = book(Addresses { overrides, ..Addresses::default() });
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
        let addresses = Addresses { overrides, unix_socket: Some("/run/x".into()), ..Addresses::default() };
        let (unix, _) = book(addresses);
        assert_eq!(route(&unix, "h", 80).0, "/run/x");
        let (plain, lookups) = book(Addresses::default());
        assert_eq!(route(&plain, "::1", 80), ("[::1]:80".to_owned(), 0));
        assert_eq!(route(&plain, "127.0.0.1", 80), ("127.0.0.1:80".to_owned(), 0));
        assert_eq!(lookups.load(Ordering::SeqCst), 0);
    }
}
