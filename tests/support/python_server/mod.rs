//! The server classes of Python's standard library, started by `server.py`. Many development servers use them.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::workspace;

/// A server class.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PythonServerKind {
    /// `http.server` with files, in HTTP/1.0: `/` and `/folder/`.
    Files,
    /// `http.server` in HTTP/1.0: `/`, `/chunked`, `/until-the-end`, `/status/CODE`, `/digest` for
    /// [`USER`](crate::nginx::USER), and an echo of POST bodies.
    Closing,
    /// The same in HTTP/1.1, with keep-alive.
    Keeping,
    /// A bare `socketserver`: a page, or an echo.
    Lines,
    /// `wsgiref`: a page, or an echo.
    Wsgi,
}

/// A running Python server. Dropping the value ends the process.
pub struct PythonServer {
    process: Child,
    address: SocketAddr,
    directory: TempDir,
}

/// One line of the log.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PythonLogEntry {
    /// Number of the connection.
    pub connection: u64,
    /// Method as received.
    pub method: String,
    /// Path and query as received.
    pub target: String,
    /// Status of the response.
    pub status: u16,
}

impl PythonServer {
    /// Starts the server and returns when it listens.
    #[must_use]
    pub fn start(kind: PythonServerKind) -> Self {
        let directory = TempDir::new().expect("failed to create a temporary directory");
        write_files(directory.path());
        let name = format!("{kind:?}").to_lowercase();
        let mut process = Command::new("python3")
            .arg(workspace::root().join("tests/support/python_server/server.py"))
            .args([name.as_str(), "../log"])
            .current_dir(directory.path().join("files"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("failed to start python3");
        let mut port = String::new();
        let stdout = process.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut port).expect("failed to read the port");
        let port: u16 = port.trim().parse().expect("a port");
        Self { process, address: (Ipv4Addr::LOCALHOST, port).into(), directory }
    }

    /// Returns the URL of a path on this server.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Returns all requests so far.
    #[must_use]
    pub fn log(&self) -> Vec<PythonLogEntry> {
        let text = fs::read_to_string(self.directory.path().join("log")).expect("failed to read the log");
        text.lines().map(PythonLogEntry::parse).collect()
    }
}

impl PythonLogEntry {
    fn parse(line: &str) -> Self {
        let mut fields = line.split('\t');
        let mut field = || fields.next().unwrap_or_else(|| panic!("a field is missing in {line:?}"));
        Self {
            connection: field().parse().expect("a number"),
            method: field().to_owned(),
            target: field().to_owned(),
            status: field().parse().expect("a status"),
        }
    }
}

impl Drop for PythonServer {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn write_files(directory: &Path) {
    fs::write(directory.join("log"), "").expect("failed to write the files");
    fs::create_dir_all(directory.join("files/folder")).expect("failed to write the files");
    for file in ["index.html", "folder/index.html"] {
        fs::write(directory.join("files").join(file), "locusts ".repeat(16)).expect("failed to write the files");
    }
}
