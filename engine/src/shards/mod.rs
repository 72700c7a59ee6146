//! Shards: threads that run Rust users, pinned to cores, as one [`Swarm`](crate::Swarm).
//!
//! Shards share nothing while a request is in flight. `swarm.rs` starts their threads, and `shard_loop.rs` runs on each
//! of them. Nothing else of the engine may know this folder.

mod shard_loop;
mod swarm;

pub(crate) use shard_loop::ShardContext;
pub use swarm::{ShardError, ShardOptions, ShardSwarm};

#[cfg(test)]
mod tests;
