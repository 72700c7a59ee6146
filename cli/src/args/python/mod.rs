//! The parts of the command line that only locustfiles and the Python host need.
//!
//! `first_pass.rs` decides whether a command line needs Python, `locustfile.rs` finds the locustfiles, and
//! `parsed_options.rs` returns the options under Locust's names. This folder may use all other folders of `args/`, and
//! none of them may use this folder.

pub(super) mod first_pass;
mod locustfile;
pub(super) mod parsed_options;
