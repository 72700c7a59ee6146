//! The search for locustfiles: from the value of `-f`, or from no value, to absolute paths.
//!
//! The rules are those of Locust 2. Where they find no file, the rules of 0.7 apply: a name without a folder is also
//! searched in the folders above, and may be the name of a package. This file must not know how a line is parsed.

use std::{
    ffi::OsStr,
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};

use crate::{
    args::{cli::arg_value::ArgValue, config::process_env::ProcessEnv},
    exit::CliError,
};

/// Returns the locustfiles of `names`, which is the value of `flag`.
///
/// # Errors
/// A name without a file or package to import, and names that are not supported: `-` and URLs.
pub(super) fn find_named(flag: &str, names: &ArgValue, env: &ProcessEnv) -> Result<Vec<PathBuf>, CliError> {
    let mut found = Vec::new();
    let error = |fault: &str| format!("{}: {fault}", names.describe(flag));
    for name in names.text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        if name == "-" {
            return Err(CliError::usage(error("a master is not supported yet; give a file")));
        }
        if name.contains("://") {
            return Err(CliError::usage(error("fetching a locustfile is not supported yet; download it first")));
        }
        match find_files(name, env) {
            Some(files) if files.is_empty() => {
                return Err(CliError::usage(error(&format!("there is no .py file in this folder; {GIVE_A_FILE}"))));
            }
            Some(files) => found.extend(files),
            None => {
                let path = env.absolute_path(name);
                return Err(match path.exists() {
                    true => CliError::usage(error(&no_locustfile_message(&path))),
                    false => CliError::runtime(error(&not_found_message(name, env))),
                });
            }
        }
    }
    if found.is_empty() {
        return Err(CliError::runtime(error("names no file")));
    }
    Ok(found)
}

/// Returns the locustfile of a line that names none: `locustfile.py` or the package `locustfile`, in the working
/// directory or a folder above.
pub(super) fn default_locustfile(env: &ProcessEnv) -> Option<PathBuf> {
    search_folders(&env.cwd).find_map(|folder| {
        let file = folder.join("locustfile.py");
        let package = folder.join("locustfile");
        let is_package = package.join("__init__.py").is_file();
        if file.is_file() { Some(file) } else { is_package.then_some(package) }
    })
}

/// Returns the files of a name, which for a folder are all files in the folder; `None` if there is no such file.
fn find_files(name: &str, env: &ProcessEnv) -> Option<Vec<PathBuf>> {
    let path = env.absolute_path(name);
    let with_ending = env.absolute_path(&format!("{name}.py"));
    if path.is_dir() {
        return Some(files_in_folder(&path));
    }
    if path.is_file() && name.ends_with(".py") {
        return Some(vec![path]);
    }
    if with_ending.is_file() {
        return Some(vec![with_ending]);
    }
    // A name with a folder is a path, which is not searched in other folders.
    let has_no_folder = !name.contains('/') && !name.starts_with('~');
    has_no_folder.then(|| find_above(name, env)).flatten().map(|path| vec![path])
}

fn find_above(name: &str, env: &ProcessEnv) -> Option<PathBuf> {
    let file = if name.ends_with(".py") { name.to_owned() } else { format!("{name}.py") };
    search_folders(&env.cwd).skip(1).find_map(|folder| {
        let package = folder.join(name);
        let is_package = package.join("__init__.py").is_file();
        Some(folder.join(&file)).filter(|file| file.is_file()).or_else(|| is_package.then_some(package))
    })
}

/// Returns the locustfiles in a folder. As in Locust, files named with a leading underscore are parts of others.
///
/// A package with a non-empty `__init__.py` is one locustfile, as in 0.7. So is a package without other locustfiles.
fn files_in_folder(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    if fs::metadata(folder.join("__init__.py")).is_ok_and(|file| file.len() > 0) {
        return vec![folder.to_owned()];
    }
    collect_files(folder, &mut found);
    if found.is_empty() && folder.join("__init__.py").is_file() {
        found.push(folder.to_owned());
    }
    found
}

fn collect_files(folder: &Path, found: &mut Vec<PathBuf>) {
    let mut paths: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    // The order of directory entries depends on the file system.
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && !path.is_symlink() {
            collect_files(&path, found);
        } else if name.ends_with(".py") && !name.starts_with('_') && path.is_file() {
            found.push(path);
        }
    }
}

/// Returns the folder and the folders above, without the root, which is not the folder of a project.
fn search_folders(folder: &Path) -> impl Iterator<Item = &Path> {
    folder
        .ancestors()
        .enumerate()
        .filter(|(index, folder)| *index == 0 || folder.parent().is_some())
        .map(|(_, path)| path)
}

/// Describes a file that exists and is no locustfile, with the flag or command that takes such a file.
fn no_locustfile_message(path: &Path) -> String {
    let mut start = [0; 4];
    let is_program = File::open(path).and_then(|mut file| file.read_exact(&mut start)).is_ok() && start == *b"\x7fELF";
    if is_program {
        return "is a program, not a locustfile; run it without gregaria if it has users in Rust".to_owned();
    }
    match path.extension().and_then(OsStr::to_str) {
        Some("conf" | "toml") => "is no locustfile; give a configuration file with --config".to_owned(),
        _ => format!("is no locustfile, because its name does not end with .py; {GIVE_A_FILE}"),
    }
}

fn not_found_message(name: &str, env: &ProcessEnv) -> String {
    if name.contains('/') {
        return format!("there is no such file; {GIVE_A_FILE}");
    }
    format!("there is no such file in {} or above; {GIVE_A_FILE}", env.cwd.display())
}

const GIVE_A_FILE: &str = "give a Python file (NAME.py) with user classes, or a folder of such files";

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a folder with these empty files, and an environment with one of its folders as working directory.
    fn tree(files: &[&str], cwd: &str) -> (tempfile::TempDir, ProcessEnv) {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let cwd = root.path().join(cwd);
        fs::create_dir_all(&cwd).unwrap();
        let env = ProcessEnv { cwd, home: Some(root.path().join("home")), ..ProcessEnv::default() };
        (root, env)
    }

    fn found(name: &str, root: &tempfile::TempDir, env: &ProcessEnv) -> Vec<String> {
        let paths = find_named("-f", &name.into(), env).unwrap_or_else(|error| panic!("{name}: {error}"));
        paths.iter().map(|path| path.strip_prefix(root).unwrap().display().to_string()).collect()
    }

    #[test]
    fn files_are_found_in_every_notation() {
        let files = ["a.py", "b.py", "home/h.py", "up.py", "below/c.py", "below/d/e.py", "below/_f.py", "below/g.txt"];
        let (root, env) = tree(&files, "");
        for (name, expected) in [
            ("a.py", &["a.py"][..]),
            ("a", &["a.py"]),
            ("./a.py", &["a.py"]),
            ("below/c", &["below/c.py"]),
            (" a.py , b", &["a.py", "b.py"]),
            ("below", &["below/c.py", "below/d/e.py"]),
            ("~/h.py", &["home/h.py"]),
        ] {
            assert_eq!(found(name, &root, &env), expected, "{name}");
        }
    }

    #[test]
    fn name_without_a_folder_is_searched_above() {
        let (root, env) = tree(&["up.py", "pack/__init__.py", "here/there/x"], "here/there");
        assert_eq!(found("up", &root, &env), ["up.py"]);
        assert_eq!(found("up.py", &root, &env), ["up.py"]);
        assert_eq!(found("pack", &root, &env), ["pack"]);
        assert!(find_named("-f", &"./up.py".into(), &env).is_err());
    }

    #[test]
    fn package_without_other_files_is_a_locustfile() {
        let (root, env) = tree(&["pack/__init__.py", "full/__init__.py", "full/a.py"], "");
        assert_eq!(found("pack", &root, &env), ["pack"]);
        assert_eq!(found("full", &root, &env), ["full/a.py"]);
    }

    #[test]
    fn default_is_a_file_or_package_here_or_above() {
        for (files, expected) in [
            (&["locustfile.py", "locustfile/__init__.py"][..], "locustfile.py"),
            (&["locustfile/__init__.py"], "locustfile"),
            (&["locustfile.py", "a/locustfile/x.py"], "locustfile.py"),
            (&["locustfile.py", "a/b/locustfile.py"], "a/b/locustfile.py"),
        ] {
            let (root, env) = tree(files, "a/b");
            assert_eq!(default_locustfile(&env), Some(root.path().join(expected)), "{files:?}");
        }
        let root = ProcessEnv { cwd: "/".into(), ..ProcessEnv::default() };
        assert_eq!(default_locustfile(&root), None);
    }

    #[test]
    fn missing_locustfile_error_names_the_folder() {
        let (_root, env) = tree(&["empty/x.txt"], "");
        let error = |name: &str| find_named("-f", &name.into(), &env).unwrap_err();
        let cwd = env.cwd.display();
        assert_eq!(
            error("gone.py").message,
            format!("-f gone.py: there is no such file in {cwd} or above; {GIVE_A_FILE}")
        );
        assert!(error("a.txt").message.contains("there is no such file"));
        assert_eq!((error("-").code, error("http://h/x.py").code), (2, 2));
        assert_eq!(error(",").code, 1);
    }

    #[test]
    fn file_that_is_no_locustfile_names_its_use() {
        let (root, env) = tree(&["urls.txt", "page.json", "locust.conf", "a.toml", "empty/x.txt", "noname"], "");
        fs::write(root.path().join("shop"), b"\x7fELF\x02").unwrap();
        let program = "is a program, not a locustfile; run it without gregaria if it has users in Rust";
        let config = "is no locustfile; give a configuration file with --config";
        let other = format!("is no locustfile, because its name does not end with .py; {GIVE_A_FILE}");
        for (name, fault) in [
            ("urls.txt", other.as_str()),
            ("page.json", &other),
            ("noname", &other),
            ("./urls.txt", &other),
            ("locust.conf", config),
            ("a.toml", config),
            ("shop", program),
            ("empty", &format!("there is no .py file in this folder; {GIVE_A_FILE}")),
        ] {
            let error = find_named("-f", &name.into(), &env).unwrap_err();
            assert_eq!(error, CliError::usage(format!("-f {name}: {fault}")));
        }
    }
}
