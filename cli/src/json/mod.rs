//! The results of a run as JSON, in two forms: Locust's list of entries (`entries.rs`), and the full results
//! (`results.rs`), which `docs/results.schema.json` describes.
//!
//! Both are written with Python's indentation. The outputs that write them are in `run/`.

mod entries;
mod histogram;
mod machine;
mod results;

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer as Json};

pub(crate) use entries::write_entries;
pub(crate) use results::RunResults;

/// Writes a value in the form of Python's `json.dumps(..., indent=4)`, with a line end.
///
/// # Errors
/// `out` cannot be written.
pub(crate) fn write_indented(out: &mut dyn Write, value: &impl Serialize) -> io::Result<()> {
    value.serialize(&mut Json::with_formatter(&mut *out, PrettyFormatter::with_indent(b"    ")))?;
    writeln!(out)
}
