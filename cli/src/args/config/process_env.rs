//! The process environment as a value: variables, home, working directory.
//!
//! No other file of `args/` reads them from the process. A test, or a second run in one process, can therefore have an
//! environment of its own.

use std::{
    collections::BTreeMap,
    env,
    path::{Path, PathBuf},
};

/// Environment variables, home and working directory.
///
/// # Examples
///
/// ```
/// use gregaria::args::ProcessEnv;
///
/// let variables = [("LOCUST_USERS".to_owned(), "64".to_owned())].into();
/// let env = ProcessEnv { variables, ..ProcessEnv::current() };
/// assert_eq!(env.variables["LOCUST_USERS"], "64");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProcessEnv {
    /// The environment variables.
    pub variables: BTreeMap<String, String>,
    /// The folder that `~` stands for; `None` if the process has no home.
    pub home: Option<PathBuf>,
    /// The folder that relative paths start from.
    pub cwd: PathBuf,
}

impl ProcessEnv {
    /// Returns the environment of this process. A deleted working directory is replaced by the root.
    pub fn current() -> Self {
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        Self {
            variables: env::vars_os().map(|(name, value)| (text(name), text(value))).collect(),
            home: env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from),
            cwd: env::current_dir().unwrap_or_else(|_| PathBuf::from("/")),
        }
    }

    /// Returns the absolute path of `path`. Only `~` and `~/…` are replaced by the home, not `~user`.
    pub(in crate::args) fn absolute_path(&self, path: &str) -> PathBuf {
        let below_home = path.strip_prefix('~').filter(|rest| rest.is_empty() || rest.starts_with('/'));
        match (below_home, &self.home) {
            (Some(rest), Some(home)) => home.join(rest.trim_start_matches('/')),
            _ => self.cwd.join(path.strip_prefix("./").unwrap_or(path)),
        }
    }

    /// Displays `path` relative to the working directory, if it is below.
    pub(in crate::args) fn display_relative<'a>(&self, path: &'a Path) -> std::path::Display<'a> {
        path.strip_prefix(&self.cwd).unwrap_or(path).display()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn relative_paths_start_at_home_or_cwd() {
        let env = ProcessEnv { home: Some("/me".into()), cwd: "/here".into(), ..ProcessEnv::default() };
        for (path, absolute) in [("x.py", "/here/x.py"), ("./x", "/here/x"), ("/x", "/x"), ("~/x", "/me/x")] {
            assert_eq!(env.absolute_path(path), Path::new(absolute), "{path}");
        }
        assert_eq!(env.absolute_path("~"), Path::new("/me"));
        assert_eq!(env.absolute_path("~other/x"), Path::new("/here/~other/x"), "~user is not supported");
        assert_eq!(env.display_relative(Path::new("/here/a/b")).to_string(), "a/b");
    }
}
