//! What the end-to-end tests stand on: real peers and the real program.
//!
//! [`nginx`] is the well-behaved server whose log is the truth about counts, [`hostile`] is the server that breaks
//! every promise HTTP makes, [`python_server`] and [`hyper_server`] are servers as others write them,
//! [`forward_proxy`] stands before them, [`program`] runs `gregaria` and the examples under a hard time limit,
//! [`session`] does so on a terminal, [`report`] reads what they printed, [`filtered`] runs a command on a kernel
//! that seems to have no io_uring.
//!
//! Nothing here knows the crates of the workspace: the tests see what a user sees. Every fixture takes a free port,
//! keeps its files in a directory of its own, and is gone when it is dropped, so tests run side by side.

#![forbid(unsafe_code)]
#![allow(clippy::disallowed_methods, reason = "fixtures live in real time: they wait for processes and sockets")]
#![allow(clippy::missing_panics_doc, reason = "a fixture that cannot start panics: that is the test's failure")]

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
