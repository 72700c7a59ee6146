//! The end-to-end tests: one binary, one module per subject. A test here starts real processes and runs for a second or
//! two; what needs none belongs to its crate instead.
//!
//! - `command_line`: exit codes, refusals, what goes to stdout and what to stderr
//! - `demo`, `examples`: the demo site as a process, the Rust examples as their users run them
//! - `documents`: the commands in README.md and docs/
//! - `fixtures`: the peers of `support/` do what they say
//! - `hostile_targets`, `machine`: each way to fail is a row with a name, on either end
//! - `http`, `addresses`: framings and connections as servers have them; where connections go and come from
//! - `quick_run`: one address, counts that agree with the server's log
//! - `run_end`: by number, time or signal; what is cut
//! - `rust_users`: users in Rust, started through the engine alone
//! - `shards_and_drivers`: cores, io_uring, epoll
//! - `terminal`: the live display and its keys, on a pseudo-terminal
//! - `tidy`: the rules of the workspace, as tests over its own text

#![forbid(unsafe_code)]

mod addresses;
mod command_line;
mod demo;
mod documents;
mod examples;
mod fixtures;
mod hostile_targets;
mod http;
mod machine;
mod quick_run;
mod run_end;
mod rust_users;
mod shards_and_drivers;
mod terminal;
mod tidy;
