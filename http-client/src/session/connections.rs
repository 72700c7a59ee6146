//! Which connection a request takes. A user talks to its base URL nearly always, so that connection has a place of its
//! own; absolute URLs to other origins get a few more, named by origin.
//!
//! Several requests may be under way at once: one that finds no idle connection makes another, and the last to come back
//! is kept.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::origin::{is_absolute, path_of};
use crate::{BaseUrl, Error, Origin, Transport};

/// The idle connections of a session, at most one per origin.
pub(super) struct Connections<T> {
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
    idle: Option<Idle<T>>,
}

/// Where a request goes.
#[derive(Clone, Debug)]
pub(super) struct Route<'a> {
    pub(super) place: Place,
    pub(super) path: &'a str,
    absolute: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Place {
    Home,
    Other(Rc<Origin>),
}

impl Route<'_> {
    /// What stands before the path on the wire: an absolute URL has its own path.
    pub(super) fn prefix<'b>(&self, base: &'b BaseUrl) -> &'b str {
        if self.absolute { "" } else { base.prefix() }
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

    /// Takes the idle connection, unless it is dead: one that was idle for long is asked.
    pub(super) fn take(&self, place: &Place, now_ns: u64, peek_after_ns: u64) -> Option<T> {
        let idle = match place {
            Place::Home => self.home.take(),
            Place::Other(origin) => self.with_other(origin, |other| other.idle.take()).flatten(),
        }?;
        let idle_ns = now_ns.saturating_sub(idle.since_ns);
        let dead = idle_ns > peek_after_ns && idle.transport.is_stale();
        (!dead).then_some(idle.transport)
    }

    /// Keeps a connection for the next request, unless its place has been given to another origin in the meantime.
    pub(super) fn keep(&self, place: &Place, transport: T, since_ns: u64) {
        let idle = Some(Idle { transport, since_ns });
        match place {
            Place::Home => self.home.set(idle),
            Place::Other(origin) => {
                self.with_other(origin, |other| other.idle = idle);
            }
        }
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
        let mut others = self.others.borrow_mut();
        if let Some(other) = others.iter().find(|other| *other.origin == origin) {
            return Place::Other(Rc::clone(&other.origin));
        }
        if others.len() == MAX_OTHERS {
            others.remove(0);
        }
        let origin = Rc::new(origin);
        others.push(Other { origin: Rc::clone(&origin), idle: None });
        Place::Other(origin)
    }

    fn with_other<R>(&self, origin: &Rc<Origin>, change: impl FnOnce(&mut Other<T>) -> R) -> Option<R> {
        self.others.borrow_mut().iter_mut().find(|other| Rc::ptr_eq(&other.origin, origin)).map(change)
    }
}

/// Origins beside the base URL's with a connection each; the one met first gives way.
const MAX_OTHERS: usize = 8;
