//! Control of threads of users: the swarm's side distributes commands and merges reports, the thread's side applies
//! them.
//!
//! [`Coordinator`] is the swarm's side, [`ThreadAgent`] the side of one thread of Rust or Python users. Between them
//! lie the queues of `channel.rs`. `placement.rs` decides which thread takes which step of a ramp.
//!
//! This folder must not know users (`user/`, `shards/`), the runner or the I/O thread.

mod agent;
mod channel;
mod coordinator;
mod placement;

pub use agent::{ThreadAgent, UserPool};
pub use channel::AgentEnd;
pub use coordinator::Coordinator;
