//! Log records of Python's `logging`, written in the form of all others.

use log::{Level, Record};
use pyo3::prelude::*;

/// The logger's name of this crate's own messages.
pub(crate) const LOG: &str = "gregaria";

/// Writes a record of Python's `logging`: its numeric level, the logger's name, and the formatted message.
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
