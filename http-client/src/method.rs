//! The request methods: the standard ones, and any other token.
//!
//! The effect of a method on the framing is here and in [`framing`](crate::proto::framing), its effect on a redirect
//! in [`redirect`](crate::redirect).

use std::fmt;
use std::str::FromStr;

use crate::token::is_tchar;

/// A request method.
///
/// # Examples
///
/// ```
/// use gregaria_http::{InvalidMethod, Method};
///
/// assert_eq!("post".parse(), Ok(Method::Post));
/// let purge: Method = "PURGE".parse()?;
/// assert_eq!(purge.as_str(), "PURGE");
/// assert_eq!("GET /".parse::<Method>(), Err(InvalidMethod::NotAToken));
/// # Ok::<(), InvalidMethod>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Fetches a resource.
    Get,
    /// Fetches only the head of a resource. The response never has a body.
    Head,
    /// Submits data to a resource.
    Post,
    /// Replaces a resource.
    Put,
    /// Changes a part of a resource.
    Patch,
    /// Deletes a resource.
    Delete,
    /// Fetches the communication options of a resource.
    Options,
    /// Fetches the request as the target received it.
    Trace,
    /// Opens a tunnel. A 2xx response never has a body.
    Connect,
    /// Any other method.
    Extension(ExtensionMethod),
}

impl Method {
    /// Returns the method as sent, and as shown in a statistics row.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Trace => "TRACE",
            Self::Connect => "CONNECT",
            Self::Extension(extension) => extension.as_str(),
        }
    }

    /// Returns `true` if several equal requests of this method have the effect of one (RFC 9110 §9.2.2). Other methods
    /// than the standard ones count as not idempotent.
    pub const fn is_idempotent(self) -> bool {
        matches!(self, Self::Get | Self::Head | Self::Put | Self::Delete | Self::Options | Self::Trace)
    }

    /// Returns `true` if a request of this method without a body sends `Content-Length: 0` (RFC 9110 §8.6).
    pub(crate) const fn expects_body(self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Patch)
    }

    const STANDARD: [Self; 9] = [
        Self::Get,
        Self::Head,
        Self::Post,
        Self::Put,
        Self::Patch,
        Self::Delete,
        Self::Options,
        Self::Trace,
        Self::Connect,
    ];
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Method {
    type Err = InvalidMethod;

    /// Parses a method. A standard method may be in any case, as in `-X post`. Other methods are case-sensitive.
    fn from_str(text: &str) -> Result<Self, InvalidMethod> {
        let is_named = |method: &Self| method.as_str().eq_ignore_ascii_case(text);
        match Self::STANDARD.into_iter().find(is_named) {
            Some(method) => Ok(method),
            None => ExtensionMethod::parse(text).map(Self::Extension),
        }
    }
}

/// A method that is not a standard one, stored inline.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExtensionMethod {
    /// The token, padded with zeros.
    text: [u8; Self::MAX_BYTES],
}

impl ExtensionMethod {
    /// Longest method, in bytes.
    pub const MAX_BYTES: usize = 23;

    /// Returns the method as sent.
    pub fn as_str(&self) -> &str {
        let len = self.text.iter().position(|&byte| byte == 0).unwrap_or(Self::MAX_BYTES);
        std::str::from_utf8(&self.text[..len]).unwrap_or_default()
    }

    fn parse(token: &str) -> Result<Self, InvalidMethod> {
        if token.is_empty() || !token.bytes().all(is_tchar) {
            return Err(InvalidMethod::NotAToken);
        }
        let mut text = [0; Self::MAX_BYTES];
        text.get_mut(..token.len()).ok_or(InvalidMethod::TooLong)?.copy_from_slice(token.as_bytes());
        Ok(Self { text })
    }
}

impl fmt::Debug for ExtensionMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The reason why a text is not a [`Method`].
///
/// # Examples
///
/// ```
/// use gregaria_http::{ExtensionMethod, InvalidMethod, Method};
///
/// let text = "X".repeat(ExtensionMethod::MAX_BYTES + 1);
/// assert_eq!(text.parse::<Method>(), Err(InvalidMethod::TooLong));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidMethod {
    /// The text is empty, or has a character that no method may have.
    NotAToken,
    /// The text is longer than [`ExtensionMethod::MAX_BYTES`].
    TooLong,
}

impl fmt::Display for InvalidMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAToken => f.write_str("a method is a word of letters, digits and !#$%&'*+-.^_`|~"),
            Self::TooLong => write!(f, "a method has at most {} characters", ExtensionMethod::MAX_BYTES),
        }
    }
}

impl std::error::Error for InvalidMethod {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_method_parses_in_any_case() {
        for method in Method::STANDARD {
            assert_eq!(method.as_str().parse(), Ok(method));
            assert_eq!(method.as_str().to_lowercase().parse(), Ok(method));
        }
    }

    #[test]
    fn extension_method_keeps_its_case() {
        for text in ["PURGE", "propfind", "M-SEARCH", "x", "12345678901234567890123"] {
            let method: Method = text.parse().unwrap();
            assert!(matches!(method, Method::Extension(_)), "{text}");
            assert_eq!(method.to_string(), text);
        }
        assert_ne!("purge".parse::<Method>(), "PURGE".parse());
    }

    #[test]
    fn invalid_method_reports_reason() {
        for text in ["", "GET /", "GET\r\n", "PÜRGE", "a\0", "(x)"] {
            assert_eq!(text.parse::<Method>(), Err(InvalidMethod::NotAToken), "{text:?}");
        }
        assert_eq!("123456789012345678901234".parse::<Method>(), Err(InvalidMethod::TooLong));
        assert_eq!(InvalidMethod::TooLong.to_string(), "a method has at most 23 characters");
    }

    #[test]
    fn method_size_is_24_bytes() {
        assert_eq!(size_of::<Method>(), 24);
    }
}
