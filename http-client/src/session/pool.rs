//! The connection pool of a session. Most requests of a user go to its base URL, so that connection has a slot of
//! its own. A few further origins have pools.
//!
//! Several requests may be in flight at once. A request without an idle connection opens another, and a limited
//! number stays open. This file must not know how a connection is opened, which is the task of `connect.rs`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::origin::{after_authority, is_absolute_url};
use crate::{
    Auth, BaseUrl, ClientConfig, Error, Origin, Proxies, Proxy, Request, TlsConfig, Transport, split_credentials,
};

/// The idle connections of a session.
pub(super) struct ConnectionPool<T> {
    /// The connection of a user with one request at a time. Further connections to the same origin are in
    /// `origin_pools`.
    base_idle: Cell<Option<PooledConnection<T>>>,
    origin_pools: RefCell<Vec<OriginPool<T>>>,
}

/// A connection and its use so far.
#[derive(Debug)]
pub(super) struct PooledConnection<T> {
    pub(super) transport: T,
    /// Number of requests that used the connection.
    pub(super) requests_served: u32,
}

#[derive(Debug)]
struct OriginPool<T> {
    key: Rc<PoolKey>,
    idle: Vec<PooledConnection<T>>,
}

/// The key of a pool: requests with the same origin, proxies and TLS configuration share connections.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct PoolKey {
    pub(super) origin: Origin,
    /// Proxies of a request that replace those of the session.
    proxies: Option<Proxies>,
    /// TLS configuration of a request that replaces that of the session.
    pub(super) tls: Option<TlsConfig>,
}

impl PoolKey {
    pub(super) fn for_base(base: &BaseUrl) -> Self {
        Self { origin: base.origin().clone(), proxies: None, tls: None }
    }

    /// Returns the proxy for the origin, if there is one.
    pub(super) fn proxy<'a>(&'a self, config: &'a ClientConfig) -> Option<&'a Proxy> {
        self.proxies.as_ref().unwrap_or(&config.proxies).proxy_for(&self.origin)
    }

    fn uses_session_settings(&self) -> bool {
        self.proxies.is_none() && self.tls.is_none()
    }
}

/// The pool slot, path and credentials of a request's URL.
#[derive(Clone, Debug)]
pub(super) struct RequestRoute<'a> {
    pub(super) slot: PoolSlot,
    pub(super) path: &'a str,
    is_absolute: bool,
    /// The credentials in the request's URL.
    auth: Option<Box<Auth>>,
}

/// The slot of a connection in the pool.
#[derive(Clone, Debug)]
pub(super) enum PoolSlot {
    Base,
    Other(Rc<PoolKey>),
}

impl RequestRoute<'_> {
    /// Returns the text before the path in the request line. An absolute URL has its own path.
    pub(super) fn prefix<'b>(&self, base: &'b BaseUrl) -> &'b str {
        if self.is_absolute { "" } else { base.prefix() }
    }

    pub(super) fn origin<'b>(&'b self, base: &'b BaseUrl) -> &'b Origin {
        match &self.slot {
            PoolSlot::Base => base.origin(),
            PoolSlot::Other(key) => &key.origin,
        }
    }

    /// Returns the proxy for the request, if there is one.
    pub(super) fn proxy<'b>(&'b self, base: &BaseUrl, config: &'b ClientConfig) -> Option<&'b Proxy> {
        match &self.slot {
            PoolSlot::Base => config.proxies.proxy_for(base.origin()),
            PoolSlot::Other(key) => key.proxy(config),
        }
    }

    /// Returns the default credentials: those in the request's URL, otherwise those in the base URL if the request
    /// targets the same origin. A proxy does not change this.
    pub(super) fn auth<'b>(&'b self, base: &'b BaseUrl) -> Option<&'b Auth> {
        let of_base = || base.auth().filter(|_| self.origin(base) == base.origin());
        self.auth.as_deref().or_else(of_base)
    }
}

impl<T: Transport> ConnectionPool<T> {
    pub(super) const fn new() -> Self {
        Self { base_idle: Cell::new(None), origin_pools: RefCell::new(Vec::new()) }
    }

    /// Finds the slot for a request, and creates a pool for an unknown key.
    pub(super) fn route<'a>(&self, base: &BaseUrl, request: &Request<'a>) -> Result<RequestRoute<'a>, Error> {
        let target = request.target;
        let is_absolute = is_absolute_url(target);
        if request.options.is_some_and(|options| options.proxies.is_some() || options.tls.is_some()) {
            return self.route_slow(base, request, is_absolute);
        }
        let known = |slot, path| RequestRoute { slot, path, is_absolute, auth: None };
        if !is_absolute {
            return Ok(known(PoolSlot::Base, target));
        }
        if let Some(path) = base.origin().strip_origin(target) {
            return Ok(known(PoolSlot::Base, path));
        }
        for pool in self.origin_pools.borrow().iter().filter(|pool| pool.key.uses_session_settings()) {
            if let Some(path) = pool.key.origin.strip_origin(target) {
                return Ok(known(PoolSlot::Other(Rc::clone(&pool.key)), path));
            }
        }
        self.route_slow(base, request, is_absolute)
    }

    /// Takes an idle connection that is not stale. Bytes that arrived before a request would be parsed as its
    /// response.
    pub(super) fn acquire(&self, route: &RequestRoute<'_>, base: &BaseUrl) -> Option<PooledConnection<T>> {
        loop {
            let connection = match &route.slot {
                PoolSlot::Base => self.base_idle.take().or_else(|| self.acquire_from_pool(&PoolKey::for_base(base))),
                PoolSlot::Other(key) => self.acquire_from_pool(key),
            }?;
            if !connection.transport.is_stale() {
                return Some(connection);
            }
        }
    }

    /// Keeps a connection for the next request, unless its pool was replaced or is full. Otherwise closes it.
    pub(super) fn release(&self, slot: &PoolSlot, base: &BaseUrl, connection: PooledConnection<T>) {
        match slot {
            PoolSlot::Other(key) => self.release_to_pool(key, connection),
            PoolSlot::Base => {
                if let Some(before) = self.base_idle.replace(Some(connection)) {
                    let key = self.find_or_insert(PoolKey::for_base(base));
                    self.release_to_pool(&key, before);
                }
            }
        }
    }

    /// Closes all idle connections.
    pub(super) fn clear(&self) {
        self.base_idle.take();
        self.origin_pools.take();
    }

    /// Routes a request with its own proxy or TLS settings, or with an origin that is new or spelled in another way.
    #[cold]
    fn route_slow<'a>(
        &self,
        base: &BaseUrl,
        request: &Request<'a>,
        is_absolute: bool,
    ) -> Result<RequestRoute<'a>, Error> {
        let target = request.target;
        let proxies = request.options.and_then(|options| options.proxies.clone());
        let tls = request.options.and_then(|options| options.tls.clone());
        if !is_absolute {
            let key = PoolKey { proxies, tls, ..PoolKey::for_base(base) };
            return Ok(RequestRoute { slot: self.slot_for(base, key), path: target, is_absolute, auth: None });
        }
        let (url, auth) = split_credentials(target);
        let key = PoolKey { origin: Origin::parse(&url)?, proxies, tls };
        let path = after_authority(target).unwrap_or_default();
        Ok(RequestRoute { slot: self.slot_for(base, key), path, is_absolute, auth: auth.map(Box::new) })
    }

    fn slot_for(&self, base: &BaseUrl, key: PoolKey) -> PoolSlot {
        if key.uses_session_settings() && key.origin == *base.origin() {
            return PoolSlot::Base;
        }
        PoolSlot::Other(self.find_or_insert(key))
    }

    fn find_or_insert(&self, key: PoolKey) -> Rc<PoolKey> {
        let mut pools = self.origin_pools.borrow_mut();
        if let Some(pool) = pools.iter().find(|pool| *pool.key == key) {
            return Rc::clone(&pool.key);
        }
        if pools.len() == MAX_ORIGIN_POOLS {
            pools.remove(0);
        }
        let key = Rc::new(key);
        pools.push(OriginPool { key: Rc::clone(&key), idle: Vec::new() });
        key
    }

    fn acquire_from_pool(&self, key: &PoolKey) -> Option<PooledConnection<T>> {
        self.with_origin_pool(key, |pool| pool.idle.pop()).flatten()
    }

    fn release_to_pool(&self, key: &PoolKey, connection: PooledConnection<T>) {
        self.with_origin_pool(key, |pool| {
            if pool.idle.len() < MAX_IDLE_PER_ORIGIN {
                pool.idle.push(connection);
            }
        });
    }

    fn with_origin_pool<R>(&self, key: &PoolKey, change: impl FnOnce(&mut OriginPool<T>) -> R) -> Option<R> {
        self.origin_pools.borrow_mut().iter_mut().find(|pool| *pool.key == *key).map(change)
    }
}

/// Most idle connections per pool key. For the base URL, these come in addition to the connection in its own slot.
/// Further connections are closed.
const MAX_IDLE_PER_ORIGIN: usize = 9;
/// Most pools. The base URL has one only for connections beyond that of its own slot. A new pool replaces the oldest.
const MAX_ORIGIN_POOLS: usize = 8;
