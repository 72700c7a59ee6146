//! Dependencies in the manifests: their direction, and one table of pinned versions.
//!
//! Reads the few forms that our manifests use: `[dependencies]`, `name.workspace = true`, `name = { … }`. Other forms
//! are findings.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, committed_files, report, text_of};

/// Each package, and the packages of ours that it may use. Tests, benches and examples may use all.
const ALLOWED_DEPENDENCIES: &[(&str, &[&str])] = &[
    ("stats", &[]),
    ("http-client", &[]),
    ("engine", &["gregaria-stats", "gregaria-http"]),
    ("cli", &["gregaria-engine", "gregaria-stats", "gregaria-http"]),
    ("python", &["gregaria", "gregaria-engine", "gregaria-stats", "gregaria-http"]),
];

/// The manifest with the library `tests/support`.
const FIXTURES: &str = "tests/Cargo.toml";

/// A dependency in a manifest. The value is the text behind the name.
struct Dependency {
    section: String,
    name: String,
    value: String,
    line: usize,
}

fn dependencies(manifest: &str) -> Vec<Dependency> {
    let mut section = String::new();
    let mut found = Vec::new();
    for (index, line) in manifest.lines().enumerate() {
        if let Some(title) = line.strip_prefix('[') {
            section = title.trim_end_matches(']').to_owned();
        } else if let Some((name, value)) = line.split_once([' ', '.'])
            && section.ends_with("dependencies")
            && !name.is_empty()
            && !name.starts_with('#')
        {
            let (section, name) = (section.clone(), name.to_owned());
            found.push(Dependency { section, name, value: value.to_owned(), line: index + 1 });
        }
    }
    found
}

fn check_direction(path: &str, manifest: &str) -> Vec<Finding> {
    let folder = path.trim_end_matches("/Cargo.toml");
    let Some((_, allowed)) = ALLOWED_DEPENDENCIES.iter().find(|(package, _)| *package == folder) else {
        return Vec::new();
    };
    let ours = dependencies(manifest).into_iter().filter(|dependency| dependency.name.starts_with("gregaria"));
    let wrong = ours.filter(|dependency| !allowed.contains(&dependency.name.as_str()));
    wrong.map(|it| Finding::new(path, it.line, format!("{folder} must not know {}", it.name))).collect()
}

/// Finds crates of ours that the fixtures of the tests may use: the dependencies that are not only those of the tests.
fn check_fixtures(path: &str, manifest: &str) -> Vec<Finding> {
    let of_library = dependencies(manifest).into_iter().filter(|it| path == FIXTURES && it.section == "dependencies");
    let ours = of_library.filter(|it| it.name.starts_with("gregaria"));
    ours.map(|it| Finding::new(path, it.line, format!("tests/support must not know {}", it.name))).collect()
}

/// Finds versions that are not those of the table in the root.
fn check_pinned(path: &str, manifest: &str) -> Vec<Finding> {
    let loose = dependencies(manifest).into_iter().filter(|it| !it.value.contains("workspace = true"));
    loose.map(|it| Finding::new(path, it.line, format!("{} is not from the root's table", it.name))).collect()
}

fn check_unused(root: &str, members: &BTreeMap<String, String>) -> Vec<Finding> {
    let used: BTreeSet<String> = members.values().flat_map(|text| dependencies(text)).map(|it| it.name).collect();
    let table = dependencies(root).into_iter().filter(|it| it.section == "workspace.dependencies");
    let unused = table.filter(|it| !used.contains(&it.name));
    unused.map(|it| Finding::new("Cargo.toml", it.line, format!("{} is not used", it.name))).collect()
}

/// Finds dependencies that no code of the package names; `texts` is the code of the package with its tests.
fn check_named(path: &str, manifest: &str, texts: &[String]) -> Vec<Finding> {
    let is_named = |name: &str| texts.iter().any(|text| names_crate(text, &name.replace('-', "_")));
    let idle = dependencies(manifest).into_iter().filter(|it| !is_named(&it.name));
    idle.map(|it| Finding::new(path, it.line, format!("{} is not used by this package", it.name))).collect()
}

/// Returns `true` if `name` begins a path in `text`.
fn names_crate(text: &str, name: &str) -> bool {
    let is_inside = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == ':';
    text.match_indices(name).any(|(at, _)| {
        let rest = &text[at + name.len()..];
        let begins = !text[..at].ends_with(is_inside);
        begins && (rest.starts_with("::") || rest.starts_with(" as ") || rest.starts_with(';'))
    })
}

/// Returns the external libraries in the table of the root.
pub(super) fn external_libraries() -> Vec<String> {
    let root = text_of("Cargo.toml").expect("the root has a manifest");
    let table = dependencies(&root).into_iter().filter(|it| !it.name.starts_with("gregaria"));
    table.map(|it| it.name).collect()
}

/// Returns the manifests, except for those of other workspaces, which have tables of their own.
fn members() -> BTreeMap<String, String> {
    let manifests = committed_files().into_iter().filter(|path| path.ends_with("/Cargo.toml"));
    let texts = manifests.map(|path| (path.clone(), text_of(&path).unwrap_or_default()));
    texts.filter(|(_, text)| !text.lines().any(|line| line == "[workspace]")).collect()
}

/// Returns the code of the package that has its manifest at `path`.
fn texts_beside(path: &str) -> Vec<String> {
    let folder = path.trim_end_matches("Cargo.toml");
    let code = committed_files().into_iter().filter(|file| file.starts_with(folder) && file.ends_with(".rs"));
    code.filter_map(|file| text_of(&file)).collect()
}

#[test]
fn dependencies_point_down_and_to_the_table() {
    let members = members();
    let mut findings: Vec<Finding> = members.iter().flat_map(|(path, text)| check_direction(path, text)).collect();
    findings.extend(members.iter().flat_map(|(path, text)| check_fixtures(path, text)));
    findings.extend(members.iter().flat_map(|(path, text)| check_pinned(path, text)));
    findings.extend(members.iter().flat_map(|(path, text)| check_named(path, text, &texts_beside(path))));
    findings.extend(check_unused(&text_of("Cargo.toml").unwrap_or_default(), &members));
    report(findings);
    for (package, _) in ALLOWED_DEPENDENCIES {
        assert!(members.contains_key(&format!("{package}/Cargo.toml")), "{package} has moved");
    }
    assert!(members.contains_key(FIXTURES), "{FIXTURES} has moved");
}

#[test]
fn wrong_dependencies_are_found() {
    let manifest = "[package]\nname = \"x\"\n[dependencies]\n# a note\ngregaria-engine.workspace = true\nrand = \"0.9\"\n\
                    [dev-dependencies]\ngregaria = { path = \"../cli\" }\nlog = { workspace = true, features = [\"std\"] }\n";
    assert_eq!(check_direction("stats/Cargo.toml", manifest).len(), 2);
    assert_eq!(check_direction("cli/Cargo.toml", manifest).len(), 1);
    assert_eq!(check_direction("tests/Cargo.toml", manifest), []);
    assert_eq!(check_fixtures("tests/Cargo.toml", manifest).len(), 1);
    assert_eq!(check_fixtures("benches/Cargo.toml", manifest), []);
    let loose: Vec<usize> = check_pinned("stats/Cargo.toml", manifest).iter().map(|finding| finding.line).collect();
    assert_eq!(loose, [6, 8]);
    let root = "[workspace.dependencies]\nrand = \"0.9\"\nurl = { version = \"2\" }\n";
    assert_eq!(check_unused(root, &[("stats/Cargo.toml".to_owned(), manifest.to_owned())].into())[0].line, 3);
    let code = ["use gregaria_engine as engine; rand::rng(); // login".to_owned(), "use gregaria::x;".to_owned()];
    let idle: Vec<usize> =
        check_named("stats/Cargo.toml", manifest, &code).iter().map(|finding| finding.line).collect();
    assert_eq!(idle, [9]);
}
