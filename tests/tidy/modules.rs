//! The modules of a crate, and which of them the names in the code lead to.
//!
//! A module is written as its path below `src/`: `session/pool`, or an empty string for the root. Names are followed
//! through `use` declarations, so `crate::Session` leads to the file that defines it. Names renamed by a `use` are not.

use std::collections::{BTreeMap, BTreeSet};

use super::source::SourceFile;
use super::tokens;

/// A name in one module that leads to another module of the same crate.
pub(super) struct Edge {
    pub(super) from: String,
    pub(super) to: String,
    pub(super) path: String,
    pub(super) line: usize,
}

/// Returns the edges between the modules of the crate with its code in the folder `src`.
pub(super) fn edges(src: &str, files: &[SourceFile]) -> Vec<Edge> {
    let files: Vec<&SourceFile> = files.iter().filter(|file| file.is_in(src)).collect();
    let tree = ModuleTree::new(src, &files);
    let mut edges = Vec::new();
    for file in files {
        let from = module_of(src, &file.path);
        for name in file.names() {
            let to = tree.absolute(&from, &name.path).map(|path| tree.resolve(path));
            if let Some(to) = to.filter(|to| *to != from && !to.is_empty()) {
                edges.push(Edge { from: from.clone(), to, path: file.path.clone(), line: name.line });
            }
        }
    }
    edges
}

/// Whether `module` is `folder` or inside it.
pub(super) fn is_inside(module: &str, folder: &str) -> bool {
    folder.is_empty() || module.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

struct ModuleTree {
    modules: BTreeSet<String>,
    /// The `use` declarations: a name as seen from its module, and the path it stands for.
    imports: BTreeMap<String, String>,
}

impl ModuleTree {
    fn new(src: &str, files: &[&SourceFile]) -> Self {
        let modules = files.iter().map(|file| module_of(src, &file.path)).collect();
        let mut tree = Self { modules, imports: BTreeMap::new() };
        for file in files {
            let module = module_of(src, &file.path);
            for import in tokens::imports(&file.tokens) {
                let name = import.path.rsplit("::").next().unwrap_or_default();
                if let Some(path) = tree.absolute(&module, &import.path) {
                    tree.imports.insert(join(&module, name), path);
                }
            }
        }
        tree
    }

    /// Returns `name`, as `module` spells it, as a path from the root; `None` for other crates and local names.
    fn absolute(&self, module: &str, name: &str) -> Option<String> {
        let mut parts = name.split("::").peekable();
        let mut path = module.to_owned();
        match *parts.peek()? {
            "crate" => path.clear(),
            "self" | "super" => {}
            child if self.modules.contains(&join(module, child)) => {}
            _ => return None,
        }
        for part in parts {
            match part {
                "crate" | "self" => {}
                "super" => path = path.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned(),
                part => path = join(&path, part),
            }
        }
        Some(path)
    }

    /// Returns the module that defines what `path` names.
    fn resolve(&self, path: String) -> String {
        let parts: Vec<&str> = path.split('/').collect();
        let mut module = String::new();
        for (index, part) in parts.iter().enumerate() {
            let next = join(&module, part);
            if self.modules.contains(&next) {
                module = next;
                continue;
            }
            let Some(target) = self.imports.get(&next).filter(|target| !is_inside(target, &next)) else {
                return module;
            };
            let rest = parts[index + 1..].iter();
            return self.resolve(rest.fold(target.clone(), |path, part| join(&path, part)));
        }
        module
    }
}

fn module_of(src: &str, path: &str) -> String {
    let stem = path.trim_start_matches(src).trim_start_matches('/').trim_end_matches(".rs");
    if matches!(stem, "lib" | "main" | "mod") { String::new() } else { stem.trim_end_matches("/mod").to_owned() }
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.to_owned() } else { format!("{module}/{name}") }
}

#[test]
fn names_lead_to_the_defining_module() {
    let files = [
        SourceFile::new("a/src/lib.rs", "mod b; mod c;\npub use b::{d::Deep, Flat};"),
        SourceFile::new("a/src/b/mod.rs", "mod d;\npub struct Flat;\nuse d::Deep;"),
        SourceFile::new("a/src/b/d.rs", "use super::Flat;\npub struct Deep;"),
        SourceFile::new(
            "a/src/c.rs",
            "use crate::Deep;\nuse crate::b::Deep;\nfn f() { crate::Flat::new(std::fs::read()); }",
        ),
    ];
    let found = edges("a/src", &files);
    let found: Vec<(&str, &str, usize)> =
        found.iter().map(|edge| (edge.from.as_str(), edge.to.as_str(), edge.line)).collect();
    let from_c = [("c", "b/d", 1), ("c", "b/d", 2), ("c", "b", 3)];
    assert_eq!(found.iter().filter(|edge| edge.0 == "c").copied().collect::<Vec<_>>(), from_c);
    assert!(found.contains(&("b/d", "b", 1)) && found.contains(&("b", "b/d", 3)));
}
