//! Rules for all committed text, in any language: white space, the last line break, no notes to oneself.
//!
//! Forbidden words are spelled in halves here, so that this file passes its own rules.

use super::{Finding, committed_files, report, text_of};

/// Notes to oneself; remaining work belongs in an issue.
const NOTE_WORDS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Files written by a tool, in the tool's own words.
const GENERATED: &[&str] = &["Cargo.lock", "benches/runs/"];

fn check_text(path: &str, text: &str) -> Vec<Finding> {
    if GENERATED.iter().any(|generated| path.starts_with(generated)) {
        return Vec::new();
    }
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let mut find = |message: String| findings.push(Finding::new(path, index + 1, message));
        if line.ends_with([' ', '\t', '\r']) {
            find("white space at the end".to_owned());
        }
        for note in words(line).filter(|word| NOTE_WORDS.contains(word)) {
            find(format!("`{note}`: do it, or file an issue"));
        }
    }
    if !text.is_empty() && (!text.ends_with('\n') || text.ends_with("\n\n")) {
        findings.push(Finding::new(path, text.lines().count(), "does not end with one line break"));
    }
    findings
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|letter: char| !letter.is_alphanumeric() && letter != '_')
}

#[test]
fn committed_text_is_tidy() {
    let check = |path: &String| check_text(path, &text_of(path).unwrap_or_default());
    report(committed_files().iter().flat_map(check).collect());
}

#[test]
fn untidy_text_is_found() {
    let note = format!("// {}: later\n", NOTE_WORDS[0]);
    for text in ["x \n", "x\t\n", "no line break", "two\n\n", &note] {
        assert_eq!(check_text("docs/x.md", text).len(), 1, "{text:?}");
    }
    assert_eq!(check_text("docs/x.md", "See <https://www.rfc-editor.org/rfc/rfc9112>.\n"), []);
    assert_eq!(check_text("benches/runs/one/raw.txt", "as printed \n"), []);
}
