//! Integration tests of the session and the parser, without sockets, runtimes or real time.
//!
//! `scripted` is a network of targets that follow a list of steps, with a clock that only the script advances. Tests
//! of the parser are in `responses` and in `corpus`. Both use `reader`, which parses each response in many ways.

#![forbid(unsafe_code)]

mod connections;
mod cookies;
mod corpus;
mod costs;
mod failures;
mod follow;
mod fuzz;
mod limits;
mod reader;
mod requests;
mod responses;
mod retries;
mod scripted;
mod streams;
mod times;
mod tls;
mod tls_peer;
mod tls_trust;
mod uploads;
