//! The session against a scripted network: what goes over the wire, what comes of it, and when.
//!
//! No socket, no runtime, no waiting: `scripted` holds the target's side as a list of steps and a clock that only the
//! script moves. What is about bytes alone is tested beside the parser, in `src/proto/tests.rs`.

#![forbid(unsafe_code)]

mod chains;
mod connections;
mod cookies;
mod costs;
mod failures;
mod requests;
mod scripted;
mod streams;
mod times;
mod tls;
mod tls_peer;
mod tls_trust;
mod uploads;
