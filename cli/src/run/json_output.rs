//! `--json`, `--json-full` and their variants for files: the final statistics on stdout or in a file.
//!
//! The two forms of JSON are in `json/`. Locust's form in a file takes the place of the final tables
//! (`final_report.rs`).

use std::{
    fs::{self, File},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use super::output::{FinishedRun, RunInfo, RunOutput};
use crate::json::{self, RunResults};

/// An output of JSON.
pub(super) struct JsonOutput<'a> {
    destination: Destination<'a>,
    form: JsonForm<'a>,
}

/// The form of the JSON.
pub(super) enum JsonForm<'a> {
    /// Locust's list of entries.
    Entries,
    /// The full results.
    Full(RunInfo<'a>),
}

enum Destination<'a> {
    Stdout(&'a mut dyn Write),
    File(PathBuf),
}

impl<'a> JsonOutput<'a> {
    /// Writes to stdout.
    pub(super) fn to_stdout(form: JsonForm<'a>, stdout: &'a mut dyn Write) -> Self {
        Self { destination: Destination::Stdout(stdout), form }
    }

    /// Writes to this file, and creates its folder if it does not exist.
    pub(super) fn to_file(form: JsonForm<'a>, path: PathBuf) -> Self {
        Self { destination: Destination::File(path), form }
    }
}

/// Appends `.json` to `name`, as Locust does, even if the name has an extension.
pub(super) fn locust_path(name: &Path) -> PathBuf {
    let mut path = name.as_os_str().to_owned();
    path.push(".json");
    path.into()
}

impl RunOutput for JsonOutput<'_> {
    fn finish(&mut self, run: &FinishedRun<'_>) -> io::Result<()> {
        match &mut self.destination {
            Destination::Stdout(stdout) => {
                self.form.write(stdout, run)?;
                stdout.flush()
            }
            Destination::File(path) => {
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder)?;
                }
                let mut file = BufWriter::new(File::create(path)?);
                self.form.write(&mut file, run)?;
                file.flush()
            }
        }
    }

    fn destination(&self) -> String {
        match &self.destination {
            Destination::Stdout(_) => "stdout".to_owned(),
            Destination::File(path) => path.display().to_string(),
        }
    }
}

impl JsonForm<'_> {
    fn write(&self, out: &mut dyn Write, run: &FinishedRun<'_>) -> io::Result<()> {
        let FinishedRun { report, summary, .. } = *run;
        match self {
            Self::Entries => json::write_entries(out, summary, report.start),
            Self::Full(RunInfo { plan, classes, driver }) => {
                RunResults { plan, classes, driver, report, summary }.write(out)
            }
        }
    }
}
