//! The Rust files of the workspace, read once per rule, without test code.
//!
//! Test code is an item under `#[cfg(test)]`, the file of a module declared so, and the folder `tests/` of a crate. The
//! packages `tests`, `benches` and `examples` are not exempt. A rule that excludes them lists its folders.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::tokens::{self, Name, Token};
use super::{committed_files, text_of};

/// A Rust file: its whole text, and the tokens of the code outside of tests.
pub(super) struct SourceFile {
    /// The path relative to the root, with `/`.
    pub(super) path: String,
    pub(super) text: String,
    pub(super) tokens: Vec<Token>,
    test_lines: Vec<RangeInclusive<usize>>,
    test_modules: Vec<String>,
}

impl SourceFile {
    pub(super) fn new(path: &str, text: &str) -> Self {
        let mut tokens = tokens::tokens(path, text);
        let (test_lines, test_modules) = tokens::cut_tests(&mut tokens);
        Self { path: path.to_owned(), text: text.to_owned(), tokens, test_lines, test_modules }
    }

    /// Returns `true` if the file is in `folder`, at any depth.
    pub(super) fn is_in(&self, folder: &str) -> bool {
        let rest = self.path.strip_prefix(folder);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    }

    /// Returns the names in the code outside of tests.
    pub(super) fn names(&self) -> Vec<Name> {
        tokens::names(&self.tokens)
    }

    /// Counts the lines outside of tests.
    pub(super) fn lines(&self) -> usize {
        let test: usize = self.test_lines.iter().map(|lines| lines.end() - lines.start() + 1).sum();
        self.text.lines().count() - test
    }

    /// Returns the folder of the child modules: `a` for `a/mod.rs` and `a/lib.rs`, `a/b` for `a/b.rs`.
    fn module_folder(&self) -> String {
        let stem = self.path.trim_end_matches(".rs");
        let (folder, name) = stem.rsplit_once('/').unwrap_or(("", stem));
        let is_root = matches!(name, "mod" | "lib" | "main");
        if is_root { folder.to_owned() } else { stem.to_owned() }
    }
}

/// Returns the Rust files of the workspace, except for those that are test code as a whole.
pub(super) fn workspace_files() -> Vec<SourceFile> {
    let rust = committed_files().into_iter().filter(|path| path.ends_with(".rs"));
    let read = rust.filter_map(|path| Some(SourceFile::new(&path, &text_of(&path)?)));
    let files = without_test_files(read.collect());
    assert!(files.len() > 20, "the files of the workspace are listed");
    files
}

fn without_test_files(files: Vec<SourceFile>) -> Vec<SourceFile> {
    let is_crate_test = |path: &str| path.split('/').nth(1) == Some("tests");
    let declared: BTreeSet<String> = files
        .iter()
        .flat_map(|file| file.test_modules.iter().map(|module| format!("{}/{module}", file.module_folder())))
        .collect();
    let is_declared = |path: &str| {
        let stem = path.trim_end_matches(".rs");
        declared.iter().any(|module| stem == module || stem.starts_with(&format!("{module}/")))
    };
    files.into_iter().filter(|file| !is_crate_test(&file.path) && !is_declared(&file.path)).collect()
}

#[test]
fn files_of_test_modules_are_left_out() {
    let files = vec![
        SourceFile::new("a/src/lib.rs", "mod b;\n#[cfg(test)]\nmod tests;\n"),
        SourceFile::new("a/src/b.rs", "#[cfg(test)]\nmod fixture;\nfn f() {}\n"),
        SourceFile::new("a/src/b/fixture.rs", ""),
        SourceFile::new("a/src/tests/mod.rs", ""),
        SourceFile::new("a/tests/whole.rs", ""),
        SourceFile::new("tests/main.rs", ""),
    ];
    assert_eq!(files[1].lines(), 1);
    let left: Vec<String> = without_test_files(files).into_iter().map(|file| file.path).collect();
    assert_eq!(left, ["a/src/lib.rs", "a/src/b.rs", "tests/main.rs"]);
}
