//! The bytes that names and values of HTTP consist of (RFC 9110 §5.5, §5.6.2), and the text that they stand for.
//!
//! This file must not know headers, methods or cookies: `proto/`, `method.rs` and `cookies/` check their texts with it.

use std::borrow::Cow;

/// Returns `true` for a character of a token (`tchar` of RFC 9110 §5.6.2).
pub(crate) const fn is_tchar(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#' | b'$' | b'%' | b'&' | b'\'' | b'*' | b'+' | b'-' | b'.' | b'^' | b'_' | b'`' | b'|' | b'~'
        )
}

/// Returns `true` for a byte of a value: any except a control character, but a tab is permitted.
pub(crate) const fn is_text_byte(byte: u8) -> bool {
    !byte.is_ascii_control() || byte == b'\t'
}

/// Decodes the value of a header, or a reason phrase: UTF-8, otherwise Latin-1, in which each byte is a character.
///
/// # Examples
///
/// ```
/// use gregaria_http::decode_header;
///
/// assert_eq!(decode_header("café".as_bytes()), decode_header(b"caf\xe9"));
/// ```
pub fn decode_header(value: &[u8]) -> Cow<'_, str> {
    let latin1 = || value.iter().map(|&byte| char::from(byte)).collect();
    std::str::from_utf8(value).map_or_else(|_| Cow::Owned(latin1()), Cow::Borrowed)
}
