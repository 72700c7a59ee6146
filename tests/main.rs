//! The end-to-end tests: one binary with one module per subject. These tests start real processes and take a second
//! or two. Tests without processes belong to their crates.
//!
//! - `command_line`: exit codes, rejected arguments, output streams
//! - `demo`, `examples`: the demo site as a process, the Rust examples
//! - `documents`: the commands in README.md and docs/
//! - `fixtures`: the fixtures of `support/`
//! - `hostile_targets`, `machine`: failures of the target and of the machine as named error rows
//! - `http`, `addresses`: framings and connections of common servers; endpoints of connections
//! - `quick_run`: one URL, with counts that agree with the server's log
//! - `run_end`: the end by number, time or signal; aborted requests
//! - `rust_users`: users in Rust, started through the engine only
//! - `shards_and_drivers`: cores, io_uring, epoll
//! - `terminal`: the live display and its keys, on a pseudo-terminal
//! - `tidy`: the rules of the workspace, as tests of its text

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
