//! The shape of Rust code: a header on every file, short functions, short files, file names that name a subject.

use std::ops::RangeInclusive;

use super::source::{self, SourceFile};
use super::tokens::{Token, end_of_group};
use super::{Finding, check_sources, committed_files, report};

/// Lines of the `//!` that begins a file: its subject, what it must not know, where to read on.
const HEADER_LINES: RangeInclusive<usize> = 1..=15;
/// The root of a crate is its manual, with examples.
const MANUAL_LINES: RangeInclusive<usize> = 1..=60;
/// Lines of a file, without its tests.
pub(super) const MAX_FILE_LINES: usize = 500;
const MAX_FUNCTION_LINES: usize = 50;
const MAX_FUNCTION_LINES_P95: usize = 20;

/// Names under which code without a common subject collects.
const VAGUE_NAMES: &[&str] = &["common", "helper", "helpers", "misc", "shared", "util", "utils"];

fn check_header(file: &SourceFile) -> Vec<Finding> {
    let lines = file.text.lines().take_while(|line| line.starts_with("//!")).count();
    let allowed = if file.path.ends_with("/lib.rs") { MANUAL_LINES } else { HEADER_LINES };
    if allowed.contains(&lines) {
        return Vec::new();
    }
    let message = format!("begins with {lines} lines of `//!`, not {} to {}", allowed.start(), allowed.end());
    vec![Finding::new(&file.path, 1, message)]
}

fn check_length(file: &SourceFile) -> Vec<Finding> {
    let lines = file.lines();
    if lines <= MAX_FILE_LINES {
        return Vec::new();
    }
    vec![Finding::new(&file.path, 1, format!("{lines} lines without its tests; at most {MAX_FILE_LINES}"))]
}

fn check_functions(file: &SourceFile) -> Vec<Finding> {
    let long = functions(&file.tokens).into_iter().filter(|function| function.lines > MAX_FUNCTION_LINES);
    let message = |function: &Function| format!("`{}` has {} lines", function.name, function.lines);
    long.map(|function| Finding::new(&file.path, function.line, message(&function))).collect()
}

fn check_name(path: &str) -> Vec<Finding> {
    let parts = path.trim_end_matches(".rs").split('/');
    let vague = parts.filter(|part| VAGUE_NAMES.contains(part));
    vague.map(|part| Finding::new(path, 1, format!("`{part}` names no subject"))).collect()
}

struct Function {
    name: String,
    line: usize,
    lines: usize,
}

/// Returns the functions with a body, measured from `fn` to the closing brace.
fn functions(tokens: &[Token]) -> Vec<Function> {
    let mut functions = Vec::new();
    for (at, pair) in tokens.windows(2).enumerate() {
        if pair[0].text != "fn" || pair[1].text == "(" {
            continue;
        }
        let mut open = at + 2;
        while open < tokens.len() && !matches!(tokens[open].text.as_str(), "{" | ";") {
            let is_bracket = matches!(tokens[open].text.as_str(), "(" | "[");
            open = if is_bracket { end_of_group(tokens, open) } else { open + 1 };
        }
        if tokens.get(open).is_some_and(|token| token.text == "{") {
            let last = &tokens[end_of_group(tokens, open) - 1];
            let (name, line) = (pair[1].text.clone(), pair[0].line);
            functions.push(Function { name, line, lines: last.line - line + 1 });
        }
    }
    functions
}

/// Returns the smallest value that at least a share of `q` of the values does not exceed.
fn quantile(mut values: Vec<usize>, q: f64) -> usize {
    values.sort_unstable();
    values[((values.len() - 1) as f64 * q) as usize]
}

#[test]
fn every_file_has_a_header() {
    check_sources(check_header);
}

#[test]
fn files_and_functions_are_short() {
    check_sources(check_length);
    check_sources(check_functions);
}

#[test]
fn most_functions_are_shorter_still() {
    let files = source::workspace_files();
    let functions = files.iter().flat_map(|file| functions(&file.tokens));
    let p95 = quantile(functions.map(|function| function.lines).collect(), 0.95);
    assert!(p95 <= MAX_FUNCTION_LINES_P95, "5 % of the functions have more than {p95} lines");
}

#[test]
fn file_names_have_a_subject() {
    report(committed_files().iter().flat_map(|path| check_name(path)).collect());
}

#[test]
fn bad_shapes_are_found() {
    let body = |lines: usize| format!("//! One.\n//! Two.\nfn long(\n) {{\n{}}}\n", "x();\n".repeat(lines));
    let file = |text: &str| SourceFile::new("a/src/b.rs", text);
    assert_eq!(check_functions(&file(&body(47))), []);
    assert_eq!(check_functions(&file(&body(48)))[0].line, 3);
    let declarations =
        "trait T { fn a(&self); } type F = fn(u8) -> u8; impl T { fn b<const N: usize>() -> [u8; N] {\n} }";
    assert_eq!(functions(&file(declarations).tokens).len(), 1);
    assert_eq!(check_header(&file(&body(48))), []);
    assert_eq!(check_header(&file(&body(48).replacen("//! Two.\n", "", 1))), []);
    assert_eq!(check_header(&file("fn f() {}")).len(), 1);
    assert_eq!(check_header(&file(&"//! Long.\n".repeat(16))).len(), 1);
    assert_eq!(check_length(&file(&body(496))).len(), 1);
    let tested = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", body(60), "// x\n".repeat(500));
    assert_eq!(check_length(&file(&tested)), []);
    assert_eq!(check_name("engine/src/utils.rs").len() + check_name("engine/src/common/mod.rs").len(), 2);
    assert_eq!(check_name("engine/src/users.rs"), []);
    assert_eq!(quantile(vec![3, 1, 2], 0.5), 2);
}
