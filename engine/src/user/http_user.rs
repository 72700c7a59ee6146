//! A user that speaks HTTP: where a request's way begins.
//!
//! `user.get("/")` makes a [`Request`]; awaiting it (`request.rs`) asks the shard's gate, sends it through the
//! user's `Session`, decides its outcome and records one sample.

use std::{cell::RefCell, sync::Arc};

use gregaria_http::{BaseUrl, ClientConfig, CookieJar, Method, Session};

use super::{
    context::{User, UserContext},
    request::Request,
};
use crate::network::UserNetwork;

/// A simulated user with a session of its own: one kept connection and a cookie jar.
pub struct HttpUser<S = ()> {
    pub(super) context: UserContext<Self>,
    pub(super) session: Session<UserNetwork>,
    pub(super) network: UserNetwork,
    /// What this user keeps from task to task; made by the function given to
    /// [`UserClass::http_with`](super::UserClass::http_with).
    pub state: S,
}

impl<S: 'static> HttpUser<S> {
    pub(super) fn new(context: UserContext<Self>, base: Arc<BaseUrl>, config: Arc<ClientConfig>, state: S) -> Self {
        let network = UserNetwork::new(&context.shard().thread_network);
        Self { context, session: Session::new(base, config), network, state }
    }

    /// The cookies that this user keeps and sends.
    pub const fn cookies(&self) -> &RefCell<CookieJar> {
        self.session.cookies()
    }

    /// A request with any method. `target` is appended to the host, or is a URL of its own.
    pub fn request<'a>(&'a mut self, method: Method, target: &'a str) -> Request<'a, S> {
        Request::new(self, method, target)
    }

    /// `GET`.
    pub fn get<'a>(&'a mut self, target: &'a str) -> Request<'a, S> {
        self.request(Method::Get, target)
    }

    /// `HEAD`.
    pub fn head<'a>(&'a mut self, target: &'a str) -> Request<'a, S> {
        self.request(Method::Head, target)
    }

    /// `POST`.
    pub fn post<'a>(&'a mut self, target: &'a str) -> Request<'a, S> {
        self.request(Method::Post, target)
    }

    /// `PUT`.
    pub fn put<'a>(&'a mut self, target: &'a str) -> Request<'a, S> {
        self.request(Method::Put, target)
    }

    /// `PATCH`.
    pub fn patch<'a>(&'a mut self, target: &'a str) -> Request<'a, S> {
        self.request(Method::Patch, target)
    }

    /// `DELETE`.
    pub fn delete<'a>(&'a mut self, target: &'a str) -> Request<'a, S> {
        self.request(Method::Delete, target)
    }

    /// `OPTIONS`.
    pub fn options<'a>(&'a mut self, target: &'a str) -> Request<'a, S> {
        self.request(Method::Options, target)
    }
}

impl<S: 'static> User for HttpUser<S> {
    fn context(&mut self) -> &mut UserContext<Self> {
        &mut self.context
    }
}
