//! The root of the workspace and the paths of its programs.
//!
//! `CARGO_BIN_EXE_*` exists only for the package that owns a program. Therefore the tests search `gregaria` beside
//! their own executable, and build it with cargo if it is missing or older than its sources. The build uses the same
//! profile and target directory as `tests/run`, which builds the programs before the tests.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// Returns the root of the workspace.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ is a folder of the workspace")
}

/// Returns the path of the program `gregaria` and builds it if it is stale.
#[must_use]
pub fn gregaria_path() -> PathBuf {
    build_if_stale("gregaria", &SOURCES, &["-p", "gregaria", "--bin", "gregaria"])
}

/// Returns the path of `gregaria` in the Python environment of `tests/run-python`. It is not built here.
#[must_use]
pub fn python_host() -> PathBuf {
    BuildLocation::of_current_test().target_dir.join("python/bin/gregaria")
}

/// Returns the path of a Rust example and builds it if it is stale.
#[must_use]
pub fn example_path(name: &str) -> PathBuf {
    let sources = [SOURCES.as_slice(), &["examples"]].concat();
    build_if_stale(&format!("examples/{name}"), &sources, &["-p", "gregaria-examples", "--example", name])
}

fn build_if_stale(product: &str, sources: &[&str], packages: &[&str]) -> PathBuf {
    let location = BuildLocation::of_current_test();
    let path = location.profile_dir().join(product);
    let built = fs::metadata(&path).and_then(|metadata| metadata.modified()).ok();
    if built.is_none_or(|built| built < last_modified(sources)) {
        location.build(packages);
    }
    assert!(path.is_file(), "cargo has not built {}", path.display());
    path
}

/// The target directory and the profile of this test executable, from its path `TARGET/PROFILE/deps/it-HASH`.
struct BuildLocation {
    target_dir: PathBuf,
    profile_folder: String,
}

impl BuildLocation {
    fn of_current_test() -> Self {
        let executable = env::current_exe().expect("failed to find the path of the test executable");
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

    fn build(&self, packages: &[&str]) {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let profile = if self.profile_folder == "debug" { "dev" } else { &self.profile_folder };
        let status = Command::new(cargo)
            .args(["build", "--quiet", "--profile", profile, "--target-dir"])
            .arg(&self.target_dir)
            .args(packages)
            .current_dir(root())
            .status()
            .expect("failed to start cargo");
        assert!(status.success(), "cargo build {} failed", packages.join(" "));
    }
}

/// Returns the time of the last change to a Rust file in these folders.
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

/// The source folders of all programs.
const SOURCES: [&str; 4] = ["stats/src", "http-client/src", "engine/src", "cli/src"];
