//! Names: one type for each type name, one form of constants, test names that can be read in a list.

use std::collections::BTreeMap;

use super::source::{self, SourceFile};
use super::tokens::{self, Token};
use super::{Finding, committed_files, report, text_of};

const MAX_TEST_NAME: usize = 50;
/// Longer than in Rust by the prefix `test_`.
const MAX_PYTHON_TEST_NAME: usize = 55;

/// The folders of the product. For a reader their types share one namespace.
const PRODUCT: &[&str] = &["stats/src", "http-client/src", "engine/src", "cli/src", "python/src"];

/// Types that each layer has: the request and the response of the client, of a Rust user, of a Python user.
const TYPES_OF_LAYERS: &[&str] = &["Request", "Response"];

/// Other words for `MAX_`.
const WRONG_PREFIXES: &[&str] = &["MOST_", "LARGEST_", "LONGEST_", "WIDEST_"];
const WRONG_SUFFIX: &str = "_MAX";

fn check_types(files: &[SourceFile]) -> Vec<Finding> {
    let mut first: BTreeMap<String, String> = BTreeMap::new();
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| PRODUCT.iter().any(|folder| file.is_in(folder))) {
        for name in defined(&file.tokens, &["struct", "enum", "trait"]) {
            if TYPES_OF_LAYERS.contains(&name.text.as_str()) {
                continue;
            }
            let other = first.entry(name.text.clone()).or_insert_with(|| file.path.clone());
            if *other != file.path {
                findings.push(Finding::new(&file.path, name.line, format!("`{}` is a type in {other}", name.text)));
            }
        }
    }
    findings
}

fn check_rust(path: &str, text: &str) -> Vec<Finding> {
    let tokens = tokens::tokens(path, text);
    let constants = defined(&tokens, &["const", "static"]);
    let constants = constants.into_iter().filter(|name| is_wrong_constant(&name.text));
    let constants = constants.map(|name| (name.line, format!("`{}`: constants are named `MAX_…`", name.text)));
    let tests = tests(&tokens).into_iter().filter(|name| name.text.len() > MAX_TEST_NAME);
    let tests = tests.map(|name| (name.line, format!("`{}` has {} characters", name.text, name.text.len())));
    constants.chain(tests).map(|(line, message)| Finding::new(path, line, message)).collect()
}

fn check_python(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let name = line.trim_start().trim_start_matches("def ").split([' ', '(', ':']).next().unwrap_or_default();
        let is_long_test = line.contains("def test_") && name.len() > MAX_PYTHON_TEST_NAME;
        if is_long_test {
            findings.push(Finding::new(path, index + 1, format!("`{name}` has {} characters", name.len())));
        }
        if is_wrong_constant(name) {
            findings.push(Finding::new(path, index + 1, format!("`{name}`: constants are named `MAX_…`")));
        }
    }
    findings
}

fn is_wrong_constant(name: &str) -> bool {
    let is_constant =
        name.chars().all(|letter| letter.is_ascii_uppercase() || letter.is_ascii_digit() || letter == '_');
    is_constant && (WRONG_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || name.ends_with(WRONG_SUFFIX))
}

/// Returns the names behind one of the keywords.
fn defined<'a>(tokens: &'a [Token], keywords: &[&str]) -> Vec<&'a Token> {
    let pairs = tokens.windows(2).filter(|pair| keywords.contains(&pair[0].text.as_str()));
    pairs.map(|pair| &pair[1]).filter(|name| name.text.starts_with(char::is_alphabetic)).collect()
}

/// Returns the names of the functions marked `#[test]`.
fn tests(tokens: &[Token]) -> Vec<&Token> {
    let mark = ["#", "[", "test", "]"];
    let marks = (0..tokens.len()).filter(|at| tokens::starts_with(&tokens[*at..], &mark));
    marks.filter_map(|at| defined(&tokens[at..], &["fn"]).into_iter().next()).collect()
}

#[test]
fn type_names_are_unique() {
    report(check_types(&source::workspace_files()));
}

#[test]
fn constants_and_tests_are_named_well() {
    let files = committed_files().into_iter();
    let findings = files.flat_map(|path| {
        let text = text_of(&path).unwrap_or_default();
        match path.rsplit_once('.').map(|(_, extension)| extension) {
            Some("rs") => check_rust(&path, &text),
            Some("py") => check_python(&path, &text),
            _ => Vec::new(),
        }
    });
    report(findings.collect());
}

#[test]
fn bad_names_are_found() {
    let source = |path: &str, text: &str| SourceFile::new(path, text);
    let twice = [
        source("stats/src/a.rs", "struct Row; struct Request;"),
        source("cli/src/b.rs", "enum Row {} trait Request {}"),
    ];
    assert_eq!(check_types(&twice), [Finding::new("cli/src/b.rs", 1, "`Row` is a type in stats/src/a.rs")]);
    let long = "a".repeat(MAX_TEST_NAME + 1);
    let rust = format!(
        "const MOST_BYTES: u8 = 1;\nstatic BYTES_MAX: u8 = 2;\n#[test]\n#[ignore]\nfn {long}() {{}}\nfn {long}b() {{}}"
    );
    assert_eq!(check_rust("a.rs", &rust).len(), 3);
    assert_eq!(check_rust("a.rs", "const MAX_BYTES: u8 = u8::MAX; #[test] fn short() {}"), []);
    let python = format!("LONGEST_WAIT_S = 1\nclass A:\n    def test_{long}(self):\n        pass\n");
    assert_eq!(check_python("a.py", &python).len(), 2);
    assert_eq!(check_python("a.py", "MAX_WAIT_S = 1\ndef test_wait():\n    pass\n"), []);
}
