//! Name resolution: from the host of a URL to the addresses that a connection is attempted at, and the local address it
//! comes from.
//!
//! `resolver.rs` decides where a connection goes and caches lookups. `threads.rs` runs the lookups off the hot path.
//! `host.rs` orders the addresses of one host, `happy_eyeballs.rs` races them, and `sources.rs` selects local
//! addresses. Sockets are opened in `rt/net.rs`.

mod happy_eyeballs;
mod host;
mod resolver;
mod sources;
mod threads;

pub use resolver::Resolver;

pub(super) use happy_eyeballs::happy_eyeballs;
pub(super) use resolver::ConnectTarget;
pub(super) use sources::SourceAddrs;
