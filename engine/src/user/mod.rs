//! Users in Rust: their classes, tasks, waits and HTTP requests.
//!
//! A scenario is a list of [`UserClass`]es, each with a [`TaskSet`] of plain async functions. Users reach their thread
//! through `thread_context.rs`, and are stopped through their handle (`handle.rs`, `registry.rs`).
//!
//! This folder must not know the threads that run users (`shards/`), thread control (`control/`), the runner or the I/O
//! thread.

mod activity;
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
mod thread_context;
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

pub(crate) use activity::ThreadActivity;
pub(crate) use handle::{StopSignal, UserHandle};
pub(crate) use thread_context::ThreadContext;
