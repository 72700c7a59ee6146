//! The access log of the demo site: one line per request, `METHOD target status`. Tests compare its counts.

use std::{
    env,
    fs::{File, OpenOptions},
    io::{self, Write},
};

use oxhttp::model::{Method, StatusCode, Uri};

/// The access log. It is written only if `GREGARIA_DEMO_LOG` names a file.
pub(super) struct AccessLog(Option<File>);

impl AccessLog {
    /// Opens the file that `GREGARIA_DEMO_LOG` names.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub(super) fn from_env() -> io::Result<Self> {
        let file = env::var_os(LOG_FILE_VARIABLE).map(|path| OpenOptions::new().append(true).create(true).open(path));
        file.transpose().map(Self)
    }

    /// Appends one line. Called before the response is sent: the log then has each request that a client has counted,
    /// even if the process is killed.
    pub(super) fn append(&self, method: &Method, target: &Uri, status: StatusCode) {
        if let Some(mut file) = self.0.as_ref() {
            let target = target.path_and_query().map_or("*", |target| target.as_str());
            // One write per line, so that lines of different threads do not mix. A full disk does not change responses.
            let _ = file.write_all(format!("{method} {target} {}\n", status.as_u16()).as_bytes());
        }
    }
}

const LOG_FILE_VARIABLE: &str = "GREGARIA_DEMO_LOG";
