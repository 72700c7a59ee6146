//! Runs `gregaria` or an example as a user does: arguments, signals, output, exit code.
//!
//! Each program starts in its own empty directory, which is also its home. `COLUMNS`, `LOCUST_*`, `GREGARIA_*` and
//! `MONOIO_*` variables of the test's environment are removed, so that they do not affect the test. A program that does
//! not end within its time limit is killed, and the test fails with its output.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;
use std::{env, mem};

use rustix::process::{Pid, kill_process};
use tempfile::TempDir;

pub use rustix::process::Signal;

use crate::pipe::PipeOutput;
use crate::report;
use crate::terminal_session::TerminalSession;
use crate::workspace;

/// Returns the program `gregaria` of this workspace.
#[must_use]
pub fn gregaria() -> Program {
    Program::at(workspace::gregaria_path())
}

/// Returns a Rust example.
#[must_use]
pub fn example(name: &str) -> Program {
    Program::at(workspace::example_path(name))
}

/// A program with its arguments and environment, before its start.
pub struct Program {
    path: PathBuf,
    arguments: Vec<OsString>,
    variables: Vec<(OsString, OsString)>,
    directory: TempDir,
    time_limit: Duration,
}

impl Program {
    /// Creates a program at `path` with a time limit of 30 s.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self {
            path,
            arguments: Vec::new(),
            variables: Vec::new(),
            directory: TempDir::new().expect("failed to create a temporary directory"),
            time_limit: Duration::from_secs(30),
        }
    }

    /// Adds one argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments that are separated by spaces.
    #[must_use]
    pub fn args(mut self, arguments: &str) -> Self {
        self.arguments.extend(arguments.split_whitespace().map(OsString::from));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.variables.push((name.into(), value.as_ref().to_owned()));
        self
    }

    /// Sets the time limit in seconds, after which the program is killed.
    #[must_use]
    pub fn time_limit_s(mut self, seconds: u64) -> Self {
        self.time_limit = Duration::from_secs(seconds);
        self
    }

    /// Returns the empty directory in which the program starts.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Returns the command `WRAPPER WRAPPER_ARGS… PROGRAM ARGUMENTS…`.
    #[must_use]
    pub fn wrapped_by(mut self, wrapper: &Path, wrapper_args: &[&str]) -> Self {
        let program = mem::replace(&mut self.path, wrapper.to_owned());
        let front = wrapper_args.iter().map(OsString::from).chain([program.into_os_string()]);
        self.arguments.splice(0..0, front);
        self
    }

    /// Starts the program and waits until it ends.
    #[must_use]
    pub fn run(self) -> FinishedProgram {
        self.start().finish()
    }

    /// Starts the program on a terminal of this size.
    #[must_use]
    pub fn start_on_terminal(self, columns: u16, rows: u16) -> TerminalSession {
        let mut command = pty_process::blocking::Command::new(&self.path);
        for name in inherited_variables() {
            command = command.env_remove(name);
        }
        let command = command.args(&self.arguments).env_remove("NO_COLOR").env("TERM", "xterm");
        let command = command.envs(self.variables).current_dir(self.directory.path());
        TerminalSession::start(command, columns, rows, self.directory, self.time_limit)
    }

    /// Starts the program.
    #[must_use]
    pub fn start(self) -> RunningProgram {
        let mut command = Command::new(&self.path);
        for name in inherited_variables() {
            command.env_remove(name);
        }
        command.env("HOME", self.directory.path());
        command.args(&self.arguments).envs(self.variables).current_dir(self.directory.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        let stdout = PipeOutput::read_in_thread(child.stdout.take().expect("stdout is piped"));
        let stderr = PipeOutput::read_in_thread(child.stderr.take().expect("stderr is piped"));
        let pid = Pid::from_child(&child);
        RunningProgram {
            pid,
            exit_status: wait_in_thread(child),
            stdout,
            stderr,
            directory: self.directory,
            time_limit: self.time_limit,
            has_exited: false,
        }
    }
}

/// A program that was started. Dropping it kills the program.
pub struct RunningProgram {
    pid: Pid,
    exit_status: Receiver<ExitStatus>,
    stdout: PipeOutput,
    stderr: PipeOutput,
    directory: TempDir,
    time_limit: Duration,
    has_exited: bool,
}

impl RunningProgram {
    /// Returns the process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Waits until the program has printed `text` on standard error.
    pub fn wait_for_stderr(&self, text: &str) {
        assert!(self.stderr.wait_for(text, self.time_limit), "no {text:?} on stderr:\n{}", self.stderr.text());
    }

    /// Waits until the program has printed `text` on standard output.
    pub fn wait_for_stdout(&self, text: &str) {
        assert!(self.stdout.wait_for(text, self.time_limit), "no {text:?} on stdout:\n{}", self.stdout.text());
    }

    /// Polls `condition` every 5 ms until it returns `true`.
    pub fn wait_until(&self, mut condition: impl FnMut() -> bool) {
        for _ in 0..self.time_limit.as_millis() / 5 {
            if condition() {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("the condition was not met in time; stderr:\n{}", self.stderr.text());
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).expect("the program has ended already");
    }

    /// Returns the peak memory of the program so far in bytes, or `None` if it has ended.
    #[must_use]
    pub fn peak_memory_bytes(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).ok()?;
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        let kib: u64 = peak.trim().trim_end_matches(" kB").parse().ok()?;
        Some(kib * 1024)
    }

    /// Waits until the program ends.
    #[must_use]
    pub fn finish(mut self) -> FinishedProgram {
        let Ok(status) = self.exit_status.recv_timeout(self.time_limit) else {
            let (stdout, stderr) = (self.stdout.text(), self.stderr.text());
            drop(self);
            panic!("the program did not end; stdout:\n{stdout}\nstderr:\n{stderr}");
        };
        self.has_exited = true;
        // The pipes end with the program, unless it has left a child behind, which would be a defect. Hence the limit.
        assert!(
            self.stdout.wait_for_end(self.time_limit) && self.stderr.wait_for_end(self.time_limit),
            "a child of the program keeps the pipes open"
        );
        let files = read_files(self.directory.path());
        FinishedProgram {
            code: status.code(),
            signal: status.signal(),
            stdout: self.stdout.text(),
            stderr: self.stderr.text(),
            files,
        }
    }
}

impl Drop for RunningProgram {
    fn drop(&mut self) {
        if !self.has_exited {
            // The waiting thread alone reaps the process, so the pid is not in use by another process.
            let _ = kill_process(self.pid, Signal::KILL);
            let _ = self.exit_status.recv_timeout(self.time_limit);
        }
    }
}

/// A program that has ended.
#[derive(Debug)]
pub struct FinishedProgram {
    /// The exit code, unless a signal ended the program.
    pub code: Option<i32>,
    /// The signal that ended the program.
    pub signal: Option<i32>,
    /// All text on standard output.
    pub stdout: String,
    /// All text on standard error.
    pub stderr: String,
    /// Name and content of the files that the program left in its directory.
    pub files: Vec<(String, String)>,
}

impl FinishedProgram {
    /// Returns this program if it exited with `code` and without a panic in a thread.
    ///
    /// # Panics
    /// Otherwise, with the output of the program.
    #[must_use]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "signal {:?}\nstdout:\n{}\nstderr:\n{}",
            self.signal,
            self.stdout,
            self.stderr
        );
        assert!(!self.stderr.contains("panicked at"), "{}", self.stderr);
        self
    }

    /// Returns the entries of the `--json` output.
    #[must_use]
    pub fn entries(&self) -> Vec<report::ReportEntry> {
        report::entries(&self.stdout)
    }

    /// Returns the only entry of the `--json` output.
    #[must_use]
    pub fn entry(&self) -> report::ReportEntry {
        let mut entries = self.entries();
        assert_eq!(entries.len(), 1, "{entries:?}\n{}", self.stderr);
        entries.remove(0)
    }

    /// Returns the rows of the error table on standard error.
    #[must_use]
    pub fn errors(&self) -> Vec<report::ErrorRow> {
        report::errors(&self.stderr)
    }
}

/// Returns the names of variables in the test's environment that would affect the program.
fn inherited_variables() -> impl Iterator<Item = OsString> {
    let affects_program = |name: &OsString| {
        let text = name.to_string_lossy();
        text == "COLUMNS" || ["LOCUST_", "GREGARIA_", "MONOIO_"].iter().any(|prefix| text.starts_with(prefix))
    };
    env::vars_os().map(|(name, _)| name).filter(affects_program)
}

pub(crate) fn wait_in_thread(mut child: Child) -> Receiver<ExitStatus> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let status = child.wait().expect("failed to wait for the child");
        // The receiver is gone if the test has failed already.
        let _ = sender.send(status);
    });
    receiver
}

fn read_files(directory: &Path) -> Vec<(String, String)> {
    let mut files: Vec<_> = directory
        .read_dir()
        .expect("the program's directory is missing")
        .flatten()
        .filter_map(|entry| Some((entry.file_name().into_string().ok()?, std::fs::read_to_string(entry.path()).ok()?)))
        .collect();
    files.sort();
    files
}
