//! The flags and positional arguments: their spellings, their help texts, and the values that were given.
//!
//! `raw.rs` declares gregaria's flags, `custom_args.rs` adds those of a locustfile. `program.rs` describes the program
//! that a command line belongs to, and `unsupported.rs` rejects the flags that have no effect yet. This folder must not
//! know configuration files, environment variables (`../config/`) or what a combination of flags means (`../plan/`).

pub(super) mod arg_value;
pub(super) mod command;
pub(super) mod custom_args;
pub(super) mod positional;
pub(super) mod program;
pub(super) mod raw;
pub(super) mod unsupported;
