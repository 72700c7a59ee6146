//! What a command line is read in: the environment, the home and the working directory, as values.
//!
//! Nothing else in `args/` asks the process for them, so a test, or a second run in one process, has its own.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
};

/// Environment variables, home and working directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessEnv {
    /// The environment variables.
    pub variables: BTreeMap<String, String>,
    /// Where `~` leads.
    pub home: Option<PathBuf>,
    /// Where relative paths begin.
    pub cwd: PathBuf,
}

impl ProcessEnv {
    /// Those of this process. A working directory that is gone counts as the root.
    pub fn current() -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self {
            variables: env::vars_os().map(|(name, value)| (text(name), text(value))).collect(),
            home: env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from),
            cwd: env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
        }
    }

    /// The absolute path that was meant by `path`.
    pub(in crate::args) fn absolute_path(&self, path: &str) -> PathBuf {
        let below_home = path.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
        match (below_home, &self.home) {
            (Some(rest), Some(home)) => home.join(rest.trim_start_matches('/')),
            _ => self.cwd.join(path.strip_prefix("./").unwrap_or(path)),
        }
    }

    /// `path` as people would write it from here.
    pub(in crate::args) fn display_relative<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.cwd).unwrap_or(path).display()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_at_home_or_here() {
        let here = ProcessEnv { home: Some("/me".into()), cwd: "/here".into(), ..ProcessEnv::default() };
        for (path, absolute) in [("x.py", "/here/x.py"), ("./x", "/here/x"), ("/x", "/x"), ("~/x", "/me/x")] {
            assert_eq!(here.absolute_path(path), Path::new(absolute), "{path}");
        }
        assert_eq!(here.absolute_path("~"), Path::new("/me"));
        assert_eq!(here.absolute_path("~other/x"), Path::new("/here/~other/x"), "only one's own home is known");
        assert_eq!(here.display_relative(Path::new("/here/a/b")).to_string(), "a/b");
    }
}
