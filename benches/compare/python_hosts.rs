//! The programs that run Python users, ours and Locust: where they are, and how each is told to run the same locustfile
//! (`locustfiles/`). Of ours, it is this source tree's Python half with the native half built beside this program that
//! runs, whatever else is installed; the environment lends the interpreter, gevent and requests.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf, absolute};
use std::process::Command;

use anyhow::{Context, ensure};

use crate::clients;
use crate::load::ClientLoad;
use crate::process;

/// A program with a user class of its own.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PythonHost {
    /// Ours.
    Gregaria,
    /// Locust with its `HttpUser`, over requests.
    LocustHttp,
    /// Locust with its `FastHttpUser`, over geventhttpclient.
    LocustFast,
}

impl PythonHost {
    /// One process that runs as many users of a locustfile as the load has connections.
    pub(crate) fn command(self, locustfile: &str, load: &ClientLoad, core: usize) -> anyhow::Result<Command> {
        let mut command = self.pinned(core)?;
        let users = load.connections.to_string();
        command
            .arg("-f")
            .arg(self::locustfile(locustfile))
            .args(["--headless", "--only-summary", "--json", "-u", &users, "-r", &users])
            .args(["-t", &format!("{}s", load.seconds), "--host", &format!("http://{}", load.address)])
            .env("CLIENT", self.user_class());
        Ok(command)
    }

    /// Program and libraries with their versions.
    pub(crate) fn version(self) -> Option<String> {
        let (interpreter, libraries) = match self {
            Self::Gregaria => (interpreter().ok()?, "'gevent'"),
            Self::LocustHttp | Self::LocustFast => {
                (locust().ok()?.with_file_name("python"), "'gevent', 'geventhttpclient', 'locust', 'requests'")
            }
        };
        let asked = format!(
            "import platform; from importlib.metadata import version; \
             print('; '.join(['Python ' + platform.python_version()] + [f'{{n}} {{version(n)}}' for n in [{libraries}]]))"
        );
        let output = Command::new(interpreter).args(["-c", &asked]).output().ok()?;
        let versions = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let name = if self == Self::Gregaria { "gregaria" } else { "Locust" };
        output.status.success().then(|| format!("{name} on {versions}"))
    }

    fn pinned(self, core: usize) -> anyhow::Result<Command> {
        match self {
            Self::Gregaria => gregaria(core),
            Self::LocustHttp | Self::LocustFast => process::pinned(&[core], locust()?),
        }
    }

    fn user_class(self) -> &'static str {
        match self {
            Self::Gregaria | Self::LocustHttp => "HttpUser",
            Self::LocustFast => "FastHttpUser",
        }
    }
}

/// Our Python host, pinned. Arguments can still be added.
pub(crate) fn gregaria(core: usize) -> anyhow::Result<Command> {
    let mut command = process::pinned(&[core], interpreter()?)?;
    command.args(["-m", "gregaria"]).env("PYTHONPATH", clients::sibling_program(PACKAGE_FOLDER)?);
    Ok(command)
}

/// The path of one of the comparison's locustfiles.
pub(crate) fn locustfile(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("compare/locustfiles").join(name)
}

/// Builds the native half and puts the package together.
pub(crate) fn build() -> anyhow::Result<()> {
    clients::build(&["-p", "gregaria-python"], &[("PYO3_PYTHON", interpreter()?)])?;
    let packages = process::own_program()?.with_file_name(PACKAGE_FOLDER);
    let package = packages.join("gregaria");
    if package.exists() {
        fs::remove_dir_all(&package)?;
    }
    fs::create_dir_all(&package)?;
    symlink(clients::sibling_program("lib_engine.so")?, package.join("_engine.abi3.so"))?;
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../python/gregaria"))? {
        let file = file?;
        if file.path().extension().is_some_and(|extension| extension == "py") {
            symlink(file.path().canonicalize()?, package.join(file.file_name()))?;
        }
    }
    Ok(())
}

fn interpreter() -> anyhow::Result<PathBuf> {
    find_installed("GREGARIA_PYTHON", "python/bin/python", "pip install gevent requests")
}

fn locust() -> anyhow::Result<PathBuf> {
    find_installed("LOCUST", "locust/bin/locust", "pip install locust==2.47.0")
}

/// What the variable names, or else what is in the environment of that name under `target/`.
fn find_installed(variable: &str, in_target: &str, install: &str) -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os(variable).map(PathBuf::from) {
        ensure!(path.is_file(), "{variable} names {}, which is not there", path.display());
        // Not its canonical path: an environment's interpreter is known by the link to it.
        return Ok(absolute(path)?);
    }
    let own = process::own_program()?;
    let target = own.parent().and_then(Path::parent).context("this program is not in a target folder")?;
    let path = target.join(in_target);
    let (environment, _) = in_target.split_once('/').expect("a path in an environment");
    ensure!(
        path.is_file(),
        "not installed: python3 -m venv target/{environment} && target/{environment}/bin/{install}, or set {variable}"
    );
    Ok(path)
}

/// The folder beside this program from which Python imports ours.
const PACKAGE_FOLDER: &str = "python-packages";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_with_how_to_get_it() {
        let error =
            find_installed("NO_SUCH_VARIABLE", "nowhere/bin/python", "pip install gevent").unwrap_err().to_string();
        assert_eq!(
            error,
            "not installed: python3 -m venv target/nowhere && target/nowhere/bin/pip install gevent, or set NO_SUCH_VARIABLE"
        );
    }
}
