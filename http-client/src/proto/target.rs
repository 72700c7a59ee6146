//! The request target on the wire: prefix and path, checked and percent-encoded in one pass over the bytes.
//!
//! What browsers and Python's requests encode is encoded (spaces, non-ASCII, a few delimiters); `%` stays, so an encoded
//! path is not encoded twice. A control character is refused: it could end the request line.

use crate::InvalidRequest;

/// Appends `prefix` and `target` as one request target.
///
/// # Errors
/// [`InvalidRequest::Target`] for control characters, or when there is no prefix and the target is neither empty nor
/// starts with `/` or `?`: appended to the base URL it would become part of the host.
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

/// The path that [`append`] writes, without its query; empty when it refuses.
pub(crate) fn path(prefix: &str, target: &str) -> String {
    let mut wire = Vec::new();
    if append(&mut wire, prefix, target).is_err() {
        return String::new();
    }
    let path = wire.split(|&byte| byte == b'?').next().unwrap_or_default();
    String::from_utf8_lossy(path).into_owned()
}

fn append_part(out: &mut Vec<u8>, text: &str) -> Result<(), InvalidRequest> {
    let bytes = text.as_bytes();
    let plain = bytes.iter().position(|&byte| classify(byte) != ByteClass::Plain).unwrap_or(bytes.len());
    out.extend_from_slice(&bytes[..plain]);
    if plain == bytes.len() {
        return Ok(());
    }
    append_encoded(out, &bytes[plain..])
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

    fn on_the_wire(prefix: &str, target: &str) -> Result<String, InvalidRequest> {
        let mut out = Vec::new();
        append(&mut out, prefix, target)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn base_and_path_are_concatenated() {
        assert_eq!(on_the_wire("", "/x"), Ok("/x".into()));
        assert_eq!(on_the_wire("/api", "/x?y=1"), Ok("/api/x?y=1".into()));
        assert_eq!(on_the_wire("/", "/x"), Ok("//x".into()));
    }

    #[test]
    fn an_empty_path_is_the_root() {
        assert_eq!(on_the_wire("", ""), Ok("/".into()));
        assert_eq!(on_the_wire("", "?q"), Ok("/?q".into()));
        assert_eq!(on_the_wire("?q", ""), Ok("/?q".into()));
        assert_eq!(on_the_wire("", "#top"), Ok("/".into()));
    }

    #[test]
    fn unsafe_bytes_are_encoded_once() {
        assert_eq!(on_the_wire("", "/a b%20ö#c"), Ok("/a%20b%20%C3%B6".into()));
        assert_eq!(on_the_wire("", "/{id}"), Ok("/%7Bid%7D".into()));
    }

    #[test]
    fn nothing_can_end_the_request_line() {
        for target in ["/\r\nHost: evil", "/\n", "/\0", "/a\x7f", "/\t", "/é\r\n"] {
            assert_eq!(on_the_wire("", target), Err(InvalidRequest::Target), "{target:?}");
        }
    }

    #[test]
    fn a_path_cannot_run_into_the_host() {
        assert_eq!(on_the_wire("", ".evil.org/"), Err(InvalidRequest::Target));
        assert_eq!(on_the_wire("/", ".well-known/"), Ok("/.well-known/".into()));
    }
}
