//! The bytes that names and values of HTTP consist of (RFC 9110 §5.5, §5.6.2).
//!
//! This file must not know headers, methods or cookies: `proto/`, `method.rs` and `cookies/` check their texts with it.

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
