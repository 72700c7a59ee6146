//! gregaria's Python host, the native half: what Python users need of the engine, as the module `gregaria._engine`.
//!
//! The Python half (`python/gregaria/`) has the classes that locustfiles see, and the event loop. This half has
//! everything that happens per request: the way to the carrier and back (`wire.rs`, `hub.rs`), the response
//! (`response.rs`), the sample. No Python object is touched by any thread but the hub's.

#![forbid(unsafe_code)]

mod command_line;
mod details;
mod hub;
mod log;
mod outcome;
mod response;
mod route;
mod run;
mod scenario;
mod stream;
mod swarm;
mod ticket;
mod verdict;
mod wire;

use pyo3::prelude::*;

/// The module.
#[pymodule]
mod _engine {
    #[pymodule_export]
    use super::{
        command_line::{CommandLine, Refused, first_pass, run_native, serve_demo},
        hub::Hub,
        log::log_record,
        response::Response,
        run::{Prepared, Run, prepare, start},
        wire::{Wire, default_headers},
    };
}
