//! The demo site: a small shop to load when no other target is at hand, in a process of its own.
//!
//! A site in the generator's process would take CPU time from the generator and appear in its figures. [`DemoSite`]
//! therefore starts another process of the same program, with the hidden first argument [`SITE_ARGUMENT`]. That process
//! only calls [`serve`]. `site.rs` is the parent, `server.rs` the child, and `shop.rs` makes the responses. The users
//! of the shop are in `users.rs`. This module does not depend on runs.

mod access_log;
mod catalogue;
mod server;
mod sessions;
mod shop;
mod site;
mod users;

pub use server::serve;
pub use site::DemoSite;
pub use users::user_classes;

/// The first argument with which each gregaria program serves the demo site. It is handled before all other arguments.
pub const SITE_ARGUMENT: &str = "--demo-site";
