//! A guess which row a sample belongs to, from where its texts lie in memory.
//!
//! Scenarios name their requests by literals, so the same address nearly always means the same
//! name, and hashing the text again is the dearest part of recording. Only a guess: the texts are
//! compared afterwards, since a reused buffer may hold another name at the same address.

#[derive(Clone, Debug)]
pub(crate) struct RowCache(Box<[CachedRow; 1 << SLOT_BITS]>);

#[derive(Clone, Copy, Debug)]
struct CachedRow {
    /// Tells most texts that share this place apart, without a look at their rows.
    tag: u32,
    row: u32,
}

impl RowCache {
    pub(crate) fn new() -> Self {
        let none = CachedRow { tag: 0, row: u32::MAX };
        Self(Box::new([none; 1 << SLOT_BITS]))
    }

    /// The row that texts at the addresses of these had the last time.
    #[inline]
    pub(crate) fn get(&self, method: &str, name: &str) -> Option<u32> {
        let (place, tag) = slot_and_tag(method, name);
        let cached = self.0[place];
        (cached.tag == tag).then_some(cached.row)
    }

    pub(crate) fn insert(&mut self, method: &str, name: &str, row: u32) {
        let (place, tag) = slot_and_tag(method, name);
        self.0[place] = CachedRow { tag, row };
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

/// 1,024 guesses in 8 KiB, of which only those in use come near the processor.
const SLOT_BITS: u32 = 10;

/// An odd number without pattern: 2^64 divided by the golden ratio.
const HASH_MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;
