//! The rules of this workspace as tests over its own text.
//!
//! A promise in prose leaks sooner or later, so each rule that matters is a function from a file to its findings. Every
//! rule is tested twice: over the workspace, where it must find nothing, and over a snippet that breaks it, where it
//! must find something. The rules: `layers` (who may name what), `manifests` (who may depend on whom), `unsafety`,
//! `shape` (headers and lengths), `python` (the same for Python), `house` (all committed text), `map`
//! (`docs/ARCHITECTURE.md` names what is there).
//!
//! A rule that stands in the way of good code is changed here, in the same commit and with the reason.

mod architecture;
mod comments;
mod committed_text;
mod folders;
mod layers;
mod manifests;
mod modules;
mod names;
mod prose;
mod python;
mod shape;
mod source;
mod tokens;
mod unsafe_code;

use std::fmt;
use std::process::Command;

use source::SourceFile;

/// One place where a rule is broken.
#[derive(Debug, Eq, PartialEq)]
struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, what: what.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.what)
    }
}

/// Applies a rule to every source file of the workspace.
fn check_sources(rule: impl Fn(&SourceFile) -> Vec<Finding>) {
    report(source::workspace_files().iter().flat_map(rule).collect());
}

/// Fails with all findings at once, one a line.
fn report(findings: Vec<Finding>) {
    let lines: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(lines.is_empty(), "\n{}\n", lines.join("\n"));
}

/// Returns the files that git tracks, relative to the root.
///
/// Untracked files do not count: a virtual environment or a build folder in the clone is not part of the project.
fn committed_files() -> Vec<String> {
    let output = Command::new("git")
        .arg("ls-files")
        .current_dir(support::workspace::root())
        .output()
        .expect("tidy asks git which files belong to the project");
    assert!(output.status.success(), "git ls-files failed");
    let listed = String::from_utf8(output.stdout).expect("our file names are UTF-8");
    let exists = |path: &&str| support::workspace::root().join(path).is_file();
    listed.lines().filter(exists).map(str::to_owned).collect()
}

/// The content of a committed file; `None` for what is not text.
fn text_of(path: &str) -> Option<String> {
    std::fs::read_to_string(support::workspace::root().join(path)).ok()
}
