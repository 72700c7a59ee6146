//! The program as a process: its stdout, stderr, exit codes and signals.
//!
//! The only target here never responds. Runs against real servers are in the package `tests`.

use std::{
    io::{BufRead, BufReader, Read},
    net::{TcpListener, TcpStream},
    process::{Child, ChildStderr, Command, Output, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};

#[test]
fn version_goes_to_stdout() {
    for flag in ["-V", "--version"] {
        let output = gregaria(&[flag]);
        let version = format!("gregaria {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(result(&output), (Some(0), version, String::new()));
    }
}

#[test]
fn help_goes_to_stdout_and_groups_the_flags() {
    let (code, stdout, stderr) = result(&gregaria(&["--help"]));
    assert_eq!((code, stderr.as_str()), (Some(0), ""));
    for part in
        ["Usage: gregaria [OPTIONS] URL", "\nLoad:\n", "\nQuick run", "\nStatistics:\n", "\nLog:\n", "Examples:"]
    {
        assert!(stdout.contains(part), "{part:?} is missing in\n{stdout}");
    }
    assert!(!stdout.contains("--driver") && !stdout.contains("--ring"), "for tests only");
}

#[test]
fn invalid_line_is_one_message_and_exit_code_2() {
    for (args, line) in [
        (&["--frobnicate"][..], "gregaria: unexpected argument '--frobnicate'; see gregaria --help\n"),
        (&["http://127.0.0.1/", "-u", "many"], "gregaria: -u many: takes a whole number of at least 1\n"),
        (
            &["http://127.0.0.1/", "-t", "1w"],
            "gregaria: -t 1w: takes a time of more than 0, such as 90 (seconds), 1.5s, 500ms, 20m or 1h30m\n",
        ),
        (
            &["http://127.0.0.1/", "-X", "BREW TEA"],
            "gregaria: -X BREW TEA: a method is a word of letters, digits and !#$%&'*+-.^_`|~\n",
        ),
    ] {
        assert_eq!(result(&gregaria(args)), (Some(2), String::new(), line.to_owned()), "{args:?}");
    }
}

#[test]
fn nothing_to_run_is_exit_code_1() {
    let (code, stdout, stderr) = result(&command(&["-u", "5"]).current_dir("/").output().unwrap());
    assert_eq!((code, stdout.as_str()), (Some(1), ""));
    assert_eq!(stderr.lines().count(), 1);
    assert!(stderr.starts_with("gregaria: nothing to run, as there is no locustfile.py"), "{stderr}");
}

#[test]
fn locustfile_without_python_host_is_exit_code_1() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shop.py"), "").unwrap();
    let mut command = command(&["-f", "shop", "--flag-of-the-locustfile"]);
    let output = command.current_dir(&folder).env("PATH", folder.path()).output().unwrap();
    let (code, _, stderr) = result(&output);
    assert_eq!((code, stderr.lines().count()), (Some(1), 1), "{stderr}");
    assert!(stderr.contains("a locustfile needs"), "{stderr}");
}

#[test]
fn refused_connections_are_failures_in_the_json() {
    // The listener is dropped, so that the port refuses connections. The system does not reuse the port immediately.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/a?b=1");
    let output = gregaria(&[&url, "-n", "20", "-u", "2", "--shards", "1", "--json", "--exit-code-on-error", "9"]);
    let (code, stdout, stderr) = result(&output);
    assert_eq!(code, Some(9), "{stderr}");
    let entries: serde_json::Value = serde_json::from_str(&stdout).unwrap_or_else(|error| panic!("{error}: {stdout}"));
    assert_eq!(entries[0]["name"], "/a?b=1");
    assert_eq!((&entries[0]["num_requests"], &entries[0]["num_failures"]), (&20.into(), &20.into()));
    for part in [
        "20(100.00%)",
        "Response time percentiles",
        "20                 GET /a?b=1: connection refused",
        "Shutting down (exit code 9)",
    ] {
        assert!(stderr.contains(part), "{part:?} is missing in\n{stderr}");
    }
}

#[test]
fn list_shows_the_class_of_a_quick_run() {
    let (code, stdout, _) = result(&gregaria(&["http://127.0.0.1:1/", "--list"]));
    assert_eq!((code, stdout.as_str()), (Some(0), "Available Users:\n    QuickRun\n"));
}

#[test]
fn first_signal_stops_and_counts_aborted_requests() {
    for signal in [Signal::INT, Signal::TERM] {
        let mut hung = HungRun::start("0");
        hung.send(signal);
        let mut stderr = String::new();
        hung.log.read_to_string(&mut stderr).unwrap();
        assert_eq!(hung.process.wait().unwrap().code(), Some(1), "no request was answered");
        assert!(stderr.contains("\n1 request cut off: it had waited "), "{stderr}");
    }
}

#[test]
fn second_signal_ends_the_process_immediately() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let mut hung = HungRun::start("1h");
        hung.send(signal);
        hung.read_to("a second signal");
        hung.send(signal);
        assert_eq!(hung.process.wait().unwrap().code(), Some(code));
    }
}

/// A quick run with one request in flight that gets no response.
struct HungRun {
    process: Child,
    log: BufReader<ChildStderr>,
    _target: (TcpListener, TcpStream),
}

impl HungRun {
    fn start(stop_timeout: &str) -> Self {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", silent.local_addr().unwrap());
        let args = [&url, "-u", "1", "--shards", "1", "--only-summary", "-s", stop_timeout];
        let mut process = command(&args).stderr(Stdio::piped()).spawn().unwrap();
        let log = BufReader::new(process.stderr.take().unwrap());
        let (mut connection, _) = silent.accept().unwrap();
        connection.read_exact(&mut [0; 16]).unwrap();
        let mut hung = Self { process, log, _target: (silent, connection) };
        hung.read_to("All users spawned");
        hung
    }

    fn send(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    fn read_to(&mut self, part: &str) {
        let mut line = String::new();
        while !line.contains(part) {
            line.clear();
            assert_ne!(self.log.read_line(&mut line).unwrap(), 0, "the log ends before {part:?}");
        }
    }
}

impl Drop for HungRun {
    fn drop(&mut self) {
        // The process has ended, unless a test has failed. Both calls may therefore fail.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn gregaria(args: &[&str]) -> Output {
    command(args).output().unwrap()
}

fn command(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gregaria"));
    command.args(args).env_remove("GREGARIA_DRIVER").env_remove("GREGARIA_RING");
    command
}

/// Returns exit code, stdout and stderr.
fn result(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}
