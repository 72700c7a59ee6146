//! Encoder of the request target: checks and percent-encodes prefix and path in one pass over the bytes.
//!
//! It encodes the same characters as Python's requests: spaces, non-ASCII, and delimiters that RFC 3986 §3.3 does not
//! allow. A `%` is kept, so that an encoded path is not encoded twice. If a `%` begins no escape, the path or query
//! is not encoded yet, and each `%` of it is encoded. Control characters are rejected, because they could end the
//! request line. This file does not know the rest of the request. `encode.rs` does.

use std::borrow::Cow;

use crate::InvalidRequest;
use crate::origin::{after_authority, join_prefix};

/// Appends `prefix` and `target` as one request target, with one `/` between them.
///
/// A fragment is not sent. An empty path becomes `/`.
///
/// # Errors
/// [`InvalidRequest::Target`] for control characters, and for a result that does not start with `/`, `?` or `#`.
/// Such a target, appended to the base URL, would become part of the host.
pub(crate) fn append(out: &mut Vec<u8>, prefix: &str, target: &str) -> Result<(), InvalidRequest> {
    let prefix = join_prefix(prefix, target);
    let first = prefix.as_bytes().first().or_else(|| target.as_bytes().first());
    match first {
        Some(b'/') => {}
        Some(b'?' | b'#') | None => out.push(b'/'),
        Some(_) => return Err(InvalidRequest::Target),
    }
    if is_plain_target(prefix) && is_plain_target(target) {
        out.extend_from_slice(prefix.as_bytes());
        out.extend_from_slice(target.as_bytes());
        return Ok(());
    }
    append_encoded(out, prefix.bytes().chain(target.bytes()))
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

/// Returns an absolute URL with path, query and fragment percent-encoded as in a request target.
///
/// A URL with control characters is returned unchanged, because no request can be sent to it.
///
/// # Examples
///
/// ```
/// assert_eq!(gregaria_http::encode_url("http://h/a b[1]?c=50%#d"), "http://h/a%20b%5B1%5D?c=50%25#d");
/// ```
pub fn encode_url(url: &str) -> Cow<'_, str> {
    let path = after_authority(url).unwrap_or(url);
    if is_plain_target(path) {
        return url.into();
    }
    let mut encoded = url.as_bytes()[..url.len() - path.len()].to_vec();
    match append_with_fragment(&mut encoded, path) {
        Ok(()) => String::from_utf8(encoded).map_or_else(|_| url.into(), Cow::Owned),
        Err(_) => url.into(),
    }
}

fn append_with_fragment(out: &mut Vec<u8>, path: &str) -> Result<(), InvalidRequest> {
    append_encoded(out, path.bytes())?;
    let Some((_, fragment)) = path.split_once('#') else {
        return Ok(());
    };
    out.push(b'#');
    append_component(out, fragment.bytes())
}

/// Returns `true` if a target is sent as written, without a character that must be encoded or a `%`.
pub fn is_plain_target(target: &str) -> bool {
    target.bytes().all(|byte| classify(byte) == ByteClass::Plain)
}

/// Returns `true` if a `%` begins no escape (RFC 3986 §2.1).
pub(crate) fn has_stray_percent(bytes: impl IntoIterator<Item = u8>) -> bool {
    let mut missing_digits = 0;
    for byte in bytes {
        match (missing_digits, byte) {
            (0, b'%') => missing_digits = 2,
            (0, _) => {}
            _ if byte.is_ascii_hexdigit() => missing_digits -= 1,
            _ => return true,
        }
    }
    missing_digits > 0
}

/// Appends path and query, up to a fragment.
#[cold]
fn append_encoded(out: &mut Vec<u8>, bytes: impl Iterator<Item = u8> + Clone) -> Result<(), InvalidRequest> {
    let bytes = bytes.take_while(|&byte| byte != b'#');
    append_component(out, bytes.clone().take_while(|&byte| byte != b'?'))?;
    append_component(out, bytes.skip_while(|&byte| byte != b'?'))
}

fn append_component(out: &mut Vec<u8>, bytes: impl Iterator<Item = u8> + Clone) -> Result<(), InvalidRequest> {
    let encodes_percent = has_stray_percent(bytes.clone());
    for byte in bytes {
        match classify(byte) {
            ByteClass::Percent if !encodes_percent => out.push(byte),
            ByteClass::Plain => out.push(byte),
            ByteClass::Encoded | ByteClass::Percent => out.extend([b'%', hex_digit(byte >> 4), hex_digit(byte & 15)]),
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
    /// `%`, which is encoded only if it begins no escape.
    Percent,
    Encoded,
    Forbidden,
}

const BYTE_CLASSES: [ByteClass; 256] = {
    let mut classes = [ByteClass::Plain; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            0..=0x1f | 0x7f => ByteClass::Forbidden,
            b'%' => ByteClass::Percent,
            b' ' | b'"' | b'#' | b'<' | b'>' | b'[' | b'\\' | b']' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80.. => {
                ByteClass::Encoded
            }
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
        assert_eq!(encode("/api", "x"), Ok("/apix".into()));
    }

    #[test]
    fn prefix_and_path_share_one_slash() {
        for (prefix, target, expected) in [
            ("/", "/x", "/x"),
            ("/", "x", "/x"),
            ("/", "", "/"),
            ("/", "//x", "//x"),
            ("/api/", "/x", "/api/x"),
            ("/api//", "/x", "/api//x"),
            ("", "//x", "//x"),
        ] {
            assert_eq!(encode(prefix, target), Ok(expected.into()), "{prefix} {target}");
        }
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
        assert_eq!(encode("/[a]", "/[1]?q[]=[x]"), Ok("/%5Ba%5D/%5B1%5D?q%5B%5D=%5Bx%5D".into()));
        let unreserved_and_delimiters = "/azAZ09-._~!$&'()*+,;=:@?azAZ09-._~!$&'()*+,;=:@/?";
        assert_eq!(encode("", unreserved_and_delimiters), Ok(unreserved_and_delimiters.into()));
    }

    #[test]
    fn stray_percent_is_encoded_with_its_component() {
        // As requests does: a path or query with a `%` that begins no escape is not encoded yet.
        for (target, expected) in [
            ("/100%", "/100%25"),
            ("/a%2", "/a%252"),
            ("/a%2g", "/a%252g"),
            ("/%zz", "/%25zz"),
            ("/%%41", "/%25%2541"),
            ("/%20%zz?a=%20", "/%2520%25zz?a=%20"),
            ("/%20?a=%20%", "/%20?a=%2520%25"),
            ("/%c3%A4", "/%c3%A4"),
            ("/%41#%", "/%41"),
        ] {
            assert_eq!(encode("", target), Ok(expected.into()), "{target}");
        }
        assert_eq!(encode("/%20", "/%"), Ok("/%2520/%25".into()));
    }

    #[test]
    fn url_is_encoded_after_its_authority() {
        assert_eq!(encode_url("http://[::1]:80/[x]?\u{e4}#[%zz]"), "http://[::1]:80/%5Bx%5D?%C3%A4#%5B%25zz%5D");
        for url in ["http://[::1]", "http://h/x#y", "http://h/%20", "http://h/\r\n", "http://h/x#\n"] {
            assert_eq!(encode_url(url), url);
        }
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
