//! The sessions of the shop: logged-in visitors and their carts.
//!
//! The store keeps up to 100,000 sessions and drops the oldest first, so that its memory is bounded.

use std::collections::BTreeMap;

/// A visitor with a session.
#[derive(Debug, Default)]
pub(super) struct ShopVisitor {
    pub(super) name: String,
    /// Amounts by item id.
    pub(super) cart: BTreeMap<u32, u32>,
}

/// All visitors, by the session id in their cookies.
#[derive(Debug, Default)]
pub(super) struct SessionStore {
    visitors: BTreeMap<u64, ShopVisitor>,
    last_id: u64,
}

impl SessionStore {
    /// Opens a session and returns its id. An id is never used again.
    pub(super) fn open(&mut self, name: String) -> u64 {
        if self.visitors.len() == MAX_SESSIONS {
            self.visitors.pop_first();
        }
        self.last_id += 1;
        self.visitors.insert(self.last_id, ShopVisitor { name, cart: BTreeMap::new() });
        self.last_id
    }

    pub(super) fn visitor(&mut self, session: u64) -> Option<&mut ShopVisitor> {
        self.visitors.get_mut(&session)
    }
}

const MAX_SESSIONS: usize = 100_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn oldest_session_is_dropped_when_full() {
        let mut sessions = SessionStore::default();
        let first = sessions.open("first".into());
        let second = sessions.open("second".into());
        for _ in 2..MAX_SESSIONS {
            sessions.open("many".into());
        }
        assert_eq!(sessions.visitor(first).unwrap().name, "first");
        let last = sessions.open("last".into());
        assert!(sessions.visitor(first).is_none());
        assert_eq!(sessions.visitor(second).unwrap().name, "second");
        assert_eq!(sessions.visitor(last).unwrap().name, "last");
    }
}
