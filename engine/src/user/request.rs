//! A request builder, and the one way of every request: admission, session, outcome, sample.
//!
//! The builder borrows its user until the response is received, so this file and `http_user.rs` refer to each other. It
//! must not know how a session sends a request.

use std::{
    borrow::Cow,
    cell::RefCell,
    future::{Future, IntoFuture},
    rc::Rc,
    time::Duration,
};

use gregaria_http::{
    Auth, Body, BodySource, Exchange, Method, Multipart, Proxies, Request as HttpRequest, RequestOptions,
    ResponseBodyMode, TlsConfig,
};

use super::{
    handle::UserHandle,
    http_user::HttpUser,
    outcome::{ExpectedStatus, OwnedOutcome},
    response::{CaughtResponse, Response},
    stream::StreamedResponse,
};
use crate::{accounting::InFlightRequest, rt::PooledFuture};

/// A request builder that sends the request when it is awaited.
///
/// The status decides the outcome, see [`expect`](Self::expect). A failed request is a sample, not a Rust error.
///
/// # Cancel safety
///
/// Dropping the future after the request was admitted aborts the request: it is counted as aborted, and its
/// connection is closed. Before that, no byte is sent and no request is counted. After the end of a run the future
/// never completes.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{HttpUser, TaskResult};
///
/// async fn buy(user: &mut HttpUser) -> TaskResult {
///     let item = 7;
///     let url = format!("/cart/{item}");
///     let response = user.post(&url).name("/cart/[id]").form(&[("amount", "2")]).expect(201).await;
///     if response.ok() {
///         user.get("/cart").await;
///     }
///     Ok(())
/// }
/// ```
#[must_use = "a request is sent when it is awaited"]
pub struct Request<'a, S = ()> {
    user: &'a mut HttpUser<S>,
    method: Method,
    target: Cow<'a, str>,
    name: Option<&'a str>,
    headers: Cow<'a, [(&'a str, &'a str)]>,
    body: OwnedBody<'a>,
    response_body_mode: ResponseBodyMode,
    /// Boxed, because it is rarely set and large.
    options: Option<Box<RequestOptions>>,
    expected_status: Option<ExpectedStatus>,
}

/// A body that owns its bytes if the builder made them.
enum OwnedBody<'a> {
    None,
    Bytes(Cow<'a, [u8]>),
    Source(Box<RefCell<dyn BodySource>>),
}

impl OwnedBody<'_> {
    fn as_body(&self) -> Body<'_> {
        match self {
            Self::None => Body::None,
            Self::Bytes(bytes) => Body::Bytes(bytes),
            Self::Source(source) => Body::Source(&**source),
        }
    }
}

impl<'a, S: 'static> Request<'a, S> {
    pub(super) fn new(user: &'a mut HttpUser<S>, method: Method, target: &'a str) -> Self {
        Self {
            user,
            method,
            target: Cow::Borrowed(target),
            name: None,
            headers: Cow::Borrowed(&[]),
            body: OwnedBody::None,
            response_body_mode: ResponseBodyMode::Keep,
            options: None,
            expected_status: None,
        }
    }

    /// Sets the name under which the request is counted. Default the path and query of the target.
    ///
    /// One name for many targets keeps the statistics short, for example `/item/[id]`.
    pub fn name(mut self, name: &'a str) -> Self {
        self.name = Some(name);
        self
    }

    /// Adds a header. It replaces a default header of the same name.
    pub fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.to_mut().push((name, value));
        self
    }

    /// Sets all headers at once, without copying them. Earlier headers of this request are removed.
    pub fn headers(mut self, headers: &'a [(&'a str, &'a str)]) -> Self {
        self.headers = Cow::Borrowed(headers);
        self
    }

    /// Omits a default header of the class, such as `Accept-Encoding`.
    pub fn without_header(self, name: &str) -> Self {
        self.options(|options| options.suppressed_default_headers.push(name.to_owned()))
    }

    /// Appends fields to the query of the target.
    pub fn params(mut self, fields: &[(&str, &str)]) -> Self {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.target = Cow::Owned(with_query(&self.target, &query));
        self
    }

    /// Adds a cookie for this request only. It is not stored in the user's cookie jar.
    pub fn cookie(self, name: &str, value: &str) -> Self {
        self.options(|options| options.cookies.push((name.to_owned(), value.to_owned())))
    }

    /// Sets the credentials, in place of those of the class.
    pub fn auth(self, auth: Auth) -> Self {
        self.options(|options| options.auth = Some(auth))
    }

    /// Sets the body to these bytes.
    pub fn body(mut self, body: &'a [u8]) -> Self {
        self.body = OwnedBody::Bytes(Cow::Borrowed(body));
        self
    }

    /// Sets a body that is read in chunks while it is sent: a file ([`FileBody`](gregaria_http::FileBody)), any reader,
    /// or another [`BodySource`]. A body of unknown length is sent with `Transfer-Encoding: chunked`.
    pub fn body_from(mut self, source: impl BodySource + 'static) -> Self {
        self.body = OwnedBody::Source(Box::new(RefCell::new(source)));
        self
    }

    /// Sets a form with files as the body, with its content type.
    pub fn multipart(self, form: Multipart) -> Self {
        self.body_from(form)
    }

    /// Sets a URL-encoded form as the body, with its content type.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body_with_type("application/x-www-form-urlencoded", body.into_bytes())
    }

    /// Sets a JSON value as the body, with its content type.
    ///
    /// # Panics
    /// Panics if the value cannot be JSON, for example a map with keys that are not strings.
    pub fn json(self, value: &impl serde::Serialize) -> Self {
        let body = serde_json::to_vec(value).unwrap_or_else(|error| panic!("not a JSON value: {error}"));
        self.body_with_type("application/json", body)
    }

    /// Reads and counts the body of the response without keeping it.
    pub fn discard_body(mut self) -> Self {
        self.response_body_mode = ResponseBodyMode::Discard;
        self
    }

    /// Sets the timeout of the whole request including redirects, in place of the setting of the class.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.options(|options| options.total_timeout_ns = Some(timeout.as_nanos() as u64))
    }

    /// Sets the timeout of opening a connection, in place of the setting of the class.
    pub fn connect_timeout(self, timeout: Duration) -> Self {
        self.options(|options| options.connect_timeout_ns = Some(timeout.as_nanos() as u64))
    }

    /// Sets the longest time without a byte from the target, in place of the setting of the class.
    pub fn read_timeout(self, timeout: Duration) -> Self {
        self.options(|options| options.read_timeout_ns = Some(timeout.as_nanos() as u64))
    }

    /// Sets whether redirects are followed, in place of the setting of the class. Redirects of a `HEAD` request are
    /// followed only if this is set.
    pub fn follow_redirects(self, follow: bool) -> Self {
        self.options(|options| options.follow_redirects = Some(follow))
    }

    /// Sets the largest number of redirects that are followed, in place of the setting of the class. One more fails the
    /// request.
    pub fn max_redirects(self, redirects: u32) -> Self {
        self.options(|options| options.max_redirects = Some(redirects))
    }

    /// Sets the proxies, in place of the setting of the class.
    pub fn proxies(self, proxies: Proxies) -> Self {
        self.options(|options| options.proxies = Some(proxies))
    }

    /// Sets the TLS configuration, in place of the setting of the class.
    ///
    /// Create one configuration and clone it: requests share connections only if their configurations are clones of one
    /// another.
    pub fn tls(self, tls: TlsConfig) -> Self {
        self.options(|options| options.tls = Some(tls))
    }

    /// Changes the options of this request directly. Every option of the HTTP client can be set this way.
    ///
    /// # Examples
    ///
    /// ```
    /// use gregaria_engine::{HttpUser, TaskResult};
    ///
    /// async fn report(user: &mut HttpUser) -> TaskResult {
    ///     let request = user.get("/report").options(|options| {
    ///         options.total_timeout_ns = Some(30_000_000_000);
    ///         options.max_redirects = Some(1);
    ///     });
    ///     request.await;
    ///     Ok(())
    /// }
    /// ```
    pub fn options(mut self, change: impl FnOnce(&mut RequestOptions)) -> Self {
        change(self.options.get_or_insert_default());
        self
    }

    /// Sets the statuses that are a success: one (`404`) or a range (`200..=204`). Default all below 400.
    pub fn expect(mut self, statuses: impl Into<ExpectedStatus>) -> Self {
        self.expected_status = Some(statuses.into());
        self
    }

    /// Lets the task decide the outcome, see [`CaughtResponse`].
    pub fn catch_response(self) -> CaughtRequest<'a, S> {
        CaughtRequest(self)
    }

    /// Lets the task read the body of the response in chunks, see [`StreamedResponse`].
    pub fn stream(self) -> StreamedRequest<'a, S> {
        StreamedRequest(self)
    }

    fn body_with_type(mut self, content_type: &'a str, body: Vec<u8>) -> Self {
        self.body = OwnedBody::Bytes(Cow::Owned(body));
        self.header("Content-Type", content_type)
    }

    /// Waits for admission and sends the request. Borrows `self`, because this future is part of every request in
    /// flight and moving the builder into it would store the builder twice.
    async fn send(&self) -> (InFlightRequest<&str, UserHandle>, Exchange) {
        let in_flight = self.user.context.admit(self.method, self.sample_name()).await;
        let request = HttpRequest {
            headers: &self.headers,
            body: self.body.as_body(),
            response_body_mode: self.response_body_mode,
            options: self.options.as_deref(),
            ..HttpRequest::new(self.method, &self.target)
        };
        let exchange = self.user.session.send_due_at(&self.user.network, &request, in_flight.due_ns).await;
        (in_flight, exchange)
    }

    fn sample_name(&self) -> &str {
        self.name.unwrap_or_else(|| path_and_query(&self.target))
    }

    #[expect(
        clippy::manual_async_fn,
        reason = "an `async fn` stores `self` twice, and each request in flight pays for it"
    )]
    fn execute(self) -> impl Future<Output = Response> + 'a {
        async move {
            let (in_flight, exchange) = self.send().await;
            let outcome = OwnedOutcome::from_result(&exchange.result, self.expected_status.as_ref());
            in_flight.complete(&(&exchange).into(), outcome.as_outcome());
            Response::new(exchange, Rc::clone(self.user.context.thread()))
        }
    }

    #[expect(clippy::manual_async_fn, reason = "as for `execute`")]
    fn execute_caught(self) -> impl Future<Output = CaughtResponse> + 'a {
        async move {
            let (in_flight, exchange) = self.send().await;
            let outcome = OwnedOutcome::from_result(&exchange.result, self.expected_status.as_ref());
            let thread = Rc::clone(self.user.context.thread());
            CaughtResponse::new(in_flight, exchange, outcome, thread)
        }
    }

    async fn open_stream(mut self) -> StreamedResponse<'a> {
        let in_flight = self.user.context.admit(self.method, self.sample_name().to_owned()).await;
        let expected_status = self.expected_status.take();
        let Self { user, method, target, headers, body, response_body_mode, options, .. } = self;
        let user: &'a HttpUser<S> = user;
        let request = HttpRequest {
            headers: &headers,
            body: body.as_body(),
            response_body_mode,
            options: options.as_deref(),
            ..HttpRequest::new(method, &target)
        };
        let (exchange, body) = user.session.send_streaming(&user.network, &request).await;
        let thread = Rc::clone(user.context.thread());
        StreamedResponse::new(in_flight, exchange, body, expected_status, thread)
    }
}

impl<'a, S: 'static> IntoFuture for Request<'a, S> {
    type Output = Response;
    type IntoFuture = PooledFuture<'a, Response>;

    fn into_future(self) -> Self::IntoFuture {
        PooledFuture::new(|| self.execute())
    }
}

/// A [`Request`] whose outcome the task decides.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{CaughtRequest, HttpUser, TaskResult};
///
/// async fn check(user: &mut HttpUser) -> TaskResult {
///     let request: CaughtRequest<'_, ()> = user.get("/health").catch_response();
///     request.await.succeed();
///     Ok(())
/// }
/// ```
#[must_use = "a request is sent when it is awaited"]
pub struct CaughtRequest<'a, S>(Request<'a, S>);

impl<'a, S: 'static> IntoFuture for CaughtRequest<'a, S> {
    type Output = CaughtResponse;
    type IntoFuture = PooledFuture<'a, CaughtResponse>;

    fn into_future(self) -> Self::IntoFuture {
        PooledFuture::new(|| self.0.execute_caught())
    }
}

/// A [`Request`] whose task reads the body of the response in chunks.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{HttpUser, StreamedRequest, TaskResult};
///
/// async fn download(user: &mut HttpUser) -> TaskResult {
///     let request: StreamedRequest<'_, ()> = user.get("/archive").stream();
///     request.await.drain().await;
///     Ok(())
/// }
/// ```
#[must_use = "a request is sent when it is awaited"]
pub struct StreamedRequest<'a, S>(Request<'a, S>);

impl<'a, S: 'static> IntoFuture for StreamedRequest<'a, S> {
    type Output = StreamedResponse<'a>;
    type IntoFuture = PooledFuture<'a, StreamedResponse<'a>>;

    fn into_future(self) -> Self::IntoFuture {
        PooledFuture::new(|| self.0.open_stream())
    }
}

/// Returns the target with `query` appended to its query, before a fragment.
fn with_query(target: &str, query: &str) -> String {
    let (target, fragment) = target.split_at(target.find('#').unwrap_or(target.len()));
    let separator = if target.contains('?') { '&' } else { '?' };
    format!("{target}{separator}{query}{fragment}")
}

/// Returns the target without the scheme and host of an absolute URL.
fn path_and_query(target: &str) -> &str {
    if target.starts_with('/') {
        return target;
    }
    let Some((_, rest)) = target.split_once("://").filter(|(scheme, _)| !scheme.contains('/')) else {
        return target;
    };
    rest.find('/').map_or("/", |start| &rest[start..])
}

#[cfg(test)]
mod tests {
    use super::{path_and_query, with_query};

    #[test]
    fn query_is_inserted_before_the_fragment() {
        assert_eq!(with_query("/a", "x=1"), "/a?x=1");
        assert_eq!(with_query("/a?b#c?d", "x=1"), "/a?b&x=1#c?d");
        assert_eq!(with_query("/a#c?d", "x=1"), "/a?x=1#c?d");
    }

    #[test]
    fn sample_name_is_path_and_query() {
        assert_eq!(path_and_query("/a?b=http://c"), "/a?b=http://c");
        assert_eq!(path_and_query("http://h:1/a?b"), "/a?b");
        assert_eq!(path_and_query("http://h"), "/");
    }
}
