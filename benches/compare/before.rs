//! Another version of our programs, to compare two versions in one run: a checkout with release builds, which the
//! variable `GREGARIA_BEFORE` names. This file must not know clients.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};

/// Returns `true` if the variable is set.
pub(crate) fn is_given() -> bool {
    env::var_os(VARIABLE).is_some()
}

/// Returns the path of a program or library that cargo built in the other checkout.
///
/// # Errors
/// Returns an error if the variable is not set or the file does not exist.
pub(crate) fn program(name: &str) -> anyhow::Result<PathBuf> {
    let path = checkout()?.join("target/release").join(name);
    ensure!(
        path.exists(),
        "cannot compare with the version before: {} is missing; run `cargo build --release -p gregaria -p benches -p gregaria-python` there",
        path.display()
    );
    Ok(path)
}

/// Returns the path of the other checkout.
///
/// # Errors
/// Returns an error if the variable is not set.
pub(crate) fn checkout() -> anyhow::Result<PathBuf> {
    let path = env::var_os(VARIABLE).context(
        "cannot compare with the version before: set GREGARIA_BEFORE to a checkout of it with release builds",
    )?;
    Ok(PathBuf::from(path))
}

/// Returns the commit of the other checkout, for the record.
pub(crate) fn version() -> Option<String> {
    let output = Command::new("git").arg("-C").arg(checkout().ok()?).args(["rev-parse", "--short", "HEAD"]).output();
    let commit = String::from_utf8(output.ok()?.stdout).ok()?;
    Some(format!("gregaria before: commit {}", commit.trim()))
}

const VARIABLE: &str = "GREGARIA_BEFORE";
