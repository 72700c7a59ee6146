//! Python's log records, written as ours are.

use log::{Level, Record};
use pyo3::prelude::*;

/// Under which name this module's own messages are logged.
pub(crate) const LOG: &str = "gregaria";

/// Writes a record of Python's `logging`: its level as a number there, the logger's name, and the finished message.
#[pyfunction]
pub(crate) fn log_record(level: u32, name: &str, message: &str) {
    let level = match level {
        40.. => Level::Error,
        30.. => Level::Warn,
        20.. => Level::Info,
        _ => Level::Debug,
    };
    log::logger().log(&Record::builder().level(level).target(name).args(format_args!("{message}")).build());
}
