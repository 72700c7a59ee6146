//! Items found by their texts, numbered in the order in which they came.
//!
//! The hash is computed once by the caller and the texts stay borrowed, so finding a known item
//! allocates nothing. Knows nothing of what the items count.

use std::{hash::Hasher, ops};

use hashbrown::HashTable;
use rustc_hash::FxHasher;

#[derive(Clone, Debug)]
pub(crate) struct KeyedTable<T> {
    items: Vec<T>,
    index: HashTable<TableSlot>,
}

#[derive(Clone, Copy, Debug)]
struct TableSlot {
    hash: u64,
    id: u32,
}

impl<T> KeyedTable<T> {
    pub(crate) fn new() -> Self {
        Self { items: Vec::new(), index: HashTable::new() }
    }

    /// The number of the item with this hash for which `is_it` holds.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(&T) -> bool) -> Option<u32> {
        let is_slot = |slot: &TableSlot| slot.hash == hash && is_it(&self.items[slot.id as usize]);
        Some(self.index.find(hash, is_slot)?.id)
    }

    /// Adds an item that is not in the table and returns its number.
    pub(crate) fn insert(&mut self, hash: u64, item: T) -> u32 {
        let id = self.items.len() as u32;
        self.items.push(item);
        self.index.insert_unique(hash, TableSlot { hash, id }, |slot| slot.hash);
        id
    }

    /// The number of the item, which `make` makes if it is new.
    pub(crate) fn find_or_insert(&mut self, hash: u64, is_it: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> u32 {
        match self.find(hash, is_it) {
            Some(id) => id,
            None => self.insert(hash, make()),
        }
    }

    /// The item of this number, if there is one.
    #[inline]
    pub(crate) fn get(&self, id: u32) -> Option<&T> {
        self.items.get(id as usize)
    }

    pub(crate) fn len(&self) -> usize {
        self.items.len()
    }

    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.items.iter()
    }

    pub(crate) fn iter_mut(&mut self) -> std::slice::IterMut<'_, T> {
        self.items.iter_mut()
    }

    /// Drops the items and keeps the table's own memory.
    pub(crate) fn clear(&mut self) {
        self.items.clear();
        self.index.clear();
    }

    /// Bytes of the table itself, without what the items own.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.items.capacity() * size_of::<T>() + self.index.allocation_size()
    }
}

impl<T> ops::Index<u32> for KeyedTable<T> {
    type Output = T;

    #[inline]
    fn index(&self, id: u32) -> &T {
        &self.items[id as usize]
    }
}

impl<T> ops::IndexMut<u32> for KeyedTable<T> {
    #[inline]
    fn index_mut(&mut self, id: u32) -> &mut T {
        &mut self.items[id as usize]
    }
}

/// Hash of some texts in this order.
///
/// Not proof against chosen texts: they come from the scenario, and the tables are bounded.
#[inline]
pub(crate) fn hash_texts<const N: usize>(texts: [&str; N]) -> u64 {
    let mut hasher = FxHasher::default();
    for text in texts {
        hasher.write(text.as_bytes());
    }
    hasher.finish()
}
