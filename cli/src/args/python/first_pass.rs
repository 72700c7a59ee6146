//! The lenient look at a command line: which locustfiles it is about, before anyone knows all of its flags.
//!
//! A locustfile may add flags, so a flag that nobody knows is passed over here, and what follows it is taken for its
//! value. What is wrong with a line is said by the strict parse (`parse.rs`), once the locustfile has been imported.

use std::{ffi::OsString, path::PathBuf};

use clap::{Arg, Command};

use super::locustfile;
use crate::{
    args::{
        cli::{arg_value::ArgValue, command, positional, program::ProgramKind},
        config::{self, config_keys, process_env::ProcessEnv},
    },
    exit::CliError,
};

/// What a command line needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstPass {
    /// The help: with the arguments that these locustfiles add, if there are any.
    Help(Vec<PathBuf>),
    /// These locustfiles (or packages), as absolute paths.
    Locustfiles(Vec<PathBuf>),
    /// Nothing of Python: a quick run, the version, or a line that the strict parse refuses.
    Native,
}

/// Finds out which locustfiles the arguments (without the program's name) are about.
///
/// # Errors
/// A locustfile that is named and cannot be found; a file of settings that cannot be read.
pub fn first_pass(args: &[OsString], env: &ProcessEnv) -> Result<FirstPass, CliError> {
    let seen = ScannedLine::scan(args)?;
    if seen.asks_version || seen.has_url && !seen.asks_help {
        return Ok(FirstPass::Native);
    }
    let files = find_locustfiles(&seen, env);
    match files {
        _ if seen.asks_help => Ok(FirstPass::Help(files.unwrap_or_default())),
        Ok(files) if files.is_empty() => Ok(FirstPass::Native),
        files => files.map(FirstPass::Locustfiles),
    }
}

fn find_locustfiles(scanned: &ScannedLine, env: &ProcessEnv) -> Result<Vec<PathBuf>, CliError> {
    if let Some(file) = &scanned.locustfile {
        return locustfile::find_named("-f", &file.as_str().into(), env);
    }
    if !scanned.files.is_empty() {
        let files = scanned.files.join(",");
        return locustfile::find_named("locustfile", &ArgValue::from(files), env);
    }
    let program = ProgramKind::Gregaria;
    let settables = config_keys::config_keys(&command::build_command(&program)?, &program);
    let settings = config::load(&settables, scanned.config.as_deref(), env)?;
    match settings.single_value(&settables, "--locustfile") {
        Some(file) => locustfile::find_named("-f", &file, env),
        None => Ok(locustfile::default_locustfile(env).into_iter().collect()),
    }
}

/// What can be seen of a line without knowing all of its flags.
#[derive(Debug, Default)]
struct ScannedLine {
    locustfile: Option<String>,
    config: Option<String>,
    /// Positional `.py` files.
    files: Vec<String>,
    /// A URL that is no flag's value.
    has_url: bool,
    asks_help: bool,
    asks_version: bool,
}

impl ScannedLine {
    fn scan(args: &[OsString]) -> Result<Self, CliError> {
        let mut command = command::build_command(&ProgramKind::Gregaria)?;
        command.build();
        let words: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
        let mut seen = Self::default();
        let mut rest = words.as_slice();
        // Whether the words that follow may belong to a flag that nobody knows.
        let mut is_doubtful = false;
        while let [word, after @ ..] = rest {
            rest = after;
            if word == "--" {
                after.iter().for_each(|word| seen.add_positional(word));
                break;
            }
            match classify(&command, word) {
                ArgToken::Positional if !is_doubtful => seen.add_positional(word),
                ArgToken::Positional => {}
                ArgToken::Unknown => is_doubtful = !word.contains('='),
                ArgToken::Known(arg, value) => {
                    is_doubtful = false;
                    let (value, after) = take_value(arg, value, rest);
                    rest = after;
                    seen.add_flag(arg, value);
                }
            }
        }
        Ok(seen)
    }

    fn add_positional(&mut self, word: &str) {
        self.has_url |= positional::is_url(word);
        if positional::is_locustfile(word) && !positional::is_url(word) {
            self.files.push(word.to_owned());
        }
    }

    fn add_flag(&mut self, arg: &Arg, value: Option<String>) {
        match arg.get_id().as_str() {
            "config" => self.config = value.or_else(|| self.config.take()),
            "help" => self.asks_help = true,
            "locustfile" => self.locustfile = value.or_else(|| self.locustfile.take()),
            "version" => self.asks_version = true,
            _ => {}
        }
    }
}

enum ArgToken<'a> {
    /// A flag, and what is joined to it.
    Known(&'a Arg, Option<String>),
    Positional,
    Unknown,
}

fn classify<'a>(command: &'a Command, word: &str) -> ArgToken<'a> {
    let is_number = word.parse::<f64>().is_ok();
    match word.strip_prefix("--") {
        Some(long) => classify_long(command, long),
        None if word.len() > 1 && word.starts_with('-') && !is_number => classify_short(command, &word[1..]),
        None => ArgToken::Positional,
    }
}

/// The beginning of a flag stands for it if there is no other.
fn classify_long<'a>(command: &'a Command, word: &str) -> ArgToken<'a> {
    let (name, value) = word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value.to_owned())));
    let longs = |arg: &&Arg, fits: &dyn Fn(&str) -> bool| {
        arg.get_long().is_some_and(fits) || arg.get_all_aliases().into_iter().flatten().any(fits)
    };
    let exact = command.get_arguments().find(|arg| longs(arg, &|long| long == name));
    let mut begun = command.get_arguments().filter(|arg| longs(arg, &|long| long.starts_with(name)));
    match (exact, begun.next(), begun.next()) {
        (Some(arg), ..) | (None, Some(arg), None) => ArgToken::Known(arg, value),
        _ => ArgToken::Unknown,
    }
}

/// `-lf FILE` is `-l -f FILE`: all but the last are switches.
fn classify_short<'a>(command: &'a Command, letters: &str) -> ArgToken<'a> {
    for (at, letter) in letters.char_indices() {
        let is_it = |arg: &&Arg| {
            arg.get_short() == Some(letter)
                || arg.get_all_short_aliases().into_iter().flatten().any(|alias| alias == letter)
        };
        let Some(arg) = command.get_arguments().find(is_it) else { return ArgToken::Unknown };
        let rest = &letters[at + letter.len_utf8()..];
        if rest.is_empty() {
            return ArgToken::Known(arg, None);
        }
        if arg.get_action().takes_values() {
            return ArgToken::Known(arg, Some(rest.trim_start_matches('=').to_owned()));
        }
    }
    ArgToken::Unknown
}

/// The value of a flag: what is joined to it, or what follows.
fn take_value<'a>(arg: &Arg, joined: Option<String>, rest: &'a [String]) -> (Option<String>, &'a [String]) {
    let takes = arg.get_num_args().unwrap_or_default();
    if joined.is_some() || takes.max_values() == 0 {
        return (joined, rest);
    }
    let values =
        if takes.max_values() == 1 { 1 } else { rest.iter().take_while(|word| !word.starts_with('-')).count() };
    let (values, after) = rest.split_at(values.min(rest.len()));
    (values.first().cloned(), after)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs};

    use super::*;

    /// A folder with `locustfile.py` and `a.py` in it, and what the line needs there.
    fn pass_with(line: &str, conf: &str, variable: &str) -> Result<FirstPass, CliError> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("locustfile.py", ""), ("a.py", ""), ("locust.conf", conf), ("x.conf", "locustfile = a")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let mut surroundings = ProcessEnv { cwd: folder.path().to_owned(), ..ProcessEnv::default() };
        if let Some((name, value)) = variable.split_once('=') {
            surroundings.variables = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        }
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let names = |paths: Vec<PathBuf>| paths.iter().map(|path| path.file_name().unwrap().into()).collect();
        first_pass(&words, &surroundings).map(|pass| match pass {
            FirstPass::Help(paths) => FirstPass::Help(names(paths)),
            FirstPass::Locustfiles(paths) => FirstPass::Locustfiles(names(paths)),
            FirstPass::Native => FirstPass::Native,
        })
    }

    fn pass(line: &str) -> FirstPass {
        pass_with(line, "", "").unwrap_or_else(|refusal| panic!("{line}: {refusal}"))
    }

    fn files(names: &[&str]) -> FirstPass {
        FirstPass::Locustfiles(names.iter().map(PathBuf::from).collect())
    }

    #[test]
    fn every_way_to_name_a_locustfile_is_seen() {
        for line in [
            "-f a.py",
            "-fa",
            "-lfa",
            "-f=a",
            "--locustfile=a.py",
            "--locustf a.py",
            "a.py",
            "-u 5 a.py",
            "--my-flag value -f a Web",
            "--my-flag -f a --other http://h/",
            "-x http://h/ -f a",
            "-T http://h/ b -f a",
            "--config x.conf",
            "-f locustfile -f a",
        ] {
            assert_eq!(pass(line), files(&["a.py"]), "{line}");
        }
        assert_eq!(pass("-f a,locustfile"), files(&["a.py", "locustfile.py"]));
    }

    #[test]
    fn without_one_it_is_the_usual_one() {
        for line in ["", "-u 5 -n 3 Web", "--my-flag a.py", "--my-url http://h/", "-l", "--body -f"] {
            assert_eq!(pass(line), files(&["locustfile.py"]), "{line}");
        }
    }

    #[test]
    fn the_line_is_stronger_than_variables_and_those_than_files() {
        let pass = |line, conf, variable| pass_with(line, conf, variable).unwrap();
        assert_eq!(pass("", "locustfile = a\nmy-own = 5", ""), files(&["a.py"]));
        assert_eq!(pass("", "locustfile = gone", "LOCUST_LOCUSTFILE=a"), files(&["a.py"]));
        assert_eq!(pass("-f locustfile", "locustfile = gone", "LOCUST_LOCUSTFILE=gone"), files(&["locustfile.py"]));
        let refusal = pass_with("", "locustfile = gone", "").unwrap_err();
        assert!(
            refusal.message.starts_with("locust.conf line 1: locustfile = gone: there is no such file"),
            "{refusal}"
        );
        assert_eq!(refusal.code, 1);
    }

    #[test]
    fn quick_runs_and_the_version_need_no_locustfile() {
        for line in ["http://h/", "--fail-on-lag http://h/", "-X POST http://h/ --body-file b.py", "-V", "-f a -V"] {
            assert_eq!(pass(line), FirstPass::Native, "{line}");
        }
        assert_eq!(pass("--my-flag=5 http://h/"), FirstPass::Native, "the strict parse refuses it");
    }

    #[test]
    fn help_is_about_the_locustfile_if_there_is_one() {
        for (line, names) in [("--help", &["locustfile.py"][..]), ("-f a -h", &["a.py"]), ("-f gone --help", &[])] {
            assert_eq!(pass(line), FirstPass::Help(names.iter().map(PathBuf::from).collect()), "{line}");
        }
    }

    #[test]
    fn with_nothing_to_find_it_stays_here() {
        let nowhere = ProcessEnv { cwd: "/".into(), ..ProcessEnv::default() };
        for line in [&[][..], &["--my-url", "http://h/"], &["Web"]] {
            let words: Vec<OsString> = line.iter().map(OsString::from).collect();
            assert_eq!(first_pass(&words, &nowhere), Ok(FirstPass::Native), "{line:?}");
        }
    }
}
