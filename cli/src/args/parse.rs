//! The first step: from a command line to [`RawArgs`], and one line for each error that clap reports.
//!
//! A command line is parsed twice: alone, to find the flags that it gives, and again with the settings of all other
//! flags (`config/`) added as words. `cli/command.rs` builds the command that parses it. What the values mean is up to
//! `plan/`.

use std::ffi::OsString;

use clap::{ArgMatches, Command, FromArgMatches, error::ErrorKind, parser::ValueSource};

use super::{
    cli::{
        arg_value::ArgValue,
        command, custom_args, other_tools, positional,
        program::ProgramKind,
        raw::RawArgs,
        recorded_args,
        words::{self, Word},
    },
    config::{
        self, ConfigEntry, ConfigSetting, LoadedConfig,
        config_keys::{self, ConfigKey},
        process_env::ProcessEnv,
    },
};
use crate::exit::CliError;

/// The result of parsing a command line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParsedLine {
    /// The arguments.
    Args(Box<RawArgs>),
    /// The text of `--help` or `--version`, for stdout.
    Text(String),
}

/// Parses a command line, which begins with the name of the program, and adds the settings from variables and files.
///
/// # Errors
/// An unknown flag or setting, a missing value, or an argument of the locustfile that cannot be added.
///
/// # Examples
///
/// ```
/// use gregaria::args::{ParsedLine, ProcessEnv, ProgramKind, RunPlan, RunTarget, parse};
///
/// let line = ["shop", "-u", "100", "Visitor"].map(Into::into);
/// let program = ProgramKind::RustUsers;
/// let ParsedLine::Args(args) = parse(&line, &program, &ProcessEnv::current())? else {
///     panic!("there is no --help in the line");
/// };
/// let plan = RunPlan::new(&args, &program)?;
/// assert_eq!(plan.target, RunTarget::Classes(vec!["Visitor".to_owned()]));
/// # Ok::<(), gregaria::exit::CliError>(())
/// ```
pub fn parse(line: &[OsString], program: &ProgramKind, env: &ProcessEnv) -> Result<ParsedLine, CliError> {
    let name = program.name(line);
    let command = command::build_command(program, &name)?;
    check_other_tool_flags(&command, line)?;
    let matches = match command.clone().try_get_matches_from(line) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(ParsedLine::Text(error.to_string()));
        }
        Err(error) => return Err(clap_error(&error, &name)),
    };
    let config_keys = config_keys::config_keys(&command, program);
    let config_file = matches.get_one::<ArgValue>("config").map(|arg| arg.text.as_str());
    let settings = config::load(&config_keys, config_file, env)?;
    let words = merge_config(line, &matches, &config_keys, &settings, &command, program)?;
    let matches = command.clone().try_get_matches_from(words).map_err(|error| clap_error(&error, &name))?;
    let mut raw = RawArgs::from_arg_matches(&matches).map_err(|error| clap_error(&error, &name))?;
    raw.custom_args = custom_args::collect_argparse_words(&matches, program.custom_args());
    raw.recorded_args = recorded_args::record_args(&command, &matches, program.custom_args());
    check_required(&matches, program)?;
    let is_demo = raw.load.demo && *program == ProgramKind::Gregaria;
    if raw.targets.is_empty() && !is_demo {
        raw.targets = config::user_classes(env);
    }
    Ok(ParsedLine::Args(Box::new(raw)))
}

/// Checks that a line has no flag of another load generator.
///
/// # Errors
/// All such flags, each with the flag to write in its place.
fn check_other_tool_flags(command: &Command, line: &[OsString]) -> Result<(), CliError> {
    let mut command = command.clone();
    command.build();
    let line: Vec<String> = line.iter().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let describe = |word: Word<'_>| match word {
        Word::OtherTool(flag, value) => Some(other_tools::describe(flag, value.unwrap_or_default())),
        _ => None,
    };
    let described: Vec<String> = words::split(&command, &line).filter_map(describe).collect();
    if described.is_empty() { Ok(()) } else { Err(CliError::usage(described.join("; "))) }
}

/// Adds the settings of flags that the line does not give. They are inserted before `--`, which starts the positional
/// arguments.
///
/// # Errors
/// An unknown name in a file, unless the line is a quick run or the demo, because the file may belong to a locustfile.
fn merge_config(
    line: &[OsString],
    matches: &ArgMatches,
    config_keys: &[ConfigKey],
    settings: &LoadedConfig,
    command: &Command,
    program: &ProgramKind,
) -> Result<Vec<OsString>, CliError> {
    let is_quick = matches.get_many::<String>("targets").into_iter().flatten().any(|target| positional::is_url(target));
    let is_demo = *program == ProgramKind::Gregaria && matches.get_flag("demo");
    if let Some(unknown) = settings.unknown.first().filter(|_| !is_quick && !is_demo) {
        return Err(unknown_setting(unknown, command));
    }
    let is_unused =
        |id: &str| (is_quick || is_demo) && LOCUSTFILE_ONLY.contains(&id) || !is_quick && URL_ONLY.contains(&id);
    let applies = |setting: &&ConfigSetting| {
        let ids = &config_keys[setting.key_index].arg_ids;
        let is_on_line = ids.iter().any(|id| matches.value_source(id) == Some(ValueSource::CommandLine));
        !is_on_line && !is_unused(&ids[0])
    };
    // Of several spellings of one argument the last one counts, so the setting with the highest precedence comes last.
    let applied = settings.known.iter().rev().filter(applies);
    let words = applied.map(|setting| setting.to_args(&config_keys[setting.key_index]));
    let words = words.collect::<Result<Vec<_>, _>>()?.concat();
    let end = line.iter().position(|word| word == "--").unwrap_or(line.len());
    let (flags, positionals) = line.split_at(end);
    let words = words.into_iter().map(OsString::from);
    Ok(flags.iter().cloned().chain(words).chain(positionals.iter().cloned()).collect())
}

fn unknown_setting(unknown: &ConfigEntry, command: &Command) -> CliError {
    let hint = match command::suggest_flag(command, &unknown.key) {
        Some(similar) => format!("a similar one exists: '{}'", similar.trim_start_matches('-')),
        None => format!("see {} --help", command.get_bin_name().unwrap_or_default()),
    };
    CliError::usage(format!("{}: there is no such setting; {hint}", unknown.origin))
}

fn check_required(matches: &ArgMatches, program: &ProgramKind) -> Result<(), CliError> {
    let is_given = |flag: &String| matches.contains_id(&custom_args::arg_id(flag));
    let missing = program.custom_args().iter().find(|arg| arg.required && !arg.flags.iter().any(is_given));
    missing.map_or(Ok(()), |arg| Err(CliError::usage(format!("{}: the locustfile requires it", arg.name()))))
}

fn clap_error(error: &clap::Error, program_name: &str) -> CliError {
    CliError::usage(one_line(&error.to_string(), program_name))
}

/// Returns the first two paragraphs of clap's report, the error and a tip, in one line. The usage is omitted.
fn one_line(report: &str, program_name: &str) -> String {
    let mut lines = report.lines().map(str::trim);
    let error = lines.next().unwrap_or_default().trim_start_matches("error: ").trim_end_matches(" found");
    // The tip to put the word behind `--` is of no use, because the word was meant as a flag.
    let tip = lines.find_map(|line| line.strip_prefix("tip: ")).filter(|tip| !tip.starts_with("to pass"));
    match tip {
        Some(tip) => format!("{error}; {tip}"),
        None => format!("{error}; see {program_name} --help"),
    }
}

/// The ids of the flags that settings cannot give to a quick run or to the demo, which have their own host and users.
const LOCUSTFILE_ONLY: &[&str] = &["demo", "exclude_tags", "host", "locustfile", "tags"];

/// The ids of the flags that settings can give to a quick run only.
const URL_ONLY: &[&str] = &["body", "body_file", "headers", "method", "print_first_response"];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs};

    use super::*;
    use crate::args::{Arity, CustomArg};

    const QUICK: ProgramKind = ProgramKind::Gregaria;

    fn words(line: &str) -> Vec<OsString> {
        ["gregaria"].into_iter().chain(line.split_whitespace()).map(OsString::from).collect()
    }

    fn try_parse(line: &str, program: &ProgramKind, env: &ProcessEnv) -> Result<RawArgs, CliError> {
        match parse(&words(line), program, env)? {
            ParsedLine::Args(raw) => Ok(*raw),
            ParsedLine::Text(text) => panic!("{line}: {text}"),
        }
    }

    fn parsed(line: &str) -> RawArgs {
        try_parse(line, &QUICK, &ProcessEnv::default()).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    fn error(line: &str) -> String {
        let error = try_parse(line, &QUICK, &ProcessEnv::default()).unwrap_err();
        assert_eq!(error.code, 2);
        error.message
    }

    fn help(program: &ProgramKind) -> String {
        match parse(&words("--help"), program, &ProcessEnv::default()).unwrap() {
            ParsedLine::Text(text) => text,
            ParsedLine::Args(raw) => panic!("{raw:?}"),
        }
    }

    /// Returns an environment with these variables, and a folder with these files as home and working directory.
    fn env_with(files: &[(&str, &str)], variables: &[(&str, &str)]) -> (tempfile::TempDir, ProcessEnv) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let cwd = folder.path().to_owned();
        (folder, ProcessEnv { variables, home: Some(cwd.clone()), cwd })
    }

    fn users(line: &str, files: &[(&str, &str)], variables: &[(&str, &str)]) -> String {
        let (_folder, env) = env_with(files, variables);
        let raw = try_parse(line, &QUICK, &env).unwrap_or_else(|error| panic!("{line}: {error}"));
        raw.load.users.map(|arg| arg.text).unwrap_or_default()
    }

    fn custom_arg(flags: &[&str], dest: &str, arity: Arity) -> CustomArg {
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        CustomArg { flags, dest: dest.into(), arity, ..CustomArg::default() }
    }

    fn locustfile() -> ProgramKind {
        let mut path = custom_arg(&["--path", "-x"], "path", Arity::One);
        path.help = Some("Where to go".into());
        path.env_var = Some("SHOP_PATH".into());
        ProgramKind::Locustfile {
            custom_args: vec![
                path,
                custom_arg(&["--colour", "--no-colour"], "colour", Arity::Zero),
                custom_arg(&["--sizes"], "sizes", Arity::Many),
                custom_arg(&["--pair"], "pair", Arity::Exactly(2)),
                custom_arg(&["--depth"], "depth", Arity::Optional),
                custom_arg(&["-z"], "z", Arity::One),
                custom_arg(&["--body"], "body", Arity::One),
                custom_arg(&["--timeout", "-k"], "timeout", Arity::One),
            ],
        }
    }

    fn custom_words(line: &str, files: &[(&str, &str)], variables: &[(&str, &str)]) -> Vec<String> {
        let (_folder, env) = env_with(files, variables);
        try_parse(line, &locustfile(), &env).unwrap_or_else(|error| panic!("{line}: {error}")).custom_args
    }

    #[test]
    fn old_and_new_spellings_are_equal() {
        let current = parsed("--headless -u 5 -r 2 -P 80 Web");
        assert_eq!(current, parsed("--no-web -c 5 --hatch-rate 2 --port 80 Web"));
        assert_eq!(current, parsed("Web --clients=5 --spawn-rate=2 --headless --web-port=80"));
        assert_eq!(current, parsed("--headl --user 5 --spawn 2 --web-p 80 Web"), "unique prefixes, as in Locust");
        assert_eq!(parsed("--slave --expect-slaves 3"), parsed("--worker --expect-workers 3"));
    }

    #[test]
    fn every_flag_of_locust_is_accepted() {
        let of_0_7 = "-H h --web-host h -P 1 --port 1 --web-port 1 -f f --master --slave --master-host h --master-port 1 \
                      --master-bind-host h --master-bind-port 1 --no-web -c 1 --clients 1 -r 1 --hatch-rate 1 -n 1 \
                      --num-request 1 --loglevel INFO -L INFO --logfile f --print-stats --only-summary -l --list \
                      --show-task-ratio --show-task-ratio-json";
        let of_2_47 = "--locustfile f --config f --host h -u 1 --users 1 --spawn-rate 1 -t 1 --run-time 1 --config-users \
                       a b --web-host-display-name n --headless --autostart --autoquit 1 --headful --web-auth a:b \
                       --web-login --tls-cert f --tls-key f --class-picker --build-path f --legacy-ui --expect-workers 1 \
                       --expect-workers-max-wait 1 --enable-rebalancing --expect-slaves 1 --worker --processes -1 \
                       --web-base-path p -T a b --tags a -E a b --exclude-tags a --csv f --csv-full-history --reset-stats \
                       --html f --json --json-file f --skip-log-setup --exit-code-on-error 1 -s 1 --stop-timeout 1 \
                       --equal-weights --profile p --otel Web";
        assert_eq!(parsed(of_0_7.replace("-f f", "").as_str()).targets, [""; 0]);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("f"), "").unwrap();
        let env = ProcessEnv { cwd: folder.path().to_owned(), ..ProcessEnv::default() };
        assert_eq!(try_parse(of_2_47, &QUICK, &env).unwrap().targets, ["Web"]);
    }

    #[test]
    fn last_value_counts_and_headers_accumulate() {
        let raw = parsed("-u 5 -u 6 --header a:1 --header b:2 -T a -T b c -E d -l http://x/");
        assert_eq!(raw.load.users.unwrap().text, "6");
        assert_eq!(raw.quick.headers, ["a:1".into(), "b:2".into()]);
        assert_eq!(raw.users.tags, ["b".into(), "c".into()]);
        assert_eq!(raw.targets, ["http://x/"]);
    }

    #[test]
    fn unknown_flag_is_reported_in_one_line() {
        assert_eq!(error("--frobnicate"), "unexpected argument '--frobnicate'; see gregaria --help");
        assert_eq!(error("--hots x"), "unexpected argument '--hots'; a similar argument exists: '--host'");
        assert!(error("-u").starts_with("a value is required for '--users <N>'"), "{}", error("-u"));
        assert!(!error("-u").contains('\n'));
    }

    #[test]
    fn flag_of_another_tool_names_ours_with_its_value() {
        for (line, expected) in [
            ("-z 10s http://h/", "-z 10s: the run time is -t 10s"),
            ("-z10s http://h/", "-z 10s: the run time is -t 10s"),
            ("--duration 30s", "--duration 30s: the run time is -t 30s"),
            ("-duration=5s", "-duration 5s: the run time is -t 5s"),
            ("-d30s", "-d 30s: the run time is -t 30s"),
            ("-d 1h30m", "-d 1h30m: the run time is -t 1h30m"),
            ("-d x=1&y", "-d x=1&y: the request body is --body 'x=1&y'"),
            ("--vus 10", "--vus 10: the number of users, each with a connection, is -u 10"),
            ("--requests 100", "--requests 100: the number of requests is -n 100"),
            ("-i 100", "-i 100: the number of requests is -n 100"),
            ("-i http://h/", "-i: write -X HEAD"),
            ("-cpus 2", "-cpus 2: the number of threads is --shards 2"),
            ("-m GET", "-m GET: the method is -X GET"),
            ("-A text/html", "-A text/html: a header is --header 'Accept: text/html'"),
            ("-h2 http://h/", "-h2: gregaria has HTTP/1.1 only: leave it out"),
            ("-timeout 5s", "-timeout 5s: a long flag has two dashes"),
            ("--redirect 0", "--redirect 0: write --no-redirects"),
            ("-redirects=5", "-redirects 5: the limit of redirects is --limit redirects=5"),
            ("-keepalive=false", "-keepalive false: write --requests-per-connection 1"),
            ("-keepalive", "-keepalive: every run does so: leave it out"),
            ("-disable-keepalive http://h/", "-disable-keepalive: write --requests-per-connection 1"),
            ("--latency http://h/", "--latency: percentiles are always shown: leave it out"),
            ("-m PUT -q 50", &format!("-m PUT: the method is -X PUT; {}", error("-q 50"))),
        ] {
            assert_eq!(error(line), expected);
        }
        for flag in ["-q 50", "--qps 50", "--rate 50/s", "-rate=50", "-R2000", "--rps 5"] {
            assert!(error(flag).contains("has no limit of the request rate; the load is set by"), "{flag}");
        }
    }

    #[test]
    fn own_flags_are_not_those_of_another_tool() {
        for line in
            ["-c 5 -t 10 -n 3 -T a -r 5 http://h/", "--method=-d", "-X=-d", "-- -d", "--body=-q -u 5", "-k -- -z"]
        {
            parsed(line);
        }
        let custom_args = ["-d", "--rate", "-q"].map(|flag| custom_arg(&[flag], "x", Arity::One)).to_vec();
        let program = ProgramKind::Locustfile { custom_args };
        let raw = try_parse("-d 10s --rate 5 -q6", &program, &ProcessEnv::default()).unwrap();
        assert_eq!(raw.custom_args, ["-d10s", "--rate=5", "-q6"]);
        let error = try_parse("-z 10s", &program, &ProcessEnv::default()).unwrap_err().message;
        assert_eq!(error, "-z 10s: the run time is -t 10s");
    }

    #[test]
    fn settings_follow_the_order_of_precedence() {
        let files = [
            (".locust.conf", "users = 1"),
            ("locust.conf", "users = 2"),
            ("pyproject.toml", "[tool.locust]\nusers = 3"),
            ("x.conf", "users = 4"),
        ];
        let variable = [("LOCUST_USERS", "5")];
        for (line, files, variables, expected) in [
            ("", &files[..1], &[][..], "1"),
            ("", &files[..2], &[], "2"),
            ("", &files[..3], &[], "3"),
            ("--config x.conf", &files[..], &[], "4"),
            ("--config x.conf", &files[..], &variable, "5"),
            ("--config x.conf -c 6", &files[..], &variable, "6"),
            ("", &[], &[("LOCUST_USERS", "")], ""),
        ] {
            assert_eq!(users(line, files, variables), expected, "{line} {files:?} {variables:?}");
        }
        assert_eq!(users("", &[("locust.conf", "users = 1\nclients = 2")], &[]), "2", "the last entry of a name");
    }

    #[test]
    fn settings_can_be_switches_lists_and_classes() {
        let files = [
            ("locust.conf", "headless\nonly-summary = no\ntags = [a b, c]\n--reset-stats\nbody = x"),
            (".locust.conf", "only-summary = true"),
        ];
        let variables =
            [("LOCUST_EXCLUDE_TAGS", "[d, e]"), ("LOCUST_USER_CLASSES", "Web Api"), ("GREGARIA_DRIVER", "epoll")];
        let (_folder, env) = env_with(&files, &variables);
        let raw = try_parse("", &QUICK, &env).unwrap();
        let texts = |args: &[ArgValue]| args.iter().map(|arg| arg.text.clone()).collect::<Vec<_>>();
        assert!(raw.load.headless && raw.output.reset_stats && !raw.output.only_summary);
        assert_eq!(texts(&raw.users.tags), ["a b", "c"]);
        assert_eq!(texts(&raw.users.exclude_tags), ["d", "e"]);
        assert_eq!(raw.quick.body, None, "only for quick runs");
        assert_eq!(raw.targets, ["Web", "Api"]);
        assert_eq!(raw.network.driver.unwrap().text, "epoll");
        let raw = try_parse("-T x -- Own", &QUICK, &env).unwrap();
        assert_eq!((texts(&raw.users.tags), raw.targets), (vec!["x".to_owned()], vec!["Own".to_owned()]));
    }

    #[test]
    fn ring_spellings_set_the_driver() {
        let driver = |line: &str, files: &[(&str, &str)], variables: &[(&str, &str)]| {
            let (_folder, env) = env_with(files, variables);
            try_parse(line, &QUICK, &env).unwrap().network.driver.map(|arg| arg.text)
        };
        for (line, files, variables) in [
            ("--driver epoll", &[][..], &[][..]),
            ("--ring epoll", &[], &[]),
            ("--ring=epoll", &[], &[("GREGARIA_DRIVER", "io_uring")]),
            ("", &[("locust.conf", "driver = epoll")], &[]),
            ("", &[("locust.conf", "ring = epoll")], &[]),
            ("", &[("locust.conf", "ring = plain")], &[("GREGARIA_DRIVER", "epoll")]),
            ("", &[], &[("GREGARIA_RING", "epoll")]),
            ("", &[], &[("GREGARIA_DRIVER", "epoll"), ("GREGARIA_RING", "plain")]),
            ("", &[], &[("GREGARIA_DRIVER", ""), ("GREGARIA_RING", "epoll")]),
        ] {
            assert_eq!(driver(line, files, variables).as_deref(), Some("epoll"), "{line} {files:?} {variables:?}");
        }
    }

    #[test]
    fn locustfile_can_add_driver_and_ring() {
        for flag in ["--driver", "--ring"] {
            let program = ProgramKind::Locustfile { custom_args: vec![custom_arg(&[flag], "x", Arity::One)] };
            let (_folder, env) = env_with(&[], &[("GREGARIA_DRIVER", "epoll")]);
            let raw = try_parse(&format!("{flag} firefox"), &program, &env).unwrap();
            assert_eq!(raw.custom_args, [format!("{flag}=firefox")]);
            assert_eq!(raw.network.driver.unwrap().text, "epoll", "the variable still applies");
        }
    }

    #[test]
    fn quick_run_ignores_settings_for_locustfiles() {
        let conf = "host = http://h\nlocustfile = a.py\ntags = b\nusers = 7\nmy-own = 5\nheader = [a:1, b:2]";
        let (_folder, env) = env_with(&[("locust.conf", conf)], &[("LOCUST_USER_CLASSES", "Web")]);
        let raw = try_parse("http://x/", &QUICK, &env).unwrap();
        assert_eq!((raw.load.host, raw.users.locustfile, raw.targets), (None, None, vec!["http://x/".to_owned()]));
        assert_eq!(raw.load.users.unwrap().text, "7");
        assert_eq!(raw.quick.headers.iter().map(|header| header.text.as_str()).collect::<Vec<_>>(), ["a:1", "b:2"]);
        let raw = try_parse("http://x/ --header c:3", &QUICK, &env).unwrap();
        assert_eq!(raw.quick.headers, ["c:3".into()], "the line overrides a file");
    }

    #[test]
    fn demo_ignores_settings_for_locustfiles() {
        let conf = "host = http://h\ntags = b\nusers = 7\nmy-own = 5\nheader = [a:1, b:2]";
        let (_folder, env) = env_with(&[("locust.conf", conf)], &[("LOCUST_USER_CLASSES", "Web")]);
        let raw = try_parse("--demo", &QUICK, &env).unwrap();
        assert_eq!((raw.load.host, raw.targets, raw.users.tags), (None, vec![], vec![]));
        assert_eq!((raw.load.users.unwrap().text.as_str(), raw.quick.headers.len()), ("7", 0));
        let own = try_parse("--demo", &ProgramKind::RustUsers, &env).unwrap_err().message;
        assert!(own.contains("my-own = 5: there is no such setting"), "{own}");
    }

    #[test]
    fn invalid_setting_names_its_source() {
        let error = |line: &str, files: &[(&str, &str)], variables: &[(&str, &str)]| {
            let (_folder, env) = env_with(files, variables);
            try_parse(line, &QUICK, &env).unwrap_err().message
        };
        for (conf, message) in [
            (
                "\n\nspawn_rate = 3",
                "line 3: spawn_rate = 3: there is no such setting; a similar one exists: 'spawn-rate'",
            ),
            ("headless = maybe", "line 1: headless = maybe: takes true or false"),
            ("users = [1, 2]", "line 1: users = [1, 2]: takes one value, not a list"),
        ] {
            assert_eq!(error("", &[("locust.conf", conf)], &[]), format!("locust.conf {message}"));
        }
        assert_eq!(error("", &[], &[("LOCUST_HEADLESS", "x")]), "LOCUST_HEADLESS=x: takes true or false");
        assert!(error("--config gone.conf", &[], &[]).starts_with("--config gone.conf: No such file"));
        let (_folder, env) = env_with(&[("locust.conf", "users = x")], &[]);
        let raw = try_parse("", &QUICK, &env).unwrap();
        assert_eq!(raw.load.users.unwrap().describe("-u"), "locust.conf line 1: users = x");
    }

    #[test]
    fn custom_args_are_passed_on_in_order() {
        for (line, expected) in [
            ("Web --path /a -u 5", &["--path=/a"][..]),
            ("-x -5 --path=--b", &["-x-5", "--path=--b"]),
            ("--no-colour --colour --no-colour", &["--no-colour", "--colour", "--no-colour"]),
            ("--sizes 1 2 --path /a --sizes", &["--sizes", "1", "2", "--path=/a", "--sizes"]),
            ("--pair 1 2 Web", &["--pair", "1", "2"]),
            ("--depth --depth 3", &["--depth", "--depth=3"]),
            ("-zq --body b", &["-zq", "--body=b"]),
            ("--timeout 5 -k 6 --insecure", &["--timeout=5", "-k6"]),
            ("Web", &[]),
        ] {
            assert_eq!(custom_words(line, &[], &[]), expected, "{line}");
        }
    }

    #[test]
    fn custom_args_can_be_set_by_files_and_variables() {
        let files = [("locust.conf", "path = /conf\nsizes = [1, 2]\nno-colour = true")];
        assert_eq!(custom_words("", &files, &[]), ["--path=/conf", "--sizes", "1", "2", "--no-colour"]);
        assert_eq!(custom_words("", &[("locust.conf", "timeout = 3")], &[]), ["--timeout=3"]);
        assert_eq!(custom_words("", &[], &[("LOCUST_PATH", "/a"), ("LOCUST_COLOUR", "1")]), ["--colour", "--path=/a"]);
        assert_eq!(custom_words("", &[], &[("SHOP_PATH", "/b")]), ["--path=/b"]);
        assert_eq!(
            custom_words("-x /line --no-colour", &files, &[("SHOP_PATH", "/b")])[..2],
            ["-x/line", "--no-colour"]
        );
    }

    #[test]
    fn custom_arg_must_be_a_free_flag() {
        let error = |arg: CustomArg| {
            let program = ProgramKind::Locustfile { custom_args: vec![arg] };
            parse(&words(""), &program, &ProcessEnv::default()).unwrap_err()
        };
        for flag in ["--users", "--hatch-rate", "-c", "-T"] {
            let error = error(custom_arg(&[flag], "x", Arity::One));
            assert_eq!(
                error,
                CliError::runtime(format!("{flag}: the locustfile adds this flag, but gregaria already has it"))
            );
        }
        for flag in ["name", "-name", "--", "-"] {
            assert_eq!(error(custom_arg(&[flag], "x", Arity::One)).code, 1, "{flag}");
        }
    }

    #[test]
    fn unusual_lines_are_rejected_in_one_line() {
        use std::os::unix::ffi::OsStringExt;
        let (_folder, env) = env_with(&[], &[]);
        let not_utf8 = OsString::from_vec(vec![0xff, 0x2d]);
        for words in
            [&[][..], &["-".into()], &["--".into()], &["--=".into()], &["-=".into()], &["-é".into()], &[not_utf8]]
        {
            let line: Vec<OsString> = [OsString::from("gregaria")].iter().chain(words).cloned().collect();
            assert!(crate::args::first_pass(words, &env).is_ok(), "{words:?}");
            let error = parse(&line, &QUICK, &env).and_then(|parsed| match parsed {
                ParsedLine::Args(raw) => crate::args::RunPlan::new(&raw, &QUICK),
                ParsedLine::Text(text) => panic!("{text}"),
            });
            assert_eq!(error.unwrap_err().message.lines().count(), 1, "{words:?}");
        }
    }

    #[test]
    fn missing_required_argument_is_reported() {
        let required = CustomArg { required: true, ..custom_arg(&["--shop", "-z"], "shop", Arity::One) };
        let program = ProgramKind::Locustfile { custom_args: vec![required] };
        let (_folder, env) = env_with(&[], &[]);
        let error = try_parse("", &program, &env).unwrap_err();
        assert_eq!(error, CliError::usage("--shop: the locustfile requires it"));
        assert!(try_parse("-z 1", &program, &env).is_ok());
        let variables = BTreeMap::from([("LOCUST_SHOP".to_owned(), "1".to_owned())]);
        assert!(try_parse("", &program, &ProcessEnv { variables, ..env }).is_ok());
    }

    #[test]
    fn help_lists_custom_args_without_replaced_flags() {
        let help = help(&locustfile());
        let custom = help.split("Custom arguments:").nth(1).expect("the heading is in the help");
        for part in ["--path <PATH>", "Where to go", "[also: -x]", "[also: --no-colour]", "--body <BODY>"] {
            assert!(custom.contains(part), "{part} is missing in\n{custom}");
        }
        assert!(!help.contains("that is taken"), "{help}");
    }

    #[test]
    fn help_of_a_rust_program_omits_python_flags() {
        for part in ["--body-file", "--locustfile", "--tags", "URL"] {
            let (all, own) = (help(&QUICK), help(&ProgramKind::RustUsers));
            assert!(all.contains(part) && (!own.contains(part) || part == "URL"), "{part}");
        }
        for part in ["--spawn-rate", "Exit codes:"] {
            assert!(help(&ProgramKind::RustUsers).contains(part), "{part}");
        }
    }

    #[test]
    fn rust_program_shows_its_own_name() {
        let parse_as = |words: &[&str], program: &ProgramKind| {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            parse(&words, program, &ProcessEnv::default())
        };
        let Ok(ParsedLine::Text(help)) = parse_as(&["./target/shop", "--help"], &ProgramKind::RustUsers) else {
            panic!()
        };
        for part in ["Usage: shop [OPTIONS] [USER_CLASS]...\n", "\n  shop -H http://", "\n  shop -l\n"] {
            assert!(help.contains(part), "{part} is missing in\n{help}");
        }
        assert!(!help.contains("gregaria") && !help.contains("PROGRAM"), "{help}");
        let error = parse_as(&["/bin/shop", "--frob"], &ProgramKind::RustUsers).unwrap_err().message;
        assert_eq!(error, "unexpected argument '--frob'; see shop --help");
        let error = parse_as(&["/bin/python3", "--frob"], &locustfile()).unwrap_err().message;
        assert_eq!(error, "unexpected argument '--frob'; see gregaria --help");
        let error = parse_as(&[], &ProgramKind::RustUsers).map(|_| ());
        assert_eq!(error, Ok(()));
    }

    #[test]
    fn clap_accepts_the_command_of_each_program() {
        for program in [ProgramKind::Gregaria, ProgramKind::RustUsers, locustfile()] {
            command::build_command(&program, "x").unwrap().debug_assert();
        }
    }
}
