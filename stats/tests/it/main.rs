//! What the crate promises to others, tested through its public face.
//!
//! `merging`: sums are exact in any grouping, and folding is visible. `memory`: recording does
//! not allocate, budgets hold. `summary`: what reports read. Tests of one file's own arithmetic
//! stand in that file.

mod memory;
mod merging;
mod stream;
mod summary;
