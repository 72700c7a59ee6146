//! Who has logged in, and what is in their carts.
//!
//! As many as a machine can load at once are remembered, however long the site runs: the oldest are forgotten first.

use std::collections::BTreeMap;

/// One visitor who has logged in.
#[derive(Debug, Default)]
pub(super) struct ShopVisitor {
    pub(super) name: String,
    /// Item to amount.
    pub(super) cart: BTreeMap<u32, u32>,
}

/// All visitors, by the number that their cookie carries.
#[derive(Debug, Default)]
pub(super) struct SessionStore {
    visitors: BTreeMap<u64, ShopVisitor>,
    last_id: u64,
}

impl SessionStore {
    /// Opens a session; its number is never used again.
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
    fn the_oldest_session_makes_room_for_a_new_one() {
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
