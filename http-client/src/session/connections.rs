//! Which connection a request takes. A user talks to its base URL nearly always, so that connection has a place of its
//! own; absolute URLs to other origins get a few more, named by origin.

use crate::origin::{is_absolute, path_of};
use crate::{BaseUrl, Error, Origin, Transport};

/// The idle connections of a session, at most one per origin.
#[derive(Debug)]
pub(super) struct Connections<T> {
    home: Option<Idle<T>>,
    others: Vec<Other<T>>,
}

#[derive(Debug)]
struct Idle<T> {
    transport: T,
    since_ns: u64,
}

#[derive(Debug)]
struct Other<T> {
    origin: Origin,
    idle: Option<Idle<T>>,
}

/// Where a request goes. Valid until the next call of [`Connections::route`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Route<'a> {
    pub(super) place: Place,
    pub(super) path: &'a str,
    absolute: bool,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Home,
    Other(usize),
}

impl Route<'_> {
    /// What stands before the path on the wire: an absolute URL has its own path.
    pub(super) fn prefix<'b>(&self, base: &'b BaseUrl) -> &'b str {
        if self.absolute { "" } else { base.prefix() }
    }
}

impl<T: Transport> Connections<T> {
    pub(super) const fn new() -> Self {
        Self { home: None, others: Vec::new() }
    }

    /// Finds the place for a target, making one for an origin that was not met before.
    pub(super) fn route<'a>(&mut self, base: &BaseUrl, target: &'a str) -> Result<Route<'a>, Error> {
        if !is_absolute(target) {
            return Ok(Route { place: Place::Home, path: target, absolute: false });
        }
        let known = |place, path| Route { place, path, absolute: true };
        if let Some(path) = base.origin().path_of(target) {
            return Ok(known(Place::Home, path));
        }
        for (at, other) in self.others.iter().enumerate() {
            if let Some(path) = other.origin.path_of(target) {
                return Ok(known(Place::Other(at), path));
            }
        }
        let origin = Origin::parse(target)?;
        let path = path_of(target).unwrap_or_default();
        Ok(known(self.place_of(base, origin), path))
    }

    pub(super) fn origin<'a>(&'a self, base: &'a BaseUrl, place: Place) -> &'a Origin {
        match place {
            Place::Home => base.origin(),
            Place::Other(at) => &self.others[at].origin,
        }
    }

    /// Takes the idle connection, unless it is dead: one that was idle for long is asked.
    pub(super) fn take(&mut self, place: Place, now_ns: u64, peek_after_ns: u64) -> Option<T> {
        let idle = self.slot(place).take()?;
        let idle_ns = now_ns.saturating_sub(idle.since_ns);
        let dead = idle_ns > peek_after_ns && idle.transport.is_stale();
        (!dead).then_some(idle.transport)
    }

    /// Keeps a connection for the next request.
    pub(super) fn keep(&mut self, place: Place, transport: T, since_ns: u64) {
        *self.slot(place) = Some(Idle { transport, since_ns });
    }

    /// The place of an origin that is spelled in an unusual way, or was not met before.
    fn place_of(&mut self, base: &BaseUrl, origin: Origin) -> Place {
        if origin == *base.origin() {
            return Place::Home;
        }
        if let Some(at) = self.others.iter().position(|other| other.origin == origin) {
            return Place::Other(at);
        }
        if self.others.len() == MAX_OTHERS {
            self.others.remove(0);
        }
        self.others.push(Other { origin, idle: None });
        Place::Other(self.others.len() - 1)
    }

    fn slot(&mut self, place: Place) -> &mut Option<Idle<T>> {
        match place {
            Place::Home => &mut self.home,
            Place::Other(at) => &mut self.others[at].idle,
        }
    }
}

/// Origins beside the base URL's with a connection each; the one met first gives way.
const MAX_OTHERS: usize = 8;
