//! The declared flags and positional arguments: spellings, help texts, and values as text.
//!
//! `raw.rs` declares gregaria's flags, `custom_args.rs` adds those of a locustfile, and `command.rs` builds the clap
//! command from both. `program.rs` describes the program that a command line belongs to. `words.rs` recognizes the
//! words of a line before all flags are known. `recorded_args.rs` lists the given arguments for the results.
//! `unsupported.rs` has the flags that only Locust supports, `other_tools.rs` the flags of other load generators. This
//! folder must not know configuration files and environment variables (`../config/`), nor what a combination of flags
//! means (`../plan/`).

pub(super) mod arg_value;
pub(super) mod command;
pub(super) mod custom_args;
pub(super) mod other_tools;
pub(crate) mod positional;
pub(super) mod program;
pub(super) mod raw;
pub(super) mod recorded_args;
pub(super) mod unsupported;
pub(super) mod words;
