//! The Rust examples in the documents, compiled as doctests: README.md and the pages of docs/.
//!
//! A page with a Rust block must be in the list below, which a test checks.

macro_rules! compile_pages {
    ($($module:ident: $page:literal),+ $(,)?) => {
        $(
            #[cfg(doctest)]
            #[doc = include_str!(concat!("../../", $page))]
            mod $module {}
        )+

        #[cfg(test)]
        const COMPILED_PAGES: &[&str] = &[$($page),+];
    };
}

compile_pages! {
    readme: "README.md",
    http: "docs/http.md",
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::{Path, PathBuf},
    };

    use super::COMPILED_PAGES;

    /// Returns the pages in this folder of the workspace that have a Rust block.
    fn pages_with_rust(folder: &str) -> Vec<String> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let is_page = |path: &Path| path.extension().is_some_and(|extension| extension == "md");
        let entries = fs::read_dir(root.join(folder)).unwrap().map(|entry| entry.unwrap().path());
        let pages = entries.filter(|path| is_page(path) && has_rust_block(&fs::read_to_string(path).unwrap()));
        pages.map(|path| format!("{folder}{}", path.file_name().unwrap().to_string_lossy())).collect()
    }

    fn has_rust_block(page: &str) -> bool {
        page.lines().any(|line| line.trim_start().starts_with("```rust"))
    }

    #[test]
    fn pages_with_rust_blocks_are_compiled() {
        let mut pages = [pages_with_rust(""), pages_with_rust("docs/")].concat();
        let mut compiled: Vec<&str> = COMPILED_PAGES.to_vec();
        pages.sort();
        compiled.sort_unstable();
        assert_eq!(compiled, pages, "the list in doc_tests.rs differs from the pages with a rust block");
    }

    #[test]
    fn rust_blocks_are_found() {
        assert!(has_rust_block("text\n```rust,no_run\nfn f() {}\n```\n"));
        assert!(has_rust_block("- item\n\n  ```rust\n  fn f() {}\n  ```\n"));
        assert!(!has_rust_block("```console\n$ rustc\n```\n"));
    }
}
