//! The form of log lines: the text begins with a capital, as Locust's do. A text that begins with a value is free.

use super::source::SourceFile;
use super::tokens::Token;
use super::{Finding, check_sources};

/// Finds the texts of `log` macros that begin in lower case.
fn check_log_lines(file: &SourceFile) -> Vec<Finding> {
    let calls = file.tokens.windows(4).enumerate().filter(|(_, call)| is_log_macro(call));
    let texts = calls.filter_map(|(at, _)| file.tokens[at..].iter().find(|token| token.text.starts_with('"')));
    let lower = texts.filter(|text| text.text[1..].starts_with(char::is_lowercase));
    lower.map(|text| Finding::new(&file.path, text.line, "a log line begins with a capital")).collect()
}

fn is_log_macro(call: &[Token]) -> bool {
    call[0].text == "log" && call[1].text == "::" && LEVELS.contains(&call[2].text.as_str()) && call[3].text == "!"
}

const LEVELS: &[&str] = &["error", "warn", "info", "debug", "trace"];

#[test]
fn log_lines_begin_with_a_capital() {
    check_sources(check_log_lines);
}

#[test]
fn lower_case_log_lines_are_found() {
    let count = |text: &str| check_log_lines(&SourceFile::new("engine/src/user.rs", text)).len();
    assert_eq!(count("fn f() { log::warn!(\"shard {index}\"); log::error!(target: LOG, \"the loop\"); }"), 2);
    assert_eq!(count("fn f() { log::info!(\"Shard\"); log::info!(\"{text}, end\"); log::init(); call(\"x\"); }"), 0);
}
