//! Which connection a request takes. A user talks to its base URL nearly always, so that connection has a place of its
//! own; absolute URLs to other origins get a few more, named by origin.
//!
//! Several requests may be under way at once: one that finds no idle connection makes another, and some are kept.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::origin::{is_absolute, path_of};
use crate::{BaseUrl, Error, Origin, Transport};

/// The idle connections of a session.
pub(super) struct Connections<T> {
    /// The one that a user who does one thing at a time always takes; more to the same origin are among the others.
    home: Cell<Option<Idle<T>>>,
    others: RefCell<Vec<Other<T>>>,
}

#[derive(Debug)]
struct Idle<T> {
    transport: T,
    since_ns: u64,
}

#[derive(Debug)]
struct Other<T> {
    origin: Rc<Origin>,
    idle: Vec<Idle<T>>,
}

/// Where a request goes.
#[derive(Clone, Debug)]
pub(super) struct Route<'a> {
    place: Place,
    pub(super) path: &'a str,
    absolute: bool,
}

#[derive(Clone, Debug)]
enum Place {
    Home,
    Other(Rc<Origin>),
}

impl Route<'_> {
    /// What stands before the path on the wire: an absolute URL has its own path.
    pub(super) fn prefix<'b>(&self, base: &'b BaseUrl) -> &'b str {
        if self.absolute { "" } else { base.prefix() }
    }

    fn is_home(&self) -> bool {
        matches!(self.place, Place::Home)
    }

    pub(super) fn origin<'b>(&'b self, base: &'b BaseUrl) -> &'b Origin {
        match &self.place {
            Place::Home => base.origin(),
            Place::Other(origin) => origin,
        }
    }
}

impl<T: Transport> Connections<T> {
    pub(super) const fn new() -> Self {
        Self { home: Cell::new(None), others: RefCell::new(Vec::new()) }
    }

    /// Finds the place for a target, making one for an origin that was not met before.
    pub(super) fn route<'a>(&self, base: &BaseUrl, target: &'a str) -> Result<Route<'a>, Error> {
        if !is_absolute(target) {
            return Ok(Route { place: Place::Home, path: target, absolute: false });
        }
        let known = |place, path| Route { place, path, absolute: true };
        if let Some(path) = base.origin().path_of(target) {
            return Ok(known(Place::Home, path));
        }
        for other in self.others.borrow().iter() {
            if let Some(path) = other.origin.path_of(target) {
                return Ok(known(Place::Other(Rc::clone(&other.origin)), path));
            }
        }
        let origin = Origin::parse(target)?;
        let path = path_of(target).unwrap_or_default();
        Ok(known(self.place_of(base, origin), path))
    }

    /// Takes an idle connection that is not dead: one that was idle for long is asked.
    pub(super) fn take(&self, route: &Route<'_>, base: &BaseUrl, now_ns: u64, peek_after_ns: u64) -> Option<T> {
        loop {
            let at_home = if route.is_home() { self.home.take() } else { None };
            let idle = at_home.or_else(|| self.with_other(route.origin(base), |other| other.idle.pop()).flatten())?;
            let idle_ns = now_ns.saturating_sub(idle.since_ns);
            if idle_ns <= peek_after_ns || !idle.transport.is_stale() {
                return Some(idle.transport);
            }
        }
    }

    /// Keeps a connection for the next request, unless its place has been given to another origin in the meantime.
    pub(super) fn keep(&self, route: &Route<'_>, base: &BaseUrl, transport: T, since_ns: u64) {
        let mut idle = Idle { transport, since_ns };
        if route.is_home() {
            let Some(before) = self.home.replace(Some(idle)) else {
                return;
            };
            idle = before;
            self.find_or_add(base.origin());
        }
        self.with_other(route.origin(base), |other| {
            if other.idle.len() < MOST_SPARE {
                other.idle.push(idle);
            }
        });
    }

    /// Closes all that are idle.
    pub(super) fn clear(&self) {
        self.home.take();
        self.others.take();
    }

    /// The place of an origin that is spelled in an unusual way, or was not met before.
    fn place_of(&self, base: &BaseUrl, origin: Origin) -> Place {
        if origin == *base.origin() {
            return Place::Home;
        }
        Place::Other(self.find_or_add(&origin))
    }

    fn find_or_add(&self, origin: &Origin) -> Rc<Origin> {
        let mut others = self.others.borrow_mut();
        if let Some(other) = others.iter().find(|other| *other.origin == *origin) {
            return Rc::clone(&other.origin);
        }
        if others.len() == MAX_OTHERS {
            others.remove(0);
        }
        let origin = Rc::new(origin.clone());
        others.push(Other { origin: Rc::clone(&origin), idle: Vec::new() });
        origin
    }

    fn with_other<R>(&self, origin: &Origin, change: impl FnOnce(&mut Other<T>) -> R) -> Option<R> {
        self.others.borrow_mut().iter_mut().find(|other| *other.origin == *origin).map(change)
    }
}

/// Idle connections to one origin beside the first; what comes back beyond them is closed.
const MOST_SPARE: usize = 9;
/// Origins beside the base URL's with a connection each; the one met first gives way.
const MAX_OTHERS: usize = 8;
