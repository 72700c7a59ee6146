//! A quick run: one request to one URL, again and again, by users that never wait.
//!
//! Only a user class like any other; what sets a quick run apart otherwise are the defaults in `args/plan.rs`.

use std::time::Duration;

use gregaria_engine::{HttpUser, Method, TaskSet, UserClass};
use gregaria_http::ClientConfig;

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
    /// Longest time for making a connection, where it was given.
    pub connect_timeout: Option<Duration>,
    /// Longest time from sending to the end of the response, where it was given.
    pub read_timeout: Option<Duration>,
}

/// The user class that makes this request all the time.
pub fn class(request: QuickRequest) -> UserClass {
    let config = config(&request);
    let QuickRequest { host, target, method, headers, body, .. } = request;
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
    UserClass::http(NAME).host(host).client(config).tasks(TaskSet::new(NAME).task_named("request", 1, ask))
}

fn config(request: &QuickRequest) -> ClientConfig {
    let mut config = ClientConfig::default();
    let ns = |timeout: Duration| u64::try_from(timeout.as_nanos()).unwrap_or(u64::MAX);
    config.connect_timeout_ns = request.connect_timeout.map_or(config.connect_timeout_ns, ns);
    config.read_timeout_ns = request.read_timeout.map_or(config.read_timeout_ns, ns);
    config
}

const NAME: &str = "QuickRun";
