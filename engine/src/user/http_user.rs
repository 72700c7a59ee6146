//! A user that sends HTTP requests: the beginning of every request of a Rust user.
//!
//! `user.get("/")` creates a [`Request`]. Awaiting it (`request.rs`) waits for admission, sends the request through the
//! user's `Session`, decides its outcome and records one sample.

use std::{cell::RefCell, sync::Arc};

use gregaria_http::{BaseUrl, ClientConfig, CookieJar, Method, Session};

use super::{
    context::{User, UserContext},
    request::Request,
};
use crate::network::SessionNetwork;

/// A simulated HTTP user with a session of its own: a connection pool and a cookie jar.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{HttpUser, Method, TaskResult};
///
/// async fn browse(user: &mut HttpUser) -> TaskResult {
///     user.get("/").await;
///     user.post("/search").form(&[("q", "socks")]).await;
///     user.request(Method::Delete, "/search/history").await;
///     user.cookies().borrow_mut().clear();
///     Ok(())
/// }
/// ```
pub struct HttpUser<S = ()> {
    pub(super) context: UserContext<Self>,
    pub(super) session: Session<SessionNetwork>,
    pub(super) network: SessionNetwork,
    /// The state that the user keeps from task to task, created by the function given to
    /// [`UserClass::http_with`](super::UserClass::http_with).
    pub state: S,
}

impl<S: 'static> HttpUser<S> {
    pub(super) fn new(context: UserContext<Self>, base: Arc<BaseUrl>, config: Arc<ClientConfig>, state: S) -> Self {
        let network = SessionNetwork::new(&context.thread().thread_network);
        Self { context, session: Session::new(base, config), network, state }
    }

    /// Returns the cookies of this user.
    pub const fn cookies(&self) -> &RefCell<CookieJar> {
        self.session.cookies()
    }

    /// Returns a request with any method. `target` is a path that is appended to the host, or an absolute URL.
    pub fn request<'a>(&'a mut self, method: Method, target: &'a str) -> Request<'a, S> {
        Request::new(self, method, target)
    }

    /// Returns a `GET` request.
    pub fn get<'a>(&'a mut self, target: &'a str) -> Request<'a, S> {
        self.request(Method::Get, target)
    }

    /// Returns a `HEAD` request.
    pub fn head<'a>(&'a mut self, target: &'a str) -> Request<'a, S> {
        self.request(Method::Head, target)
    }

    /// Returns a `POST` request.
    pub fn post<'a>(&'a mut self, target: &'a str) -> Request<'a, S> {
        self.request(Method::Post, target)
    }

    /// Returns a `PUT` request.
    pub fn put<'a>(&'a mut self, target: &'a str) -> Request<'a, S> {
        self.request(Method::Put, target)
    }

    /// Returns a `PATCH` request.
    pub fn patch<'a>(&'a mut self, target: &'a str) -> Request<'a, S> {
        self.request(Method::Patch, target)
    }

    /// Returns a `DELETE` request.
    pub fn delete<'a>(&'a mut self, target: &'a str) -> Request<'a, S> {
        self.request(Method::Delete, target)
    }

    /// Returns an `OPTIONS` request.
    pub fn options<'a>(&'a mut self, target: &'a str) -> Request<'a, S> {
        self.request(Method::Options, target)
    }
}

impl<S: 'static> User for HttpUser<S> {
    fn context(&mut self) -> &mut UserContext<Self> {
        &mut self.context
    }
}
