//! One run of this process: its setup, its launch, the loop that follows it, and its outputs.
//!
//! An owner of a process calls [`prepare`], [`launch()`] and [`LaunchedRun::follow`], in this order. The Rust programs
//! (`entry.rs`) and the Python host both do. `follow.rs` is the loop. It reaches the outputs through the trait in
//! `output.rs` only: a new output is one file here, its `mod` line, and one line in `RunOutputs::new`.

mod final_report;
mod follow;
mod json_output;
mod launch;
mod live_display;
mod output;
mod setup;

pub use launch::{Backend, LaunchedRun, launch};
pub use setup::{RunContext, prepare};
