//! The part of the command line that only locustfiles and the Python host need.
//!
//! `first_pass.rs` decides whether a command line needs Python, `locustfile.rs` finds the files, and
//! `parsed_options.rs` gives the parsed options under Locust's names. This folder may use all others of `args/`; none
//! of them uses it.

pub(super) mod first_pass;
mod locustfile;
pub(super) mod parsed_options;
