//! Shards: threads that run Rust users, pinned to cores, as one [`Swarm`](crate::Swarm).
//!
//! Shards share nothing while a request is in flight. `swarm.rs` starts their threads, and `shard_loop.rs` runs on each
//! of them. This folder sits on top of the Rust users: no other folder of the engine may know it.

mod shard_loop;
mod swarm;

pub use swarm::{ShardError, ShardOptions, ShardSwarm};

#[cfg(test)]
mod tests;
