//! The request of a caller: method, target, headers, body and options.
//!
//! All parts are borrowed, because the requests of a scenario are often constants. This file must not know how a
//! request is sent. `session/` sends requests and reads their options.

use std::cell::RefCell;
use std::fmt;

use crate::{Auth, BodySource, Method, Proxies, ResponseBodyMode, TlsConfig};

/// A request.
///
/// # Examples
///
/// ```
/// use gregaria_http::{Body, Method, Request};
///
/// let request =
///     Request { headers: &[("Accept", "application/json")], ..Request::new(Method::Delete, "/cart/7?force=1") };
/// assert_eq!(request.method.as_str(), "DELETE");
/// assert!(matches!(request.body, Body::None));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The request method.
    pub method: Method,
    /// A path that is appended to the base URL, or an absolute URL, which may carry a user name and a password.
    /// It is percent-encoded as [`encode_url`](crate::encode_url) does. A fragment is not sent.
    pub target: &'a str,
    /// Headers, in the order and the letter case in which they are sent. A header replaces the default header of the
    /// same name, and also `Host`.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body. It determines `Content-Length` and `Transfer-Encoding`.
    pub body: Body<'a>,
    /// The use of the response's body. Default: [`ResponseBodyMode::Keep`].
    pub response_body_mode: ResponseBodyMode,
    /// Settings of this request that override those of the session. `None`, the default: none are overridden.
    pub options: Option<&'a RequestOptions>,
}

impl<'a> Request<'a> {
    /// Creates a request without headers, body and options. The body of its response is kept.
    pub const fn new(method: Method, target: &'a str) -> Self {
        let (body, response_body_mode) = (Body::None, ResponseBodyMode::Keep);
        Self { method, target, headers: &[], body, response_body_mode, options: None }
    }

    /// Creates a `GET` request.
    pub const fn get(target: &'a str) -> Self {
        Self::new(Method::Get, target)
    }

    /// Creates a `POST` request with a body.
    pub const fn post(target: &'a str, body: &'a [u8]) -> Self {
        let mut request = Self::new(Method::Post, target);
        request.body = Body::Bytes(body);
        request
    }

    /// Returns `true` if the request may be sent a second time, and rewinds its body.
    pub(crate) fn is_repeatable(&self) -> bool {
        self.method.is_idempotent() && self.body.rewind()
    }
}

/// The body of a request.
///
/// # Examples
///
/// ```
/// use std::cell::RefCell;
///
/// use gregaria_http::{Body, Method, Multipart, Request};
///
/// let form = RefCell::new(Multipart::new().text("comment", "fits well"));
/// let request = Request { body: Body::Source(&form), ..Request::new(Method::Post, "/reviews") };
/// assert_eq!(format!("{:?}", request.body), "Source");
/// ```
#[derive(Clone, Copy, Default)]
pub enum Body<'a> {
    /// No body.
    #[default]
    None,
    /// A body in memory.
    Bytes(&'a [u8]),
    /// A source that supplies the body in chunks. The source is borrowed while the request is sent.
    Source(&'a RefCell<dyn BodySource>),
}

impl Body<'_> {
    /// Restarts the body for a request that is sent again. Returns `false` if that is not possible.
    pub(crate) fn rewind(self) -> bool {
        match self {
            Self::None | Self::Bytes(_) => true,
            Self::Source(source) => source.borrow_mut().rewind(),
        }
    }
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

/// Settings of one request that override those of the session's [`ClientConfig`](crate::ClientConfig).
///
/// By default no setting is overridden.
///
/// # Examples
///
/// ```
/// use gregaria_http::{Request, RequestOptions};
///
/// let options = RequestOptions { total_timeout_ns: Some(2_000_000_000), ..RequestOptions::default() };
/// let request = Request { options: Some(&options), ..Request::get("/report") };
/// assert_eq!(request.options.and_then(|options| options.max_redirects), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct RequestOptions {
    /// Timeout for opening a connection, in nanoseconds. `None` applies
    /// [`ClientConfig::connect_timeout_ns`](crate::ClientConfig::connect_timeout_ns).
    pub connect_timeout_ns: Option<u64>,
    /// Longest silence of the target, in nanoseconds. `None` applies
    /// [`ClientConfig::read_timeout_ns`](crate::ClientConfig::read_timeout_ns).
    pub read_timeout_ns: Option<u64>,
    /// Timeout for the request with all its redirects, in nanoseconds. `None` applies
    /// [`ClientConfig::total_timeout_ns`](crate::ClientConfig::total_timeout_ns).
    pub total_timeout_ns: Option<u64>,
    /// Whether redirects are followed. `None` applies
    /// [`ClientConfig::follow_redirects`](crate::ClientConfig::follow_redirects), except that redirects of a `HEAD`
    /// request are not followed.
    pub follow_redirects: Option<bool>,
    /// Most redirects that the request follows. `None` applies
    /// [`HttpLimits::max_redirects`](crate::HttpLimits::max_redirects).
    pub max_redirects: Option<u32>,
    /// Cookies of this request only, sent after those of the session. A cookie replaces the session's cookie of the
    /// same name.
    pub cookies: Vec<(String, String)>,
    /// Credentials of this request. `None` applies [`ClientConfig::auth`](crate::ClientConfig::auth).
    pub auth: Option<Auth>,
    /// Proxies of this request. `None` applies [`ClientConfig::proxies`](crate::ClientConfig::proxies).
    pub proxies: Option<Proxies>,
    /// TLS configuration of this request. `None` applies [`ClientConfig::tls`](crate::ClientConfig::tls).
    pub tls: Option<TlsConfig>,
    /// Names, in any case, of default headers that are not sent.
    pub suppressed_default_headers: Vec<String>,
}
