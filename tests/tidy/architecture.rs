//! The documents name every folder and every library, and the paths that they name exist.
//!
//! `docs/ARCHITECTURE.md` has the folders, `docs/dependencies.md` the libraries.
//!
//! Folders are written as `` `engine/src/rt/` ``, files by any end of their path, external libraries by their name. The
//! paths in the headers of Rust files exist, too.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Finding, committed_files, manifests, report, text_of};

const ARCHITECTURE: &str = "docs/ARCHITECTURE.md";
const DEPENDENCIES: &str = "docs/dependencies.md";

/// The documents with paths to check.
const WITH_PATHS: &[&str] = &[ARCHITECTURE, DEPENDENCIES, "docs/testing.md", "CONTRIBUTING.md"];

/// Each recorded run is a folder of its own. The page names only the folder around them.
const RECORDED_RUNS: &str = "benches/runs";

/// Files that documents and headers name and git does not track.
const UNTRACKED: &[&str] = &["inspectuser.py", "locustfile.py", "locust.conf", "pyproject.toml"];

/// Libraries of the Python package and of the fuzz targets, which have manifests of their own.
const OTHER_LIBRARIES: &[&str] = &["gevent", "libfuzzer-sys", "maturin", "requests"];

fn check_folders(page: &str, folders: &BTreeSet<String>) -> Vec<Finding> {
    let missing = folders.iter().filter(|folder| !page.contains(&format!("`{folder}/`")));
    missing.map(|folder| Finding::new(ARCHITECTURE, 1, format!("no row for the folder `{folder}/`"))).collect()
}

/// Compares the first column of the table with the libraries in the root's manifest, in both directions.
fn check_libraries(page: &str, libraries: &[String]) -> Vec<Finding> {
    let first_column = page.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next());
    let rows: BTreeSet<&str> = first_column.flat_map(quoted).collect();
    let missing = libraries.iter().filter(|library| !page.contains(&format!("`{library}`")));
    let missing = missing.map(|library| format!("no row for the library `{library}`"));
    let is_used = |row: &&str| OTHER_LIBRARIES.contains(row) || libraries.iter().any(|library| library == row);
    let unused = rows.into_iter().filter(|row| !is_used(row));
    let unused = unused.map(|row| format!("`{row}` is not a library of the root's Cargo.toml"));
    missing.chain(unused).map(|message| Finding::new(DEPENDENCIES, 1, message)).collect()
}

fn check_paths(document: &str, text: &str, files: &[String]) -> Vec<Finding> {
    let folders = all_folders(files);
    let mut findings = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let missing = quoted(line).filter(|path| is_path(path) && !exists(path, files, &folders));
        findings.extend(missing.map(|path| Finding::new(document, index + 1, format!("there is no `{path}`"))));
    }
    findings
}

/// Finds paths in the header of a Rust file that do not exist.
fn check_header(file: &str, text: &str, files: &[String], folders: &BTreeSet<String>) -> Vec<Finding> {
    let header = text.lines().take_while(|line| line.starts_with("//!"));
    let mut findings = Vec::new();
    for (index, line) in header.enumerate() {
        let missing = quoted(line).filter(|path| is_path(path) && !exists_near(path, file, files, folders));
        findings.extend(missing.map(|path| Finding::new(file, index + 1, format!("there is no `{path}`"))));
    }
    findings
}

/// Whether `path` exists below the folder of `file`, its crate, the code of its crate, or the root. A name without a
/// folder may be that of any file.
fn exists_near(path: &str, file: &str, files: &[String], folders: &BTreeSet<String>) -> bool {
    if !path.trim_end_matches('/').contains('/') {
        return exists(path, files, folders);
    }
    let is_crate = |folder: &&str| files.contains(&format!("{folder}/Cargo.toml"));
    let ancestors = || Path::new(file).ancestors().skip(1).filter_map(Path::to_str);
    let folder = ancestors().next().unwrap_or_default();
    let package = ancestors().find(is_crate).unwrap_or_default();
    let bases = [folder, &format!("{package}/src"), package, ""];
    let mut paths = bases.iter().filter_map(|base| join(base, path));
    paths.any(|path| files.contains(&path) || folders.contains(&path))
}

/// Returns `path`, which may begin with `..`, as seen from the folder `base`.
fn join(base: &str, path: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in base.split('/').chain(path.split('/')).filter(|part| !part.is_empty()) {
        match part {
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Returns the texts between backticks that could be a path or a name.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    let is_one_word =
        |text: &&str| text.len() > 1 && text.chars().all(|letter| letter.is_alphanumeric() || "_-./".contains(letter));
    line.split('`').skip(1).step_by(2).filter(is_one_word)
}

fn is_path(text: &str) -> bool {
    let is_file = [".rs", ".py", ".pyi", ".toml", ".md", ".txt"].iter().any(|end| text.ends_with(end));
    (is_file || text.ends_with('/')) && !UNTRACKED.contains(&text)
}

fn exists(path: &str, files: &[String], folders: &BTreeSet<String>) -> bool {
    let is_end_of = |known: &String, path: &str| known == path || known.ends_with(&format!("/{path}"));
    match path.strip_suffix('/') {
        Some(folder) => folders.iter().any(|known| is_end_of(known, folder)),
        None => files.iter().any(|known| is_end_of(known, path)),
    }
}

/// Returns all folders with tracked files, and the folders around them.
fn all_folders(files: &[String]) -> BTreeSet<String> {
    let ancestors = files.iter().flat_map(|file| Path::new(file).ancestors().skip(1));
    ancestors.filter_map(Path::to_str).filter(|folder| !folder.is_empty()).map(str::to_owned).collect()
}

/// Returns the folders that the page must name: conventions explain `src/` and the tests of a crate or a module.
fn described_folders(files: &[String]) -> BTreeSet<String> {
    let is_single = |folder: &String| folder == RECORDED_RUNS || !folder.starts_with(RECORDED_RUNS);
    let is_test = |folder: &str| folder.split('/').skip(1).any(|part| part == "tests");
    let is_convention = |folder: &String| folder.ends_with("/src") || is_test(folder);
    all_folders(files).into_iter().filter(|folder| is_single(folder) && !is_convention(folder)).collect()
}

#[test]
fn folders_and_libraries_are_described() {
    let files = committed_files();
    let read = |path| text_of(path).unwrap_or_else(|| panic!("{path} is missing"));
    let mut findings = check_folders(&read(ARCHITECTURE), &described_folders(&files));
    findings.extend(check_libraries(&read(DEPENDENCIES), &manifests::external_libraries()));
    findings.extend(WITH_PATHS.iter().flat_map(|document| check_paths(document, &read(document), &files)));
    report(findings);
}

#[test]
fn paths_in_headers_exist() {
    let files = committed_files();
    let folders = all_folders(&files);
    let rust = files.iter().filter(|file| file.ends_with(".rs"));
    let headers = rust.filter_map(|file| Some(check_header(file, &text_of(file)?, &files, &folders)));
    report(headers.flatten().collect());
}

#[test]
fn missing_paths_in_headers_are_found() {
    let files = ["a/Cargo.toml", "a/src/b/c.rs", "a/src/b/mod.rs", "a/src/d.rs", "a/tests/x/e.rs"].map(str::to_owned);
    let folders = all_folders(&files);
    let found = |header: &str| check_header("a/src/b/c.rs", header, &files, &folders).len();
    assert_eq!(
        found("//! `../d.rs`, `b/c.rs`, `b/`, `tests/x/e.rs`, `tests/x/`, `a/src/d.rs`, `e.rs`, `locust.conf`\n"),
        0
    );
    assert_eq!(found("//! `c/d.rs`\n//! `x/e.rs`, `../../../../d.rs`, `gone.rs`\n"), 4);
    assert_eq!(found("//! A header.\n\n/// `gone.rs`\n"), 0);
}

#[test]
fn missing_rows_and_paths_are_found() {
    let files = [
        "stats/src/lib.rs",
        "stats/tests/it/all.rs",
        "engine/src/rt/ring.rs",
        "engine/src/rt/tests/mod.rs",
        "benches/runs/one/raw.txt",
    ]
    .map(str::to_owned);
    let folders = described_folders(&files);
    assert_eq!(folders, ["benches", "benches/runs", "engine", "engine/src/rt", "stats"].map(str::to_owned).into());
    let page = "`stats/` `engine/` `engine/src/rt/` `benches/` `benches/runs/` and `url`";
    assert_eq!(check_folders(page, &folders), []);
    assert_eq!(check_folders(&page.replace("`engine/src/rt/`", ""), &folders).len(), 1);
    assert_eq!(check_paths(ARCHITECTURE, page, &files), []);
    assert_eq!(check_paths(ARCHITECTURE, "`rt/ring.rs` `rt/` `stats/src/` `a b/` `x::y`", &files), []);
    assert_eq!(check_paths(ARCHITECTURE, "`rt/wheel.rs`, `wheel.py`, `engine/src/gone/`", &files).len(), 3);
    let table = "| library | used for |\n|---|---|\n| `url` | `Url` |\n| `rand` | seeds |\n";
    assert_eq!(check_libraries(table, &["url".to_owned(), "rand".to_owned()]), []);
    assert_eq!(check_libraries(table, &["url".to_owned(), "tokio".to_owned()]).len(), 2);
}
