//! The shoppers and crawlers of the demo shop as a program of their own. `gregaria --demo` runs the same users.
//!
//! `cargo run --release -p gregaria-examples --example shop -- --demo -u 50 -r 10 -t 30s`
//!
//! The scenario is in `cli/src/demo/users.rs`: weighted and nested tasks, state, request names, and a response with an
//! outcome that the task decides. `shop.py` is the same scenario in Python.

use std::process::ExitCode;

fn main() -> ExitCode {
    gregaria::main(gregaria::demo::user_classes())
}
