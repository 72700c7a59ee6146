//! The demo site as a process: what it answers, how it ends, and that its log agrees with who loads it.
//!
//! A raw socket asks it, so that these tests say nothing about gregaria's client. What is answered in which case is
//! tested beside `cli/src/demo/shop.rs`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use gregaria::demo::{DemoSite, SITE_ARGUMENT};
use rustix::process::{Pid, Signal, kill_process};
use support::{example, report, workspace};
use tempfile::TempDir;

#[test]
fn the_site_answers_one_request_after_another_on_a_connection() {
    let site = start();
    let mut connection = SiteConnection::to(site.base_url());
    assert_eq!(connection.get("/health").1, "healthy");
    let (head, page) = connection.get("/");
    assert!(head.contains("text/html") && page.contains("/items/1\""), "{head}{page}");
    assert!(connection.get("/items?page=2").1.contains("\"id\":21,"));
    assert!(connection.get("/items/0").0.starts_with("HTTP/1.1 404"));
    assert!(connection.get("/search?q=lamp").1.contains("brass lamp"));
    assert!(connection.post("/cart", "", r#"{"item":7,"amount":2}"#).0.starts_with("HTTP/1.1 401"));

    let (head, _) = connection.post("/login", "", "username=ellen_key&password=education");
    let cookie = header(&head, "set-cookie").expect("a cookie").split(';').next().expect("a pair");
    let cookie = format!("Cookie: {cookie}\r\n");
    assert!(connection.post("/cart", &cookie, r#"{"item":7,"amount":2}"#).0.starts_with("HTTP/1.1 201"));
    assert!(connection.post("/checkout", &cookie, "").1.contains("\"order\":1"));
}

#[test]
fn connections_that_come_at_once_are_all_served() {
    let site = start();
    let mut connections: Vec<SiteConnection> = (0..100).map(|_| SiteConnection::to(site.base_url())).collect();
    for connection in &mut connections {
        connection.send_request("GET", "/health", "", "");
    }
    for connection in &mut connections {
        assert_eq!(connection.read_response().1, "healthy");
    }
}

#[test]
fn a_slow_search_holds_up_nobody() {
    let (site, log) = start_with_log();
    let mut searching: Vec<SiteConnection> = (0..10).map(|_| SiteConnection::to(site.base_url())).collect();
    for connection in &mut searching {
        connection.send_request("GET", "/search?q=lamp", "", "");
    }
    SiteConnection::to(site.base_url()).get("/health");
    searching.iter_mut().for_each(|connection| drop(connection.read_response()));
    let logged = log.read();
    assert_eq!(logged.lines().count(), 11);
    assert!(!logged.ends_with("GET /health 200\n"), "asked last and answered last:\n{logged}");
}

#[test]
fn the_site_ends_with_who_holds_it() {
    let site = start();
    let mut connection = SiteConnection::to(site.base_url());
    connection.get("/health");
    drop(site);
    assert!(connection.is_closed());
}

#[test]
fn the_site_does_not_outlive_a_parent_that_is_killed() {
    let hold = "import subprocess, sys
site = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
site.wait()";
    let mut command = Command::new("python3");
    command.args(["-c", hold]).arg(workspace::gregaria_path()).arg(SITE_ARGUMENT);
    let mut parent = SpawnedProcess::from(command);
    let mut connection = SiteConnection::to(&parent.address);
    connection.get("/health");
    parent.process.kill().expect("the parent still runs");
    assert!(connection.is_closed());
}

#[test]
fn signals_leave_the_site_alone_and_the_end_of_its_stdin_ends_it() {
    let mut command = Command::new(workspace::gregaria_path());
    command.arg(SITE_ARGUMENT);
    let mut site = SpawnedProcess::from(command);
    let mut connection = SiteConnection::to(&site.address);
    for signal in [Signal::INT, Signal::TERM] {
        kill_process(Pid::from_child(&site.process), signal).expect("the site still runs");
        assert_eq!(connection.get("/health").1, "healthy", "after {signal:?}");
    }
    drop(site.stdin.take());
    assert!(site.process.wait().expect("the site is our child").success());
}

#[test]
fn a_log_that_cannot_be_written_is_said() {
    let output = Command::new(workspace::gregaria_path())
        .arg(SITE_ARGUMENT)
        .env("GREGARIA_DEMO_LOG", "/nowhere/at/all")
        .output()
        .expect("gregaria can be started");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
    assert!(stderr.starts_with("gregaria: cannot serve the demo site: "), "{stderr}");
}

#[test]
fn the_shop_example_counts_what_the_site_logs() {
    let (site, log) = start_with_log();
    let flags = "--headless -u 600 -r 1000 -t 4s -s 20 --json --exit-code-on-error 0 -H";
    let run = example("shop").args(flags).arg(site.base_url()).run().expect_code(0);
    assert!(!run.stderr.contains("cut off"), "{}", run.stderr);
    let entries = run.entries();
    let row = |entry: &report::ReportEntry| (entry.method.clone(), entry.name.clone());
    let counted: BTreeMap<_, _> = entries.iter().map(|entry| (row(entry), entry.num_requests)).collect();
    assert_eq!(counted, requests_per_row(&log.read()));
    assert_eq!(counted.len(), 8, "every task was run: {counted:?}");
    let count = |method: &str, name: &str| counted[&(method.to_owned(), name.to_owned())];
    assert_eq!(count("POST", "/login"), 540, "nine of ten users are shoppers");

    let one_in_fifty = count("POST", "/checkout") / 50;
    let failed = entries.iter().filter(|entry| entry.num_failures > 0);
    let failed: Vec<_> = failed.map(|entry| (entry.name.as_str(), entry.num_failures)).collect();
    assert_eq!(failed, [("/checkout", one_in_fifty)]);
}

/// Method and name of each row that the example makes of these requests, with their number.
fn requests_per_row(log: &str) -> BTreeMap<(String, String), u64> {
    let mut counts = BTreeMap::new();
    for line in log.lines() {
        let [method, target, _status] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("not a line of the log: {line:?}");
        };
        let name = match target {
            item if item.starts_with("/items/") => "/items/[id]",
            page if page.starts_with("/items?page=") => "/items?page=[n]",
            search if search.starts_with("/search?q=") => "/search?q=[word]",
            other => other,
        };
        *counts.entry((method.to_owned(), name.to_owned())).or_insert(0) += 1;
    }
    counts
}

fn start() -> DemoSite {
    DemoSite::start(Command::new(workspace::gregaria_path())).expect("the site starts")
}

fn start_with_log() -> (DemoSite, SiteLog) {
    let log = SiteLog(TempDir::new().expect("a temporary directory"));
    let mut command = Command::new(workspace::gregaria_path());
    command.env("GREGARIA_DEMO_LOG", log.path());
    (DemoSite::start(command).expect("the site starts"), log)
}

/// The site's access log. A request is in it before its answer leaves.
struct SiteLog(TempDir);

impl SiteLog {
    fn path(&self) -> PathBuf {
        self.0.path().join("access.log")
    }

    fn read(&self) -> String {
        std::fs::read_to_string(self.path()).expect("the site keeps a log")
    }
}

/// A process that has said an address, with its stdin held open.
struct SpawnedProcess {
    process: Child,
    stdin: Option<ChildStdin>,
    address: String,
}

impl From<Command> for SpawnedProcess {
    fn from(mut command: Command) -> Self {
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it can be started");
        let mut address = String::new();
        let stdout = process.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut address).expect("it says an address");
        Self { stdin: process.stdin.take(), address: address.trim_end().to_owned(), process }
    }
}

impl Drop for SpawnedProcess {
    fn drop(&mut self) {
        // Gone already, unless a test has failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A kept connection to the site.
struct SiteConnection(BufReader<TcpStream>);

impl SiteConnection {
    fn to(base_url: &str) -> Self {
        let address = base_url.strip_prefix("http://").expect("the address of a site");
        let stream = TcpStream::connect(address).expect("the site accepts connections");
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("a time limit can be set");
        Self(BufReader::new(stream))
    }

    fn get(&mut self, target: &str) -> (String, String) {
        self.send_request("GET", target, "", "");
        self.read_response()
    }

    fn post(&mut self, target: &str, headers: &str, body: &str) -> (String, String) {
        self.send_request("POST", target, headers, body);
        self.read_response()
    }

    fn send_request(&mut self, method: &str, target: &str, headers: &str, body: &str) {
        let length = body.len();
        let request =
            format!("{method} {target} HTTP/1.1\r\nHost: h\r\n{headers}Content-Length: {length}\r\n\r\n{body}");
        self.0.get_mut().write_all(request.as_bytes()).expect("the site reads requests");
    }

    /// Head and body of the next answer.
    fn read_response(&mut self) -> (String, String) {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.0.read_line(&mut head).expect("the site answers"), 0, "it closed after {head:?}");
        }
        let length = header(&head, "content-length").expect("an answer has a length").parse().expect("a number");
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("the body is as long as it says");
        (head, String::from_utf8(body).expect("the shop speaks UTF-8"))
    }

    /// Waits until the other side is gone.
    fn is_closed(&mut self) -> bool {
        // A process that is killed may reset its connections.
        self.0.read(&mut [0]).map_or_else(|error| error.kind() == std::io::ErrorKind::ConnectionReset, |read| read == 0)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
