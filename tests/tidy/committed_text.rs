//! Rules for every committed text, whatever its language: nothing left to do, nothing that only one machine knows.
//!
//! Forbidden words are spelled in halves here, so that this file passes its own rules.

use super::{Finding, committed_files, report, text_of};

/// Notes to oneself; what is left to do is an issue.
const NOTE_WORDS: &[&str] = &[concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Folders that exist on one machine only.
const LOCAL_FOLDERS: &[&str] = &[
    concat!("/ho", "me/"),
    concat!("/ro", "ot/"),
    concat!("/wo", "rk/"),
    concat!("/Us", "ers/"),
    concat!("/tmp/", "target"),
];

/// Parts of host names that packages are fetched from: which registry is used is each machine's own affair.
const REGISTRIES: &[&str] = &["registry", "mirror", "proxy", "pypi", "npm", "crates", "index."];

/// Files written by a tool, in the tool's own words.
const GENERATED: &[&str] = &["Cargo.lock", "benches/runs/"];

fn check_text(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let is_generated = GENERATED.iter().any(|generated| path.starts_with(generated));
    for (index, line) in text.lines().enumerate() {
        let mut find = |what: String| findings.push(Finding::new(path, index + 1, what));
        for place in LOCAL_FOLDERS.iter().filter(|place| line.contains(**place)) {
            find(format!("`{place}` is a folder of one machine"));
        }
        if is_generated {
            continue;
        }
        if line.ends_with([' ', '\t', '\r']) {
            find("white space at the end".to_owned());
        }
        for note in words(line).filter(|word| NOTE_WORDS.contains(word)) {
            find(format!("`{note}`: do it, or file it"));
        }
        for host in hosts(line).filter(|host| REGISTRIES.iter().any(|part| host.contains(part))) {
            find(format!("`{host}` looks like a package registry"));
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

fn hosts(line: &str) -> impl Iterator<Item = &str> {
    let urls = line.split("://").skip(1);
    urls.filter_map(|rest| rest.split(['/', ':', '"', ')', '>', ' ', '`']).next())
}

#[test]
fn committed_text_is_tidy() {
    let check = |path: &String| check_text(path, &text_of(path).unwrap_or_default());
    report(committed_files().iter().flat_map(check).collect());
}

#[test]
fn untidy_text_is_found() {
    let found = |text: &str| check_text("docs/x.md", text).len();
    for text in [
        "x \n".to_owned(),
        "x\t\n".to_owned(),
        "no line break".to_owned(),
        "two\n\n".to_owned(),
        format!("// {}: later\n", NOTE_WORDS[0]),
        format!("cd {}someone\n", LOCAL_FOLDERS[0]),
        format!("see https://{}.example/simple\n", REGISTRIES[3]),
        format!("see [it](http://a-{}.example:8080)\n", REGISTRIES[1]),
    ] {
        assert_eq!(found(&text), 1, "{text:?}");
    }
    let fine = "See <https://www.rfc-editor.org/rfc/rfc9112> and http://127.0.0.1:8080/ in the registry.\n";
    assert_eq!(found(fine), 0);
    assert_eq!(check_text("benches/runs/one/raw.txt", "as printed \n"), []);
}
