//! Figures of the prose, per crate or folder: they may fall, and the limits follow them.
//!
//! The rules are in CONTRIBUTING.md. A figure is no proof of a good text, so the limits are not zero.

use super::comments::{ProseLine, prose_of};
use super::{Finding, committed_files, report, text_of};

/// The limits of a part of the workspace; a figure that is clearly lower must lower them too.
struct Limits {
    /// Folders and files. A path belongs to the longest that it begins with.
    paths: &'static [&'static str],
    /// Share of function documentation that begins with one of [`BAD_STARTS`], in percent.
    bad_starts: f64,
    /// Indefinite pronouns per 1,000 words.
    pronouns: f64,
}

const LIMITS: &[Limits] = &[
    limits(&["stats"], 0.0, 0.0),
    limits(&["http-client"], 0.0, 0.1),
    limits(&["engine"], 0.0, 0.4),
    limits(&["cli"], 0.0, 0.0),
    limits(&["python/src"], 0.0, 0.0),
    limits(&["python/gregaria"], 0.0, 0.0),
    limits(&["python/tests"], 0.0, 0.4),
    limits(&["tests"], 0.0, 0.0),
    limits(&["benches"], 0.0, 0.0),
    limits(&["examples"], 0.0, 0.0),
    limits(&["docs", "README.md", "CHANGELOG.md", "CONTRIBUTING.md"], 0.0, 0.4),
];

/// No limit may be higher than these.
const MAX_BAD_STARTS: f64 = 1.0;
const MAX_PRONOUNS: f64 = 2.0;
/// A limit may be higher than its figure by this.
const MAX_SLACK: f64 = 0.5;
const MAX_COLUMNS: usize = 120;

/// Words that a function's documentation must not begin with.
const BAD_STARTS: &[&str] = &["what", "who", "whose", "whom", "how", "nobody", "somebody", "whoever", "whatever"];
const PRONOUNS: &[&str] = &[
    "nobody",
    "somebody",
    "anybody",
    "everybody",
    "anyone",
    "everyone",
    "someone",
    "whoever",
    "whomever",
    "whatever",
    "whichever",
    "who",
    "whom",
    "whose",
    "everything",
    "nothing",
    "something",
    "anything",
];

const fn limits(paths: &'static [&'static str], bad_starts: f64, pronouns: f64) -> Limits {
    Limits { paths, bad_starts, pronouns }
}

/// Counts over the prose of one part of the workspace.
#[derive(Default)]
struct Counts {
    words: usize,
    pronouns: usize,
    function_docs: usize,
    bad_starts: usize,
}

impl Counts {
    fn add(&mut self, line: &ProseLine) {
        let words = || words(&line.text);
        self.words += words().count();
        self.pronouns += words().filter(|word| PRONOUNS.contains(&word.to_lowercase().as_str())).count();
        if line.begins_function_doc {
            self.function_docs += 1;
            self.bad_starts += usize::from(has_bad_start(&line.text));
        }
    }

    fn pronouns_per_1000(&self) -> f64 {
        1000.0 * self.pronouns as f64 / self.words.max(1) as f64
    }

    fn bad_starts_percent(&self) -> f64 {
        100.0 * self.bad_starts as f64 / self.function_docs.max(1) as f64
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphabetic() && letter != '\'' && letter != '-');
    words.filter(|word| word.starts_with(|first: char| first.is_ascii_alphabetic()))
}

fn has_bad_start(text: &str) -> bool {
    let first = words(text).next().unwrap_or_default();
    text.starts_with(first) && BAD_STARTS.contains(&first.to_lowercase().as_str())
}

/// Returns the index of the limits for a file.
fn part_of(path: &str) -> Option<usize> {
    let is_inside =
        |folder: &str| path.strip_prefix(folder).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let longest =
        |limits: &Limits| limits.paths.iter().filter(|folder| is_inside(folder)).map(|folder| folder.len()).max();
    let (index, length) = LIMITS.iter().map(longest).enumerate().max_by_key(|(_, length)| *length)?;
    length.map(|_| index)
}

fn check_figure(limits: &Limits, unit: &str, figure: f64, limit: f64, max: f64) -> Option<Finding> {
    let rounded_up = (figure * 10.0).ceil() / 10.0;
    let message = if limit > max {
        format!("a limit of {limit} {unit} is higher than {max}")
    } else if figure > limit {
        format!("{figure:.2} {unit}, and the limit is {limit}")
    } else if figure + MAX_SLACK < limit {
        format!("only {figure:.2} {unit}: lower the limit to {rounded_up:.1}")
    } else {
        return None;
    };
    Some(Finding::new(limits.paths[0], 1, message))
}

fn check_counts(limits: &Limits, counts: &Counts) -> Vec<Finding> {
    let (starts, pronouns) = (counts.bad_starts_percent(), counts.pronouns_per_1000());
    let starts = check_figure(limits, "% of bad starts", starts, limits.bad_starts, MAX_BAD_STARTS);
    let pronouns = check_figure(limits, "pronouns per 1,000 words", pronouns, limits.pronouns, MAX_PRONOUNS);
    starts.into_iter().chain(pronouns).collect()
}

fn check_width(path: &str, line: &ProseLine) -> Option<Finding> {
    let message = format!("a line of prose with {} columns; at most {MAX_COLUMNS}", line.columns);
    (line.columns > MAX_COLUMNS).then(|| Finding::new(path, line.line, message))
}

/// Returns the prose of every file that belongs to a part, with the index of its limits.
fn workspace_prose() -> impl Iterator<Item = (String, usize, Vec<ProseLine>)> {
    let files = committed_files().into_iter().filter(|path| !path.starts_with("benches/runs/"));
    files.filter_map(|path| {
        let part = part_of(&path)?;
        let prose = prose_of(&path, &text_of(&path)?);
        Some((path, part, prose))
    })
}

#[test]
fn prose_stays_within_its_limits() {
    let mut counts: Vec<Counts> = LIMITS.iter().map(|_| Counts::default()).collect();
    for (_, part, prose) in workspace_prose() {
        prose.iter().for_each(|line| counts[part].add(line));
    }
    report(LIMITS.iter().zip(&counts).flat_map(|(limits, counts)| check_counts(limits, counts)).collect());
}

#[test]
fn prose_lines_are_not_too_wide() {
    let wide = |(path, _, prose): (String, usize, Vec<ProseLine>)| {
        prose.iter().filter_map(|line| check_width(&path, line)).collect::<Vec<_>>()
    };
    report(workspace_prose().flat_map(wide).collect());
}

#[test]
fn bad_prose_is_found() {
    let mut counts = Counts::default();
    let text = "/// Who asks; nobody knows.\nfn a() {}\n/// Returns `what` whoever sent.\nfn b() {}\n";
    prose_of("a.rs", text).iter().for_each(|line| counts.add(line));
    assert_eq!((counts.words, counts.pronouns, counts.function_docs, counts.bad_starts), (7, 3, 2, 1));
    assert_eq!(check_counts(&limits(&["a"], 1.0, 2.0), &counts).len(), 2);
    let counts = Counts { words: 1000, pronouns: 1, function_docs: 1000, bad_starts: 1 };
    assert_eq!(check_counts(&limits(&["a"], 0.1, 1.0), &counts), []);
    assert_eq!(check_counts(&limits(&["a"], 0.7, 1.6), &counts).len(), 2);
    assert_eq!(check_counts(&limits(&["a"], 1.1, 2.1), &counts).len(), 2);
    let wide = format!("// {}", "x".repeat(118));
    assert!(prose_of("a.rs", &wide).iter().any(|line| check_width("a.rs", line).is_some()));
    assert_eq!(part_of("python/src/lib.rs"), part_of("python/src"));
    assert_ne!(part_of("python/src/lib.rs"), part_of("python/tests/shop.py"));
    assert_eq!(part_of("LICENSE"), None);
}
