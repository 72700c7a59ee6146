//! `--json`: the final statistics on stdout.
//!
//! The format is in `json.rs`.

use std::io::{self, Write};

use super::output::{FinishedRun, RunOutput};
use crate::json;

/// The output of `--json`.
pub(super) struct JsonStdout<'a> {
    stdout: &'a mut dyn Write,
}

impl<'a> JsonStdout<'a> {
    pub(super) fn new(stdout: &'a mut dyn Write) -> Self {
        Self { stdout }
    }
}

impl RunOutput for JsonStdout<'_> {
    fn finish(&mut self, run: &FinishedRun<'_>) -> io::Result<()> {
        json::write_entries(self.stdout, run.summary)?;
        self.stdout.flush()
    }

    fn destination(&self) -> String {
        "stdout".to_owned()
    }
}
