//! A table of items that are found by their texts and numbered in the order of insertion.
//!
//! The caller computes the hash once and keeps the texts borrowed, so a lookup allocates no memory. This file must not
//! know the meaning of the items.

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

    /// Returns the id of the item with this hash for which `is_match` returns `true`.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is_match: impl Fn(&T) -> bool) -> Option<u32> {
        let is_slot = |slot: &TableSlot| slot.hash == hash && is_match(&self.items[slot.id as usize]);
        Some(self.index.find(hash, is_slot)?.id)
    }

    /// Inserts an item that is not in the table and returns its id.
    pub(crate) fn insert(&mut self, hash: u64, item: T) -> u32 {
        let id = self.items.len() as u32;
        self.items.push(item);
        self.index.insert_unique(hash, TableSlot { hash, id }, |slot| slot.hash);
        id
    }

    /// Returns the id of the matching item. If it does not exist, `make` creates the item.
    pub(crate) fn find_or_insert(&mut self, hash: u64, is_match: impl Fn(&T) -> bool, make: impl FnOnce() -> T) -> u32 {
        match self.find(hash, is_match) {
            Some(id) => id,
            None => self.insert(hash, make()),
        }
    }

    /// Returns the item with this id, or `None`.
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

    /// Removes all items and keeps the memory of the table.
    pub(crate) fn clear(&mut self) {
        self.items.clear();
        self.index.clear();
    }

    /// Returns the heap memory of the table in bytes, without the heap memory of its items.
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

/// Returns the hash of texts in this order.
///
/// The hash does not resist chosen collisions. The texts come from the scenario, and the tables are bounded.
#[inline]
pub(crate) fn hash_texts<const N: usize>(texts: [&str; N]) -> u64 {
    let mut hasher = FxHasher::default();
    for text in texts {
        hasher.write(text.as_bytes());
    }
    hasher.finish()
}
