//! Which connection a request takes. A user talks to its base URL nearly always, so that connection has a place of its
//! own; other destinations get a few more.
//!
//! Several requests may be under way at once: one that finds no idle connection makes another, and some are kept.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::origin::{is_absolute, path_of};
use crate::{
    Auth, BaseUrl, ClientConfig, Error, Origin, Proxies, Proxy, Request, TlsConfig, Transport, split_credentials,
};

/// The idle connections of a session.
pub(super) struct Connections<T> {
    /// The one that a user who does one thing at a time always takes; more to the same origin are among the others.
    home: Cell<Option<Kept<T>>>,
    others: RefCell<Vec<Other<T>>>,
}

/// A connection, and what it has behind it.
#[derive(Debug)]
pub(super) struct Kept<T> {
    pub(super) transport: T,
    /// Requests that it was taken for.
    pub(super) served: u32,
}

#[derive(Debug)]
struct Other<T> {
    destination: Rc<Destination>,
    idle: Vec<Kept<T>>,
}

/// What a connection is for: requests to one origin that go the same way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Destination {
    pub(super) origin: Origin,
    /// In place of the session's.
    proxies: Option<Proxies>,
    /// In place of the session's.
    pub(super) tls: Option<TlsConfig>,
}

impl Destination {
    pub(super) fn home(base: &BaseUrl) -> Self {
        Self { origin: base.origin().clone(), proxies: None, tls: None }
    }

    /// The proxy on the way, if there is one.
    pub(super) fn proxy<'a>(&'a self, config: &'a ClientConfig) -> Option<&'a Proxy> {
        self.proxies.as_ref().unwrap_or(&config.proxies).proxy_for(&self.origin)
    }

    fn is_plain(&self) -> bool {
        self.proxies.is_none() && self.tls.is_none()
    }
}

/// Where a request goes.
#[derive(Clone, Debug)]
pub(super) struct Route<'a> {
    pub(super) place: Place,
    pub(super) path: &'a str,
    is_absolute: bool,
    /// Who the URL says is asking.
    auth: Option<Box<Auth>>,
}

/// Where a connection is kept.
#[derive(Clone, Debug)]
pub(super) enum Place {
    Home,
    Other(Rc<Destination>),
}

impl Route<'_> {
    /// What stands before the path on the wire: an absolute URL has its own path.
    pub(super) fn prefix<'b>(&self, base: &'b BaseUrl) -> &'b str {
        if self.is_absolute { "" } else { base.prefix() }
    }

    pub(super) fn origin<'b>(&'b self, base: &'b BaseUrl) -> &'b Origin {
        match &self.place {
            Place::Home => base.origin(),
            Place::Other(destination) => &destination.origin,
        }
    }

    /// The proxy on the way, if there is one.
    pub(super) fn proxy<'b>(&'b self, base: &BaseUrl, config: &'b ClientConfig) -> Option<&'b Proxy> {
        match &self.place {
            Place::Home => config.proxies.proxy_for(base.origin()),
            Place::Other(destination) => destination.proxy(config),
        }
    }

    /// Who asks, when nobody else was named. Whom the base URL names asks at its origin, whatever way a request goes there.
    pub(super) fn auth<'b>(&'b self, base: &'b BaseUrl) -> Option<&'b Auth> {
        let of_base = || base.auth().filter(|_| self.origin(base) == base.origin());
        self.auth.as_deref().or_else(of_base)
    }
}

impl<T: Transport> Connections<T> {
    pub(super) const fn new() -> Self {
        Self { home: Cell::new(None), others: RefCell::new(Vec::new()) }
    }

    /// Finds the place for a request, making one for a destination that was not met before.
    pub(super) fn route<'a>(&self, base: &BaseUrl, request: &Request<'a>) -> Result<Route<'a>, Error> {
        let (target, options) = (request.target, request.options);
        let is_absolute = is_absolute(target);
        if options.proxies.is_some() || options.tls.is_some() {
            return self.unusual_route(base, request, is_absolute);
        }
        let known = |place, path| Route { place, path, is_absolute, auth: None };
        if !is_absolute {
            return Ok(known(Place::Home, target));
        }
        if let Some(path) = base.origin().path_of(target) {
            return Ok(known(Place::Home, path));
        }
        for other in self.others.borrow().iter().filter(|other| other.destination.is_plain()) {
            if let Some(path) = other.destination.origin.path_of(target) {
                return Ok(known(Place::Other(Rc::clone(&other.destination)), path));
            }
        }
        self.unusual_route(base, request, is_absolute)
    }

    /// Takes an idle connection of which nothing was heard: what has come unasked would be taken for an answer.
    pub(super) fn take(&self, route: &Route<'_>, base: &BaseUrl) -> Option<Kept<T>> {
        loop {
            let kept = match &route.place {
                Place::Home => self.home.take().or_else(|| self.take_other(&Destination::home(base))),
                Place::Other(destination) => self.take_other(destination),
            }?;
            if !kept.transport.is_stale() {
                return Some(kept);
            }
        }
    }

    /// Keeps a connection for the next request, unless its place has been given to another destination in the meantime.
    pub(super) fn keep(&self, place: &Place, base: &BaseUrl, kept: Kept<T>) {
        match place {
            Place::Other(destination) => self.keep_other(destination, kept),
            Place::Home => {
                if let Some(before) = self.home.replace(Some(kept)) {
                    let destination = self.find_or_add(Destination::home(base));
                    self.keep_other(&destination, before);
                }
            }
        }
    }

    /// Closes all that are idle.
    pub(super) fn clear(&self) {
        self.home.take();
        self.others.take();
    }

    /// The route of a request that goes its own way, or whose origin is spelled in an unusual way or was not met before.
    #[cold]
    fn unusual_route<'a>(&self, base: &BaseUrl, request: &Request<'a>, is_absolute: bool) -> Result<Route<'a>, Error> {
        let (target, options) = (request.target, request.options);
        let (proxies, tls) = (options.proxies.clone(), options.tls.clone());
        if !is_absolute {
            let destination = Destination { proxies, tls, ..Destination::home(base) };
            return Ok(Route { place: self.place_of(base, destination), path: target, is_absolute, auth: None });
        }
        let (url, auth) = split_credentials(target);
        let destination = Destination { origin: Origin::parse(&url)?, proxies, tls };
        let path = path_of(target).unwrap_or_default();
        Ok(Route { place: self.place_of(base, destination), path, is_absolute, auth: auth.map(Box::new) })
    }

    fn place_of(&self, base: &BaseUrl, destination: Destination) -> Place {
        if destination.is_plain() && destination.origin == *base.origin() {
            return Place::Home;
        }
        Place::Other(self.find_or_add(destination))
    }

    fn find_or_add(&self, destination: Destination) -> Rc<Destination> {
        let mut others = self.others.borrow_mut();
        if let Some(other) = others.iter().find(|other| *other.destination == destination) {
            return Rc::clone(&other.destination);
        }
        if others.len() == MAX_OTHERS {
            others.remove(0);
        }
        let destination = Rc::new(destination);
        others.push(Other { destination: Rc::clone(&destination), idle: Vec::new() });
        destination
    }

    fn take_other(&self, destination: &Destination) -> Option<Kept<T>> {
        self.with_other(destination, |other| other.idle.pop()).flatten()
    }

    fn keep_other(&self, destination: &Destination, kept: Kept<T>) {
        self.with_other(destination, |other| {
            if other.idle.len() < MOST_SPARE {
                other.idle.push(kept);
            }
        });
    }

    fn with_other<R>(&self, destination: &Destination, change: impl FnOnce(&mut Other<T>) -> R) -> Option<R> {
        self.others.borrow_mut().iter_mut().find(|other| *other.destination == *destination).map(change)
    }
}

/// Idle connections to one destination beside the first; what comes back beyond them is closed.
const MOST_SPARE: usize = 9;
/// Destinations beside the base URL's with connections of their own; the one met first gives way.
const MAX_OTHERS: usize = 8;
