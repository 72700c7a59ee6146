//! The rules of this workspace as tests over its own text.
//!
//! Each rule is a function from a file to its findings. It is tested over the workspace, where it must
//! have no findings, and over a snippet that breaks it.
//!
//! - `layers`, `folders`, `manifests`: which crates and folders may name each other, which depend on which
//! - `shape`, `python`, `unsafe_code`: headers, lengths, Python's imports, `unsafe`
//! - `names`, `prose`, `log_lines`, `committed_text`: types, constants, tests; figures of the prose; log; white space
//! - `architecture`: documents and headers name the folders, files and libraries that exist
//! - `source`, `tokens`, `modules`, `comments`: reading code, used by the rules
//!
//! If a rule prevents good code, change the rule in the same commit and give the reason.

mod architecture;
mod comments;
mod committed_text;
mod folders;
mod layers;
mod log_lines;
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

/// A line that breaks a rule.
#[derive(Debug, Eq, PartialEq)]
struct Finding {
    path: String,
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}: {}", self.path, self.line, self.message)
    }
}

/// Applies a rule to every source file of the workspace.
fn check_sources(rule: impl Fn(&SourceFile) -> Vec<Finding>) {
    report(source::workspace_files().iter().flat_map(rule).collect());
}

/// Panics with all findings, one a line, if there are any.
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
        .expect("git lists the files of the project");
    assert!(output.status.success(), "git ls-files failed");
    let listed = String::from_utf8(output.stdout).expect("our file names are UTF-8");
    let exists = |path: &&str| support::workspace::root().join(path).is_file();
    listed.lines().filter(exists).map(str::to_owned).collect()
}

/// Returns the content of a tracked file, or `None` if it is not text.
fn text_of(path: &str) -> Option<String> {
    std::fs::read_to_string(support::workspace::root().join(path)).ok()
}
