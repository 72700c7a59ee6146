//! `--json-file`: the final statistics in a file.
//!
//! The format is in `json.rs`. The file takes the place of the final tables (`final_report.rs`).

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::output::{FinishedRun, RunOutput};
use crate::json;

/// The output of `--json-file`.
pub(super) struct JsonFile {
    path: PathBuf,
}

impl JsonFile {
    /// Appends `.json` to `name`, as Locust does, even if the name has an extension.
    pub(super) fn new(name: &Path) -> Self {
        let mut path = name.as_os_str().to_owned();
        path.push(".json");
        Self { path: path.into() }
    }
}

impl RunOutput for JsonFile {
    fn finish(&mut self, run: &FinishedRun<'_>) -> io::Result<()> {
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder)?;
        }
        let mut file = BufWriter::new(File::create(&self.path)?);
        json::write_entries(&mut file, run.summary)?;
        file.flush()
    }

    fn destination(&self) -> String {
        self.path.display().to_string()
    }
}
