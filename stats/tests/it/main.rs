//! Tests of the crate's guarantees, through its public API.
//!
//! `merging`: sums are exact in any grouping, and folding is visible. `memory`: recording allocates no memory, and
//! budgets hold. `summary`: the values that reports read. Tests of the arithmetic of one file are in that file.

mod memory;
mod merging;
mod stream;
mod summary;
