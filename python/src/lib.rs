//! The extension module of gregaria's Python host, `gregaria._engine`: the parts of the engine that Python users need.
//!
//! The Python package (`python/gregaria/`) has the classes that locustfiles use, and the event loop. The extension
//! module has the work per request: the way to the I/O thread (`session.rs`, `bridge.rs`), the way back
//! (`completions.rs`), the response and its outcome (`response/`). Only the Python thread touches Python objects.

#![forbid(unsafe_code)]

mod bridge;
mod command_line;
mod completions;
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
        bridge::{EngineBridge, UserAction},
        command_line::{CliError, CommandLine, locustfiles, run_native, serve_demo},
        completions::{UploadChunkNeeded, next_completion},
        log::log_record,
        response::{Response, ResponseStream},
        run::{HostEvent, Run, RunSetup, prepare, start},
        session::{ClientSession, default_headers},
    };

    #[pymodule_export]
    const DEMO_SITE_ARGUMENT: &str = gregaria::demo::SITE_ARGUMENT;
    #[pymodule_export]
    const RUNTIME_ERROR: u8 = gregaria::exit::RUNTIME_ERROR;
    #[pymodule_export]
    const USAGE_ERROR: u8 = gregaria::exit::USAGE_ERROR;
}
