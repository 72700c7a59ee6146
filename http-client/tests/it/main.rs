//! The session against a scripted network: what goes over the wire, what comes of it, and when.
//!
//! No socket, no runtime, no waiting: `scripted` holds the target's side as a list of steps and a clock that only the
//! script moves. What is about bytes alone is in `responses` and in the corpus; both read through `reader`.

#![forbid(unsafe_code)]

mod chains;
mod connections;
mod cookies;
mod corpus;
mod costs;
mod failures;
mod fuzz;
mod limits;
mod reader;
mod requests;
mod responses;
mod scripted;
mod streams;
mod times;
mod tls;
mod tls_peer;
mod tls_trust;
mod uploads;
