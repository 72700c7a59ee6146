//! gregaria: load tests in Locust's words, at engine speed.
//!
//! A test is a program: user classes in Rust, and [`main`], which puts the whole command line around them.
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
//! Only [`main`] owns the process: arguments, log, signals. [`run`] shows a run and knows none of them; [`terminal`]
//! is where it is shown; [`args`], [`console`], [`json`] and the others are plain text and data. To start and steer
//! runs from a program that is not a load test, use `gregaria_engine` alone.

#![forbid(unsafe_code)]

pub mod args;
pub mod console;
pub mod demo;
mod entry;
pub mod exit;
#[cfg(test)]
mod fixture;
pub mod json;
pub mod list;
pub mod logger;
mod python_exec;
pub mod quick;
pub mod ratio;
mod resource_limits;
pub mod run;
mod signals;
pub mod terminal;

pub use entry::{main, run_command_line, scenario_error, write_stdout};
pub use gregaria_engine::{
    CaughtRequest, CaughtResponse, ClassBuilder, ExpectedStatus, HttpUser, Method, Request, Response, TaskExit,
    TaskResult, TaskSet, User, UserClass, UserContext, Wait, between, constant, constant_pacing, constant_throughput,
    interrupt, stop_user,
};
pub use gregaria_http::{ClientConfig, DefaultHeaders, HttpLimits};
