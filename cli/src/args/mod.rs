//! The command line in two steps: arguments as text ([`RawArgs`]), and the plan of a run ([`RunPlan`]).
//!
//! No other part of the crate uses a raw argument. [`parse`](self::parse()) splits a command line (`cli/`) and adds
//! the settings from environment variables and configuration files (`config/`), so that the origin of a value does
//! not matter to later steps. [`RunPlan::new`] converts and checks the values (`plan/`). `python/` finds the
//! locustfile before the first step, because a locustfile may add flags, and returns the options for Python after the
//! second step.
//!
//! `cli/` uses none of the other folders, `config/` and `plan/` use only `cli/`, `python/` may use all of them.

mod cli;
mod config;
mod parse;
mod plan;
mod python;

pub(crate) use cli::{arg_value::RecordedArg, positional, recorded_args::mask_url};
pub use cli::{
    program::{Arity, CustomArg, ProgramKind},
    raw::RawArgs,
};
pub use config::process_env::ProcessEnv;
pub use parse::{ParsedLine, parse};
pub use plan::{
    LoadPlan, LogPlan, Mode, OutputPlan, RunPlan, client::ClientPlan, limits::name_limit_flag, target::RunTarget,
};
pub use python::{
    first_pass::{FirstPass, first_pass},
    parsed_options::parsed_options,
};
