//! Where the locustfiles are: from what was given for `-f`, or nothing, to absolute paths.
//!
//! Locust 2's rules, and where those find nothing 0.7's: a name without a folder is sought in the folders above too,
//! and may be that of a package.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::{
    args::{cli::arg_value::ArgValue, config::process_env::ProcessEnv},
    exit::CliError,
};

/// The locustfiles that were asked for; `flag` is what they were given with.
///
/// # Errors
/// A name under which there is nothing to import.
pub(super) fn find_named(flag: &str, names: &ArgValue, env: &ProcessEnv) -> Result<Vec<PathBuf>, CliError> {
    let mut found = Vec::new();
    for name in names.text.split(',').map(str::trim).filter(|name| !name.is_empty()) {
        let refuse = |why: &str| CliError::runtime(format!("{}: {why}", names.describe(flag)));
        if name == "-" {
            return Err(CliError::usage(format!("{}: a master is not there yet: give a file", names.describe(flag))));
        }
        if name.contains("://") {
            let why = "fetching a locustfile is not there yet: download it first";
            return Err(CliError::usage(format!("{}: {why}", names.describe(flag))));
        }
        match find_files(name, env) {
            Some(files) if files.is_empty() => return Err(refuse("there is no .py file in this folder")),
            Some(files) => found.extend(files),
            None => return Err(refuse(&not_found_message(name, env))),
        }
    }
    if found.is_empty() {
        return Err(CliError::runtime(format!("{}: names no file", names.describe(flag))));
    }
    Ok(found)
}

/// The locustfile of a line that names none: `locustfile.py`, or the package `locustfile`, here or above.
pub(super) fn default_locustfile(env: &ProcessEnv) -> Option<PathBuf> {
    search_folders(&env.cwd).find_map(|folder| {
        let file = folder.join("locustfile.py");
        let package = folder.join("locustfile");
        let is_package = package.join("__init__.py").is_file();
        if file.is_file() { Some(file) } else { is_package.then_some(package) }
    })
}

/// A folder stands for all files in it; `None` if there is nothing of this name.
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
    // A name with a folder says where it is.
    let is_name = !name.contains('/') && !name.starts_with('~');
    is_name.then(|| find_above(name, env)).flatten().map(|path| vec![path])
}

fn find_above(name: &str, env: &ProcessEnv) -> Option<PathBuf> {
    let file = if name.ends_with(".py") { name.to_owned() } else { format!("{name}.py") };
    search_folders(&env.cwd).skip(1).find_map(|folder| {
        let package = folder.join(name);
        let is_package = package.join("__init__.py").is_file();
        Some(folder.join(&file)).filter(|file| file.is_file()).or_else(|| is_package.then_some(package))
    })
}

/// As Locust: names with an underscore in front are parts of others. A package that says something itself is one, as in 0.7,
/// and so is one that has only such parts.
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
    // The order of a directory differs from machine to machine.
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

/// This folder and those above, without the root: what lies there is no one's project.
fn search_folders(folder: &Path) -> impl Iterator<Item = &Path> {
    folder
        .ancestors()
        .enumerate()
        .filter(|(index, folder)| *index == 0 || folder.parent().is_some())
        .map(|(_, path)| path)
}

fn not_found_message(name: &str, env: &ProcessEnv) -> String {
    let place = env.cwd.display();
    if name.contains('/') {
        "there is no such file: give a .py file or a folder with some".to_owned()
    } else {
        format!("there is no such file in {place} or above: give a .py file or a folder with some")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with these empty files in it, seen from one of its folders.
    fn tree(files: &[&str], cwd: &str) -> (tempfile::TempDir, ProcessEnv) {
        let root = tempfile::tempdir().unwrap();
        for file in files {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "").unwrap();
        }
        let cwd = root.path().join(cwd);
        fs::create_dir_all(&cwd).unwrap();
        let surroundings = ProcessEnv { cwd, home: Some(root.path().join("home")), ..ProcessEnv::default() };
        (root, surroundings)
    }

    fn found(name: &str, root: &tempfile::TempDir, surroundings: &ProcessEnv) -> Vec<String> {
        let paths = find_named("-f", &name.into(), surroundings).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        paths.iter().map(|path| path.strip_prefix(root).unwrap().display().to_string()).collect()
    }

    #[test]
    fn files_are_found_by_every_way_to_name_them() {
        let files = ["a.py", "b.py", "home/h.py", "up.py", "below/c.py", "below/d/e.py", "below/_f.py", "below/g.txt"];
        let (root, surroundings) = tree(&files, "");
        for (name, expected) in [
            ("a.py", &["a.py"][..]),
            ("a", &["a.py"]),
            ("./a.py", &["a.py"]),
            ("below/c", &["below/c.py"]),
            (" a.py , b", &["a.py", "b.py"]),
            ("below", &["below/c.py", "below/d/e.py"]),
            ("~/h.py", &["home/h.py"]),
        ] {
            assert_eq!(found(name, &root, &surroundings), expected, "{name}");
        }
    }

    #[test]
    fn a_mere_name_is_sought_above_too() {
        let (root, surroundings) = tree(&["up.py", "pack/__init__.py", "here/there/x"], "here/there");
        assert_eq!(found("up", &root, &surroundings), ["up.py"]);
        assert_eq!(found("up.py", &root, &surroundings), ["up.py"]);
        assert_eq!(found("pack", &root, &surroundings), ["pack"]);
        assert!(find_named("-f", &"./up.py".into(), &surroundings).is_err());
    }

    #[test]
    fn a_package_without_other_files_is_one() {
        let (root, surroundings) = tree(&["pack/__init__.py", "full/__init__.py", "full/a.py"], "");
        assert_eq!(found("pack", &root, &surroundings), ["pack"]);
        assert_eq!(found("full", &root, &surroundings), ["full/a.py"]);
    }

    #[test]
    fn the_usual_one_is_a_file_or_a_package_here_or_above() {
        for (files, expected) in [
            (&["locustfile.py", "locustfile/__init__.py"][..], "locustfile.py"),
            (&["locustfile/__init__.py"], "locustfile"),
            (&["locustfile.py", "a/locustfile/x.py"], "locustfile.py"),
            (&["locustfile.py", "a/b/locustfile.py"], "a/b/locustfile.py"),
        ] {
            let (root, surroundings) = tree(files, "a/b");
            assert_eq!(default_locustfile(&surroundings), Some(root.path().join(expected)), "{files:?}");
        }
        let root = ProcessEnv { cwd: "/".into(), ..ProcessEnv::default() };
        assert_eq!(default_locustfile(&root), None);
    }

    #[test]
    fn what_cannot_be_found_says_what_was_sought_where() {
        let (_root, surroundings) = tree(&["empty/x.txt", "a.txt"], "");
        let refusal = |name: &str| find_named("-f", &name.into(), &surroundings).unwrap_err();
        let place = surroundings.cwd.display();
        assert_eq!(
            refusal("gone.py").message,
            format!("-f gone.py: there is no such file in {place} or above: give a .py file or a folder with some")
        );
        assert!(refusal("a.txt").message.contains("there is no such file"));
        assert_eq!(refusal("empty"), CliError::runtime("-f empty: there is no .py file in this folder"));
        assert_eq!((refusal("-").code, refusal("http://h/x.py").code), (2, 2));
        assert_eq!(refusal(",").code, 1);
    }
}
