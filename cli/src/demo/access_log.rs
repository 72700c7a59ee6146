//! What the site was asked and how it answered, a line each: `METHOD target status`. For tests, which compare counts.

use std::{
    env,
    fs::{File, OpenOptions},
    io::{self, Write},
};

use oxhttp::model::{Method, StatusCode, Uri};

/// A log that is kept only if `GREGARIA_DEMO_LOG` names a file for it.
pub(super) struct AccessLog(Option<File>);

impl AccessLog {
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn from_env() -> io::Result<Self> {
        let file = env::var_os(LOG_FILE_VARIABLE).map(|path| OpenOptions::new().append(true).create(true).open(path));
        file.transpose().map(Self)
    }

    /// To be called before the answer leaves: then the log has every request of which anyone knows, however the process
    /// ends. A line is one call, so that lines of different threads do not mix.
    pub(super) fn append(&self, method: &Method, target: &Uri, status: StatusCode) {
        if let Some(mut file) = self.0.as_ref() {
            let target = target.path_and_query().map_or("*", |target| target.as_str());
            // A full disk is no reason to answer otherwise.
            let _ = file.write_all(format!("{method} {target} {}\n", status.as_u16()).as_bytes());
        }
    }
}

const LOG_FILE_VARIABLE: &str = "GREGARIA_DEMO_LOG";
