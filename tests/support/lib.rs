//! The fixtures of the end-to-end tests: real servers and the real program.
//!
//! [`nginx`] is a well-behaved server; its log is the reference for counts. [`hostile`] is a server that violates
//! HTTP in many ways. [`python_server`] and [`hyper_server`] are servers built from common libraries, and
//! [`forward_proxy`] is a proxy. [`program`] runs `gregaria` and the examples with a time limit, [`terminal_session`]
//! does so on a terminal. [`report`] parses the output. [`io_uring_filter`] runs a command on a kernel that appears
//! to have no io_uring.
//!
//! This package must not use the crates of the workspace: the tests see the program as a user does. Every fixture
//! uses a free port, keeps its files in its own directory, and ends when it is dropped. Tests can therefore run in
//! parallel.

#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "fixtures use real time: they wait for processes and sockets")]
#![allow(clippy::missing_panics_doc, reason = "a fixture that cannot start fails the test by a panic")]

pub mod forward_proxy;
pub mod hostile;
pub mod hyper_server;
pub mod io_uring_filter;
pub mod nginx;
mod pipe;
pub mod program;
pub mod python_server;
pub mod report;
pub mod terminal_session;
pub mod workspace;

pub use forward_proxy::ForwardProxy;
pub use hostile::HostileServer;
pub use hyper_server::HyperServer;
pub use nginx::Nginx;
pub use program::{FinishedProgram, Program, RunningProgram, example, gregaria};
pub use terminal_session::TerminalSession;
