//! The first pass over a command line: finds the locustfiles before all flags are known.
//!
//! A locustfile may add flags, so this pass skips an unknown flag and takes the words after it for its values. It
//! reports no errors of the line. The strict parse (`../parse.rs`) does, after the locustfile has been imported.

use std::{ffi::OsString, path::PathBuf};

use clap::Arg;

use super::locustfile;
use crate::{
    args::{
        cli::{
            arg_value::ArgValue,
            command, positional,
            program::{PROGRAM_NAME, ProgramKind},
            words::{self, Word},
        },
        config::{self, config_keys, process_env::ProcessEnv},
    },
    exit::CliError,
};

/// The program that a command line needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FirstPass {
    /// The help, with the arguments that these locustfiles add. Empty if there is no locustfile.
    Help(Vec<PathBuf>),
    /// The Python host with these locustfiles or packages, as absolute paths.
    Locustfiles(Vec<PathBuf>),
    /// No Python: a quick run, the users of the demo shop, the version, or a line that the strict parse rejects.
    Native,
}

/// Finds the locustfiles of a command line. `args` does not contain the name of the program.
///
/// # Errors
/// A locustfile that is named and cannot be found. A configuration file that cannot be read.
///
/// # Examples
///
/// ```
/// use gregaria::args::{FirstPass, ProcessEnv, first_pass};
///
/// let args = ["http://localhost:8080/", "-u", "64"].map(Into::into);
/// assert_eq!(first_pass(&args, &ProcessEnv::current())?, FirstPass::Native);
/// # Ok::<(), gregaria::exit::CliError>(())
/// ```
pub fn first_pass(args: &[OsString], env: &ProcessEnv) -> Result<FirstPass, CliError> {
    let scanned = ScannedLine::scan(args)?;
    if scanned.has_version || scanned.has_url && !scanned.has_help {
        return Ok(FirstPass::Native);
    }
    let files = find_locustfiles(&scanned, env);
    if scanned.has_help {
        return Ok(FirstPass::Help(files.unwrap_or_default()));
    }
    let files = files?;
    Ok(if files.is_empty() { FirstPass::Native } else { FirstPass::Locustfiles(files) })
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
    let config_keys = config_keys::config_keys(&command::build_command(&program, PROGRAM_NAME)?, &program);
    let settings = config::load(&config_keys, scanned.config.as_deref(), env)?;
    match settings.single_value(&config_keys, "--locustfile") {
        Some(file) => locustfile::find_named("-f", &file, env),
        None if scanned.has_demo => Ok(Vec::new()),
        None => Ok(locustfile::default_locustfile(env).into_iter().collect()),
    }
}

/// The parts of a line that can be recognized without knowing all of its flags.
#[derive(Debug, Default)]
struct ScannedLine {
    locustfile: Option<String>,
    config: Option<String>,
    /// Positional `.py` files.
    files: Vec<String>,
    /// Whether a positional argument is a URL, or is meant as a URL.
    has_url: bool,
    /// Whether the demo shop is started, which has users of its own.
    has_demo: bool,
    has_help: bool,
    has_version: bool,
}

impl ScannedLine {
    fn scan(args: &[OsString]) -> Result<Self, CliError> {
        let mut command = command::build_command(&ProgramKind::Gregaria, PROGRAM_NAME)?;
        command.build();
        let line: Vec<String> = args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
        let mut scanned = Self::default();
        // Whether the next words may be values of an unknown flag.
        let mut is_ambiguous = false;
        for word in words::split(&command, &line) {
            match word {
                Word::Positional(_) if is_ambiguous => {}
                Word::Positional(word) => scanned.add_positional(word),
                Word::Unknown(word) => is_ambiguous = !word.contains('='),
                Word::OtherTool(_, value) => is_ambiguous = value.is_none(),
                Word::Flag(arg, value) => {
                    is_ambiguous = false;
                    scanned.add_flag(arg, value.map(str::to_owned));
                }
            }
        }
        Ok(scanned)
    }

    fn add_positional(&mut self, word: &str) {
        self.has_url |= positional::is_url(word) || positional::is_address(word);
        if positional::is_locustfile(word) && !positional::is_url(word) {
            self.files.push(word.to_owned());
        }
    }

    fn add_flag(&mut self, arg: &Arg, value: Option<String>) {
        match arg.get_id().as_str() {
            "config" => self.config = value.or_else(|| self.config.take()),
            "demo" => self.has_demo = true,
            "help" => self.has_help = true,
            "locustfile" => self.locustfile = value.or_else(|| self.locustfile.take()),
            "version" => self.has_version = true,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs};

    use super::*;

    /// Returns the first pass of the line in a folder with `locustfile.py` and `a.py`.
    fn pass_with(line: &str, conf: &str, variable: &str) -> Result<FirstPass, CliError> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in [("locustfile.py", ""), ("a.py", ""), ("locust.conf", conf), ("x.conf", "locustfile = a")] {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let mut env = ProcessEnv { cwd: folder.path().to_owned(), ..ProcessEnv::default() };
        if let Some((name, value)) = variable.split_once('=') {
            env.variables = BTreeMap::from([(name.to_owned(), value.to_owned())]);
        }
        let words: Vec<OsString> = line.split_whitespace().map(OsString::from).collect();
        let names = |paths: Vec<PathBuf>| paths.iter().map(|path| path.file_name().unwrap().into()).collect();
        first_pass(&words, &env).map(|pass| match pass {
            FirstPass::Help(paths) => FirstPass::Help(names(paths)),
            FirstPass::Locustfiles(paths) => FirstPass::Locustfiles(names(paths)),
            FirstPass::Native => FirstPass::Native,
        })
    }

    fn pass(line: &str) -> FirstPass {
        pass_with(line, "", "").unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    fn files(names: &[&str]) -> FirstPass {
        FirstPass::Locustfiles(names.iter().map(PathBuf::from).collect())
    }

    #[test]
    fn locustfile_is_found_in_every_notation() {
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
    fn default_locustfile_is_used_without_a_name() {
        for line in ["", "-u 5 -n 3 Web", "--my-flag a.py", "--my-url http://h/", "-l", "--body -f"] {
            assert_eq!(pass(line), files(&["locustfile.py"]), "{line}");
        }
    }

    #[test]
    fn line_overrides_variables_and_they_override_files() {
        let pass = |line, conf, variable| pass_with(line, conf, variable).unwrap();
        assert_eq!(pass("", "locustfile = a\nmy-own = 5", ""), files(&["a.py"]));
        assert_eq!(pass("", "locustfile = gone", "LOCUST_LOCUSTFILE=a"), files(&["a.py"]));
        assert_eq!(pass("-f locustfile", "locustfile = gone", "LOCUST_LOCUSTFILE=gone"), files(&["locustfile.py"]));
        let error = pass_with("", "locustfile = gone", "").unwrap_err();
        assert!(error.message.starts_with("locust.conf line 1: locustfile = gone: there is no such file"), "{error}");
        assert_eq!(error.code, 1);
    }

    #[test]
    fn quick_runs_and_the_version_need_no_locustfile() {
        for line in [
            "http://h/",
            "HTTP://h/",
            "localhost:80",
            "-f a h/x",
            "--fail-on-lag http://h/",
            "-X POST http://h/ --body-file b.py",
            "-V",
            "-f a -V",
        ] {
            assert_eq!(pass(line), FirstPass::Native, "{line}");
        }
        assert_eq!(pass("--my-flag=5 http://h/"), FirstPass::Native, "the strict parse rejects it");
    }

    #[test]
    fn help_includes_the_locustfile() {
        for (line, names) in [("--help", &["locustfile.py"][..]), ("-f a -h", &["a.py"]), ("-f gone --help", &[])] {
            assert_eq!(pass(line), FirstPass::Help(names.iter().map(PathBuf::from).collect()), "{line}");
        }
    }

    #[test]
    fn demo_has_its_own_users_unless_a_file_is_named() {
        for line in ["--demo", "--demo -u 5 Shopper", "-n 1 --demo"] {
            assert_eq!(pass(line), FirstPass::Native, "{line}");
        }
        assert_eq!(pass("--demo -f a"), files(&["a.py"]));
        assert_eq!(pass("a.py --demo"), files(&["a.py"]));
        assert_eq!(pass_with("--demo", "locustfile = a", ""), Ok(files(&["a.py"])));
        assert_eq!(pass_with("--demo", "", "LOCUST_LOCUSTFILE=a"), Ok(files(&["a.py"])));
    }

    #[test]
    fn line_without_a_locustfile_is_native() {
        let env = ProcessEnv { cwd: "/".into(), ..ProcessEnv::default() };
        for line in [&[][..], &["--my-url", "http://h/"], &["Web"]] {
            let words: Vec<OsString> = line.iter().map(OsString::from).collect();
            assert_eq!(first_pass(&words, &env), Ok(FirstPass::Native), "{line:?}");
        }
    }
}
