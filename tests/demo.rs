//! The demo site as a process: its responses, its end, and the agreement of its log with the shop example.
//!
//! Requests are sent over a raw socket, so that these tests do not depend on gregaria's client. The responses of each
//! path are tested beside `cli/src/demo/shop.rs`.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::Duration;

use gregaria::demo::{DemoSite, SITE_ARGUMENT};
use rustix::process::{Pid, Signal, kill_process};
use support::{example, gregaria, report, workspace};
use tempfile::TempDir;

#[test]
fn site_serves_several_requests_per_connection() {
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
fn simultaneous_connections_are_all_served() {
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
fn slow_search_delays_no_other_request() {
    let (site, log) = start_with_log();
    let mut searching: Vec<SiteConnection> = (0..10).map(|_| SiteConnection::to(site.base_url())).collect();
    for connection in &mut searching {
        connection.send_request("GET", "/search?q=lamp", "", "");
    }
    SiteConnection::to(site.base_url()).get("/health");
    searching.iter_mut().for_each(|connection| drop(connection.read_response()));
    let logged = log.read();
    assert_eq!(logged.lines().count(), 11);
    assert!(!logged.ends_with("GET /health 200\n"), "the last request has the last response:\n{logged}");
}

#[test]
fn dropped_handle_ends_the_site() {
    let site = start();
    let mut connection = SiteConnection::to(site.base_url());
    connection.get("/health");
    drop(site);
    assert!(connection.is_closed());
}

#[test]
fn killed_parent_ends_the_site() {
    let script = "import subprocess, sys
site = subprocess.Popen(sys.argv[1:], stdin=subprocess.PIPE)
site.wait()";
    let mut command = Command::new("python3");
    command.args(["-c", script]).arg(workspace::gregaria_path()).arg(SITE_ARGUMENT);
    let mut parent = SpawnedProcess::from(command);
    let mut connection = SiteConnection::to(&parent.address);
    connection.get("/health");
    parent.process.kill().expect("failed to kill the parent");
    assert!(connection.is_closed());
}

#[test]
fn site_ignores_signals_and_ends_with_stdin() {
    let mut command = Command::new(workspace::gregaria_path());
    command.arg(SITE_ARGUMENT);
    let mut site = SpawnedProcess::from(command);
    let mut connection = SiteConnection::to(&site.address);
    for signal in [Signal::INT, Signal::TERM] {
        kill_process(Pid::from_child(&site.process), signal).expect("the site has ended");
        assert_eq!(connection.get("/health").1, "healthy", "after {signal:?}");
    }
    drop(site.stdin.take());
    assert!(site.process.wait().expect("the site is our child").success());
}

#[test]
fn unwritable_log_is_reported() {
    let output = Command::new(workspace::gregaria_path())
        .arg(SITE_ARGUMENT)
        .env("GREGARIA_DEMO_LOG", "/nowhere/at/all")
        .output()
        .expect("failed to start gregaria");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!((output.status.code(), stderr.lines().count()), (Some(1), 1), "{stderr}");
    assert!(stderr.starts_with("gregaria: cannot serve the demo site: "), "{stderr}");
}

#[test]
fn shop_example_counts_match_the_site_log() {
    let (site, log) = start_with_log();
    let flags = "--headless -u 600 -r 1000 -t 4s -s 20 --json --exit-code-on-error 0 -H";
    let run = example("shop").args(flags).arg(site.base_url()).run().expect_code(0);
    assert!(!run.stderr.contains("cut off"), "{}", run.stderr);
    let entries = run.entries();
    let row = |entry: &report::ReportEntry| (entry.method.clone(), entry.name.clone());
    let counted: BTreeMap<_, _> = entries.iter().map(|entry| (row(entry), entry.num_requests)).collect();
    assert_eq!(counted, requests_per_row(&log.read()));
    assert_eq!(counted.len(), 8, "all tasks have run: {counted:?}");
    let count = |method: &str, name: &str| counted[&(method.to_owned(), name.to_owned())];
    assert_eq!(count("POST", "/login"), 540, "nine of ten users are shoppers");

    let one_in_fifty = count("POST", "/checkout") / 50;
    let failed = entries.iter().filter(|entry| entry.num_failures > 0);
    let failed: Vec<_> = failed.map(|entry| (entry.name.as_str(), entry.num_failures)).collect();
    assert_eq!(failed, [("/checkout", one_in_fifty)]);
}

#[test]
fn demo_alone_runs_its_own_users() {
    let log = SiteLog(TempDir::new().expect("a temporary directory"));
    let run = gregaria().args("--demo -n 300 --json --exit-code-on-error 0").env("GREGARIA_DEMO_LOG", log.path());
    let entries = run.run().expect_code(0).entries();
    let row = |entry: &report::ReportEntry| ((entry.method.clone(), entry.name.clone()), entry.num_requests);
    let counted: BTreeMap<_, _> = entries.iter().map(row).collect();
    assert_eq!(counted, requests_per_row(&log.read()));
    assert_eq!(counted[&("POST".to_owned(), "/login".to_owned())], 45, "50 users, nine of ten are shoppers");
    let list = gregaria().args("--demo -l").run().expect_code(0);
    assert_eq!(list.stdout, "Available Users:\n    Shopper\n    Crawler\n");
}

/// Returns the number of requests per method and name, with the names that the example sets.
fn requests_per_row(log: &str) -> BTreeMap<(String, String), u64> {
    let mut counts = BTreeMap::new();
    for line in log.lines() {
        let [method, target, _status] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("invalid line in the log: {line:?}");
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

/// The site's access log. A request is logged before its response is sent.
struct SiteLog(TempDir);

impl SiteLog {
    fn path(&self) -> PathBuf {
        self.0.path().join("access.log")
    }

    fn read(&self) -> String {
        std::fs::read_to_string(self.path()).expect("failed to read the log of the site")
    }
}

/// A process that has printed an address. Its standard input is open.
struct SpawnedProcess {
    process: Child,
    stdin: Option<ChildStdin>,
    address: String,
}

impl From<Command> for SpawnedProcess {
    fn from(mut command: Command) -> Self {
        let mut process =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("failed to start the process");
        let mut address = String::new();
        let stdout = process.stdout.take().expect("stdout is piped");
        BufReader::new(stdout).read_line(&mut address).expect("failed to read the address");
        Self { stdin: process.stdin.take(), address: address.trim_end().to_owned(), process }
    }
}

impl Drop for SpawnedProcess {
    fn drop(&mut self) {
        // The process has ended already unless the test has failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A persistent connection to the site.
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

    /// Returns head and body of the next response.
    fn read_response(&mut self) -> (String, String) {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            assert_ne!(self.0.read_line(&mut head).expect("the site responds"), 0, "the site closed after {head:?}");
        }
        let length = header(&head, "content-length").expect("the response has a length").parse().expect("a number");
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).expect("the body has the stated length");
        (head, String::from_utf8(body).expect("the body is UTF-8"))
    }

    /// Waits for the end of the connection. Returns `true` if it was closed or reset.
    fn is_closed(&mut self) -> bool {
        // A killed process may reset its connections.
        self.0.read(&mut [0]).map_or_else(|error| error.kind() == std::io::ErrorKind::ConnectionReset, |read| read == 0)
    }
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.lines().filter_map(|line| line.split_once(": "));
    fields.find(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}
