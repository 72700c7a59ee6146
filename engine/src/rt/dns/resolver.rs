//! Maps the host of a URL to the destination of a connection, by the run's [`ConnectConfig`] or by a lookup.
//!
//! All threads of a run share one [`Resolver`]. It is used only when a connection is opened. It caches lookups
//! (`threads.rs`) and, with each, which address of the host accepted last (`host.rs`). Connections are made in
//! `rt/net.rs`.

use std::{
    collections::HashMap,
    fmt, fs, io,
    net::{IpAddr, SocketAddr},
    os::unix::fs::FileTypeExt,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use gregaria_http::Error;
use rustix::net::SocketFlags;

use super::{
    host::ResolvedHost,
    sources::SourceAddrs,
    threads::{PendingLookup, ResolverThreads},
};
use crate::{
    connect_config::{ConnectConfig, ConnectConfigError, OverrideTarget, ResolveOverride},
    rt::{
        Runtime,
        sockets::{tcp_socket, unix_address},
    },
};

/// The resolver of a run: checked endpoint settings and the cache of name lookups.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{ConnectConfig, rt::Resolver};
///
/// let source_ips = vec!["127.0.0.1".parse()?];
/// let resolver = Resolver::new(ConnectConfig { source_ips, ..ConnectConfig::default() })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Resolver {
    config: ConnectConfig,
    /// The overrides in order of precedence: the most specific first, and of equally specific ones the last. The host
    /// is `None` for an override that leads to a Unix socket.
    overrides: Vec<(ResolveOverride, Option<Arc<ResolvedHost>>)>,
    lookups: Mutex<HashMap<String, Arc<PendingLookup>>>,
    threads: ResolverThreads,
    pub(in crate::rt) sources: SourceAddrs,
}

/// The destination of a connection.
pub(in crate::rt) enum ConnectTarget<'a> {
    /// A single address.
    Address(SocketAddr),
    /// A host with several addresses.
    Host(Arc<ResolvedHost>),
    /// The path of a Unix socket.
    UnixSocket(&'a Path),
}

impl Resolver {
    /// Returns a resolver for these settings, with an empty cache.
    ///
    /// Opens sockets on trial to check the settings, because a connection that fails during a run is only counted.
    /// Starts no thread.
    ///
    /// # Errors
    /// Returns a [`ConnectConfigError`] for the first Unix socket path or source address that cannot work on this
    /// machine.
    pub fn new(config: ConnectConfig) -> Result<Arc<Self>, ConnectConfigError> {
        check(&config)?;
        Ok(Arc::new(Self::with_threads(config, ResolverThreads::new())))
    }

    fn with_threads(config: ConnectConfig, threads: ResolverThreads) -> Self {
        let mut overrides: Vec<_> = config.overrides.iter().map(|rule| (rule.clone(), override_host(rule))).collect();
        overrides.sort_by_key(|(rule, _)| rule.specificity());
        overrides.reverse();
        let sources = SourceAddrs::new(&config.source_ips);
        Self { config, overrides, lookups: Mutex::default(), threads, sources }
    }

    /// Returns the destination of a connection to `host`, looking the name up if necessary.
    ///
    /// Sets `resolved_ns` to the end of the wait if the call waited for a lookup.
    ///
    /// # Errors
    /// Returns [`Error::NameNotFound`] if the host has no address.
    ///
    /// # Cancel safety
    /// The lookup continues, and its result is cached unless the TTL is zero. `resolved_ns` is set to the time of the
    /// drop.
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
            let _timer = ResolveTimer { rt, resolved_ns };
            return lookup.wait().await;
        };
        if known.len() == 0 {
            // A cached failure takes time as well. Otherwise users without waits would count millions of failures.
            rt.sleep_until(rt.now_ns() + NEGATIVE_DELAY_NS).await;
        }
        Arc::clone(known)
    }

    /// Returns the cached lookup of a name if it is fresh at `now_ns`, otherwise starts a lookup.
    fn get_or_start_lookup(&self, host: &str, now_ns: u64) -> Arc<PendingLookup> {
        if self.config.dns_ttl.is_zero() {
            return self.threads.start_lookup(host);
        }
        let mut lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = lookups.get(host).filter(|known| self.is_fresh(known, now_ns)) {
            return Arc::clone(known);
        }
        if lookups.len() >= MAX_CACHED_NAMES {
            lookups.clear();
        }
        let lookup = self.threads.start_lookup(host);
        lookups.insert(host.to_owned(), Arc::clone(&lookup));
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

impl Default for Resolver {
    /// Returns a resolver for [`ConnectConfig::default`], which has no setting to check.
    fn default() -> Self {
        Self::with_threads(ConnectConfig::default(), ResolverThreads::new())
    }
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").field("config", &self.config).finish_non_exhaustive()
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

/// Checks that the configured paths are those of Unix sockets, and that this machine has the source addresses.
fn check(config: &ConnectConfig) -> Result<(), ConnectConfigError> {
    let override_paths = config.overrides.iter().filter_map(|rule| match &rule.target {
        OverrideTarget::UnixSocket(path) => Some(path),
        OverrideTarget::Ips(_) => None,
    });
    for path in config.unix_socket.iter().chain(override_paths) {
        check_unix_socket(path)?;
    }
    for &ip in &config.source_ips {
        tcp_socket(&SocketAddr::new(ip, 0), Some(ip), SocketFlags::empty())
            .map_err(|error| ConnectConfigError::SourceIp { ip, error })?;
    }
    Ok(())
}

fn check_unix_socket(path: &Path) -> Result<(), ConnectConfigError> {
    unix_address(path).map_err(|error| ConnectConfigError::UnixSocket { path: path.to_owned(), error })?;
    let reason = match fs::metadata(path) {
        Ok(file) if file.file_type().is_socket() => return Ok(()),
        Ok(_) => "is not a Unix socket",
        Err(error) if error.kind() == io::ErrorKind::NotFound => "does not exist",
        // The server may run as another user. Connections then report the error.
        Err(_) => return Ok(()),
    };
    Err(ConnectConfigError::NoUnixSocket { path: path.to_owned(), reason })
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

/// Sets `resolved_ns` when a wait for a lookup ends, also when the wait is dropped.
struct ResolveTimer<'a> {
    rt: &'a Runtime,
    resolved_ns: &'a mut u64,
}

impl Drop for ResolveTimer<'_> {
    fn drop(&mut self) {
        *self.resolved_ns = self.rt.now_ns();
    }
}

/// Maximum time for which a failed lookup is cached. A missing name is looked up again soon, but not by every user.
const NEGATIVE_TTL: Duration = Duration::from_secs(1);
/// Delay of a connection to a host with a cached failed lookup: 1 ms.
const NEGATIVE_DELAY_NS: u64 = 1_000_000;
/// Maximum number of cached names. A full cache is cleared, so a target that redirects to ever new names cannot exhaust
/// the memory.
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

    /// Returns a resolver with counted lookups of 20 ms each. A name consists of its addresses, joined by `+`;
    /// other names have none.
    fn counting_resolver(config: ConnectConfig) -> (Arc<Resolver>, Arc<AtomicUsize>) {
        let lookups = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&lookups);
        let threads = ResolverThreads::with_lookup_fn(move |name| {
            counted.fetch_add(1, Ordering::SeqCst);
            sleep_blocking(Duration::from_millis(20));
            name.split('+').filter_map(|ip| Some(SocketAddr::new(ip.parse().ok()?, 0))).collect()
        });
        (Arc::new(Resolver::with_threads(config, threads)), lookups)
    }

    fn with_ttl(dns_ttl: Duration) -> ConnectConfig {
        ConnectConfig { dns_ttl, ..ConnectConfig::default() }
    }

    fn rule(host: &str, port: u16, to: &str) -> ResolveOverride {
        let target = match to.strip_prefix("unix:") {
            Some(path) => OverrideTarget::UnixSocket(path.into()),
            None => OverrideTarget::Ips(to.split(',').map(|ip| ip.parse().unwrap()).collect()),
        };
        ResolveOverride { host: (host != "*").then(|| host.into()), port: (port != 0).then_some(port), target }
    }

    /// Returns the destination of a connection as text, and the time of the lookup or 0.
    fn resolve(resolver: &Arc<Resolver>, host: &'static str, port: u16) -> (String, u64) {
        let (resolver, result) = (Arc::clone(resolver), Rc::new(Cell::new(None)));
        let output = Rc::clone(&result);
        block_on(DriverChoice::Only(DriverKind::Epoll), |rt, _| async move {
            let mut resolved_ns = 0;
            let text = match resolver.resolve(&rt, host, port, &mut resolved_ns).await {
                Ok(ConnectTarget::Address(address)) => address.to_string(),
                Ok(ConnectTarget::Host(host)) => {
                    host.connect_order().map(|index| host.address(index, port).to_string() + " ").collect()
                }
                Ok(ConnectTarget::UnixSocket(path)) => path.display().to_string(),
                Err(error) => error.to_string(),
            };
            output.set(Some((text, resolved_ns)));
        })
        .unwrap();
        result.take().unwrap()
    }

    #[test]
    fn fresh_name_is_looked_up_once() {
        let (resolver, lookups) = counting_resolver(with_ttl(Duration::from_secs(60)));
        let before_ns = now_ns();
        let (found, resolved_ns) = resolve(&resolver, "10.0.0.1+::1", 80);
        assert_eq!(found, "10.0.0.1:80 [::1]:80 ");
        assert!((before_ns..=now_ns()).contains(&resolved_ns));
        assert_eq!(resolve(&resolver, "10.0.0.1+::1", 81), ("10.0.0.1:81 [::1]:81 ".to_owned(), 0));
        let lookup = resolver.get_or_start_lookup("10.0.0.1+::1", now_ns());
        let until_ns = lookup.host().unwrap().resolved_at_ns + 60_000_000_000;
        assert!(Arc::ptr_eq(&lookup, &resolver.get_or_start_lookup("10.0.0.1+::1", until_ns - 1)));
        assert_eq!(lookups.load(Ordering::SeqCst), 1);
        assert!(!Arc::ptr_eq(&lookup, &resolver.get_or_start_lookup("10.0.0.1+::1", until_ns)));
    }

    #[test]
    fn concurrent_lookups_are_shared_unless_ttl_is_zero() {
        for (ttl_s, expected) in [(60, 1), (0, 30)] {
            let (resolver, lookups) = counting_resolver(with_ttl(Duration::from_secs(ttl_s)));
            let started: Vec<_> = (0..30).map(|_| resolver.get_or_start_lookup("10.0.0.1", now_ns())).collect();
            // More lookups than threads; all of them must finish.
            while started.iter().any(|lookup| lookup.host().is_none()) {
                sleep_blocking(Duration::from_millis(1));
            }
            assert_eq!(lookups.load(Ordering::SeqCst), expected, "{ttl_s} s");
        }
    }

    #[test]
    fn ttl_of_zero_looks_up_for_every_connection() {
        let (resolver, lookups) = counting_resolver(with_ttl(Duration::ZERO));
        for expected in 1..=3 {
            let (found, resolved_ns) = resolve(&resolver, "10.0.0.1+", 80);
            assert_eq!((found.as_str(), resolved_ns > 0), ("10.0.0.1:80", true));
            assert_eq!(lookups.load(Ordering::SeqCst), expected);
        }
    }

    #[test]
    fn failed_lookup_is_cached_briefly_and_takes_time() {
        let (resolver, lookups) = counting_resolver(with_ttl(Duration::from_secs(60)));
        assert_eq!(resolve(&resolver, "nobody", 80).0, "host name not found");
        let before_ns = now_ns();
        assert_eq!(resolve(&resolver, "nobody", 80), ("host name not found".to_owned(), 0), "no lookup");
        assert!(now_ns() - before_ns >= NEGATIVE_DELAY_NS);
        let failed = resolver.get_or_start_lookup("nobody", now_ns());
        let until_ns = failed.host().unwrap().resolved_at_ns + 1_000_000_000;
        assert!(Arc::ptr_eq(&failed, &resolver.get_or_start_lookup("nobody", until_ns - 1)));
        assert_eq!(lookups.load(Ordering::SeqCst), 1);
        assert!(!Arc::ptr_eq(&failed, &resolver.get_or_start_lookup("nobody", until_ns)));
    }

    #[test]
    fn cancelled_lookup_sets_its_time() {
        let (resolver, _) = counting_resolver(ConnectConfig::default());
        block_on(DriverChoice::Only(DriverKind::Epoll), |rt, _| async move {
            let (mut resolved_ns, now_ns) = (0, rt.now_ns());
            let resolving = resolver.resolve(&rt, "slow", 80, &mut resolved_ns);
            let resolved = rt.reusable_deadline().run(now_ns + 1_000_000, resolving).await;
            assert!(resolved.is_none() && resolved_ns >= now_ns + 1_000_000);
        })
        .unwrap();
    }

    #[test]
    fn number_of_cached_names_is_limited() {
        let (resolver, _) = counting_resolver(ConnectConfig::default());
        static NAMES: LazyLock<Vec<String>> =
            LazyLock::new(|| (0..2 * MAX_CACHED_NAMES).map(|n| n.to_string()).collect());
        // Inserted by hand up to the limit, so that the names are not looked up.
        let known = resolver.get_or_start_lookup("known", now_ns());
        for name in &*NAMES {
            let mut lookups = resolver.lookups.lock().unwrap();
            if lookups.len() < MAX_CACHED_NAMES {
                lookups.insert(name.clone(), Arc::clone(&known));
                continue;
            }
            drop(lookups);
            resolver.get_or_start_lookup(name, now_ns());
        }
        assert!(resolver.lookups.lock().unwrap().len() <= MAX_CACHED_NAMES);
    }

    #[test]
    fn most_specific_override_wins_then_the_last() {
        let overrides = vec![
            rule("*", 0, "10.0.0.1"),
            rule("h", 80, "10.0.0.4,::1"),
            rule("h", 0, "10.0.0.3"),
            rule("*", 81, "10.0.0.2"),
            rule("u", 0, "unix:/run/first"),
            rule("u", 0, "unix:/run/last"),
        ];
        let (resolver, lookups) = counting_resolver(ConnectConfig { overrides, ..ConnectConfig::default() });
        for (host, port, to) in [
            ("h", 80, "10.0.0.4:80 [::1]:80 "),
            ("h", 81, "10.0.0.3:81"),
            ("i", 81, "10.0.0.2:81"),
            ("i", 80, "10.0.0.1:80"),
            ("192.0.2.1", 80, "10.0.0.1:80"),
            ("u", 80, "/run/last"),
        ] {
            assert_eq!(resolve(&resolver, host, port), (to.to_owned(), 0), "{host}:{port}");
        }
        assert_eq!(lookups.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn unix_socket_wins_and_ip_needs_no_lookup() {
        let overrides = vec![rule("h", 80, "10.0.0.1")];
        let config = ConnectConfig { overrides, unix_socket: Some("/run/x".into()), ..ConnectConfig::default() };
        let (unix, _) = counting_resolver(config);
        assert_eq!(resolve(&unix, "h", 80).0, "/run/x");
        let (plain, lookups) = counting_resolver(ConnectConfig::default());
        assert_eq!(resolve(&plain, "::1", 80), ("[::1]:80".to_owned(), 0));
        assert_eq!(resolve(&plain, "127.0.0.1", 80), ("127.0.0.1:80".to_owned(), 0));
        assert_eq!(lookups.load(Ordering::SeqCst), 0);
    }

    #[test]
    fn foreign_source_or_long_socket_path_is_refused() {
        let from = |ip: &str| ConnectConfig { source_ips: vec![ip.parse().unwrap()], ..ConnectConfig::default() };
        assert!(Resolver::new(from("127.0.0.9")).is_ok());
        let error = Resolver::new(from("203.0.113.9")).unwrap_err().to_string();
        assert!(error.starts_with("203.0.113.9 is not an address of this machine: "), "{error}");
        let to = |path: String| ConnectConfig { unix_socket: Some(path.into()), ..ConnectConfig::default() };
        let error = |path: &str| Resolver::new(to(path.into())).unwrap_err().to_string();
        assert_eq!(error("not/there.sock"), "not/there.sock does not exist");
        assert_eq!(error("/"), "/ is not a Unix socket");
        let error = Resolver::new(to("x".repeat(200))).unwrap_err().to_string();
        assert!(error.contains("cannot be the path of a Unix socket: "), "{error}");
        let overrides = vec![rule("*", 0, &format!("unix:{}", "x".repeat(200)))];
        assert!(Resolver::new(ConnectConfig { overrides, ..ConnectConfig::default() }).is_err());
    }
}
