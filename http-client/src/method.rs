//! The request methods: those with a name of their own, and any other token.
//!
//! What follows from a method for a message's framing is here or in [`framing`](crate::proto::framing); what follows for a
//! redirect is in [`redirect`](crate::redirect).

use std::fmt;
use std::str::FromStr;

use crate::proto::header::is_tchar;

/// A request method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Fetch a resource.
    Get,
    /// Fetch only the head of a resource; the response never has a body.
    Head,
    /// Hand data to a resource.
    Post,
    /// Replace a resource.
    Put,
    /// Change a resource in part.
    Patch,
    /// Remove a resource.
    Delete,
    /// Ask what a resource allows.
    Options,
    /// Get back the request as it arrived.
    Trace,
    /// Open a tunnel; a 2xx response never has a body.
    Connect,
    /// Any other.
    Extension(ExtensionMethod),
}

impl Method {
    /// The method as it stands on the wire and in a statistics row.
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

    /// Whether a request of this method says `Content-Length: 0` when it has no body (RFC 9110 §8.6).
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

    /// Reads a method. One with a name of its own may be in any case, as a person types `-X post`; others are taken as
    /// they are.
    fn from_str(text: &str) -> Result<Self, InvalidMethod> {
        let named = |method: &Self| method.as_str().eq_ignore_ascii_case(text);
        match Self::STANDARD.into_iter().find(named) {
            Some(method) => Ok(method),
            None => ExtensionMethod::parse(text).map(Self::Extension),
        }
    }
}

/// A method without a name of its own, held in place.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct ExtensionMethod {
    /// A token, and zeros behind it.
    text: [u8; Self::MAX_BYTES],
}

impl ExtensionMethod {
    /// The longest method that fits, in bytes.
    pub const MAX_BYTES: usize = 23;

    /// The method as it stands on the wire.
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

/// Why a text is no [`Method`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidMethod {
    /// It is empty, or has a character that no method may have.
    NotAToken,
    /// It is longer than [`ExtensionMethod::MAX_BYTES`].
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
    fn every_named_method_reads_back_in_any_case() {
        for method in Method::STANDARD {
            assert_eq!(method.as_str().parse(), Ok(method));
            assert_eq!(method.as_str().to_lowercase().parse(), Ok(method));
        }
    }

    #[test]
    fn any_other_token_is_taken_as_typed() {
        for text in ["PURGE", "propfind", "M-SEARCH", "x", "12345678901234567890123"] {
            let method: Method = text.parse().unwrap();
            assert!(matches!(method, Method::Extension(_)), "{text}");
            assert_eq!(method.to_string(), text);
        }
        assert_ne!("purge".parse::<Method>(), "PURGE".parse());
    }

    #[test]
    fn what_is_no_method_says_why() {
        for text in ["", "GET /", "GET\r\n", "PÜRGE", "a\0", "(x)"] {
            assert_eq!(text.parse::<Method>(), Err(InvalidMethod::NotAToken), "{text:?}");
        }
        assert_eq!("123456789012345678901234".parse::<Method>(), Err(InvalidMethod::TooLong));
        assert_eq!(InvalidMethod::TooLong.to_string(), "a method has at most 23 characters");
    }

    #[test]
    fn a_method_stays_small() {
        assert_eq!(size_of::<Method>(), 24);
    }
}
