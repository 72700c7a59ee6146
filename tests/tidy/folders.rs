//! Which folders of a crate may name each other: the "must not know" of `docs/ARCHITECTURE.md`, and no cycles.
//!
//! A cycle between modules means that none of them can be read, tested or moved alone.

use std::collections::BTreeSet;

use super::modules::{self, Edge, is_inside};
use super::source::{self, SourceFile};
use super::{Finding, committed_files, report};

/// The crates of the product, by the folder of their code.
const CRATES: &[&str] = &["stats/src", "http-client/src", "engine/src", "cli/src", "python/src"];

/// A crate, one of its modules, and the modules that this one must not name.
type FolderRule = (&'static str, &'static str, &'static [&'static str]);

const FOLDER_RULES: &[FolderRule] = &[
    ("http-client/src", "auth", &["cookies", "message", "proto", "session", "tls", "transport"]),
    ("http-client/src", "cookies", &["auth", "message", "proto", "session", "tls", "transport"]),
    ("http-client/src", "message", &["cookies", "session", "transport"]),
    ("http-client/src", "proto", &["auth", "cookies", "message", "proxy", "session", "tls", "transport"]),
    ("http-client/src", "proto/coding", &["proto/framing", "proto/head", "proto/parser"]),
    ("http-client/src", "tls", &["auth", "cookies", "message", "proto", "session"]),
    ("engine/src", "rt/io_uring", &["rt/executor", "rt/timers"]),
    ("engine/src", "rt", &["accounting", "control", "io_thread", "network", "runner", "scenario", "shards", "user"]),
    ("engine/src", "accounting", &["control", "io_thread", "runner", "scenario", "shards", "user"]),
    ("engine/src", "control", &["io_thread", "rt", "runner", "scenario", "shards", "user"]),
    ("engine/src", "user", &["control", "io_thread", "runner", "shards"]),
    ("engine/src", "io_thread", &["accounting", "control", "runner", "scenario", "shards", "user"]),
    ("engine/src", "shards", &["io_thread", "runner"]),
    ("engine/src", "runner", &["accounting", "control", "io_thread", "network", "shards", "user"]),
    ("cli/src", "args", &["console", "demo", "entry", "run", "terminal"]),
    ("cli/src", "args/cli", &["args/config", "args/plan", "args/python"]),
    ("cli/src", "args/config", &["args/plan", "args/python"]),
    ("cli/src", "args/plan", &["args/config", "args/python"]),
    ("cli/src", "run", &["args/cli", "args/config", "args/parse", "args/python"]),
    ("cli/src", "console", &["args", "demo", "entry", "run", "terminal"]),
    ("cli/src", "terminal", &["args", "console", "demo", "entry", "run"]),
    ("cli/src", "demo", &["args", "console", "entry", "run", "terminal"]),
    ("python/src", "response", &["command_line", "completions", "run", "scenario", "session", "swarm"]),
];

/// A crate and two of its modules: the first may name the second, although that closes a cycle.
type Exception = (&'static str, &'static str, &'static str);

const CYCLE_EXCEPTIONS: &[Exception] = &[
    // A task takes the context of its user, and the context runs tasks.
    ("engine/src", "user/context", "user/task"),
    ("engine/src", "user/context", "user/task_set"),
    // A request borrows the user that sends it.
    ("engine/src", "user/request", "user/http_user"),
    // The trait of the outputs and the choice between them are one file.
    ("cli/src", "run/output", "run/final_report"),
    ("cli/src", "run/output", "run/json_output"),
    ("cli/src", "run/output", "run/live_display"),
];

fn check_folders(src: &str, edges: &[Edge]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for edge in edges {
        let forbids = |(of, folder, forbidden): &&FolderRule| {
            *of == src && is_inside(&edge.from, folder) && forbidden.iter().any(|other| is_inside(&edge.to, other))
        };
        let broken = FOLDER_RULES.iter().filter(forbids);
        findings.extend(broken.map(|(_, folder, _)| finding(edge, format!("`{folder}` must not name `{}`", edge.to))));
    }
    findings
}

/// Finds the names that are part of a cycle between the modules of one folder, for each folder of the crate.
fn check_cycles(src: &str, edges: &[Edge]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for folder in folders(edges) {
        let siblings = edges.iter().filter_map(|edge| {
            let (from, to) = (child(&edge.from, folder)?, child(&edge.to, folder)?);
            (from != to && !CYCLE_EXCEPTIONS.contains(&(src, from, to))).then_some((from, to, edge))
        });
        let siblings: Vec<(&str, &str, &Edge)> = siblings.collect();
        let graph: BTreeSet<(&str, &str)> = siblings.iter().map(|(from, to, _)| (*from, *to)).collect();
        let in_cycle = siblings.iter().filter(|(from, to, _)| reaches(&graph, to, from));
        let message = |from, to| format!("a cycle: `{from}` names `{to}`, which leads back");
        findings.extend(in_cycle.map(|(from, to, edge)| finding(edge, message(from, to))));
    }
    findings
}

/// Finds exceptions for names that no code uses any more.
fn check_exceptions(src: &str, edges: &[Edge]) -> Vec<Finding> {
    let is_used =
        |from: &str, to: &str| edges.iter().any(|edge| is_inside(&edge.from, from) && is_inside(&edge.to, to));
    let stale = CYCLE_EXCEPTIONS.iter().filter(|(of, from, to)| *of == src && !is_used(from, to));
    stale.map(|(_, from, to)| Finding::new(src, 1, format!("remove the exception for `{from}` and `{to}`"))).collect()
}

/// Returns all folders that modules with edges are in, the root first.
fn folders(edges: &[Edge]) -> BTreeSet<&str> {
    let modules = edges.iter().flat_map(|edge| [edge.from.as_str(), edge.to.as_str()]);
    let parents = modules.flat_map(|module| module.match_indices('/').map(|(end, _)| &module[..end]));
    parents.chain([""]).collect()
}

/// Returns the child of `folder` that `module` is in: `session/pool` for `session/pool/key` in `session`.
fn child<'a>(module: &'a str, folder: &str) -> Option<&'a str> {
    let start =
        if folder.is_empty() { 0 } else { module.strip_prefix(folder)?.strip_prefix('/').map(|_| folder.len() + 1)? };
    let end = module[start..].find('/').map_or(module.len(), |length| start + length);
    Some(&module[..end])
}

fn reaches(graph: &BTreeSet<(&str, &str)>, from: &str, to: &str) -> bool {
    let mut seen = BTreeSet::new();
    let mut open = vec![from];
    while let Some(module) = open.pop() {
        if module == to {
            return true;
        }
        if seen.insert(module) {
            open.extend(graph.iter().filter(|(start, _)| *start == module).map(|(_, end)| *end));
        }
    }
    false
}

fn finding(edge: &Edge, message: String) -> Finding {
    Finding::new(&edge.path, edge.line, message)
}

fn check_crates(rule: impl Fn(&str, &[Edge]) -> Vec<Finding>) {
    let files = source::workspace_files();
    report(CRATES.iter().flat_map(|src| rule(src, &modules::edges(src, &files))).collect());
}

#[test]
fn folders_name_only_what_is_below_them() {
    check_crates(check_folders);
    let files = committed_files();
    for (src, folder, forbidden) in FOLDER_RULES {
        for module in forbidden.iter().chain([folder]) {
            let (file, inside) = (format!("{src}/{module}.rs"), format!("{src}/{module}/"));
            assert!(files.iter().any(|path| *path == file || path.starts_with(&inside)), "{src}/{module} has moved");
        }
    }
}

#[test]
fn modules_form_no_cycle() {
    check_crates(check_cycles);
    check_crates(check_exceptions);
}

#[test]
fn forbidden_names_and_cycles_are_found() {
    let files = [
        SourceFile::new("http-client/src/lib.rs", "pub use session::Session;"),
        SourceFile::new("http-client/src/session/mod.rs", "use crate::proto::head; pub struct Session;"),
        SourceFile::new("http-client/src/session/pool.rs", "use super::hop::Hop;"),
        SourceFile::new("http-client/src/session/hop.rs", "use super::Session; fn f() { super::pool::get(); }"),
        SourceFile::new("http-client/src/proto/mod.rs", ""),
        SourceFile::new("http-client/src/proto/head.rs", "use std::io;\nuse crate::Session;"),
    ];
    let edges = modules::edges("http-client/src", &files);
    let broken = check_folders("http-client/src", &edges);
    assert_eq!(broken, [Finding::new("http-client/src/proto/head.rs", 2, "`proto` must not name `session`")]);
    let in_cycle: BTreeSet<String> =
        check_cycles("http-client/src", &edges).into_iter().map(|finding| finding.path).collect();
    assert_eq!(in_cycle.len(), 4);
    assert!(check_cycles("http-client/src", &modules::edges("http-client/src", &files[..2])).is_empty());
    assert!(!check_exceptions("engine/src", &[]).is_empty());
}
