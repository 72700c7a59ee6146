//! A cache of the row of a sample, keyed by the addresses of its texts in memory.
//!
//! Scenarios name their requests by literals, so the same address nearly always means the same name. Hashing the text
//! is the most expensive part of recording. An entry may be wrong, because a reused buffer may hold another name at
//! the same address. The caller compares the texts.

#[derive(Clone, Debug)]
pub(crate) struct RowCache(Box<[CachedRow; 1 << SLOT_BITS]>);

#[derive(Clone, Copy, Debug)]
struct CachedRow {
    /// Distinguishes most texts that share this slot, without access to their rows.
    tag: u32,
    row: u32,
}

impl RowCache {
    pub(crate) fn new() -> Self {
        let empty = CachedRow { tag: 0, row: u32::MAX };
        Self(Box::new([empty; 1 << SLOT_BITS]))
    }

    /// Returns the row that was last inserted for texts at these addresses.
    #[inline]
    pub(crate) fn get(&self, method: &str, name: &str) -> Option<u32> {
        let (slot, tag) = slot_and_tag(method, name);
        let cached = self.0[slot];
        (cached.tag == tag).then_some(cached.row)
    }

    pub(crate) fn insert(&mut self, method: &str, name: &str, row: u32) {
        let (slot, tag) = slot_and_tag(method, name);
        self.0[slot] = CachedRow { tag, row };
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        size_of_val(&*self.0)
    }
}

#[inline]
fn slot_and_tag(method: &str, name: &str) -> (usize, u32) {
    let addresses = (name.as_ptr() as u64).wrapping_add((method.as_ptr() as u64) << 32);
    let spread = addresses.wrapping_mul(HASH_MULTIPLIER);
    ((spread >> (u64::BITS - SLOT_BITS)) as usize, spread as u32)
}

/// 1,024 slots in 8 KiB. Only the used ones occupy processor cache.
const SLOT_BITS: u32 = 10;

/// An odd multiplier without a bit pattern: 2^64 divided by the golden ratio.
const HASH_MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
