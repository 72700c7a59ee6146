//! The user class of a quick run: one request to one URL, repeated by users that never wait.
//!
//! The defaults of a quick run are in `args/plan/mod.rs`.

use gregaria_engine::{HttpUser, Method, TaskSet, UserClass};

/// The request of a quick run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuickRequest {
    /// `http://name[:port]`.
    pub host: String,
    /// Path and query, as in the given URL. They are sent unchanged, and are the name of the entry in the statistics.
    pub target: String,
    /// The HTTP method.
    pub method: Method,
    /// Names and values of headers in addition to the default headers.
    pub headers: Vec<(String, String)>,
    /// The body; `None` sends none.
    pub body: Option<Vec<u8>>,
}

/// Creates the user class that repeats this request.
pub(crate) fn user_class(request: QuickRequest) -> UserClass {
    let QuickRequest { host, target, method, headers, body } = request;
    // A request borrows its headers. Leaked once per process, they need no copy per request.
    let headers: Vec<(&str, &str)> = headers.into_iter().map(|(name, value)| (&*name.leak(), &*value.leak())).collect();
    let send_request = async move |user: &mut HttpUser| {
        let mut request = user.request(method, &target).headers(&headers).discard_body();
        if let Some(body) = &body {
            request = request.body(body);
        }
        request.await;
        Ok(())
    };
    UserClass::http(CLASS_NAME).host(host).tasks(TaskSet::new(CLASS_NAME).task_named("request", 1, send_request))
}

const CLASS_NAME: &str = "QuickRun";
