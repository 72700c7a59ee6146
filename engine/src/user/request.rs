//! A request in the making, and the one way it goes: gate, session, outcome, sample.

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
    http_user::HttpUser,
    outcome::{ExpectedStatus, OwnedOutcome},
    response::{CaughtResponse, Response},
    stream::StreamedResponse,
};
use crate::rt::PooledFuture;

/// A request that is sent when it is awaited.
///
/// ```
/// use gregaria_engine::{HttpUser, TaskResult};
///
/// async fn buy(user: &mut HttpUser) -> TaskResult {
///     let item = 7;
///     let response = user.post(&format!("/cart/{item}")).name("/cart/[id]").form(&[("amount", "2")]).expect(201).await;
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
    /// Boxed, as it is rare and large.
    options: Option<Box<RequestOptions>>,
    expected_status: Option<ExpectedStatus>,
}

/// A body, owned where it must be.
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

    /// The row in the statistics; the target's path and query unless said. Groups requests that differ in ids.
    pub fn name(mut self, name: &'a str) -> Self {
        self.name = Some(name);
        self
    }

    /// Adds a header. One with the name of a default header replaces it.
    pub fn header(mut self, name: &'a str, value: &'a str) -> Self {
        self.headers.to_mut().push((name, value));
        self
    }

    /// Sets all headers at once, without a copy.
    pub fn headers(mut self, headers: &'a [(&'a str, &'a str)]) -> Self {
        self.headers = Cow::Borrowed(headers);
        self
    }

    /// Leaves out a header that the class's settings would add, such as `Accept-Encoding`.
    pub fn without_header(self, name: &str) -> Self {
        self.with_options(|options| options.suppressed_default_headers.push(name.to_owned()))
    }

    /// Adds to the query of the target.
    pub fn params(mut self, fields: &[(&str, &str)]) -> Self {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.target = Cow::Owned(with_query(&self.target, &query));
        self
    }

    /// A cookie for this request alone.
    pub fn cookie(self, name: &str, value: &str) -> Self {
        self.with_options(|options| options.cookies.push((name.to_owned(), value.to_owned())))
    }

    /// Who asks, in place of who the class's settings say.
    pub fn auth(self, auth: Auth) -> Self {
        self.with_options(|options| options.auth = Some(auth))
    }

    /// The body, as it is.
    pub fn body(mut self, body: &'a [u8]) -> Self {
        self.body = OwnedBody::Bytes(Cow::Borrowed(body));
        self
    }

    /// A body that is read piece by piece while it is sent: a file ([`FileBody`](gregaria_http::FileBody)), any reader, or
    /// a source of your own. Chunked, if its length is not known.
    pub fn body_from(mut self, source: impl BodySource + 'static) -> Self {
        self.body = OwnedBody::Source(Box::new(RefCell::new(source)));
        self
    }

    /// A form with files as the body, with its content type.
    pub fn multipart(self, form: Multipart) -> Self {
        self.body_from(form)
    }

    /// A form as the body, with its content type.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.body_with_type("application/x-www-form-urlencoded", body.into_bytes())
    }

    /// A value as JSON as the body, with its content type.
    ///
    /// # Panics
    /// When the value cannot be JSON: a map with keys that are not strings.
    pub fn json(self, value: &impl serde::Serialize) -> Self {
        let body = serde_json::to_vec(value).unwrap_or_else(|error| panic!("not a JSON value: {error}"));
        self.body_with_type("application/json", body)
    }

    /// Reads and counts the response's body without keeping it.
    pub fn discard_body(mut self) -> Self {
        self.response_body_mode = ResponseBodyMode::Discard;
        self
    }

    /// How long all of it may take, redirects included, in place of the class's setting.
    pub fn timeout(self, timeout: Duration) -> Self {
        self.with_options(|options| options.total_timeout_ns = Some(timeout.as_nanos() as u64))
    }

    /// How long making a connection may take, in place of the class's setting.
    pub fn connect_timeout(self, timeout: Duration) -> Self {
        self.with_options(|options| options.connect_timeout_ns = Some(timeout.as_nanos() as u64))
    }

    /// How long the target may be silent, in place of the class's setting.
    pub fn read_timeout(self, timeout: Duration) -> Self {
        self.with_options(|options| options.read_timeout_ns = Some(timeout.as_nanos() as u64))
    }

    /// Whether redirects are followed, in place of the class's setting; those of a `HEAD` are not unless this says so.
    pub fn follow_redirects(self, follow: bool) -> Self {
        self.with_options(|options| options.follow_redirects = Some(follow))
    }

    /// Proxies on the way, in place of the class's setting.
    pub fn proxies(self, proxies: Proxies) -> Self {
        self.with_options(|options| options.proxies = Some(proxies))
    }

    /// How the target is trusted, in place of the class's setting. Make one and clone it: connections are shared among
    /// requests with clones of one.
    pub fn tls(self, tls: TlsConfig) -> Self {
        self.with_options(|options| options.tls = Some(tls))
    }

    /// The statuses that are a success: one (`404`) or a range (`200..=204`). Everything below 400 unless said.
    pub fn expect(mut self, statuses: impl Into<ExpectedStatus>) -> Self {
        self.expected_status = Some(statuses.into());
        self
    }

    /// Leaves the outcome to the task: see [`CaughtResponse`].
    pub fn catch_response(self) -> CaughtRequest<'a, S> {
        CaughtRequest(self)
    }

    /// Has the body read piece by piece: see [`StreamedResponse`].
    pub fn stream(self) -> StreamedRequest<'a, S> {
        StreamedRequest(self)
    }

    fn body_with_type(mut self, content_type: &'a str, body: Vec<u8>) -> Self {
        self.body = OwnedBody::Bytes(Cow::Owned(body));
        self.header("Content-Type", content_type)
    }

    fn with_options(mut self, change: impl FnOnce(&mut RequestOptions)) -> Self {
        change(self.options.get_or_insert_default());
        self
    }

    /// Sends it; what it borrows stays where it is, because this future lives in every request on the wire.
    async fn send(&mut self) -> Exchange {
        let (user, request) = self.split_http_request();
        user.session.send(&user.network, &request).await
    }

    /// The user, and the request as its session wants it.
    fn split_http_request(&mut self) -> (&HttpUser<S>, HttpRequest<'_>) {
        let Self { user, method, target, headers, body, response_body_mode: body_policy, options, .. } = self;
        let mut request =
            HttpRequest { headers, response_body_mode: *body_policy, ..HttpRequest::new(*method, target) };
        request.body = body.as_body();
        request.options = options.as_deref();
        (user, request)
    }

    fn sample_name(&self) -> &str {
        self.name.unwrap_or_else(|| path_and_query(&self.target))
    }

    // An `async fn` would hold `self` twice, once as its argument and once as its own.
    #[expect(clippy::manual_async_fn, reason = "see above: this future's size is paid per request on the wire")]
    fn execute(mut self) -> impl Future<Output = Response> + 'a {
        async move {
            let on_wire = self.user.context.admit().await;
            let exchange = self.send().await;
            let verdict = OwnedOutcome::from_result(&exchange.result, self.expected_status.as_ref());
            on_wire.complete(self.method, self.sample_name(), &(&exchange).into(), verdict.as_outcome());
            Response::new(exchange, Rc::clone(self.user.context.shard()))
        }
    }

    #[expect(clippy::manual_async_fn, reason = "as for `perform`")]
    fn execute_caught(mut self) -> impl Future<Output = CaughtResponse> + 'a {
        async move {
            let on_wire = self.user.context.admit().await;
            let exchange = self.send().await;
            let verdict = OwnedOutcome::from_result(&exchange.result, self.expected_status.as_ref());
            let shard = Rc::clone(self.user.context.shard());
            CaughtResponse::new(on_wire, self.method, self.sample_name(), exchange, verdict, shard)
        }
    }

    async fn open_stream(mut self) -> StreamedResponse<'a> {
        let on_wire = self.user.context.admit().await;
        let name = self.sample_name().to_owned();
        let (method, expect) = (self.method, self.expected_status.take());
        let Self { user, target, headers, body, response_body_mode: body_policy, options, .. } = self;
        let user: &'a HttpUser<S> = user;
        let mut request =
            HttpRequest { headers: &headers, response_body_mode: body_policy, ..HttpRequest::new(method, &target) };
        request.body = body.as_body();
        request.options = options.as_deref();
        let (exchange, body) = user.session.send_streaming(&user.network, &request).await;
        let shard = Rc::clone(user.context.shard());
        StreamedResponse::new(on_wire, method, name, exchange, body, expect, shard)
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
#[must_use = "a request is sent when it is awaited"]
pub struct CaughtRequest<'a, S>(Request<'a, S>);

impl<'a, S: 'static> IntoFuture for CaughtRequest<'a, S> {
    type Output = CaughtResponse;
    type IntoFuture = PooledFuture<'a, CaughtResponse>;

    fn into_future(self) -> Self::IntoFuture {
        PooledFuture::new(|| self.0.execute_caught())
    }
}

/// A [`Request`] whose response's body is read piece by piece.
#[must_use = "a request is sent when it is awaited"]
pub struct StreamedRequest<'a, S>(Request<'a, S>);

impl<'a, S: 'static> IntoFuture for StreamedRequest<'a, S> {
    type Output = StreamedResponse<'a>;
    type IntoFuture = PooledFuture<'a, StreamedResponse<'a>>;

    fn into_future(self) -> Self::IntoFuture {
        PooledFuture::new(|| self.0.open_stream())
    }
}

/// A target with more in its query, which ends where a fragment begins.
fn with_query(target: &str, query: &str) -> String {
    let (target, fragment) = target.split_at(target.find('#').unwrap_or(target.len()));
    let separator = if target.contains('?') { '&' } else { '?' };
    format!("{target}{separator}{query}{fragment}")
}

/// What names a sample: a URL of its own is named by its path and query.
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
    fn a_query_stands_before_the_fragment() {
        assert_eq!(with_query("/a", "x=1"), "/a?x=1");
        assert_eq!(with_query("/a?b#c?d", "x=1"), "/a?b&x=1#c?d");
        assert_eq!(with_query("/a#c?d", "x=1"), "/a?x=1#c?d");
    }

    #[test]
    fn samples_are_named_by_path_and_query() {
        assert_eq!(path_and_query("/a?b=http://c"), "/a?b=http://c");
        assert_eq!(path_and_query("http://h:1/a?b"), "/a?b");
        assert_eq!(path_and_query("http://h"), "/");
    }
}
