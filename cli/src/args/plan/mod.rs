//! What a command line means: every value converted, every combination checked, all defaults filled in.
//!
//! The rest of the crate sees only a [`Plan`]. Whether the user classes exist and have hosts is not known here: that
//! is asked of the Scenario when there is one.

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
    arg_value::ArgValue,
    program::ProgramKind,
    raw::{LogArgs, OtherArgs, OutputArgs, RawArgs},
    unsupported,
};
use crate::exit::{self, CliError, ExitPlan};

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct RunPlan {
    /// Run, or only show something.
    pub mode: Mode,
    /// What the users do.
    pub target: RunTarget,
    /// Only tasks with one of these tags; all when there are none.
    pub(crate) tags: Vec<String>,
    /// No tasks with one of these tags.
    pub(crate) exclude_tags: Vec<String>,
    /// How much load, and for how long.
    pub load: LoadPlan,
    /// Where connections go and come from.
    pub connect_config: ConnectConfig,
    /// What is laid over the client settings of every user class.
    pub client: ClientPlan,
    /// Whether a run was asked for that begins at once and has no web page. Quick runs always are.
    pub(crate) headless: bool,
    /// What is shown and stored.
    pub output: OutputPlan,
    /// What is logged.
    pub log: LogPlan,
    /// What the exit code tells.
    pub(crate) exit: ExitPlan,
}

/// Run, or only show something.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Show the names of all user classes.
    List,
    /// Run.
    #[default]
    Run,
    /// Show how often each task is picked, as a table.
    TaskRatio,
    /// The same as JSON.
    TaskRatioJson,
}

/// How much load, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadPlan {
    /// Replaces the host of every user class.
    pub(crate) host: Option<String>,
    /// Whether the demo shop is to take the place of a host.
    pub(crate) demo: bool,
    /// Number of users, where it was given.
    pub explicit_users: Option<u32>,
    /// Number of users.
    pub(crate) users: u32,
    /// Users per second, infinite for all at once.
    pub(crate) spawn_rate: f64,
    /// Stop after this time.
    pub(crate) run_time: Option<Duration>,
    /// Stop after this many requests.
    pub(crate) num_requests: Option<u64>,
    /// How long requests on the wire may take to finish at the end.
    pub(crate) stop_timeout: Duration,
    /// Forget what was measured while users were coming.
    pub(crate) reset_stats: bool,
    /// Number of shards; `None` for all cores.
    pub(crate) shards: Option<usize>,
    /// The kernel interface of each thread that sends requests.
    pub driver: DriverChoice,
}

/// What is shown and stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputPlan {
    /// Show the statistics while the run goes on.
    pub(crate) live: bool,
    /// Write the final statistics to stdout as JSON.
    pub json: bool,
    /// Write them to this file, in place of the final tables.
    pub(crate) json_file: Option<PathBuf>,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPlan {
    /// The least important level that is still logged.
    pub(crate) level: LevelFilter,
    /// Where to append the log; stderr if none.
    pub(crate) file: Option<PathBuf>,
    /// Whether the program or the locustfile sets up its log by itself.
    pub skip_setup: bool,
}

impl RunPlan {
    /// Finds out what a command line of `program` means.
    ///
    /// # Errors
    /// A wrong value or combination, or nothing to run, with what to do about it.
    pub fn new(raw: &RawArgs, program: &ProgramKind) -> Result<Self, CliError> {
        unsupported::check(raw)?;
        let target = target::run_target(raw, program)?;
        let is_quick = matches!(target, RunTarget::Quick(_));
        let texts = |given: &[ArgValue]| given.iter().map(|given| given.text.clone()).collect();
        let RawArgs { load, users, network, output, log, other, .. } = raw;
        let plan = Self {
            mode: mode(other),
            target,
            tags: texts(&users.tags),
            exclude_tags: texts(&users.exclude_tags),
            exit: exit_plan(output)?,
            load: load_plan(raw, is_quick)?,
            connect_config: connect_config::plan(network)?,
            client: client::plan(network, &raw.tls)?,
            headless: is_quick || load.headless && !load.headful,
            output: OutputPlan { live: !output.only_summary, json: output.json, json_file: path(&output.json_file) },
            log: log_plan(log)?,
        };
        web::check(&raw.web)?;
        Ok(plan)
    }
}

impl LoadPlan {
    /// The part of the plan that is the runner's.
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

fn load_plan(raw: &RawArgs, is_quick: bool) -> Result<LoadPlan, CliError> {
    let args = &raw.load;
    let (default_users, default_rate) = if is_quick { (10, f64::INFINITY) } else { (1, 1.0) };
    let users = values::optional(&args.users, |given| values::positive_int("-u", given))?;
    let stop_timeout = values::optional(&args.stop_timeout, |given| values::seconds("-s", given))?;
    Ok(LoadPlan {
        host: values::optional(&args.host, |given| values::host("-H", given))?,
        demo: args.demo,
        explicit_users: users,
        users: users.unwrap_or(default_users),
        spawn_rate: values::optional(&args.spawn_rate, |given| values::spawn_rate("-r", given))?
            .unwrap_or(default_rate),
        run_time: values::optional(&args.run_time, |given| values::run_time("-t", given))?,
        num_requests: values::optional(&args.num_request, |given| values::positive_int("-n", given))?,
        stop_timeout: stop_timeout.unwrap_or(DEFAULT_STOP_TIMEOUT),
        reset_stats: raw.output.reset_stats,
        shards: values::optional(&args.shards, |given| values::positive_int::<u32>("--shards", given))?
            .map(|count| count as usize),
        driver: values::optional(&raw.network.driver, values::driver)?.unwrap_or_default(),
    })
}

fn exit_plan(args: &OutputArgs) -> Result<ExitPlan, CliError> {
    let on_error =
        values::optional(&args.exit_code_on_error, |given| values::exit_code("--exit-code-on-error", given))?;
    Ok(ExitPlan { on_error: on_error.unwrap_or(exit::FAILED_REQUESTS), fail_on_lag: args.fail_on_lag })
}

fn log_plan(args: &LogArgs) -> Result<LogPlan, CliError> {
    let level = values::optional(&args.loglevel, |given| values::log_level("-L", given))?;
    let level = level.unwrap_or(LevelFilter::Info);
    Ok(LogPlan { level, file: path(&args.logfile), skip_setup: args.skip_log_setup })
}

fn path(arg: &Option<ArgValue>) -> Option<PathBuf> {
    arg.as_ref().map(|given| PathBuf::from(&given.text))
}

const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(1);

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use gregaria_engine::{Method, rt::DriverKind};

    use super::*;
    use crate::args::{ParsedLine, ProcessEnv, parse};
    use crate::quick::QuickRequest;

    const OWN: ProgramKind = ProgramKind::RustUsers;
    const QUICK: ProgramKind = ProgramKind::Gregaria;

    fn try_plan(line: &str, program: &ProgramKind) -> Result<RunPlan, CliError> {
        let words: Vec<OsString> =
            ["gregaria"].into_iter().chain(line.split_whitespace()).map(OsString::from).collect();
        match parse(&words, program, &ProcessEnv::default())? {
            ParsedLine::Args(typed) => RunPlan::new(&typed, program),
            ParsedLine::Text(text) => panic!("{text}"),
        }
    }

    fn plan(line: &str, program: &ProgramKind) -> RunPlan {
        try_plan(line, program).unwrap_or_else(|refusal| panic!("{line}: {refusal}"))
    }

    fn request(line: &str) -> QuickRequest {
        match plan(line, &QUICK).target {
            RunTarget::Quick(request) => request,
            RunTarget::Classes(names) => panic!("{names:?}"),
        }
    }

    #[test]
    fn a_quick_run_has_defaults_of_its_own() {
        let load = plan("http://h/", &QUICK).load;
        assert_eq!((load.users, load.spawn_rate), (10, f64::INFINITY));
        let load = plan("", &OWN).load;
        assert_eq!((load.users, load.spawn_rate, load.explicit_users), (1, 1.0, None));
        assert_eq!((load.stop_timeout, load.run_time, load.num_requests), (Duration::from_secs(1), None, None));
        assert_eq!((load.shards, load.driver), (None, DriverChoice::Auto));
    }

    #[test]
    fn what_is_given_is_taken() {
        let plan =
            plan("-u 64 -r 2.5 -t 1h30m -n 1000 -s 0 -H http://h --shards 2 --driver epoll --reset-stats Web", &OWN);
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
    fn a_body_makes_it_a_post_unless_said() {
        assert_eq!(request("http://h/").method, Method::Get);
        let with_body = request("http://h/a?b --body x --header A:b --header c:d");
        assert_eq!((with_body.method, with_body.body.as_deref()), (Method::Post, Some(&b"x"[..])));
        assert_eq!((with_body.host.as_str(), with_body.target.as_str()), ("http://h", "/a?b"));
        assert_eq!(with_body.headers, [("A".to_owned(), "b".to_owned()), ("c".into(), "d".into())]);
        assert_eq!(request("http://h/ --body x -X put").method, Method::Put);
    }

    #[test]
    fn a_body_can_come_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("body");
        std::fs::write(&path, b"a\0b").unwrap();
        let line = format!("http://h/ --body-file {}", path.display());
        assert_eq!(request(&line).body.as_deref(), Some(&b"a\0b"[..]));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(try_plan(&line, &QUICK).unwrap_err().code, exit::USAGE_ERROR);
    }

    #[test]
    fn output_log_and_exit_follow_their_flags() {
        let plan = plan(
            "--only-summary --json --json-file out -L warning --logfile l --exit-code-on-error 9 --fail-on-lag",
            &OWN,
        );
        assert_eq!(plan.output, OutputPlan { live: false, json: true, json_file: Some("out".into()) });
        assert_eq!(plan.log, LogPlan { level: LevelFilter::Warn, file: Some("l".into()), skip_setup: false });
        assert_eq!(plan.exit, ExitPlan { on_error: 9, fail_on_lag: true });
    }

    #[test]
    fn showing_comes_before_running() {
        assert_eq!(plan("", &OWN).mode, Mode::Run);
        assert_eq!(plan("-l --show-task-ratio", &OWN).mode, Mode::List);
        assert_eq!(plan("--show-task-ratio", &OWN).mode, Mode::TaskRatio);
        assert_eq!(plan("--show-task-ratio-json", &OWN).mode, Mode::TaskRatioJson);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for line in [
            "http://h/ http://i/",
            "http://h/ Web",
            "http://h/ -H http://i",
            "http://h/ -f x.py",
            "http://h/ --body a --body-file b",
            "-X GET",
            "http://h/ --demo",
            "http://h/ -T a",
            "http://h/ --autoquit 5",
            "http://h/ -P x",
        ] {
            let refusal = try_plan(line, &QUICK).unwrap_err();
            assert_eq!(refusal.code, exit::USAGE_ERROR, "{line}: {refusal}");
            assert!(!refusal.message.contains('\n'));
        }
        assert_eq!(try_plan("-u 0", &OWN).unwrap_err().code, exit::USAGE_ERROR);
        assert_eq!(try_plan("http://h/", &OWN).unwrap_err().code, exit::USAGE_ERROR);
        assert_eq!(try_plan("-H localhost:80", &OWN).unwrap_err().code, exit::USAGE_ERROR);
    }

    #[test]
    fn a_locustfile_is_planned_like_other_users() {
        let python = ProgramKind::Locustfile { custom_args: vec![] };
        let plan = plan("-f a.py -T slow api -E new --demo --headless --skip-log-setup Web", &python);
        assert_eq!(plan.target, RunTarget::Classes(vec!["Web".into()]));
        assert_eq!(plan.tags, ["slow", "api"]);
        assert_eq!(plan.exclude_tags, ["new"]);
        assert!(plan.load.demo && plan.headless && plan.log.skip_setup);
        assert_eq!(RunPlan::new(&RawArgs::default(), &python).unwrap().target, RunTarget::Classes(vec![]));
        for (line, start) in [
            ("http://h/", "a URL and a locustfile do not go together"),
            ("-f a.py b.py", "b.py: give all locustfiles with -f"),
            ("-H http://h --demo", "-H http://h: does not go together with --demo"),
        ] {
            let refusal = try_plan(line, &python).unwrap_err();
            assert_eq!(refusal.code, exit::USAGE_ERROR);
            assert!(refusal.message.starts_with(start), "{line}: {refusal}");
        }
    }

    #[test]
    fn headless_can_be_taken_back_and_quick_runs_always_are() {
        for (line, program, headless) in [
            ("", &OWN, false),
            ("--no-web", &OWN, true),
            ("--headless --headful", &OWN, false),
            ("http://h/", &QUICK, true),
        ] {
            assert_eq!(plan(line, program).headless, headless, "{line}");
        }
    }

    #[test]
    fn what_is_not_there_yet_says_what_to_use_instead() {
        for (line, message) in [
            ("--csv out", "--csv: not there yet: use --json or --json-file"),
            ("--slave", "--worker: not there yet: a run is one process so far"),
            ("--processes -1", "--processes: not there yet: a run is one process so far"),
            (
                "--config-users {}",
                "--config-users: not there yet: set weight, fixed_count and host in the user classes",
            ),
            ("--web-auth a:b", "--web-auth: Locust has replaced it: use --web-login"),
        ] {
            assert_eq!(try_plan(line, &OWN), Err(CliError::usage(message)), "{line}");
        }
    }

    #[test]
    fn without_users_or_url_it_says_what_to_give() {
        let refusal = try_plan("-u 5", &QUICK).unwrap_err();
        assert_eq!(refusal.code, exit::RUNTIME_ERROR);
        assert!(refusal.message.starts_with("nothing to run, as there is no locustfile.py"), "{refusal}");
    }
}
