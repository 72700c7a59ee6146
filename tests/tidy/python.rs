//! The shape of Python code, as far as lines show it: the same lengths as for Rust, no printing, no sockets, and stubs
//! without code.

use super::shape::MAX_FILE_LINES;
use super::{Finding, committed_files, report, text_of};

const MAX_FUNCTION_LINES: usize = 50;

/// The package. The rules for libraries hold for it.
const PACKAGE: &str = "python/gregaria/";
/// The module that owns the process.
const MAY_PRINT: &str = "python/gregaria/__main__.py";
/// Modules that open connections, with the modules inside them. The engine opens those of the package.
const NOT_IMPORTED: &[&str] = &[
    "asyncio",
    "gevent.select",
    "gevent.socket",
    "gevent.ssl",
    "http.client",
    "select",
    "selectors",
    "socket",
    "ssl",
    "urllib.request",
    "urllib3.connection",
    "urllib3.connectionpool",
];
/// Types for editors.
const STUBS: &str = "python/locust-stubs/";

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
        let sockets = imported(code).into_iter().filter(|module| opens_connections(module));
        findings
            .extend(sockets.map(|module| Finding::new(path, index + 1, format!("`{module}`: the engine connects"))));
        if code.starts_with("def ") {
            let length = 1 + body_lines(&lines[index + 1..], indent(line));
            if length > MAX_FUNCTION_LINES {
                findings.push(Finding::new(path, index + 1, format!("a function of {length} lines")));
            }
        }
    }
    findings
}

/// Returns the modules that an `import` line may name. A name behind `from … import` may be a module, too.
fn imported(code: &str) -> Vec<String> {
    let names = |list: &str| -> Vec<String> {
        let names = list.split(['(', ')', ',']).filter_map(|name| name.split_whitespace().next());
        names.map(str::to_owned).collect()
    };
    if let Some(modules) = code.strip_prefix("import ") {
        return names(modules);
    }
    let from = code.strip_prefix("from ").and_then(|rest| rest.split_once(" import "));
    let Some((module, list)) = from else {
        return Vec::new();
    };
    let inside = names(list).into_iter().map(|name| format!("{module}.{name}"));
    std::iter::once(module.to_owned()).chain(inside).collect()
}

fn opens_connections(module: &str) -> bool {
    let rest = |forbidden: &&str| module.strip_prefix(*forbidden);
    NOT_IMPORTED.iter().filter_map(rest).any(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Finds files of the stubs that hold more than types.
fn check_stub(path: &str) -> Vec<Finding> {
    let is_stub = !path.starts_with(STUBS) || path.ends_with(".pyi") || path.ends_with("/py.typed");
    (!is_stub).then(|| Finding::new(path, 1, "stubs have no code that runs")).into_iter().collect()
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
fn stubs_have_no_code() {
    let files = committed_files();
    assert!(files.iter().any(|path| path.starts_with(STUBS)), "{STUBS} has moved");
    report(files.iter().flat_map(|path| check_stub(path)).collect());
}

#[test]
fn badly_shaped_python_is_found() {
    assert_eq!(check_file("a.py", "import os\n").len(), 1);
    assert_eq!(check_file("a.py", &format!("\"\"\"A.\"\"\"\n{}", "x\n".repeat(500))).len(), 1);
    let function =
        |lines: usize| format!("class A:\n    def f(\n        a,\n    ):\n{}\n\nx = 1\n", "        y\n".repeat(lines));
    assert_eq!(check_package("a.py", &function(47)), []);
    assert_eq!(check_package("a.py", &function(48))[0].line, 2);
    assert_eq!(check_package("a.py", "if x:\n    print(1)\n").len(), 1);
    assert_eq!(check_package(MAY_PRINT, "print(1)\n"), []);
    for line in ["import os, socket as s", "from socket import (", "from gevent import ssl", "    import http.client"] {
        assert_eq!(check_package("a.py", line).len(), 1, "{line}");
    }
    for line in ["from http.cookiejar import Cookie", "import socketserver", "from . import socket_names"] {
        assert_eq!(check_package("a.py", line), [], "{line}");
    }
    assert_eq!(check_stub("python/locust-stubs/a.py").len(), 1);
    assert_eq!(check_stub("python/locust-stubs/a.pyi"), []);
}
