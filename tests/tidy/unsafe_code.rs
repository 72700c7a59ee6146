//! The folders that may contain `unsafe`, and the comment that each use needs.
//!
//! The compiler checks the crates that forbid `unsafe`. The rules here check that those crates forbid it, and that each
//! use elsewhere has a reason.

use super::source::SourceFile;
use super::{Finding, check_sources};

/// In `rt` the kernel accesses our buffers; the floor of the comparison uses the ring directly.
const MAY_BE_UNSAFE: &[&str] = &["engine/src/rt", "benches"];

/// The roots of the crates that forbid `unsafe`.
const SAFE_ROOTS: &[&str] = &[
    "cli/src/lib.rs",
    "cli/src/main.rs",
    "http-client/fuzz/src/lib.rs",
    "http-client/src/lib.rs",
    "python/src/lib.rs",
    "stats/src/lib.rs",
    "tests/main.rs",
    "tests/support/bin/without_io_uring.rs",
    "tests/support/lib.rs",
];

fn check_unsafe(file: &SourceFile) -> Vec<Finding> {
    let lines: Vec<&str> = file.text.lines().collect();
    let mut findings = Vec::new();
    for token in file.tokens.iter().filter(|token| token.text == "unsafe") {
        if !MAY_BE_UNSAFE.iter().any(|folder| file.is_in(folder)) {
            findings.push(Finding::new(&file.path, token.line, "`unsafe` outside engine/src/rt"));
        }
        if !has_reason(&lines, token.line) {
            findings.push(Finding::new(&file.path, token.line, "`unsafe` without `SAFETY:` above it"));
        }
    }
    findings
}

/// Returns `true` if the line, one of the three above, or the comment that ends there gives the reason.
fn has_reason(lines: &[&str], line: usize) -> bool {
    let near = line.saturating_sub(4);
    let is_comment = |line: &&&str| line.trim_start().starts_with("//");
    let farther = lines[..=near].iter().rev().take_while(is_comment);
    let mut read = lines[near..line].iter().chain(farther);
    read.any(|text| text.contains("SAFETY:") || text.contains("# Safety"))
}

fn forbids_unsafe(file: &SourceFile) -> Vec<Finding> {
    let head = ["#", "!", "[", "forbid", "(", "unsafe_code", ")", "]"];
    let has = file.tokens.windows(head.len()).any(|window| super::tokens::starts_with(window, &head));
    let missing = SAFE_ROOTS.contains(&file.path.as_str()) && !has;
    missing.then(|| Finding::new(&file.path, 1, "no `#![forbid(unsafe_code)]`")).into_iter().collect()
}

#[test]
fn unsafe_code_is_allowed_and_has_a_reason() {
    check_sources(check_unsafe);
}

#[test]
fn safe_crates_forbid_unsafe() {
    let files = super::source::workspace_files();
    for root in SAFE_ROOTS {
        assert!(files.iter().any(|file| file.path == *root), "{root} has moved");
    }
    check_sources(forbids_unsafe);
}

#[test]
fn wrong_unsafe_code_is_found() {
    let argued = "// SAFETY: it is.\nlet x = unsafe { y() };";
    let long = "// SAFETY: it is,\n// as\n// this\n// long\n// comment\n// says.\nlet x = unsafe { y() };";
    let far = "// SAFETY: it is.\n\nf();\n\ng();\nlet x = unsafe { y() };";
    let found = |path: &str, text: &str| check_unsafe(&SourceFile::new(path, text)).len();
    assert_eq!(found("engine/src/rt/ring.rs", argued), 0);
    assert_eq!(found("engine/src/rt/ring.rs", long), 0);
    assert_eq!(found("engine/src/rt/ring.rs", far), 1);
    assert_eq!(found("engine/src/user.rs", argued), 1);
    let head = |text: &str| forbids_unsafe(&SourceFile::new("stats/src/lib.rs", text)).len();
    assert_eq!(head("#![forbid(unsafe_code)]"), 0);
    assert_eq!(head("#![deny(missing_docs)] // forbid(unsafe_code)"), 1);
}
