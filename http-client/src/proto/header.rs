//! The rules for one header of a request: the syntax of its name and value, the names that a caller must not set,
//! and the [`HeaderFlags`] that its presence sets.
//!
//! This file must not know where a header is stored. `default_headers.rs` checks the headers of a session,
//! `encode.rs` those of one request.

use crate::InvalidRequest;
use crate::token::{is_tchar, is_text_byte};

/// The headers of an encoded request that change how the session sends it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeaderFlags {
    /// Whether the request has a `Host` header of its own or by default. The origin then adds none.
    pub has_host: bool,
    /// Whether a `Connection` header lists `close`.
    pub close: bool,
    /// Whether the request has a `Cookie` header of its own or by default. The jar then adds none.
    pub has_cookie: bool,
    /// Whether the request has an `Authorization` header of its own or by default. Credentials then add none.
    pub has_authorization: bool,
    /// Whether the request has a `Content-Type` header of its own or by default. The body's source then adds none.
    pub has_content_type: bool,
    /// Whether an `Expect` header lists `100-continue`.
    pub expects_continue: bool,
}

impl HeaderFlags {
    /// Returns flags that are all off.
    pub(super) const fn none() -> Self {
        Self {
            has_host: false,
            close: false,
            has_cookie: false,
            has_authorization: false,
            has_content_type: false,
            expects_continue: false,
        }
    }

    /// Sets the flags of one header of the request.
    pub(super) fn observe(&mut self, name: &str, value: &str) {
        self.has_host |= name.eq_ignore_ascii_case("Host");
        self.close |= name.eq_ignore_ascii_case("Connection") && has_token(value, "close");
        self.has_cookie |= name.eq_ignore_ascii_case("Cookie");
        self.has_authorization |= name.eq_ignore_ascii_case("Authorization");
        self.has_content_type |= name.eq_ignore_ascii_case("Content-Type");
        self.expects_continue |= name.eq_ignore_ascii_case("Expect") && has_token(value, "100-continue");
    }
}

/// Checks that the name is a token and that the value has no line end or other control character except the tab
/// (RFC 9110 §5.5, §5.6.2).
///
/// # Errors
/// [`InvalidRequest::HeaderName`] or [`InvalidRequest::HeaderValue`].
pub(crate) fn check_header(name: &str, value: &str) -> Result<(), InvalidRequest> {
    if name.is_empty() || !name.bytes().all(is_tchar) {
        return Err(InvalidRequest::HeaderName);
    }
    if !value.bytes().all(is_text_byte) {
        return Err(InvalidRequest::HeaderValue);
    }
    Ok(())
}

/// Returns `true` if a header of this name decides where the request's body ends.
pub(crate) fn is_framing_header(name: &str) -> bool {
    name.eq_ignore_ascii_case("Content-Length") || name.eq_ignore_ascii_case("Transfer-Encoding")
}

/// Returns `true` if a comma-separated list contains the token, in any case.
fn has_token(list: &str, token: &str) -> bool {
    list.split(',').any(|item| item.trim_matches([' ', '\t']).eq_ignore_ascii_case(token))
}
