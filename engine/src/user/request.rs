//! A request in the making, and the one way it goes: gate, session, outcome, sample.

use std::{
    borrow::Cow,
    future::{Future, IntoFuture},
    rc::Rc,
    time::Duration,
};

use gregaria_http::{BodyPolicy, Exchange, Method, Request as HttpRequest};

use super::{
    http_user::HttpUser,
    outcome::{Expect, Verdict},
    response::{CaughtResponse, Response},
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
    target: &'a str,
    name: Option<&'a str>,
    headers: Cow<'a, [(&'a str, &'a str)]>,
    body: Option<Cow<'a, [u8]>>,
    body_policy: BodyPolicy,
    read_timeout: Option<Duration>,
    expect: Option<Expect>,
}

impl<'a, S: 'static> Request<'a, S> {
    pub(super) fn new(user: &'a mut HttpUser<S>, method: Method, target: &'a str) -> Self {
        Self {
            user,
            method,
            target,
            name: None,
            headers: Cow::Borrowed(&[]),
            body: None,
            body_policy: BodyPolicy::Keep,
            read_timeout: None,
            expect: None,
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

    /// The body, as it is.
    pub fn body(mut self, body: &'a [u8]) -> Self {
        self.body = Some(Cow::Borrowed(body));
        self
    }

    /// A form as the body, with its content type.
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        self.typed_body("application/x-www-form-urlencoded", body.into_bytes())
    }

    /// A value as JSON as the body, with its content type.
    ///
    /// # Panics
    /// When the value cannot be JSON: a map with keys that are not strings.
    pub fn json(self, value: &impl serde::Serialize) -> Self {
        let body = serde_json::to_vec(value).unwrap_or_else(|error| panic!("not a JSON value: {error}"));
        self.typed_body("application/json", body)
    }

    /// Reads and counts the response's body without keeping it.
    pub fn discard_body(mut self) -> Self {
        self.body_policy = BodyPolicy::Discard;
        self
    }

    /// How long the response may take, instead of the class's setting.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.read_timeout = Some(timeout);
        self
    }

    /// The statuses that are a success: one (`404`) or a range (`200..=204`). Everything below 400 unless said.
    pub fn expect(mut self, statuses: impl Into<Expect>) -> Self {
        self.expect = Some(statuses.into());
        self
    }

    /// Leaves the outcome to the task: see [`CaughtResponse`].
    pub fn catch_response(self) -> CaughtRequest<'a, S> {
        CaughtRequest(self)
    }

    fn typed_body(mut self, content_type: &'a str, body: Vec<u8>) -> Self {
        self.body = Some(Cow::Owned(body));
        self.header("Content-Type", content_type)
    }

    /// Sends it; what it borrows stays where it is, because this future lives in every request on the wire.
    async fn send(&mut self) -> Exchange {
        let Self { user, method, target, headers, body, body_policy, read_timeout, .. } = self;
        let request = HttpRequest {
            method: *method,
            target,
            headers,
            body: body.as_deref(),
            body_policy: *body_policy,
            read_timeout_ns: read_timeout.map(|timeout| timeout.as_nanos() as u64),
        };
        user.session.send(&user.network, &request).await
    }

    fn sample_name(&self) -> &str {
        self.name.unwrap_or_else(|| path_and_query(self.target))
    }

    // An `async fn` would hold `self` twice, once as its argument and once as its own.
    #[expect(clippy::manual_async_fn, reason = "see above: this future's size is paid per request on the wire")]
    fn perform(mut self) -> impl Future<Output = Response> + 'a {
        async move {
            let on_wire = self.user.core.admit().await;
            let exchange = self.send().await;
            let verdict = Verdict::of(&exchange.result, self.expect.as_ref());
            on_wire.decided(self.method, self.sample_name(), &exchange, verdict.outcome());
            Response::new(exchange, Rc::clone(self.user.core.shard()))
        }
    }

    #[expect(clippy::manual_async_fn, reason = "as for `perform`")]
    fn perform_caught(mut self) -> impl Future<Output = CaughtResponse> + 'a {
        async move {
            let on_wire = self.user.core.admit().await;
            let exchange = self.send().await;
            let verdict = Verdict::of(&exchange.result, self.expect.as_ref());
            let shard = Rc::clone(self.user.core.shard());
            CaughtResponse::new(on_wire, self.method, self.sample_name(), exchange, verdict, shard)
        }
    }
}

impl<'a, S: 'static> IntoFuture for Request<'a, S> {
    type Output = Response;
    type IntoFuture = PooledFuture<'a, Response>;

    fn into_future(self) -> Self::IntoFuture {
        PooledFuture::new(|| self.perform())
    }
}

/// A [`Request`] whose outcome the task decides.
#[must_use = "a request is sent when it is awaited"]
pub struct CaughtRequest<'a, S>(Request<'a, S>);

impl<'a, S: 'static> IntoFuture for CaughtRequest<'a, S> {
    type Output = CaughtResponse;
    type IntoFuture = PooledFuture<'a, CaughtResponse>;

    fn into_future(self) -> Self::IntoFuture {
        PooledFuture::new(|| self.0.perform_caught())
    }
}

/// What names a sample: a URL of its own is named by its path and query.
pub fn path_and_query(target: &str) -> &str {
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
    use super::path_and_query;

    #[test]
    fn samples_are_named_by_path_and_query() {
        assert_eq!(path_and_query("/a?b=http://c"), "/a?b=http://c");
        assert_eq!(path_and_query("http://h:1/a?b"), "/a?b");
        assert_eq!(path_and_query("http://h"), "/");
    }
}
