//! The command line in two steps: `typed.rs` is what was typed, `plan.rs` what it means.
//!
//! No other part of the crate sees a raw flag. `duration.rs` and `values.rs` hold the conversions of single values.
//! Environment variables and configuration files are to be laid under [`Typed`], whose every field knows whether it
//! was given; the plan and all that follows stay as they are.

mod duration;
mod plan;
mod typed;
mod values;

pub use plan::{LoadPlan, LogPlan, Mode, OutputPlan, Plan, Target};
pub use typed::{LoadArgs, LogArgs, OtherArgs, OutputArgs, Parsed, QuickArgs, Typed, parse};
