//! The request methods, and the two facts about them that framing needs.

use std::fmt;
use std::str::FromStr;

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
    /// stub
    Connect,
}

impl Method {
    /// The method as it stands on the wire and in a statistics row.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
            Self::Options => "OPTIONS",
            Self::Connect => "CONNECT",
        }
    }

    /// Whether a request of this method says `Content-Length: 0` when it has no body (RFC 9110 §8.6).
    pub(crate) const fn expects_body(self) -> bool {
        matches!(self, Self::Post | Self::Put | Self::Patch)
    }

    const ALL: [Self; 7] = [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete, Self::Options];
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Method {
    type Err = UnknownMethod;

    /// Reads a method, in any case: a person types `-X post`.
    fn from_str(text: &str) -> Result<Self, UnknownMethod> {
        let named = |method: &Self| method.as_str().eq_ignore_ascii_case(text);
        Self::ALL.into_iter().find(named).ok_or(UnknownMethod)
    }
}

/// The text names no method of [`Method`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownMethod;

impl fmt::Display for UnknownMethod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the method must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS")
    }
}

impl std::error::Error for UnknownMethod {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_reads_back() {
        for method in Method::ALL {
            assert_eq!(method.as_str().parse(), Ok(method));
            assert_eq!(method.as_str().to_lowercase().parse(), Ok(method));
        }
        assert_eq!("BREW".parse::<Method>(), Err(UnknownMethod));
    }
}
