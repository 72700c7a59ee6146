//! The command line in two steps: what was typed (`typed.rs`), and what it means (`plan.rs`).
//!
//! No other part of the crate sees a raw flag. Before the steps, `first_pass.rs` finds the locustfile, which may add
//! flags of its own (`program.rs`, `extra.rs`). `parse.rs` takes the words apart and lays under them what variables and
//! files say (`sources/`), so that the plan and all that follows do not know where a value comes from; a message does
//! (`given.rs`). `values.rs` and `duration.rs` convert single values, and `options.rs` tells Python what was given.
//! What the plan says of connections is in `addresses.rs`, and of the users' clients in `client.rs` and `limits.rs`.

mod arg_value;
mod client;
mod config;
mod config_keys;
mod connect_config;
mod custom_args;
mod duration;
mod first_pass;
mod limits;
mod locustfile;
mod parse;
mod parsed_options;
mod plan;
mod process_env;
mod program;
mod raw;
mod target;
mod unsupported;
mod values;
mod web;

pub use arg_value::ArgValue;
pub use client::ClientPlan;
pub use first_pass::{FirstPass, first_pass};
pub use limits::ResponseLimit;
pub use parse::{ParsedLine, parse};
pub use parsed_options::parsed_options;
pub use plan::{LoadPlan, LogPlan, Mode, OutputPlan, RunPlan};
pub use process_env::ProcessEnv;
pub use program::{Arity, CustomArg, ProgramKind};
pub use raw::{
    ClusterArgs, LoadArgs, LogArgs, NetworkArgs, OtherArgs, OutputArgs, QuickArgs, RawArgs, TlsArgs, UsersArgs, WebArgs,
};
pub use target::RunTarget;
pub use web::WebPlan;
