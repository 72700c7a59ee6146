//! The user class of a quick run: one request to one URL, repeated by users that never wait.
//!
//! The defaults of a quick run are in `args/plan/mod.rs`.

use gregaria_engine::{HttpUser, Method, Request, TaskSet, UserClass};

/// The request of a quick run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuickRequest {
    /// `http://name[:port]`.
    pub host: String,
    /// Path and query, as in the given URL. They are the name of the entry in the statistics, and are percent-encoded
    /// when they are sent.
    pub target: String,
    /// The HTTP method.
    pub method: Method,
    /// Names and values of headers in addition to the default headers.
    pub headers: Vec<(String, String)>,
    /// The body; `None` sends none.
    pub body: Option<Vec<u8>>,
}

impl QuickRequest {
    /// Returns the headers for [`prepare`](Self::prepare). A request borrows its headers. Leaked once per process, they
    /// need no copy per request.
    pub(crate) fn leak_headers(&self) -> Vec<(&'static str, &'static str)> {
        self.headers.iter().map(|(name, value)| (&*name.clone().leak(), &*value.clone().leak())).collect()
    }

    /// Returns the request for this user.
    pub(crate) fn prepare<'a>(
        &'a self,
        user: &'a mut HttpUser,
        headers: &'a [(&'static str, &'static str)],
    ) -> Request<'a, ()> {
        let request = user.request(self.method, &self.target).headers(headers);
        match &self.body {
            Some(body) => request.body(body),
            None => request,
        }
    }
}

/// Creates the user class that repeats this request.
pub(crate) fn user_class(request: QuickRequest) -> UserClass {
    let host = request.host.clone();
    let headers = request.leak_headers();
    let send_request = async move |user: &mut HttpUser| {
        request.prepare(user, &headers).discard_body().await;
        Ok(())
    };
    UserClass::http(CLASS_NAME).host(host).tasks(TaskSet::new(CLASS_NAME).task_named("request", 1, send_request))
}

const CLASS_NAME: &str = "QuickRun";
