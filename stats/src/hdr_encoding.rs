//! HdrHistogram's V2 encoding of a histogram, which its libraries in other languages decode.
//!
//! A header of 40 bytes is followed by the counts in the order of the buckets. A count is a variable-length integer, a
//! run of zeros is its negative length. Compression and base64, which HdrHistogram's text form adds, are left to the
//! caller.

/// Encodes counts as (index of the bucket, count) in ascending order. The buckets are those of three digits from 1 to
/// `highest`.
pub(crate) fn encode(counts: impl Iterator<Item = (usize, u64)>, highest: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    bytes.extend(COOKIE.to_be_bytes());
    bytes.extend([0; 4]); // the length of the counts, set below
    bytes.extend(0_i32.to_be_bytes()); // offset of the first bucket
    bytes.extend(3_i32.to_be_bytes()); // significant digits
    bytes.extend(1_i64.to_be_bytes()); // lowest value
    bytes.extend(highest.to_be_bytes());
    bytes.extend(1.0_f64.to_be_bytes()); // ratio of the unit
    let header_bytes = bytes.len();
    let mut next = 0;
    for (index, count) in counts {
        if index > next {
            push_integer(&mut bytes, -((index - next) as i64));
        }
        push_integer(&mut bytes, count as i64);
        next = index + 1;
    }
    let counts_bytes = (bytes.len() - header_bytes) as u32;
    bytes[4..8].copy_from_slice(&counts_bytes.to_be_bytes());
    bytes
}

/// Appends a signed integer: 7 bits per byte, the lowest first, a set eighth bit before a further byte. The ninth byte
/// has 8 bits.
fn push_integer(bytes: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    for _ in 0..8 {
        if rest < 0x80 {
            break;
        }
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
}

/// The mark of the encoding in its first four bytes.
const COOKIE: u32 = 0x1c84_9313;
