//! The shape of Python code, as far as lines show it: the same lengths as for Rust, and no printing.

use super::shape::MAX_FILE_LINES;
use super::{Finding, committed_files, report, text_of};

const MAX_FUNCTION_LINES: usize = 55;

/// The package. The rules for libraries hold for it.
const PACKAGE: &str = "python/gregaria/";
/// The module that owns the process.
const MAY_PRINT: &str = "python/gregaria/__main__.py";

fn check_file(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !text.starts_with("\"\"\"") {
        findings.push(Finding::new(path, 1, "does not begin with a docstring"));
    }
    let lines = text.lines().count();
    if lines > MAX_FILE_LINES {
        findings.push(Finding::new(path, 1, format!("{lines} lines; at most {MAX_FILE_LINES}")));
    }
    findings
}

/// Checks a module of the package. Strings of tests and examples look like code, so those are not checked.
fn check_package(path: &str, text: &str) -> Vec<Finding> {
    let lines: Vec<&str> = text.lines().collect();
    let mut findings = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        if code.starts_with("print(") && path != MAY_PRINT {
            findings.push(Finding::new(path, index + 1, "only the command prints"));
        }
        if code.starts_with("def ") {
            let length = 1 + body_lines(&lines[index + 1..], indent(line));
            if length > MAX_FUNCTION_LINES {
                findings.push(Finding::new(path, index + 1, format!("a function of {length} lines")));
            }
        }
    }
    findings
}

/// Counts the lines up to the first that is indented as little as the function, except for the end of its arguments.
fn body_lines(after: &[&str], left: usize) -> usize {
    let is_outside = |line: &&str| indent(line) <= left && !line.trim().is_empty() && !line.trim().starts_with(')');
    let end = after.iter().position(is_outside).unwrap_or(after.len());
    after[..end].iter().rposition(|line| !line.trim().is_empty()).map_or(0, |last| last + 1)
}

fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

#[test]
fn python_files_and_functions_are_short() {
    let python = committed_files().into_iter().filter(|path| path.ends_with(".py"));
    let findings = python.flat_map(|path| {
        let text = text_of(&path).unwrap_or_default();
        let of_package = if path.starts_with(PACKAGE) { check_package(&path, &text) } else { Vec::new() };
        check_file(&path, &text).into_iter().chain(of_package).collect::<Vec<_>>()
    });
    report(findings.collect());
}

#[test]
fn badly_shaped_python_is_found() {
    assert_eq!(check_file("a.py", "import os\n").len(), 1);
    assert_eq!(check_file("a.py", &format!("\"\"\"A.\"\"\"\n{}", "x\n".repeat(500))).len(), 1);
    let function =
        |lines: usize| format!("class A:\n    def f(\n        a,\n    ):\n{}\n\nx = 1\n", "        y\n".repeat(lines));
    assert_eq!(check_package("a.py", &function(52)), []);
    assert_eq!(check_package("a.py", &function(53))[0].line, 2);
    assert_eq!(check_package("a.py", "if x:\n    print(1)\n").len(), 1);
    assert_eq!(check_package(MAY_PRINT, "print(1)\n"), []);
}
