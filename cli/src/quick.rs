//! A quick run: one request to one URL, again and again, by users that never wait.
//!
//! Only a user class like any other; what sets a quick run apart otherwise are the defaults in `args/plan.rs`.

use gregaria_engine::{HttpUser, Method, TaskSet, UserClass};

/// The request of a quick run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuickRequest {
    /// `http://name[:port]`.
    pub host: String,
    /// Path and query as written: what is sent, and the name of the row in the statistics.
    pub target: String,
    /// The method.
    pub method: Method,
    /// Headers besides the usual ones.
    pub headers: Vec<(String, String)>,
    /// The body, if there is one.
    pub body: Option<Vec<u8>>,
}

/// The user class that makes this request all the time.
pub(crate) fn user_class(request: QuickRequest) -> UserClass {
    let QuickRequest { host, target, method, headers, body } = request;
    // Requests borrow their headers as pairs of texts; kept for good, these need no copy per request.
    let headers: Vec<(&str, &str)> = headers.into_iter().map(|(name, value)| (&*name.leak(), &*value.leak())).collect();
    let ask = async move |user: &mut HttpUser| {
        let mut request = user.request(method, &target).headers(&headers).discard_body();
        if let Some(body) = &body {
            request = request.body(body);
        }
        request.await;
        Ok(())
    };
    UserClass::http(CLASS_NAME).host(host).tasks(TaskSet::new(CLASS_NAME).task_named("request", 1, ask))
}

const CLASS_NAME: &str = "QuickRun";
