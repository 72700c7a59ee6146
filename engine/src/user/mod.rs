//! Users in Rust: their classes, tasks, waits and HTTP requests.
//!
//! A scenario is a list of [`UserClass`]es, each with a [`TaskSet`] of plain async functions. Nothing in here knows
//! where users run; what they need of their shard comes through [`UserCore`].

mod class;
mod context;
mod flow;
mod handle;
mod http_user;
mod outcome;
mod registry;
mod request;
mod response;
mod stream;
mod task;
mod task_set;
mod wait;

pub use class::{ClassBuilder, RustScenario, UserClass};
pub use context::{User, UserContext};
pub use flow::{TaskExit, TaskResult, interrupt, stop_user};
pub use gregaria_http::Method;
pub use http_user::HttpUser;
pub use outcome::ExpectedStatus;
pub use request::{CaughtRequest, Request, StreamedRequest};
pub use response::{CaughtResponse, Response};
pub use stream::StreamedResponse;
pub use task_set::TaskSet;
pub use wait::{Wait, between, constant, constant_pacing, constant_throughput};

pub(crate) use context::UserLifecycle;
pub(crate) use handle::{StopSignal, UserHandle};
pub(crate) use registry::UserRegistry;
