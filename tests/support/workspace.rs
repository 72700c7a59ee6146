//! Where the workspace is, and where its programs are built.
//!
//! `CARGO_BIN_EXE_*` exists only for the package that owns a program, so the tests find `gregaria` beside their own
//! executable and let cargo build it when it is missing or older than its sources. One cargo command builds it in the
//! same profile and target directory; `tests/run` has done so before, and then nothing is left to do.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// The root of the workspace.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is a folder of the workspace")
}

/// The path of the program `gregaria`, built if need be.
#[must_use]
pub fn gregaria_path() -> PathBuf {
    build_if_stale("gregaria", &SOURCES, &["-p", "gregaria", "--bin", "gregaria"])
}

/// The program `gregaria` of the Python environment that `tests/run-python` makes; nothing is built here.
#[must_use]
pub fn python_host() -> PathBuf {
    BuildLocation::of_current_test().target_dir.join("python/bin/gregaria")
}

/// The path of one of the Rust examples, built if need be.
#[must_use]
pub fn example_path(name: &str) -> PathBuf {
    let sources = [SOURCES.as_slice(), &["examples"]].concat();
    build_if_stale(&format!("examples/{name}"), &sources, &["-p", "gregaria-examples", "--example", name])
}

fn build_if_stale(product: &str, sources: &[&str], build: &[&str]) -> PathBuf {
    let place = BuildLocation::of_current_test();
    let path = place.profile_dir().join(product);
    let built = fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
    if built.is_none_or(|built| built < last_modified(sources)) {
        place.build(build);
    }
    assert!(path.is_file(), "cargo built no {}", path.display());
    path
}

/// The target directory and profile that this test executable was built in: `TARGET/PROFILE/deps/it-HASH`.
struct BuildLocation {
    target_dir: PathBuf,
    profile_folder: String,
}

impl BuildLocation {
    fn of_current_test() -> Self {
        let executable = env::current_exe().expect("a test knows its own executable");
        let mut folders = executable.ancestors().skip(1);
        let mut folder = folders.next().expect("an executable is in a folder");
        if folder.ends_with("deps") {
            folder = folders.next().expect("deps/ is inside the profile's folder");
        }
        let profile_folder =
            folder.file_name().expect("the profile's folder has a name").to_string_lossy().into_owned();
        let target_dir = folder.parent().expect("the profile's folder is in the target directory").to_owned();
        Self { target_dir, profile_folder }
    }

    fn profile_dir(&self) -> PathBuf {
        self.target_dir.join(&self.profile_folder)
    }

    fn build(&self, what: &[&str]) {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let profile = if self.profile_folder == "debug" { "dev" } else { &self.profile_folder };
        let status = Command::new(cargo)
            .args(["build", "--quiet", "--profile", profile, "--target-dir"])
            .arg(&self.target_dir)
            .args(what)
            .current_dir(root())
            .status()
            .expect("cargo runs");
        assert!(status.success(), "cargo build {} failed", what.join(" "));
    }
}

/// When the last of the files in these folders was changed.
fn last_modified(sources: &[&str]) -> SystemTime {
    let mut newest = SystemTime::UNIX_EPOCH;
    let mut folders: Vec<PathBuf> = sources.iter().map(|folder| root().join(folder)).collect();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let modified = entry.metadata().and_then(|metadata| metadata.modified());
                newest = newest.max(modified.unwrap_or(newest));
            }
        }
    }
    newest
}

/// What all programs are made of.
const SOURCES: [&str; 4] = ["stats/src", "http-client/src", "engine/src", "cli/src"];
