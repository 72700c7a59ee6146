//! Names to addresses, off the hot path: a lookup per name and minute for the whole process, on a thread of its own.
//!
//! It runs only when a connection is made. The lookup is the system's (`getaddrinfo`), so `/etc/hosts` and the
//! resolver's configuration hold; it blocks, therefore the thread.

use std::{
    collections::HashMap,
    net::{IpAddr, SocketAddr, ToSocketAddrs},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use gregaria_http::Error;

use super::{Rt, now_ns};

/// The addresses of `host`, IPv4 and IPv6 as the system orders them; never empty. `resolved_ns` is set when that took a
/// while.
///
/// # Errors
/// [`Error::NameNotFound`] when there is none.
pub(super) async fn resolve(rt: &Rt, host: &str, port: u16, resolved_ns: &mut u64) -> Result<Arc<[SocketAddr]>, Error> {
    if let Ok(address) = host.trim_matches(['[', ']']).parse::<IpAddr>() {
        return Ok(Arc::new([SocketAddr::new(address, port)]));
    }
    loop {
        match cached(host, port) {
            Lookup::Done { addresses, .. } if addresses.is_empty() => {
                // A known miss costs time as well, so that users without waits do not count millions of them.
                rt.sleep_until(rt.now_ns() + POLL_NS).await;
                *resolved_ns = rt.now_ns();
                return Err(Error::NameNotFound);
            }

            Lookup::Done { addresses, .. } => return Ok(addresses),
            Lookup::UnderWay => {
                rt.sleep_until(rt.now_ns() + POLL_NS).await;
                *resolved_ns = rt.now_ns();
            }
        }
    }
}

#[derive(Clone)]
enum Lookup {
    UnderWay,
    Done { addresses: Arc<[SocketAddr]>, until_ns: u64 },
}

type Cache = HashMap<(String, u16), Lookup>;

static CACHE: Mutex<Option<Cache>> = Mutex::new(None);

fn cache() -> MutexGuard<'static, Option<Cache>> {
    CACHE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What is known of the name; starts a lookup when nothing is, or nothing fresh.
fn cached(host: &str, port: u16) -> Lookup {
    let mut cache = cache();
    let known = cache.get_or_insert_default();
    let key = (host.to_owned(), port);
    match known.get(&key) {
        Some(Lookup::UnderWay) => return Lookup::UnderWay,
        Some(done @ Lookup::Done { until_ns, .. }) if now_ns() < *until_ns => return done.clone(),
        _ => {}
    }
    known.insert(key.clone(), Lookup::UnderWay);
    drop(cache);
    let started = std::thread::Builder::new().name("gregaria-resolve".into()).spawn({
        let key = key.clone();
        move || finish(key, true)
    });
    if started.is_err() {
        finish(key, false);
    }
    Lookup::UnderWay
}

fn finish(key: (String, u16), ask: bool) {
    let found = if ask { (key.0.as_str(), key.1).to_socket_addrs().ok() } else { None };
    let addresses: Arc<[SocketAddr]> = found.map(Iterator::collect).unwrap_or_default();
    let lifetime_ns = if addresses.is_empty() { MISS_TTL_NS } else { TTL_NS };
    let done = Lookup::Done { addresses, until_ns: now_ns() + lifetime_ns };
    cache().get_or_insert_default().insert(key, done);
}

/// How often a waiting connection looks whether the lookup is done.
const POLL_NS: u64 = 1_000_000;
const TTL_NS: u64 = 60_000_000_000;
/// A missing name is asked for again soon, but not by every user.
const MISS_TTL_NS: u64 = 1_000_000_000;
