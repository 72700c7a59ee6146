//! The commands in README.md and docs/ run as written, against a real nginx.
//!
//! Each block marked `console` is one shell session. Lines after `$ ` are commands. Other lines are recorded output
//! and are not compared. A comment `<!-- not run: why -->` above a block skips the block. [`SUBSTITUTIONS`] lists the
//! differences between the text and the executed commands; docs/testing.md documents them.

use std::net::SocketAddr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use support::{Nginx, Program, workspace};

/// Texts and their replacements. The address is replaced in [`substitute`].
const SUBSTITUTIONS: [(&str, &str); 5] = [
    ("python3 -m venv .venv && .venv/bin/pip install ./python && .venv/bin/gregaria", "gregaria"),
    ("cargo run --release -p gregaria --", "native"),
    ("cargo run --release -p gregaria-examples --example quickstart --", "quickstart"),
    ("cargo run --release -p gregaria-examples --example shop --", "shop"),
    ("-t 10s", "-t 1s"),
];

/// One block of commands.
#[derive(Debug, Eq, PartialEq)]
struct ConsoleBlock {
    line: usize,
    commands: Vec<String>,
    not_run: Option<String>,
}

fn console_blocks(text: &str) -> Vec<ConsoleBlock> {
    let mut blocks = Vec::new();
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
                blocks.push(ConsoleBlock { line: index + 1, commands, not_run });
            }
        } else if !line.is_empty() {
            not_run = None;
        }
    }
    blocks
}

/// Replaces the texts, and the address with port 8080 by that of `nginx`.
fn substitute(command: &str, nginx: SocketAddr) -> String {
    let replaced = SUBSTITUTIONS.iter().fold(command.to_owned(), |text, (from, to)| text.replace(from, to));
    replaced.replace("127.0.0.1:8080", &nginx.to_string())
}

fn run_document(path: &str) {
    let text = std::fs::read_to_string(workspace::root().join(path)).expect("failed to read the document");
    let blocks = console_blocks(&text);
    assert!(blocks.iter().all(|block| !block.commands.is_empty()), "{path}: a block without commands");
    let programs = tempfile::tempdir().expect("failed to create a temporary directory");
    let host = workspace::python_host();
    assert!(host.exists(), "{} is missing: run tests/run-python to install the Python host", host.display());
    for (name, target) in [
        ("gregaria", host),
        ("native", workspace::gregaria_path()),
        ("quickstart", workspace::example_path("quickstart")),
        ("shop", workspace::example_path("shop")),
    ] {
        symlink(target, programs.path().join(name)).expect("failed to create a link");
    }
    let nginx = Nginx::start();
    for block in blocks.iter().filter(|block| block.not_run.is_none()) {
        let commands = block.commands.iter().map(|command| substitute(command, nginx.address()));
        let script = commands.collect::<Vec<_>>().join("\n");
        assert!(!script.contains("cargo "), "{path}:{}: would build: {script}", block.line);
        let program = shell(&script, programs.path());
        let examples = workspace::root().join("examples");
        symlink(examples, program.directory().join("examples")).expect("failed to create a link");
        let finished = program.run();
        assert_eq!(finished.code, Some(0), "{path}:{}:\n{script}\n{}{}", block.line, finished.stdout, finished.stderr);
    }
}

/// Returns a shell that runs the script. Background processes of the script end with it.
fn shell(script: &str, programs: &Path) -> Program {
    let path = std::env::var("PATH").unwrap_or_default();
    let script = format!("trap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n{script}");
    let program = Program::at(PathBuf::from("/bin/sh")).arg("-ec").arg(script);
    program.env("PATH", format!("{}:{path}", programs.display())).time_limit_s(90)
}

#[test]
fn readme_commands_run() {
    run_document("README.md");
}

#[test]
fn docs_commands_run() {
    let pages = std::fs::read_dir(workspace::root().join("docs")).expect("failed to read docs/");
    for page in pages.flatten().filter(|page| page.path().extension().is_some_and(|extension| extension == "md")) {
        run_document(&format!("docs/{}", page.file_name().to_string_lossy()));
    }
}

#[test]
fn readme_shows_the_current_quickstart() {
    let read = |path: &str| std::fs::read_to_string(workspace::root().join(path)).expect("failed to read the file");
    let readme = read("README.md");
    let shown = readme.split("```rust,no_run\n").nth(1).and_then(|rest| rest.split("```").next());
    let shown = shown.expect("the README has no scenario");
    assert!(read("examples/quickstart.rs").contains(shown), "examples/quickstart.rs has changed");
}

#[test]
fn console_blocks_and_their_reasons_are_found() {
    let text = "# A\n```console\n$ one -t 10s\nprinted\n$ two http://127.0.0.1:8080/\n```\n\n<!-- not run: slow -->\n```console\n$ three\n```\n\
                ```text\n$ no command\n```\n<!-- not run: gone -->\ntext\n```console\n$ four\n```\n";
    let found = console_blocks(text);
    let commands: Vec<&str> = found.iter().flat_map(|block| &block.commands).map(String::as_str).collect();
    assert_eq!(commands, ["one -t 10s", "two http://127.0.0.1:8080/", "three", "four"]);
    let reasons: Vec<Option<&str>> = found.iter().map(|block| block.not_run.as_deref()).collect();
    assert_eq!(reasons, [None, Some("slow"), None]);
}

#[test]
fn addresses_and_times_are_substituted() {
    let nginx = SocketAddr::from(([127, 0, 0, 1], 1));
    let becomes = |from: &str, to: &str| assert_eq!(substitute(from, nginx), to);
    becomes("one -t 10s http://127.0.0.1:8080/", "one -t 1s http://127.0.0.1:1/");
    becomes("cargo run --release -p gregaria -- http://127.0.0.1:8080/ -u 8080", "native http://127.0.0.1:1/ -u 8080");
}
