//! The declared flags and positional arguments: spellings, help texts, and values as text.
//!
//! `raw.rs` declares gregaria's flags, `custom_args.rs` adds those of a locustfile, and `command.rs` builds the clap
//! command from both. `program.rs` describes the program that a command line belongs to, and `unsupported.rs` rejects
//! the flags that only Locust supports. This folder must not know configuration files and environment variables
//! (`../config/`), nor what a combination of flags means (`../plan/`).

pub(super) mod arg_value;
pub(super) mod command;
pub(super) mod custom_args;
pub(crate) mod positional;
pub(super) mod program;
pub(super) mod raw;
pub(super) mod unsupported;
