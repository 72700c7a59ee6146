//! gregaria: load tests in Locust's vocabulary on an io_uring engine.
//!
//! A test is a program: user classes in Rust, and [`main`], which adds the command line.
//!
//! ```no_run
//! use std::process::ExitCode;
//!
//! use gregaria::{HttpUser, TaskResult, TaskSet, UserClass, between};
//!
//! async fn index(user: &mut HttpUser) -> TaskResult {
//!     user.get("/").await;
//!     Ok(())
//! }
//!
//! fn main() -> ExitCode {
//!     let tasks = TaskSet::new("Browse").task(1, index);
//!     gregaria::main([UserClass::http("Visitor").wait(between(1.0, 5.0)).tasks(tasks)])
//! }
//! ```
//!
//! A scenario needs the names at the root, [`http`] for bodies, credentials, proxies and TLS, and [`stats`] for the
//! samples of a client of its own. The modules [`args`], [`demo`], [`exit`], [`run`] and [`terminal`] are for hosts of
//! users, such as the Python host.
//!
//! Only [`main`] and such a host own the process: arguments, log, signals, exit code. [`run`] follows a run and shows
//! it on a [`terminal`]. The other modules are text and data. A program that is not a load test starts and controls
//! runs with `gregaria_engine` alone.

#![forbid(unsafe_code)]

pub mod args;
mod console;
pub mod demo;
#[cfg(any(test, doctest))]
mod doc_tests;
mod entry;
pub mod exit;
mod first_response;
#[cfg(test)]
mod fixture;
mod json;
mod list;
mod logger;
mod panic_log;
mod python_exec;
pub mod quick;
mod ratio;
mod resource_limits;
pub mod run;
mod signals;
pub mod terminal;

pub use entry::{main, run_command_line, scenario_error, write_mode_output, write_stdout};
pub use gregaria_engine::{
    CaughtRequest, CaughtResponse, ClassBuilder, ExpectedStatus, HttpUser, Method, Request, Response, StreamedRequest,
    StreamedResponse, TaskExit, TaskResult, TaskSet, User, UserClass, UserContext, Wait, between, constant,
    constant_pacing, constant_throughput, interrupt, stop_user,
};
pub use gregaria_http::{self as http, ClientConfig, DefaultHeaders, HttpLimits};
pub use gregaria_stats as stats;
