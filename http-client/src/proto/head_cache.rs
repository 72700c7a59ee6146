//! [`HeadCache`], which keeps parsed response heads. A server under load sends equal heads repeatedly, and comparing
//! a head costs a tenth of parsing it.
//!
//! An entry matches only if all bytes of the head, the method and the limits are equal, so a cached head cannot
//! differ from a parsed one. This file does not know connections. `head.rs` parses.

use super::head::{ResponseHead, parse_head};
use crate::{Error, HttpLimits, Method};

/// The last four distinct heads. A new head replaces the oldest. Each thread has one cache.
#[derive(Debug, Default)]
pub struct HeadCache {
    entries: [Option<CachedHead>; MAX_ENTRIES],
    oldest: usize,
}

#[derive(Debug)]
struct CachedHead {
    bytes: Vec<u8>,
    method: Method,
    limits: HttpLimits,
    head: ResponseHead,
}

impl HeadCache {
    /// Returns a cached head with the same bytes, or the result of [`parse_head`], which is then cached.
    ///
    /// # Errors
    /// The errors of [`parse_head`].
    pub(crate) fn get_or_parse(
        &mut self,
        bytes: &[u8],
        method: Method,
        limits: &HttpLimits,
    ) -> Result<Option<ResponseHead>, Error> {
        let cached = self.entries.iter().flatten().find(|entry| entry.matches(bytes, method, limits));
        if let Some(entry) = cached {
            return Ok(Some(entry.head));
        }
        let parsed = parse_head(bytes, method, limits)?;
        if let Some(head) = parsed
            && head.len <= MAX_HEAD_BYTES
        {
            self.insert(&bytes[..head.len], method, limits, head);
        }
        Ok(parsed)
    }

    fn insert(&mut self, bytes: &[u8], method: Method, limits: &HttpLimits, head: ResponseHead) {
        let slot = &mut self.entries[self.oldest];
        self.oldest = (self.oldest + 1) % MAX_ENTRIES;
        let mut reused = slot.take().map(|entry| entry.bytes).unwrap_or_default();
        reused.clear();
        reused.extend_from_slice(bytes);
        *slot = Some(CachedHead { bytes: reused, method, limits: *limits, head });
    }
}

impl CachedHead {
    fn matches(&self, bytes: &[u8], method: Method, limits: &HttpLimits) -> bool {
        bytes.starts_with(&self.bytes) && self.method == method && self.limits == *limits
    }
}

const MAX_ENTRIES: usize = 4;
/// Maximum length of a cached head. Larger heads are rare and cost memory.
const MAX_HEAD_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_head_equals_the_parsed_one() {
        let heads: Vec<Vec<u8>> = (0..6)
            .map(|length| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nbody").into_bytes())
            .chain([b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), b"HTTP/1.1 204 No Content\r\nConn".to_vec()])
            .collect();
        let narrow = HttpLimits { max_headers: 0, ..HttpLimits::default() };
        let mut cache = HeadCache::default();
        for round in 0..50_usize {
            let bytes = &heads[round * 7 % heads.len()];
            for method in [Method::Get, Method::Head] {
                for limits in [HttpLimits::default(), narrow] {
                    let expected = parse_head(bytes, method, &limits);
                    assert_eq!(cache.get_or_parse(bytes, method, &limits), expected, "round {round}");
                    assert_eq!(cache.get_or_parse(bytes, method, &limits), expected, "round {round}, again");
                }
            }
        }
    }

    #[test]
    fn head_with_a_common_prefix_is_parsed() {
        let limits = HttpLimits::default();
        let mut cache = HeadCache::default();
        let read = |cache: &mut HeadCache, text: &str| cache.get_or_parse(text.as_bytes(), Method::Get, &limits);
        assert_eq!(read(&mut cache, "HTTP/1.1 200 OK\r\nA: 1\r\n\r\n").unwrap().map(|head| head.len), Some(25));
        assert_eq!(read(&mut cache, "HTTP/1.1 200 OK\r\nA: 1\r\n"), Ok(None));
        assert_eq!(read(&mut cache, "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n\r\n").unwrap().map(|head| head.len), Some(31));
    }
}
