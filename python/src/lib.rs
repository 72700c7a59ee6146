//! gregaria's Python host, the native half: what Python users need of the engine, as the module `gregaria._engine`.
//!
//! The Python half (`python/gregaria/`) has the classes that locustfiles see, and the event loop. This half has
//! everything that happens per request: the way to the carrier and back (`session.rs`, `bridge.rs`), the response
//! (`response/mod.rs`), the sample. No Python object is touched by any thread but the hub's.

#![forbid(unsafe_code)]

mod bridge;
mod command_line;
mod exceptions;
mod log;
mod options;
mod pending;
mod response;
mod run;
mod scenario;
mod session;
mod swarm;
mod transport_cache;

use pyo3::prelude::*;

/// The module.
#[pymodule]
mod _engine {
    #[pymodule_export]
    use super::{
        bridge::Hub,
        command_line::{CommandLine, Refused, first_pass, run_native, serve_demo},
        log::log_record,
        response::Response,
        run::{Prepared, Run, prepare, start},
        session::{Wire, default_headers},
    };
}
