//! Shards: threads that run Rust users, pinned to cores, as one [`Swarm`](crate::Swarm).
//!
//! A request on an open connection changes no memory that shards share, except the leased request quota. `swarm.rs`
//! starts the threads of shards, and `shard_loop.rs` runs on each of them. This folder sits on top of the Rust users:
//! no other folder of the engine may know it.

mod shard_loop;
mod swarm;
mod watch;

pub use swarm::{ShardError, ShardOptions, ShardSwarm};

#[cfg(test)]
mod tests;
