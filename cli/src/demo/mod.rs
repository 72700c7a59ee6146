//! The demo: a small shop to load when there is no site at hand, in a process of its own.
//!
//! A site inside the generator's process would share its cores' time and its figures, so [`Site`] starts one more process
//! of the same program, with the hidden first argument [`SITE_ARGUMENT`]; that one does nothing but [`serve`] the shop.
//! `site.rs` is the parent's side, `server.rs` the child's, `shop.rs` what it answers. Nothing here knows runs.

mod access_log;
mod catalogue;
mod server;
mod sessions;
mod shop;
mod site;

pub use server::serve;
pub use site::DemoSite;

/// The first argument that makes any of our programs the demo site, before anything else is parsed.
pub const SITE_ARGUMENT: &str = "--demo-site";
