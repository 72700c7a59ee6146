//! Heads that were read before. A server under load sends the same head over and over: comparing it costs a tenth of
//! parsing it.
//!
//! Only the bytes of a whole head, with the method and the limits they were read under, are taken for the same head, so
//! a remembered one cannot differ from a parsed one.

use super::head::{ResponseHead, parse_head};
use crate::{Error, HttpLimits, Method};

/// A few heads, the oldest replaced first. One per shard.
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
    /// As [`parse_head`], from memory where the same head was read before.
    ///
    /// # Errors
    /// As [`parse_head`].
    pub fn get_or_parse(
        &mut self,
        bytes: &[u8],
        method: Method,
        limits: &HttpLimits,
    ) -> Result<Option<ResponseHead>, Error> {
        let known = self.entries.iter().flatten().find(|entry| entry.matches(bytes, method, limits));
        if let Some(entry) = known {
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
        let mut own = slot.take().map(|entry| entry.bytes).unwrap_or_default();
        own.clear();
        own.extend_from_slice(bytes);
        *slot = Some(CachedHead { bytes: own, method, limits: *limits, head });
    }
}

impl CachedHead {
    fn matches(&self, bytes: &[u8], method: Method, limits: &HttpLimits) -> bool {
        bytes.starts_with(&self.bytes) && self.method == method && self.limits == *limits
    }
}

const MAX_ENTRIES: usize = 4;
/// Larger heads are rare and cost memory.
const MAX_HEAD_BYTES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remembered_head_is_the_parsed_one() {
        let heads: Vec<Vec<u8>> = (0..6)
            .map(|length| format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\nbody").into_bytes())
            .chain([b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), b"HTTP/1.1 204 No Content\r\nConn".to_vec()])
            .collect();
        let narrow = HttpLimits { max_headers: 0, ..HttpLimits::default() };
        let mut memo = HeadCache::default();
        for round in 0..50_usize {
            let bytes = &heads[round * 7 % heads.len()];
            for method in [Method::Get, Method::Head] {
                for limits in [HttpLimits::default(), narrow] {
                    let expected = parse_head(bytes, method, &limits);
                    assert_eq!(memo.get_or_parse(bytes, method, &limits), expected, "round {round}");
                    assert_eq!(memo.get_or_parse(bytes, method, &limits), expected, "round {round}, again");
                }
            }
        }
    }

    #[test]
    fn a_head_that_only_begins_alike_is_read_anew() {
        let limits = HttpLimits::default();
        let mut memo = HeadCache::default();
        let read = |memo: &mut HeadCache, text: &str| memo.get_or_parse(text.as_bytes(), Method::Get, &limits);
        assert_eq!(read(&mut memo, "HTTP/1.1 200 OK\r\nA: 1\r\n\r\n").unwrap().map(|head| head.len), Some(25));
        assert_eq!(read(&mut memo, "HTTP/1.1 200 OK\r\nA: 1\r\n"), Ok(None));
        assert_eq!(read(&mut memo, "HTTP/1.1 200 OK\r\nA: 1\r\nB: 2\r\n\r\n").unwrap().map(|head| head.len), Some(31));
    }
}
