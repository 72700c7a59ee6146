//! Encoder of the request target: checks and percent-encodes prefix and path in one pass over the bytes.
//!
//! It encodes the same characters as browsers and Python's requests: spaces, non-ASCII, and a few delimiters. `%` is
//! kept, so that an encoded path is not encoded twice. Control characters are rejected, because they could end the
//! request line. This file does not know the rest of the request. `encode.rs` does.

use crate::InvalidRequest;

/// Appends `prefix` and `target` as one request target.
///
/// A fragment is not sent. An empty path becomes `/`.
///
/// # Errors
/// [`InvalidRequest::Target`] for control characters, and for a result that does not start with `/`, `?` or `#`.
/// Such a target, appended to the base URL, would become part of the host.
pub(crate) fn append(out: &mut Vec<u8>, prefix: &str, target: &str) -> Result<(), InvalidRequest> {
    let first = prefix.as_bytes().first().or_else(|| target.as_bytes().first());
    match first {
        Some(b'/') => {}
        Some(b'?' | b'#') | None => out.push(b'/'),
        Some(_) => return Err(InvalidRequest::Target),
    }
    append_part(out, prefix)?;
    append_part(out, target)
}

/// Returns the encoded path without its query, or an empty string if [`append`] fails.
pub(crate) fn path(prefix: &str, target: &str) -> String {
    let mut encoded = Vec::new();
    if append(&mut encoded, prefix, target).is_err() {
        return String::new();
    }
    let path = encoded.split(|&byte| byte == b'?').next().unwrap_or_default();
    String::from_utf8_lossy(path).into_owned()
}

fn append_part(out: &mut Vec<u8>, text: &str) -> Result<(), InvalidRequest> {
    let bytes = text.as_bytes();
    let plain_len = bytes.iter().position(|&byte| classify(byte) != ByteClass::Plain).unwrap_or(bytes.len());
    out.extend_from_slice(&bytes[..plain_len]);
    if plain_len == bytes.len() {
        return Ok(());
    }
    append_encoded(out, &bytes[plain_len..])
}

#[cold]
fn append_encoded(out: &mut Vec<u8>, bytes: &[u8]) -> Result<(), InvalidRequest> {
    for &byte in bytes {
        match classify(byte) {
            ByteClass::Plain => out.push(byte),
            ByteClass::Encoded => out.extend([b'%', hex_digit(byte >> 4), hex_digit(byte & 15)]),
            ByteClass::Fragment => return Ok(()),
            ByteClass::Forbidden => return Err(InvalidRequest::Target),
        }
    }
    Ok(())
}

const fn hex_digit(value: u8) -> u8 {
    HEX_DIGITS[value as usize]
}

const fn classify(byte: u8) -> ByteClass {
    BYTE_CLASSES[byte as usize]
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum ByteClass {
    Plain,
    Encoded,
    Fragment,
    Forbidden,
}

const BYTE_CLASSES: [ByteClass; 256] = {
    let mut classes = [ByteClass::Plain; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            0..=0x1f | 0x7f => ByteClass::Forbidden,
            b'#' => ByteClass::Fragment,
            b' ' | b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80.. => ByteClass::Encoded,
            _ => ByteClass::Plain,
        };
        byte += 1;
    }
    classes
};

const HEX_DIGITS: &[u8; 16] = b"0123456789ABCDEF";

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(prefix: &str, target: &str) -> Result<String, InvalidRequest> {
        let mut out = Vec::new();
        append(&mut out, prefix, target)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn prefix_and_path_are_concatenated() {
        assert_eq!(encode("", "/x"), Ok("/x".into()));
        assert_eq!(encode("/api", "/x?y=1"), Ok("/api/x?y=1".into()));
        assert_eq!(encode("/", "/x"), Ok("//x".into()));
    }

    #[test]
    fn empty_path_becomes_the_root() {
        assert_eq!(encode("", ""), Ok("/".into()));
        assert_eq!(encode("", "?q"), Ok("/?q".into()));
        assert_eq!(encode("?q", ""), Ok("/?q".into()));
        assert_eq!(encode("", "#top"), Ok("/".into()));
    }

    #[test]
    fn unsafe_bytes_are_encoded_once() {
        assert_eq!(encode("", "/a b%20ö#c"), Ok("/a%20b%20%C3%B6".into()));
        assert_eq!(encode("", "/{id}"), Ok("/%7Bid%7D".into()));
    }

    #[test]
    fn control_characters_are_rejected() {
        for target in ["/\r\nHost: evil", "/\n", "/\0", "/a\x7f", "/\t", "/é\r\n"] {
            assert_eq!(encode("", target), Err(InvalidRequest::Target), "{target:?}");
        }
    }

    #[test]
    fn path_without_slash_cannot_extend_the_host() {
        assert_eq!(encode("", ".evil.org/"), Err(InvalidRequest::Target));
        assert_eq!(encode("/", ".well-known/"), Ok("/.well-known/".into()));
    }
}
