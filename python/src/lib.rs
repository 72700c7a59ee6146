//! gregaria's Python host, the native half: what Python users need of the engine, as the module `gregaria._engine`.
//!
//! The Python half (`python/gregaria/`) has the classes that locustfiles see, and the event loop. This half has
//! everything that happens per request: the way to the carrier and back (`hub.rs`, `wire.rs`), the response
//! (`response.rs`), the sample. No Python object is touched by any thread but the hub's.

mod hub;
mod outcome;
mod response;
mod scenario;
mod swarm;
mod ticket;
mod wire;

use pyo3::prelude::*;

/// The module.
#[pymodule]
mod _engine {
    #[pymodule_export]
    use super::{hub::Hub, response::Response, wire::Wire};
}
