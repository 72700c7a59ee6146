//! What a user asks for. Everything is borrowed: a scenario's requests are constants as often as not.

use crate::Method;

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// A path that is appended to the base URL, or an absolute `http://` URL. Spaces and non-ASCII characters are
    /// percent-encoded; a fragment is cut off.
    pub target: &'a str,
    /// Headers, in the order they are sent. One with the name of a default header replaces it; `Host` too.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body; `Content-Length` follows from it.
    pub body: Option<&'a [u8]>,
    /// What becomes of the response's body.
    pub body_policy: BodyPolicy,
    /// Overrides [`ClientConfig::read_timeout_ns`](crate::ClientConfig::read_timeout_ns) for this request, in nanoseconds.
    pub read_timeout_ns: Option<u64>,
}

impl<'a> Request<'a> {
    /// A request without headers or body, whose response body is kept.
    pub const fn new(method: Method, target: &'a str) -> Self {
        Self { method, target, headers: &[], body: None, body_policy: BodyPolicy::Keep, read_timeout_ns: None }
    }

    /// `GET target`.
    pub const fn get(target: &'a str) -> Self {
        Self::new(Method::Get, target)
    }

    /// `POST target` with a body.
    pub const fn post(target: &'a str, body: &'a [u8]) -> Self {
        let mut request = Self::new(Method::Post, target);
        request.body = Some(body);
        request
    }
}

/// What becomes of a response's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum BodyPolicy {
    /// It stays in the response, up to [`HttpLimits::body_bytes`](crate::HttpLimits::body_bytes).
    #[default]
    Keep,
    /// It is read and counted but not kept: [`Response::body`](crate::Response::body) is empty, the buffer does not grow.
    Discard,
}
