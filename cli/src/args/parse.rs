//! From the words of a command line to [`Typed`]: what a program accepts, what its help says, and what is wrong.
//!
//! The words are parsed twice: alone, to see what they give, and with the settings of files and variables that they
//! leave open laid under them. Which settings there are is in `sources/`.

use std::ffi::OsString;

use clap::{ArgMatches, Command, FromArgMatches, error::ErrorKind, parser::ValueSource};

use super::{
    cli::{arg_value::ArgValue, command, custom_args, positional, program::ProgramKind, raw::RawArgs},
    config::{
        self, ConfigSetting, LoadedConfig,
        config_keys::{self, ConfigKey},
        process_env::ProcessEnv,
    },
};
use crate::exit::CliError;

/// What a command line turned out to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ParsedLine {
    /// Something to plan.
    Args(Box<RawArgs>),
    /// `--help` or `--version`: this text, for stdout.
    Text(String),
}

/// Takes a command line apart, the program's name first, and lays the settings of its surroundings under it.
///
/// # Errors
/// An unknown flag or setting, or a missing value, in one line; an argument of the locustfile that cannot be added.
pub fn parse(line: &[OsString], program: &ProgramKind, env: &ProcessEnv) -> Result<ParsedLine, CliError> {
    let command = command::build_command(program)?;
    let typed = match command.clone().try_get_matches_from(line) {
        Ok(matches) => matches,
        Err(error) if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) => {
            return Ok(ParsedLine::Text(error.to_string()));
        }
        Err(error) => return Err(clap_error(&error)),
    };
    let settables = config_keys::config_keys(&command, program);
    let config = typed.get_one::<ArgValue>("config").map(|given| given.text.as_str());
    let settings = config::load(&settables, config, env)?;
    let words = merge_config(line, &typed, &settables, &settings, &command)?;
    let matches = command.try_get_matches_from(words).map_err(|error| clap_error(&error))?;
    let mut typed = RawArgs::from_arg_matches(&matches).map_err(|error| clap_error(&error))?;
    typed.custom_args = custom_args::collect_argparse_words(&matches, program.custom_args());
    check_required(&matches, program)?;
    if typed.targets.is_empty() {
        typed.targets = config::user_classes(env);
    }
    Ok(ParsedLine::Args(Box::new(typed)))
}

/// Settings that the line leaves open become words of it, before the positional arguments that `--` sets apart.
fn merge_config(
    line: &[OsString],
    matches: &ArgMatches,
    config_keys: &[ConfigKey],
    settings: &LoadedConfig,
    command: &Command,
) -> Result<Vec<OsString>, CliError> {
    let is_quick = matches.get_many::<String>("targets").into_iter().flatten().any(|target| positional::is_url(target));
    if let Some(unknown) = settings.unknown.first().filter(|_| !is_quick) {
        let hint = command::suggest_flag(command, &unknown.key).map_or_else(
            || "see gregaria --help".to_owned(),
            |similar| format!("a similar one exists: '{}'", similar.trim_start_matches('-')),
        );
        return Err(CliError::usage(format!("{}: there is no such setting; {hint}", unknown.origin)));
    }
    let is_open = |setting: &&ConfigSetting| {
        let settable = &config_keys[setting.key_index];
        let is_typed = settable.arg_ids.iter().any(|id| matches.value_source(id) == Some(ValueSource::CommandLine));
        let foreign = if is_quick { LOCUSTFILE_ONLY } else { URL_ONLY };
        let is_foreign = foreign.contains(&settable.arg_ids[0].as_str());
        !is_typed && !is_foreign
    };
    // The strongest comes last, as where several spellings set one thing the last one counts.
    let under =
        settings.known.iter().rev().filter(is_open).map(|setting| setting.to_args(&config_keys[setting.key_index]));
    let under: Vec<String> = under.collect::<Result<Vec<_>, _>>()?.concat();
    let end = line.iter().position(|word| word == "--").unwrap_or(line.len());
    let (flags, positionals) = line.split_at(end);
    let under = under.into_iter().map(OsString::from);
    Ok(flags.iter().cloned().chain(under).chain(positionals.iter().cloned()).collect())
}

fn check_required(matches: &ArgMatches, program: &ProgramKind) -> Result<(), CliError> {
    let is_given = |flag: &String| matches.contains_id(&custom_args::arg_id(flag));
    let missing = program.custom_args().iter().find(|arg| arg.required && !arg.flags.iter().any(is_given));
    missing.map_or(Ok(()), |arg| Err(CliError::usage(format!("{}: the locustfile requires it", arg.name()))))
}

fn clap_error(error: &clap::Error) -> CliError {
    CliError::usage(one_line(&error.to_string()))
}

/// Of clap's paragraphs (what is wrong, a tip, the usage, where to find help) the first two, in one line.
fn one_line(report: &str) -> String {
    let mut lines = report.lines().map(str::trim);
    let wrong = lines.next().unwrap_or_default().trim_start_matches("error: ").trim_end_matches(" found");
    // The tip to write it behind `--` is of no help to anyone who did not mean a positional argument.
    let tip = lines.find_map(|line| line.strip_prefix("tip: ")).filter(|tip| !tip.starts_with("to pass"));
    match tip {
        Some(tip) => format!("{wrong}; {tip}"),
        None => format!("{wrong}; see gregaria --help"),
    }
}

/// Files and variables are about locustfiles: what to attack, and which of its tasks, is said by the URL of a quick run.
const LOCUSTFILE_ONLY: &[&str] = &["demo", "exclude_tags", "host", "locustfile", "tags"];

/// The other way round: the request of a quick run.
const URL_ONLY: &[&str] = &["body", "body_file", "headers", "method"];

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, fs};

    use super::*;
    use crate::args::{Arity, CustomArg};

    const QUICK: ProgramKind = ProgramKind::Gregaria;

    fn words(line: &str) -> Vec<OsString> {
        ["gregaria"].into_iter().chain(line.split_whitespace()).map(OsString::from).collect()
    }

    fn try_typed(line: &str, program: &ProgramKind, surroundings: &ProcessEnv) -> Result<RawArgs, CliError> {
        match parse(&words(line), program, surroundings)? {
            ParsedLine::Args(typed) => Ok(*typed),
            ParsedLine::Text(text) => panic!("{line}: {text}"),
        }
    }

    fn typed(line: &str) -> RawArgs {
        try_typed(line, &QUICK, &ProcessEnv::default()).unwrap_or_else(|refusal| panic!("{line}: {refusal}"))
    }

    fn refusal(line: &str) -> String {
        let refusal = try_typed(line, &QUICK, &ProcessEnv::default()).unwrap_err();
        assert_eq!(refusal.code, 2);
        refusal.message
    }

    fn help(program: &ProgramKind) -> String {
        match parse(&words("--help"), program, &ProcessEnv::default()).unwrap() {
            ParsedLine::Text(text) => text,
            ParsedLine::Args(typed) => panic!("{typed:?}"),
        }
    }

    /// A folder with these files, which is also the home, and these variables.
    fn surroundings(files: &[(&str, &str)], variables: &[(&str, &str)]) -> (tempfile::TempDir, ProcessEnv) {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        let env = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let cwd = folder.path().to_owned();
        (folder, ProcessEnv { variables: env, home: Some(cwd.clone()), cwd })
    }

    fn users(line: &str, files: &[(&str, &str)], variables: &[(&str, &str)]) -> String {
        let (_folder, surroundings) = surroundings(files, variables);
        let typed = try_typed(line, &QUICK, &surroundings).unwrap_or_else(|refusal| panic!("{line}: {refusal}"));
        typed.load.users.map(|given| given.text).unwrap_or_default()
    }

    fn extra(flags: &[&str], dest: &str, takes: Arity) -> CustomArg {
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        CustomArg { flags, dest: dest.into(), arity: takes, ..CustomArg::default() }
    }

    fn locustfile() -> ProgramKind {
        let mut path = extra(&["--path", "-x"], "path", Arity::One);
        path.help = Some("Where to go".into());
        path.env_var = Some("SHOP_PATH".into());
        ProgramKind::Locustfile {
            custom_args: vec![
                path,
                extra(&["--colour", "--no-colour"], "colour", Arity::Zero),
                extra(&["--sizes"], "sizes", Arity::Many),
                extra(&["--pair"], "pair", Arity::Exactly(2)),
                extra(&["--depth"], "depth", Arity::Optional),
                extra(&["-z"], "z", Arity::One),
                extra(&["--body"], "body", Arity::One),
                extra(&["--timeout", "-k"], "timeout", Arity::One),
            ],
        }
    }

    fn extra_words(line: &str, files: &[(&str, &str)], variables: &[(&str, &str)]) -> Vec<String> {
        let (_folder, surroundings) = surroundings(files, variables);
        try_typed(line, &locustfile(), &surroundings).unwrap_or_else(|refusal| panic!("{line}: {refusal}")).custom_args
    }

    #[test]
    fn old_and_new_spellings_mean_the_same() {
        let today = typed("--headless -u 5 -r 2 -P 80 Web");
        assert_eq!(today, typed("--no-web -c 5 --hatch-rate 2 --port 80 Web"));
        assert_eq!(today, typed("Web --clients=5 --spawn-rate=2 --headless --web-port=80"));
        assert_eq!(
            today,
            typed("--headl --user 5 --spawn 2 --web-p 80 Web"),
            "unique beginnings, as Locust takes them"
        );
        assert_eq!(typed("--slave --expect-slaves 3"), typed("--worker --expect-workers 3"));
    }

    #[test]
    fn every_flag_of_locust_is_known() {
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
        assert_eq!(typed(of_0_7.replace("-f f", "").as_str()).targets, [""; 0]);
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("f"), "").unwrap();
        let here = ProcessEnv { cwd: folder.path().to_owned(), ..ProcessEnv::default() };
        assert_eq!(try_typed(of_2_47, &QUICK, &here).unwrap().targets, ["Web"]);
    }

    #[test]
    fn the_last_of_several_values_counts_and_headers_add_up() {
        let typed = typed("-u 5 -u 6 --header a:1 --header b:2 -T a -T b c -E d -l http://x/");
        assert_eq!(typed.load.users.unwrap().text, "6");
        assert_eq!(typed.quick.headers, ["a:1".into(), "b:2".into()]);
        assert_eq!(typed.users.tags, ["b".into(), "c".into()]);
        assert_eq!(typed.targets, ["http://x/"]);
    }

    #[test]
    fn a_wrong_flag_is_one_line() {
        assert_eq!(refusal("--frobnicate"), "unexpected argument '--frobnicate'; see gregaria --help");
        assert_eq!(refusal("--hots x"), "unexpected argument '--hots'; a similar argument exists: '--host'");
        assert!(refusal("-u").starts_with("a value is required for '--users <N>'"), "{}", refusal("-u"));
        assert!(!refusal("-u").contains('\n'));
    }

    #[test]
    fn the_stronger_source_counts() {
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
        assert_eq!(users("", &[("locust.conf", "users = 1\nclients = 2")], &[]), "2", "the last line of a name");
    }

    #[test]
    fn switches_lists_and_classes_are_settings_too() {
        let files = [
            ("locust.conf", "headless\nonly-summary = no\ntags = [a b, c]\n--reset-stats\nbody = x"),
            (".locust.conf", "only-summary = true"),
        ];
        let variables =
            [("LOCUST_EXCLUDE_TAGS", "[d, e]"), ("LOCUST_USER_CLASSES", "Web Api"), ("GREGARIA_DRIVER", "epoll")];
        let (_folder, here) = surroundings(&files, &variables);
        let typed = try_typed("", &QUICK, &here).unwrap();
        let texts = |given: &[ArgValue]| given.iter().map(|given| given.text.clone()).collect::<Vec<_>>();
        assert!(typed.load.headless && typed.output.reset_stats && !typed.output.only_summary);
        assert_eq!(texts(&typed.users.tags), ["a b", "c"]);
        assert_eq!(texts(&typed.users.exclude_tags), ["d", "e"]);
        assert_eq!(typed.quick.body, None, "there is no URL");
        assert_eq!(typed.targets, ["Web", "Api"]);
        assert_eq!(typed.network.driver.unwrap().text, "epoll");
        let typed = try_typed("-T x -- Own", &QUICK, &here).unwrap();
        assert_eq!((texts(&typed.users.tags), typed.targets), (vec!["x".to_owned()], vec!["Own".to_owned()]));
    }

    #[test]
    fn driver_and_its_old_name_ring_mean_the_same() {
        let driver = |line: &str, files: &[(&str, &str)], variables: &[(&str, &str)]| {
            let (_folder, env) = surroundings(files, variables);
            try_typed(line, &QUICK, &env).unwrap().network.driver.map(|arg| arg.text)
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
            let program = ProgramKind::Locustfile { custom_args: vec![extra(&[flag], "x", Arity::One)] };
            let (_folder, env) = surroundings(&[], &[("GREGARIA_DRIVER", "epoll")]);
            let raw = try_typed(&format!("{flag} firefox"), &program, &env).unwrap();
            assert_eq!(raw.custom_args, [format!("{flag}=firefox")]);
            assert_eq!(raw.network.driver.unwrap().text, "epoll", "the variable still applies");
        }
    }

    #[test]
    fn a_url_leaves_out_what_belongs_to_a_locustfile() {
        let conf = "host = http://h\nlocustfile = a.py\ntags = b\nusers = 7\nmy-own = 5\nheader = [a:1, b:2]";
        let (_folder, here) = surroundings(&[("locust.conf", conf)], &[("LOCUST_USER_CLASSES", "Web")]);
        let typed = try_typed("http://x/", &QUICK, &here).unwrap();
        assert_eq!(
            (typed.load.host, typed.users.locustfile, typed.targets),
            (None, None, vec!["http://x/".to_owned()])
        );
        assert_eq!(typed.load.users.unwrap().text, "7");
        assert_eq!(typed.quick.headers.iter().map(|header| header.text.as_str()).collect::<Vec<_>>(), ["a:1", "b:2"]);
        let typed = try_typed("http://x/ --header c:3", &QUICK, &here).unwrap();
        assert_eq!(typed.quick.headers, ["c:3".into()], "the line replaces what a file says");
    }

    #[test]
    fn a_wrong_setting_names_its_source() {
        let refusal = |line: &str, files: &[(&str, &str)], variables: &[(&str, &str)]| {
            let (_folder, surroundings) = surroundings(files, variables);
            try_typed(line, &QUICK, &surroundings).unwrap_err().message
        };
        for (conf, message) in [
            (
                "\n\nspawn_rate = 3",
                "line 3: spawn_rate = 3: there is no such setting; a similar one exists: 'spawn-rate'",
            ),
            ("headless = maybe", "line 1: headless = maybe: takes true or false"),
            ("users = [1, 2]", "line 1: users = [1, 2]: takes one value, not a list"),
        ] {
            assert_eq!(refusal("", &[("locust.conf", conf)], &[]), format!("locust.conf {message}"));
        }
        assert_eq!(refusal("", &[], &[("LOCUST_HEADLESS", "x")]), "LOCUST_HEADLESS=x: takes true or false");
        assert!(refusal("--config gone.conf", &[], &[]).starts_with("--config gone.conf: No such file"));
        let (_folder, here) = surroundings(&[("locust.conf", "users = x")], &[]);
        let typed = try_typed("", &QUICK, &here).unwrap();
        assert_eq!(typed.load.users.unwrap().describe("-u"), "locust.conf line 1: users = x");
    }

    #[test]
    fn what_a_locustfile_adds_is_passed_on_in_order() {
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
            assert_eq!(extra_words(line, &[], &[]), expected, "{line}");
        }
    }

    #[test]
    fn what_a_locustfile_adds_can_be_set_by_files_and_variables() {
        let files = [("locust.conf", "path = /conf\nsizes = [1, 2]\nno-colour = true")];
        assert_eq!(extra_words("", &files, &[]), ["--path=/conf", "--sizes", "1", "2", "--no-colour"]);
        assert_eq!(extra_words("", &[("locust.conf", "timeout = 3")], &[]), ["--timeout=3"]);
        assert_eq!(extra_words("", &[], &[("LOCUST_PATH", "/a"), ("LOCUST_COLOUR", "1")]), ["--colour", "--path=/a"]);
        assert_eq!(extra_words("", &[], &[("SHOP_PATH", "/b")]), ["--path=/b"]);
        assert_eq!(
            extra_words("-x /typed --no-colour", &files, &[("SHOP_PATH", "/b")])[..2],
            ["-x/typed", "--no-colour"]
        );
    }

    #[test]
    fn a_locustfile_cannot_add_what_is_there_or_is_no_flag() {
        let refusal = |arg: CustomArg| {
            let program = ProgramKind::Locustfile { custom_args: vec![arg] };
            parse(&words(""), &program, &ProcessEnv::default()).unwrap_err()
        };
        for flag in ["--users", "--hatch-rate", "-c", "-T"] {
            let refusal = refusal(extra(&[flag], "x", Arity::One));
            assert_eq!(refusal, CliError::runtime(format!("the locustfile adds {flag}, which gregaria has already")));
        }
        for flag in ["name", "-name", "--", "-"] {
            assert_eq!(refusal(extra(&[flag], "x", Arity::One)).code, 1, "{flag}");
        }
    }

    #[test]
    fn no_line_is_too_strange() {
        use std::os::unix::ffi::OsStringExt;
        let (_folder, here) = surroundings(&[], &[]);
        let strange = OsString::from_vec(vec![0xff, 0x2d]);
        for words in
            [&[][..], &["-".into()], &["--".into()], &["--=".into()], &["-=".into()], &["-é".into()], &[strange]]
        {
            let line: Vec<OsString> = [OsString::from("gregaria")].iter().chain(words).cloned().collect();
            assert!(crate::args::first_pass(words, &here).is_ok(), "{words:?}");
            let refusal = parse(&line, &QUICK, &here).and_then(|parsed| match parsed {
                ParsedLine::Args(typed) => crate::args::RunPlan::new(&typed, &QUICK),
                ParsedLine::Text(text) => panic!("{text}"),
            });
            assert_eq!(refusal.unwrap_err().message.lines().count(), 1, "{words:?}");
        }
    }

    #[test]
    fn a_required_argument_is_asked_for() {
        let required = CustomArg { required: true, ..extra(&["--shop", "-z"], "shop", Arity::One) };
        let program = ProgramKind::Locustfile { custom_args: vec![required] };
        let (_folder, here) = surroundings(&[], &[]);
        let refusal = try_typed("", &program, &here).unwrap_err();
        assert_eq!(refusal, CliError::usage("--shop: the locustfile requires it"));
        assert!(try_typed("-z 1", &program, &here).is_ok());
        let env = BTreeMap::from([("LOCUST_SHOP".to_owned(), "1".to_owned())]);
        assert!(try_typed("", &program, &ProcessEnv { variables: env, ..here }).is_ok());
    }

    #[test]
    fn the_help_shows_what_a_locustfile_adds_and_not_the_colliding_flag() {
        let help = help(&locustfile());
        let custom = help.split("Custom arguments:").nth(1).expect("there is a group");
        for part in ["--path <PATH>", "Where to go", "[also: -x]", "[also: --no-colour]", "--body <BODY>"] {
            assert!(custom.contains(part), "{part} is missing in\n{custom}");
        }
        assert!(!help.contains("that is taken"), "{help}");
    }

    #[test]
    fn a_program_of_ones_own_offers_only_what_it_can_do() {
        for part in ["--body-file", "--locustfile", "--tags", "URL", "Examples:"] {
            let (all, own) = (help(&QUICK), help(&ProgramKind::RustUsers));
            assert!(all.contains(part) && (!own.contains(part) || part == "URL"), "{part}");
        }
        for part in ["--spawn-rate", "[USER_CLASS]...", "Exit codes:"] {
            assert!(help(&ProgramKind::RustUsers).contains(part), "{part}");
        }
    }

    #[test]
    fn the_definition_holds() {
        for program in [ProgramKind::Gregaria, ProgramKind::RustUsers, locustfile()] {
            command::build_command(&program).unwrap().debug_assert();
        }
    }
}
