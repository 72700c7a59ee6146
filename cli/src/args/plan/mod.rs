//! The plan of a run: every value converted, every combination of flags checked, all defaults applied.
//!
//! The rest of the crate uses only a [`RunPlan`]. This folder must not know whether the user classes exist and have
//! hosts, which the scenario checks. `values.rs` converts single values and `target.rs` selects the users.
//! `client.rs` and `limits.rs` plan the HTTP clients, `connect_config.rs` the endpoints of connections.

pub(super) mod client;
mod connect_config;
mod duration;
pub(super) mod limits;
pub(super) mod target;
mod values;
pub(super) mod web;

use std::{path::PathBuf, time::Duration};

use gregaria_engine::{ConnectConfig, RunnerOptions, rt::DriverChoice};
use log::LevelFilter;

use self::{client::ClientPlan, target::RunTarget};
use super::cli::{
    arg_value::{ArgValue, RecordedArg},
    program::ProgramKind,
    raw::{LogArgs, OtherArgs, OutputArgs, RawArgs},
    unsupported,
};
use crate::exit::{self, CliError, ExitPlan};

/// The plan of a run, or of an output in place of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct RunPlan {
    /// The action to perform.
    pub mode: Mode,
    /// The users to run.
    pub target: RunTarget,
    /// The locustfiles that the Python host has imported, for the results of the run.
    pub locustfiles: Vec<PathBuf>,
    /// The tags of the tasks to run; empty for all tasks.
    pub(crate) tags: Vec<String>,
    /// The tags of the tasks to omit.
    pub(crate) exclude_tags: Vec<String>,
    /// The amount and duration of the load.
    pub load: LoadPlan,
    /// The endpoints of connections.
    pub(crate) connect_config: ConnectConfig,
    /// The settings that override those of every user class's client.
    pub client: ClientPlan,
    /// Whether the run was requested without a web page. A quick run and the demo always are.
    pub(crate) headless: bool,
    /// The statistics to print and store.
    pub output: OutputPlan,
    /// The settings of the log.
    pub log: LogPlan,
    /// The rules for the exit code.
    pub(crate) exit: ExitPlan,
    /// All given arguments, for the results of the run.
    pub(crate) recorded_args: Vec<RecordedArg>,
}

/// The action of a command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Prints the names of all user classes.
    List,
    /// Runs the users.
    #[default]
    Run,
    /// Prints the share of each task as a table.
    TaskRatio,
    /// Prints the share of each task as JSON.
    TaskRatioJson,
}

/// The amount and duration of the load.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadPlan {
    /// The base URL that replaces the host of every user class; `None` to keep them.
    pub(crate) host: Option<String>,
    /// Whether the demo shop is started and replaces the host.
    pub(crate) demo: bool,
    /// The number of users if `-u` or a setting gives it.
    pub explicit_users: Option<u32>,
    /// The number of users. Default 1, in a quick run 10, in the demo 50.
    pub(crate) users: u32,
    /// Users spawned per second; infinite spawns all at once. Default 1, in a quick run and in the demo infinite.
    pub(crate) spawn_rate: f64,
    /// The time after which the run stops; `None` for no limit. Default `None`, in the demo 10 s unless the number of
    /// requests is limited.
    pub(crate) run_time: Option<Duration>,
    /// The number of requests after which the run stops; `None` for no limit.
    pub(crate) num_requests: Option<u64>,
    /// The time that requests in flight have to finish when the run stops; 0 aborts them. Default 1 s.
    pub(crate) stop_timeout: Duration,
    /// Whether the statistics are reset when all users are spawned.
    pub(crate) reset_stats: bool,
    /// The number of shards; `None` for one per core that the process may use.
    pub(crate) shards: Option<usize>,
    /// The kernel interface of each thread that sends requests.
    pub driver: DriverChoice,
}

/// The statistics to print and store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputPlan {
    /// Whether the statistics are printed during the run.
    pub(crate) live: bool,
    /// Whether the response to one request of a quick run is printed before the run.
    pub(crate) print_first_response: bool,
    /// Whether the final statistics are written to stdout as JSON, in Locust's form.
    pub(crate) json: bool,
    /// The file that they are written to, in place of the final tables.
    pub(crate) json_file: Option<PathBuf>,
    /// Whether the full results are written to stdout as JSON.
    pub(crate) json_full: bool,
    /// The file that the full results are written to.
    pub(crate) json_full_file: Option<PathBuf>,
}

impl OutputPlan {
    /// Returns `true` if stdout is reserved for results.
    pub fn uses_stdout(&self) -> bool {
        self.json || self.json_full
    }
}

/// The settings of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPlan {
    /// The lowest level that is logged.
    pub(crate) level: LevelFilter,
    /// The file that the log is appended to; `None` for stderr.
    pub(crate) file: Option<PathBuf>,
    /// Whether the program or the locustfile sets up the log.
    pub skip_setup: bool,
}

impl RunPlan {
    /// Converts and checks the arguments of a command line of `program`.
    ///
    /// # Errors
    /// An invalid value or combination of flags, an unsupported flag, or no users to run. The message names a remedy.
    ///
    /// # Examples
    ///
    /// ```
    /// use gregaria::args::{Mode, ParsedLine, ProcessEnv, ProgramKind, RunPlan, RunTarget, parse};
    ///
    /// let plan = |line: &[&str]| {
    ///     let line: Vec<_> = line.iter().map(Into::into).collect();
    ///     match parse(&line, &ProgramKind::Gregaria, &ProcessEnv::default())? {
    ///         ParsedLine::Args(args) => RunPlan::new(&args, &ProgramKind::Gregaria),
    ///         ParsedLine::Text(text) => panic!("{text}"),
    ///     }
    /// };
    /// let quick_run = plan(&["gregaria", "http://localhost:8080/", "-n", "100"])?;
    /// assert!(matches!(quick_run.target, RunTarget::Quick(_)));
    /// assert_eq!(quick_run.mode, Mode::Run);
    ///
    /// let error = plan(&["gregaria", "http://localhost:8080/", "-n", "many"]).unwrap_err();
    /// assert_eq!(error.to_string(), "-n many: takes a whole number of at least 1");
    /// # Ok::<(), gregaria::exit::CliError>(())
    /// ```
    pub fn new(raw: &RawArgs, program: &ProgramKind) -> Result<Self, CliError> {
        unsupported::check(raw)?;
        let target = target::run_target(raw, program)?;
        let defaults = LoadDefaults::new(&target, raw.load.demo && *program == ProgramKind::Gregaria);
        let texts = |args: &[ArgValue]| args.iter().map(|arg| arg.text.clone()).collect();
        let RawArgs { load, users, network, output, log, other, .. } = raw;
        let plan = Self {
            mode: mode(other),
            target,
            locustfiles: Vec::new(),
            tags: texts(&users.tags),
            exclude_tags: texts(&users.exclude_tags),
            exit: exit_plan(output)?,
            load: load_plan(raw, &defaults)?,
            connect_config: connect_config::plan(network)?,
            client: client::plan(network, &raw.tls)?,
            headless: defaults.headless || load.headless && !load.headful,
            output: OutputPlan { print_first_response: raw.quick.print_first_response, ..output_plan(output)? },
            log: log_plan(log)?,
            recorded_args: raw.recorded_args.clone(),
        };
        web::check(&raw.web)?;
        Ok(plan)
    }
}

impl LoadPlan {
    /// Returns the options of the runner.
    pub(crate) fn runner_options(&self) -> RunnerOptions {
        RunnerOptions {
            run_time: self.run_time,
            num_requests: self.num_requests,
            stop_timeout: self.stop_timeout,
            reset_stats: self.reset_stats,
            ..RunnerOptions::default()
        }
    }
}

fn mode(other: &OtherArgs) -> Mode {
    match other {
        OtherArgs { list: true, .. } => Mode::List,
        OtherArgs { show_task_ratio: true, .. } => Mode::TaskRatio,
        OtherArgs { show_task_ratio_json: true, .. } => Mode::TaskRatioJson,
        _ => Mode::Run,
    }
}

/// The amount of load without flags.
struct LoadDefaults {
    users: u32,
    spawn_rate: f64,
    run_time: Option<Duration>,
    headless: bool,
}

impl LoadDefaults {
    /// Returns the defaults for a quick run, for the users of the demo shop, or for other users.
    fn new(target: &RunTarget, is_demo: bool) -> Self {
        let at_once = Self { users: 10, spawn_rate: f64::INFINITY, run_time: None, headless: true };
        match target {
            RunTarget::Quick(_) => at_once,
            RunTarget::Classes(_) if is_demo => Self { users: 50, run_time: Some(Duration::from_secs(10)), ..at_once },
            RunTarget::Classes(_) => Self { users: 1, spawn_rate: 1.0, run_time: None, headless: false },
        }
    }
}

fn load_plan(raw: &RawArgs, defaults: &LoadDefaults) -> Result<LoadPlan, CliError> {
    let args = &raw.load;
    let users = values::optional(&args.users, |arg| values::positive_int("-u", arg))?;
    let run_time = values::optional(&args.run_time, |arg| values::positive_duration("-t", arg))?;
    let num_requests = values::optional(&args.num_request, |arg| values::positive_int("-n", arg))?;
    let stop_timeout = values::optional(&args.stop_timeout, |arg| values::duration("-s", arg))?;
    Ok(LoadPlan {
        host: values::optional(&args.host, |arg| values::host("-H", arg))?,
        demo: args.demo,
        explicit_users: users,
        users: users.unwrap_or(defaults.users),
        spawn_rate: values::optional(&args.spawn_rate, |arg| values::spawn_rate("-r", arg))?
            .unwrap_or(defaults.spawn_rate),
        run_time: run_time.or_else(|| defaults.run_time.filter(|_| num_requests.is_none())),
        num_requests,
        stop_timeout: stop_timeout.unwrap_or(DEFAULT_STOP_TIMEOUT),
        reset_stats: raw.output.reset_stats,
        shards: values::optional(&args.shards, |arg| values::positive_int::<u32>("--shards", arg))?
            .map(|count| count as usize),
        driver: values::optional(&raw.network.driver, values::driver)?.unwrap_or_default(),
    })
}

fn output_plan(args: &OutputArgs) -> Result<OutputPlan, CliError> {
    if args.json && args.json_full {
        return Err(CliError::usage(
            "--json and --json-full both write to stdout: use a file (--json-full-file) for one",
        ));
    }
    Ok(OutputPlan {
        live: !args.only_summary,
        json: args.json,
        json_file: path(&args.json_file),
        json_full: args.json_full,
        json_full_file: path(&args.json_full_file),
        ..OutputPlan::default()
    })
}

fn exit_plan(args: &OutputArgs) -> Result<ExitPlan, CliError> {
    let on_error = values::optional(&args.exit_code_on_error, |arg| values::exit_code("--exit-code-on-error", arg))?;
    Ok(ExitPlan { on_error: on_error.unwrap_or(exit::FAILED_REQUESTS), fail_on_lag: args.fail_on_lag })
}

fn log_plan(args: &LogArgs) -> Result<LogPlan, CliError> {
    let level = values::optional(&args.loglevel, |arg| values::log_level("-L", arg))?;
    let level = level.unwrap_or(LevelFilter::Info);
    Ok(LogPlan { level, file: path(&args.logfile), skip_setup: args.skip_log_setup })
}

fn path(arg: &Option<ArgValue>) -> Option<PathBuf> {
    arg.as_ref().map(|arg| PathBuf::from(&arg.text))
}

const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use gregaria_engine::{Method, rt::DriverKind};

    use super::*;
    use crate::args::{ParsedLine, ProcessEnv, parse};
    use crate::quick::QuickRequest;

    const RUST: ProgramKind = ProgramKind::RustUsers;
    const QUICK: ProgramKind = ProgramKind::Gregaria;

    fn try_plan(line: &str, program: &ProgramKind) -> Result<RunPlan, CliError> {
        let words: Vec<OsString> =
            ["gregaria"].into_iter().chain(line.split_whitespace()).map(OsString::from).collect();
        match parse(&words, program, &ProcessEnv::default())? {
            ParsedLine::Args(raw) => RunPlan::new(&raw, program),
            ParsedLine::Text(text) => panic!("{text}"),
        }
    }

    fn plan(line: &str, program: &ProgramKind) -> RunPlan {
        try_plan(line, program).unwrap_or_else(|error| panic!("{line}: {error}"))
    }

    fn request(line: &str) -> QuickRequest {
        match plan(line, &QUICK).target {
            RunTarget::Quick(request) => request,
            RunTarget::Classes(names) => panic!("{names:?}"),
        }
    }

    #[test]
    fn quick_run_has_its_own_defaults() {
        let load = plan("http://h/", &QUICK).load;
        assert_eq!((load.users, load.spawn_rate), (10, f64::INFINITY));
        let load = plan("", &RUST).load;
        assert_eq!((load.users, load.spawn_rate, load.explicit_users), (1, 1.0, None));
        assert_eq!((load.stop_timeout, load.run_time, load.num_requests), (Duration::from_secs(1), None, None));
        assert_eq!((load.shards, load.driver), (None, DriverChoice::Auto));
    }

    #[test]
    fn demo_has_its_own_users_and_defaults() {
        let demo = plan("--demo", &QUICK);
        assert_eq!((demo.target, demo.headless), (RunTarget::Classes(vec![]), true));
        assert_eq!((demo.load.users, demo.load.spawn_rate), (50, f64::INFINITY));
        let run_time = |line: &str| plan(line, &QUICK).load.run_time;
        assert_eq!(run_time("--demo"), Some(Duration::from_secs(10)));
        assert_eq!(run_time("--demo -t 1m"), Some(Duration::from_secs(60)));
        assert_eq!(run_time("--demo -n 5"), None);
        assert_eq!(plan("--demo Shopper", &QUICK).target.class_names(), ["Shopper"]);
        let own = plan("--demo", &RUST).load;
        assert_eq!((own.users, own.run_time), (1, None), "a Rust program loads the shop with its own users");
    }

    #[test]
    fn load_flags_are_converted() {
        let plan =
            plan("-u 64 -r 2.5 -t 1h30m -n 1000 -s 0 -H http://h --shards 2 --driver epoll --reset-stats Web", &RUST);
        let load = plan.load;
        assert_eq!((load.users, load.explicit_users, load.spawn_rate), (64, Some(64), 2.5));
        assert_eq!(load.host.as_deref(), Some("http://h"));
        assert_eq!((load.shards, load.driver), (Some(2), DriverChoice::Only(DriverKind::Epoll)));
        assert_eq!(plan.target, RunTarget::Classes(vec!["Web".into()]));
        let options = load.runner_options();
        assert_eq!((options.run_time, options.num_requests), (Some(Duration::from_secs(5400)), Some(1000)));
        assert_eq!((options.stop_timeout, options.reset_stats), (Duration::ZERO, true));
    }

    #[test]
    fn every_time_is_given_in_the_same_forms() {
        let flags =
            ["-t", "-s", "--dns-ttl", "--connect-timeout", "--read-timeout", "--timeout", "--autostart --autoquit"];
        for flag in flags {
            for time in ["500ms", "1.5s", "1.5", "90", "300s", "20m", "1h30m", "3h30m10s"] {
                let line = format!("http://h/ {flag} {time}");
                assert!(try_plan(&line, &QUICK).is_ok(), "{line}");
            }
            let message = try_plan(&format!("http://h/ {flag} 5x"), &QUICK).unwrap_err().message;
            assert!(message.ends_with("such as 90 (seconds), 1.5s, 500ms, 20m or 1h30m"), "{message}");
        }
        let load = plan("-t 500ms -s 1h30m", &RUST).load;
        assert_eq!((load.run_time, load.stop_timeout), (Some(Duration::from_millis(500)), Duration::from_secs(5400)));
    }

    #[test]
    fn quick_run_with_a_body_is_a_post_by_default() {
        assert_eq!(request("http://h/").method, Method::Get);
        let with_body = request("http://h/a?b --body x --header A:b --header c:d");
        assert_eq!((with_body.method, with_body.body.as_deref()), (Method::Post, Some(&b"x"[..])));
        assert_eq!((with_body.host.as_str(), with_body.target.as_str()), ("http://h", "/a?b"));
        assert_eq!(with_body.headers, [("A".to_owned(), "b".to_owned()), ("c".into(), "d".into())]);
        assert_eq!(request("http://h/ --body x -X put").method, Method::Put);
    }

    #[test]
    fn body_file_is_read_into_the_body() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("body");
        std::fs::write(&path, b"a\0b").unwrap();
        let line = format!("http://h/ --body-file {}", path.display());
        assert_eq!(request(&line).body.as_deref(), Some(&b"a\0b"[..]));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(try_plan(&line, &QUICK).unwrap_err().code, exit::USAGE_ERROR);
    }

    #[test]
    fn output_log_and_exit_flags_are_converted() {
        let plan = plan(
            "--only-summary --json --json-file out --json-full-file a/b.json -L warning --logfile l --exit-code-on-error 9 --fail-on-lag",
            &RUST,
        );
        assert!(plan.output.json && !plan.output.json_full && !plan.output.live && plan.output.uses_stdout());
        assert_eq!(plan.output.json_file, Some("out".into()));
        assert_eq!(plan.output.json_full_file, Some("a/b.json".into()));
        assert_eq!(plan.log, LogPlan { level: LevelFilter::Warn, file: Some("l".into()), skip_setup: false });
        assert_eq!(plan.exit, ExitPlan { on_error: 9, fail_on_lag: true });
    }

    #[test]
    fn output_modes_take_precedence_over_a_run() {
        assert_eq!(plan("", &RUST).mode, Mode::Run);
        assert_eq!(plan("-l --show-task-ratio", &RUST).mode, Mode::List);
        assert_eq!(plan("--show-task-ratio", &RUST).mode, Mode::TaskRatio);
        assert_eq!(plan("--show-task-ratio-json", &RUST).mode, Mode::TaskRatioJson);
    }

    #[test]
    fn invalid_combinations_are_rejected() {
        for line in [
            "http://h/ http://i/",
            "http://h/ Web",
            "http://h/ -H http://i",
            "http://h/ -f x.py",
            "http://h/ --body a --body-file b",
            "-X GET",
            "--print-first-response",
            "http://h/ --demo",
            "http://h/ -T a",
            "http://h/ --autoquit 5",
            "http://h/ -P x",
            "http://h/ --json --json-full",
        ] {
            let error = try_plan(line, &QUICK).unwrap_err();
            assert_eq!(error.code, exit::USAGE_ERROR, "{line}: {error}");
            assert!(!error.message.contains('\n'));
        }
        assert_eq!(try_plan("-u 0", &RUST).unwrap_err().code, exit::USAGE_ERROR);
        assert_eq!(try_plan("http://h/", &RUST).unwrap_err().code, exit::USAGE_ERROR);
        assert_eq!(try_plan("-H localhost:80", &RUST).unwrap_err().code, exit::USAGE_ERROR);
    }

    #[test]
    fn wrong_url_or_host_names_the_right_one() {
        let python = ProgramKind::Locustfile { custom_args: vec![] };
        for (program, line, message) in [
            (&QUICK, "localhost:8301", "localhost:8301: has no scheme: write http://localhost:8301"),
            (&QUICK, "127.0.0.1:8301/x -X PUT", "127.0.0.1:8301/x: has no scheme: write http://127.0.0.1:8301/x"),
            (&QUICK, "[::1]:80", "[::1]:80: has no scheme: write http://[::1]:80"),
            (&QUICK, "example.org/x", "example.org/x: has no scheme: write http://example.org/x"),
            (&QUICK, "ftp://h/x", "ftp://h/x: has the scheme ftp: write http:// or https://"),
            (
                &QUICK,
                "/etc/passwd",
                "/etc/passwd: is a path, not a URL: give a locustfile or a folder of locustfiles with -f",
            ),
            (&python, "-f a.py h:80", "h:80: is no user class: give the host with -H http://h:80"),
            (&python, "-H h:80", "-H h:80: has no scheme: write http://h:80"),
            (&RUST, "-H h:80", "-H h:80: has no scheme: write http://h:80"),
            (
                &QUICK,
                "HTTP://h/ -H HTTP://i",
                "a URL and -H cannot be combined: the URL names the host, and headers are --header",
            ),
            (
                &QUICK,
                "http://h/ -H Accept:*/*",
                "-H Accept:*/*: -H is the host, headers are --header: write --header 'Accept:*/*'",
            ),
            (&QUICK, "http://h/ -T a/b", "-T a/b: -T is a tag; a content type is --header 'Content-Type: a/b'"),
            (&python, "-H A:b", "-H A:b: -H is the host, headers are --header: write --header 'A:b'"),
        ] {
            assert_eq!(try_plan(line, program), Err(CliError::usage(message)), "{line}");
        }
        let words = ["gregaria", "-H", "X-Id: 5", "http://h/"].map(OsString::from);
        let Ok(ParsedLine::Args(raw)) = parse(&words, &QUICK, &ProcessEnv::default()) else { panic!("{words:?}") };
        let message = RunPlan::new(&raw, &QUICK).unwrap_err().message;
        assert_eq!(message, "-H X-Id: 5: -H is the host, headers are --header: write --header 'X-Id: 5'");
    }

    #[test]
    fn scheme_of_url_and_host_may_be_in_any_case() {
        assert_eq!(request("HTTP://h/x").target, "/x");
        assert_eq!(plan("-H HttpS://h", &RUST).load.host.as_deref(), Some("HttpS://h"));
        assert_eq!(plan("Shop.Visitor a:b", &RUST).target.class_names(), ["Shop.Visitor", "a:b"]);
    }

    #[test]
    fn locustfile_flags_are_converted() {
        let python = ProgramKind::Locustfile { custom_args: vec![] };
        let plan = plan("-f a.py -T slow api -E new --demo --headless --skip-log-setup Web", &python);
        assert_eq!(plan.target, RunTarget::Classes(vec!["Web".into()]));
        assert_eq!(plan.tags, ["slow", "api"]);
        assert_eq!(plan.exclude_tags, ["new"]);
        assert!(plan.load.demo && plan.headless && plan.log.skip_setup);
        assert_eq!(RunPlan::new(&RawArgs::default(), &python).unwrap().target, RunTarget::Classes(vec![]));
        for (line, start) in [
            ("http://h/", "a URL and a locustfile cannot be combined"),
            ("-f a.py b.py", "b.py: give all locustfiles with -f"),
            ("-H http://h --demo", "-H http://h: cannot be combined with --demo"),
        ] {
            let error = try_plan(line, &python).unwrap_err();
            assert_eq!(error.code, exit::USAGE_ERROR);
            assert!(error.message.starts_with(start), "{line}: {error}");
        }
    }

    #[test]
    fn headful_overrides_headless() {
        for (line, program, headless) in [
            ("", &RUST, false),
            ("--no-web", &RUST, true),
            ("--headless --headful", &RUST, false),
            ("http://h/", &QUICK, true),
        ] {
            assert_eq!(plan(line, program).headless, headless, "{line}");
        }
    }

    #[test]
    fn unsupported_flags_name_a_remedy() {
        for (line, message) in [
            ("--csv out", "--csv: not supported yet: use --json or --json-file"),
            ("--slave", "--worker: not supported yet: a run has one process"),
            ("--processes -1", "--processes: not supported yet: a run has one process"),
            (
                "--config-users {}",
                "--config-users: not supported yet: set weight, fixed_count and host in the user classes",
            ),
            ("--web-auth a:b", "--web-auth: Locust has replaced it: use --web-login"),
        ] {
            assert_eq!(try_plan(line, &RUST), Err(CliError::usage(message)), "{line}");
        }
    }

    #[test]
    fn line_without_users_or_url_names_a_remedy() {
        let error = try_plan("-u 5", &QUICK).unwrap_err();
        assert_eq!(error.code, exit::RUNTIME_ERROR);
        assert!(error.message.starts_with("nothing to run, as there is no locustfile.py"), "{error}");
    }
}
