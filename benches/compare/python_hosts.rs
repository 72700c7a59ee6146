//! The programs that run Python users, ours and Locust: their paths, and the command that runs a locustfile of
//! `locustfiles/` in each.
//!
//! Our package is assembled from this source tree and the extension module that cargo built beside this program, even
//! if another version is installed. The environment supplies the interpreter, gevent and requests.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf, absolute};
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use crate::before;
use crate::load::ClientLoad;
use crate::process;

/// A load generator for Python users, with the user class to measure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PythonHost {
    /// Our Python host.
    Gregaria,
    /// Our Python host in the version of `before.rs`.
    GregariaBefore,
    /// Locust with `HttpUser`, which uses requests.
    LocustHttp,
    /// Locust with `FastHttpUser`, which uses geventhttpclient.
    LocustFast,
}

impl PythonHost {
    /// Returns the command of one process that runs one user of a locustfile per connection of the load.
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

    /// Checks that the interpreter and its packages are installed.
    ///
    /// # Errors
    /// If a file is missing or our interpreter cannot import gevent and requests.
    pub(crate) fn check_installed(self) -> anyhow::Result<()> {
        match self {
            Self::Gregaria => {}
            Self::GregariaBefore => drop(before::program(EXTENSION_MODULE)?),
            Self::LocustHttp | Self::LocustFast => return locust().map(drop),
        }
        let interpreter = interpreter()?;
        let imported =
            Command::new(&interpreter).args(["-c", "import gevent, requests"]).stderr(Stdio::null()).status();
        ensure!(
            imported.is_ok_and(|status| status.success()),
            "cannot run Python users: {path} does not import gevent and requests; run `{path} -m pip install gevent requests`",
            path = interpreter.display()
        );
        Ok(())
    }

    /// Returns the name of the load generator and the versions of the interpreter and the libraries.
    pub(crate) fn version(self) -> Option<String> {
        let (interpreter, libraries) = match self {
            Self::Gregaria => (interpreter().ok()?, "'gevent'"),
            Self::GregariaBefore => return before::version(),
            Self::LocustHttp | Self::LocustFast => {
                (locust().ok()?.with_file_name("python"), "'gevent', 'geventhttpclient', 'locust', 'requests'")
            }
        };
        let script = format!(
            "import platform; from importlib.metadata import version; \
             print('; '.join(['Python ' + platform.python_version()] + [f'{{n}} {{version(n)}}' for n in [{libraries}]]))"
        );
        let output = Command::new(interpreter).args(["-c", &script]).output().ok()?;
        let versions = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let name = if self == Self::Gregaria { "gregaria" } else { "Locust" };
        output.status.success().then(|| format!("{name} on {versions}"))
    }

    fn pinned(self, core: usize) -> anyhow::Result<Command> {
        match self {
            Self::Gregaria => gregaria(core),
            Self::GregariaBefore => gregaria_in(PACKAGE_FOLDER_BEFORE, core),
            Self::LocustHttp | Self::LocustFast => Ok(process::pinned(&[core], locust()?)),
        }
    }

    fn user_class(self) -> &'static str {
        match self {
            Self::Gregaria | Self::GregariaBefore | Self::LocustHttp => "HttpUser",
            Self::LocustFast => "FastHttpUser",
        }
    }
}

/// Returns the command of our Python host on `core`. Arguments can still be added.
pub(crate) fn gregaria(core: usize) -> anyhow::Result<Command> {
    gregaria_in(PACKAGE_FOLDER, core)
}

fn gregaria_in(packages: &str, core: usize) -> anyhow::Result<Command> {
    let mut command = process::pinned(&[core], interpreter()?);
    command.args(["-m", "gregaria"]).env("PYTHONPATH", process::sibling_program(packages)?);
    Ok(command)
}

/// Returns the path of a locustfile of the comparison.
pub(crate) fn locustfile(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("compare/locustfiles").join(name)
}

/// Builds the extension module and assembles the packages of this version and, if it is given, of the version before.
pub(crate) fn build() -> anyhow::Result<()> {
    process::build(&["-p", "gregaria-python"], &[("PYO3_PYTHON", interpreter()?)])?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    assemble(PACKAGE_FOLDER, &process::sibling_program(EXTENSION_MODULE)?, &root)?;
    if before::is_given() {
        assemble(PACKAGE_FOLDER_BEFORE, &before::program(EXTENSION_MODULE)?, &before::checkout()?)?;
    }
    Ok(())
}

/// Links an extension module and the Python files of a checkout into one package folder beside this program.
fn assemble(packages: &str, extension_module: &Path, checkout: &Path) -> anyhow::Result<()> {
    let package = process::sibling_path(packages)?.join("gregaria");
    if package.exists() {
        fs::remove_dir_all(&package)?;
    }
    fs::create_dir_all(&package)?;
    symlink(extension_module.canonicalize()?, package.join("_engine.abi3.so"))?;
    for file in fs::read_dir(checkout.join("python/gregaria"))? {
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

/// Returns the path in the given variable, otherwise the path of the environment below `target/`.
fn find_installed(variable: &str, in_target: &str, install: &str) -> anyhow::Result<PathBuf> {
    if let Some(path) = env::var_os(variable).map(PathBuf::from) {
        ensure!(path.is_file(), "cannot run Python users: {variable} is {}, which is not a file", path.display());
        // Not the canonical path: an interpreter finds its environment by the path of the link.
        return Ok(absolute(path)?);
    }
    let program = process::sibling_path("compare")?;
    let target = program.ancestors().nth(2).context("cannot find the folder target/")?;
    let path = target.join(in_target);
    let (environment, _) = in_target.split_once('/').expect("the path names an environment");
    ensure!(
        path.is_file(),
        "cannot run Python users: target/{in_target} is missing; \
         run `python3 -m venv target/{environment} && target/{environment}/bin/{install}`, or set {variable}"
    );
    Ok(path)
}

/// The folder beside this program from which Python imports our package.
const PACKAGE_FOLDER: &str = "python-packages";
/// The same for the version before.
const PACKAGE_FOLDER_BEFORE: &str = "python-packages-before";
/// The extension module, as cargo names it.
const EXTENSION_MODULE: &str = "lib_engine.so";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_environment_is_named_with_a_remedy() {
        let error =
            find_installed("NO_SUCH_VARIABLE", "nowhere/bin/python", "pip install gevent").unwrap_err().to_string();
        assert_eq!(
            error,
            "cannot run Python users: target/nowhere/bin/python is missing; \
             run `python3 -m venv target/nowhere && target/nowhere/bin/pip install gevent`, or set NO_SUCH_VARIABLE"
        );
    }
}
