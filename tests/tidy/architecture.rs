//! `docs/ARCHITECTURE.md` is a map: what is there is on it, and what is on it is there.
//!
//! Folders are written as `` `engine/src/rt/` ``, files by any end of their path, foreign libraries by their name.

use std::collections::BTreeSet;
use std::path::Path;

use super::{Finding, committed_files, manifests, report, text_of};

const ARCHITECTURE: &str = "docs/ARCHITECTURE.md";

/// Each recorded run is a folder of its own; the map shows where they are.
const RECORDED_RUNS: &str = "benches/runs";

fn undocumented(map: &str, folders: &BTreeSet<String>, libraries: &[String]) -> Vec<Finding> {
    let folders = folders.iter().map(|folder| format!("`{folder}/`"));
    let libraries = libraries.iter().map(|library| format!("`{library}`"));
    let missing = folders.chain(libraries).filter(|name| !map.contains(name.as_str()));
    missing.map(|name| Finding::new(ARCHITECTURE, 1, format!("does not tell what {name} is for"))).collect()
}

fn dangling(map: &str, files: &[String]) -> Vec<Finding> {
    let folders = all_folders(files);
    let mut findings = Vec::new();
    for (index, line) in map.lines().enumerate() {
        for name in quoted(line) {
            let is_there = if let Some(folder) = name.strip_suffix('/') {
                folders.iter().any(|known| known == folder || known.ends_with(&format!("/{folder}")))
            } else if [".rs", ".py", ".toml", ".md"].iter().any(|end| name.ends_with(end)) {
                files.iter().any(|file| file == name || file.ends_with(&format!("/{name}")))
            } else {
                continue;
            };
            if !is_there {
                findings.push(Finding::new(ARCHITECTURE, index + 1, format!("there is no `{name}`")));
            }
        }
    }
    findings
}

/// What stands between backticks, if it could be a path.
fn quoted(line: &str) -> impl Iterator<Item = &str> {
    let is_path =
        |text: &&str| text.len() > 1 && text.chars().all(|letter| letter.is_alphanumeric() || "_-./".contains(letter));
    line.split('`').skip(1).step_by(2).filter(is_path)
}

/// All folders with committed files, and the folders around them.
fn all_folders(files: &[String]) -> BTreeSet<String> {
    let ancestors = files.iter().flat_map(|file| Path::new(file).ancestors().skip(1));
    ancestors.filter_map(Path::to_str).filter(|folder| !folder.is_empty()).map(str::to_owned).collect()
}

/// Those that are to be on the map: cargo's customs explain some, and of a list of many the list itself is enough.
fn folders(files: &[String]) -> BTreeSet<String> {
    let is_single = |folder: &String| folder == RECORDED_RUNS || !folder.starts_with(RECORDED_RUNS);
    let is_custom = |folder: &String| folder.ends_with("/src") || folder.split('/').nth(1) == Some("tests");
    all_folders(files).into_iter().filter(|folder| is_single(folder) && !is_custom(folder)).collect()
}

#[test]
fn the_map_shows_what_is_there() {
    let map = text_of(ARCHITECTURE).expect("there is a map");
    let files = committed_files();
    let folders = folders(&files);
    let mut findings = undocumented(&map, &folders, &manifests::external_libraries());
    findings.extend(dangling(&map, &files));
    report(findings);
}

#[test]
fn white_spots_and_phantoms_are_found() {
    let files = ["stats/src/lib.rs", "stats/tests/it/all.rs", "engine/src/rt/ring.rs", "benches/runs/one/raw.txt"]
        .map(str::to_owned);
    let folders = folders(&files);
    assert_eq!(folders, ["benches", "benches/runs", "engine", "engine/src/rt", "stats"].map(str::to_owned).into());
    let map = "`stats/` `engine/` `engine/src/rt/` `benches/` `benches/runs/` and `url`";
    assert_eq!(undocumented(map, &folders, &["url".to_owned()]), []);
    assert_eq!(undocumented(&map.replace("`engine/src/rt/`", ""), &folders, &["rand".to_owned()]).len(), 2);
    assert_eq!(dangling(map, &files), []);
    assert_eq!(dangling("`rt/ring.rs` `rt/` `stats/src/` `a b/` `x::y`", &files), []);
    assert_eq!(dangling("`rt/wheel.rs`, `wheel.py`, `engine/src/gone/`", &files).len(), 3);
}
