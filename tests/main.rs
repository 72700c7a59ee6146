//! The end-to-end tests: one binary, one module per subject.
//!
//! - `fixtures`: the peers of `support/` do what they say, or every test above them means nothing
//! - `tidy`: the rules of the workspace, as tests over its own text
//!
//! A test here starts real processes on free loopback ports and runs for a second or two. What can be tested without a
//! process belongs to its crate instead.

#![forbid(unsafe_code)]

mod fixtures;
mod tidy;
