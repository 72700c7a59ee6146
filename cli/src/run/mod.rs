//! One run of this process: its setup, the loop that follows the run, and its outputs.

mod follow;
mod live_display;
mod setup;

pub use setup::{RunContext, follow_on_terminal, prepare, start};
