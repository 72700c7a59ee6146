//! What a user asks for. Everything is borrowed: a scenario's requests are constants as often as not.

use std::cell::RefCell;
use std::fmt;

use crate::{Auth, BodySource, Method, Proxies, TlsConfig};

/// One request.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// A path that is appended to the base URL, or an absolute URL, which may carry a user and a password. Spaces and
    /// non-ASCII characters are percent-encoded; a fragment is cut off.
    pub target: &'a str,
    /// Headers, in the order and the case in which they are sent. One with the name of a default header replaces it;
    /// `Host` too.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body; `Content-Length` or `Transfer-Encoding` follow from it.
    pub body: Body<'a>,
    /// What becomes of the response's body.
    pub response_body_mode: ResponseBodyMode,
    /// Settings of this request that override those of the session. `None`, the default: none are overridden.
    pub options: Option<&'a RequestOptions>,
}

impl<'a> Request<'a> {
    /// A request without headers or body, whose response body is kept.
    pub const fn new(method: Method, target: &'a str) -> Self {
        let (body, response_body_mode) = (Body::None, ResponseBodyMode::Keep);
        Self { method, target, headers: &[], body, response_body_mode, options: None }
    }

    /// `GET target`.
    pub const fn get(target: &'a str) -> Self {
        Self::new(Method::Get, target)
    }

    /// `POST target` with a body.
    pub const fn post(target: &'a str, body: &'a [u8]) -> Self {
        let mut request = Self::new(Method::Post, target);
        request.body = Body::Bytes(body);
        request
    }
}

/// A request's body.
#[derive(Clone, Copy, Default)]
pub enum Body<'a> {
    /// There is none.
    #[default]
    None,
    /// These bytes.
    Bytes(&'a [u8]),
    /// What this gives, piece by piece; it is borrowed while the request is sent.
    Source(&'a RefCell<dyn BodySource>),
}

impl fmt::Debug for Body<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("None"),
            Self::Bytes(bytes) => write!(f, "{} bytes", bytes.len()),
            Self::Source(_) => f.write_str("Source"),
        }
    }
}

/// What becomes of a response's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum ResponseBodyMode {
    /// It stays in the response, up to [`HttpLimits::body_bytes`](crate::HttpLimits::body_bytes).
    #[default]
    Keep,
    /// It is read and counted but not kept: [`Response::body`](crate::Response::body) is empty, the buffer does not grow.
    Discard,
    /// It is handed out piece by piece, so how much of it is held is its reader's affair: what
    /// [`Session::open`](crate::Session::open) makes of any policy. Where nobody takes pieces it is discarded. What comes
    /// while the request is still being sent is limited as a kept body is, but never to less than 1 MiB.
    Stream,
}

/// What is rarely asked of a request; what is `None` is as the session's [`ClientConfig`](crate::ClientConfig) says.
#[derive(Clone, Debug, Default)]
pub struct RequestOptions {
    /// Overrides [`ClientConfig::connect_timeout_ns`](crate::ClientConfig::connect_timeout_ns).
    pub connect_timeout_ns: Option<u64>,
    /// Overrides [`ClientConfig::read_timeout_ns`](crate::ClientConfig::read_timeout_ns).
    pub read_timeout_ns: Option<u64>,
    /// Overrides [`ClientConfig::total_timeout_ns`](crate::ClientConfig::total_timeout_ns).
    pub total_timeout_ns: Option<u64>,
    /// Whether redirects are followed. `None`: as the session says, but never those of a `HEAD`.
    pub follow_redirects: Option<bool>,
    /// Overrides [`HttpLimits::redirects`](crate::HttpLimits::redirects).
    pub max_redirects: Option<u32>,
    /// Cookies of this request alone, behind those of the session; one of the same name takes the session's place.
    pub cookies: Vec<(String, String)>,
    /// Overrides [`ClientConfig::auth`](crate::ClientConfig::auth).
    pub auth: Option<Auth>,
    /// Overrides [`ClientConfig::proxies`](crate::ClientConfig::proxies).
    pub proxies: Option<Proxies>,
    /// Overrides [`ClientConfig::tls`](crate::ClientConfig::tls).
    pub tls: Option<TlsConfig>,
    /// Default headers that are not sent, by name in any case.
    pub suppressed_default_headers: Vec<String>,
}
