//! The commands in README.md and docs/ do what the text says: they run, against a real nginx.
//!
//! Each block marked `console` is one shell session: lines after `$ ` are commands, other lines are what they printed on
//! our machine and are not compared. A comment `<!-- not run: why -->` above a block leaves it out. What differs from the
//! text is in [`SUBSTITUTES`], and told to the reader in docs/ARCHITECTURE.md.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use support::{Nginx, Program, workspace};

/// What stands in the text, and what runs in its place. The two addresses are substituted besides.
const SUBSTITUTIONS: [(&str, &str); 7] = [
    ("python3 -m venv .venv && .venv/bin/pip install ./python && .venv/bin/gregaria", "gregaria"),
    ("cargo run --release -p gregaria --", "native"),
    ("cargo run --release -p gregaria-examples --example quickstart --", "quickstart"),
    ("cargo run --release -p gregaria-examples --example shop --", "shop"),
    ("-t 10s", "-t 1s"),
    ("-t 1m", "-t 1s"),
    // Other tests run beside, and what is waited for may start slowly.
    ("sleep 1;", "sleep 4;"),
];

/// One block of commands.
#[derive(Debug, Eq, PartialEq)]
struct ConsoleBlock {
    line: usize,
    commands: Vec<String>,
    not_run: Option<String>,
}

fn console_blocks(text: &str) -> Vec<ConsoleBlock> {
    let mut sessions = Vec::new();
    let mut not_run = None;
    let mut lines = text.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        if let Some(reason) = line.strip_prefix("<!-- not run:") {
            not_run = Some(reason.trim_end_matches("-->").trim().to_owned());
        } else if line.starts_with("```") {
            let body: Vec<&str> = lines.by_ref().map(|(_, line)| line).take_while(|line| *line != "```").collect();
            let not_run = not_run.take();
            if line == "```console" {
                let commands = body.iter().filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned).collect();
                sessions.push(ConsoleBlock { line: index + 1, commands, not_run });
            }
        } else if !line.is_empty() {
            not_run = None;
        }
    }
    sessions
}

/// `nginx` is in the place of port 8080; what a command starts by itself, at port 8765, gets a `free` one.
fn substitute(command: &str, nginx: SocketAddr, free: SocketAddr) -> String {
    let replaced = SUBSTITUTIONS.iter().fold(command.to_owned(), |text, (from, to)| text.replace(from, to));
    let replaced = replaced.replace("127.0.0.1:8080", &nginx.to_string());
    let replaced = replaced.replace("127.0.0.1:8765", &free.to_string());
    replaced.replace("http.server 8765", &format!("http.server {}", free.port()))
}

fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("there is a free port");
    listener.local_addr().expect("a bound socket has an address")
}

fn run_document(path: &str) {
    let text = std::fs::read_to_string(workspace::root().join(path)).expect("the document exists");
    let sessions = console_blocks(&text);
    assert!(sessions.iter().all(|session| !session.commands.is_empty()), "{path}: a block without commands");
    let programs = tempfile::tempdir().expect("a temporary directory");
    let host = workspace::python_host();
    assert!(host.exists(), "there is no {}: tests/run-python installs the Python host", host.display());
    for (name, target) in [
        ("gregaria", host),
        ("native", workspace::gregaria_path()),
        ("quickstart", workspace::example_path("quickstart")),
        ("shop", workspace::example_path("shop")),
    ] {
        symlink(target, programs.path().join(name)).expect("a fresh directory takes a link");
    }
    let nginx = Nginx::start();
    for session in sessions.iter().filter(|session| session.not_run.is_none()) {
        let free = free_address();
        let commands = session.commands.iter().map(|command| substitute(command, nginx.address(), free));
        let script = commands.collect::<Vec<_>>().join("\n");
        assert!(!script.contains("cargo "), "{path}:{}: would build: {script}", session.line);
        let program = shell(&script, programs.path());
        let examples = workspace::root().join("examples");
        symlink(examples, program.directory().join("examples")).expect("a fresh directory takes a link");
        let finished = program.run();
        assert_eq!(
            finished.code,
            Some(0),
            "{path}:{}:\n{script}\n{}{}",
            session.line,
            finished.stdout,
            finished.stderr
        );
    }
}

/// However the script ends, what it left in the background ends with it.
fn shell(script: &str, programs: &Path) -> Program {
    let path = std::env::var("PATH").unwrap_or_default();
    let script = format!("trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}");
    let program = Program::at(PathBuf::from("/bin/sh")).arg("-ec").arg(script);
    program.env("PATH", format!("{}:{path}", programs.display())).time_limit_s(90)
}

#[test]
fn the_readme_runs() {
    run_document("README.md");
}

#[test]
fn the_pages_run() {
    let pages = std::fs::read_dir(workspace::root().join("docs")).expect("there is a folder docs");
    for page in pages.flatten().filter(|page| page.path().extension().is_some_and(|extension| extension == "md")) {
        run_document(&format!("docs/{}", page.file_name().to_string_lossy()));
    }
}

#[test]
fn the_readme_shows_the_quickstart_as_it_is() {
    let read = |path: &str| std::fs::read_to_string(workspace::root().join(path)).expect("the file exists");
    let readme = read("README.md");
    let shown = readme.split("```rust,no_run\n").nth(1).and_then(|rest| rest.split("```").next());
    let shown = shown.expect("the README shows a scenario");
    assert!(read("examples/quickstart.rs").contains(shown), "examples/quickstart.rs has changed");
}

#[test]
fn sessions_are_found_and_reasons_are_for_the_next_block_only() {
    let text = "# A\n```console\n$ one -t 10s\nprinted\n$ two http://127.0.0.1:8080/\n```\n\n<!-- not run: slow -->\n```console\n$ three\n```\n\
                ```text\n$ no command\n```\n<!-- not run: gone -->\ntext\n```console\n$ four\n```\n";
    let found = console_blocks(text);
    let commands: Vec<&str> = found.iter().flat_map(|session| &session.commands).map(String::as_str).collect();
    assert_eq!(commands, ["one -t 10s", "two http://127.0.0.1:8080/", "three", "four"]);
    let reasons: Vec<Option<&str>> = found.iter().map(|session| session.not_run.as_deref()).collect();
    assert_eq!(reasons, [None, Some("slow"), None]);
}

#[test]
fn addresses_and_times_are_those_of_the_test() {
    let (nginx, free) = (SocketAddr::from(([127, 0, 0, 1], 1)), SocketAddr::from(([127, 0, 0, 1], 2)));
    let becomes = |from: &str, to: &str| assert_eq!(substitute(from, nginx, free), to);
    becomes("one -t 10s http://127.0.0.1:8080/", "one -t 1s http://127.0.0.1:1/");
    becomes(
        "python3 -m http.server 8765 & cargo run --release -p gregaria -- http://127.0.0.1:8765/ -u 8765",
        "python3 -m http.server 2 & native http://127.0.0.1:2/ -u 8765",
    );
}
