//! What a command line means: every value converted, every combination checked, all defaults filled in.
//!
//! The rest of the crate sees only a [`Plan`]. Whether the user classes exist and have hosts is not known here: that
//! is asked of the Scenario when there is one.

use std::{fs, path::PathBuf, time::Duration};

use gregaria_engine::{Method, RunnerOptions, rt::RingChoice};
use log::LevelFilter;

use super::{
    typed::{LoadArgs, LogArgs, OtherArgs, OutputArgs, QuickArgs, Typed},
    values,
};
use crate::{
    exit::{self, ExitPlan, Refusal},
    quick::QuickRequest,
};

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Run, or only show something.
    pub mode: Mode,
    /// What the users do.
    pub target: Target,
    /// How much load, and for how long.
    pub load: LoadPlan,
    /// What is shown and stored.
    pub output: OutputPlan,
    /// What is logged.
    pub log: LogPlan,
    /// What the exit code tells.
    pub exit: ExitPlan,
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

/// What the users do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// The user classes of these names; all when there are none.
    Classes(Vec<String>),
    /// One request, again and again.
    Quick(QuickRequest),
}

/// How much load, and for how long.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadPlan {
    /// Replaces the host of every user class.
    pub host: Option<String>,
    /// Number of users, where it was given.
    pub users_given: Option<u32>,
    /// Number of users.
    pub users: u32,
    /// Users per second, infinite for all at once.
    pub spawn_rate: f64,
    /// Stop after this time.
    pub run_time: Option<Duration>,
    /// Stop after this many requests.
    pub num_requests: Option<u64>,
    /// How long requests on the wire may take to finish at the end.
    pub stop_timeout: Duration,
    /// Forget what was measured while users were coming.
    pub reset_stats: bool,
    /// Number of shards; `None` for all cores.
    pub shards: Option<usize>,
    /// How shards talk to the kernel.
    pub ring: RingChoice,
}

/// What is shown and stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputPlan {
    /// Show the statistics while the run goes on.
    pub live: bool,
    /// Write the final statistics to stdout as JSON.
    pub json: bool,
    /// Write them to this file, in place of the final tables.
    pub json_file: Option<PathBuf>,
}

/// What is logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogPlan {
    /// The least important level that is still logged.
    pub level: LevelFilter,
    /// Where to append the log; stderr if none.
    pub file: Option<PathBuf>,
}

impl Plan {
    /// Finds out what a command line means. `own_classes` says whether the program brings user classes of its own;
    /// if not, it can only do quick runs.
    ///
    /// # Errors
    /// A wrong value or combination, or nothing to run, with what to do about it.
    pub fn new(typed: Typed, own_classes: bool) -> Result<Self, Refusal> {
        let Typed { targets, load, quick, output, log, other } = typed;
        let target = target(targets, &load, quick, own_classes)?;
        let is_quick = matches!(target, Target::Quick(_));
        Ok(Self {
            mode: mode(&other),
            target,
            exit: exit_plan(&output)?,
            load: load_plan(load, output.reset_stats, is_quick)?,
            output: OutputPlan { live: !output.only_summary, json: output.json, json_file: output.json_file },
            log: log_plan(log)?,
        })
    }
}

impl LoadPlan {
    /// The part of the plan that is the runner's.
    pub fn runner_options(&self) -> RunnerOptions {
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

fn target(targets: Vec<String>, load: &LoadArgs, quick: QuickArgs, own_classes: bool) -> Result<Target, Refusal> {
    let url = targets.iter().find(|target| values::is_url(target));
    match url {
        Some(url) if own_classes => {
            Err(Refusal::usage(format!("{url}: this program runs its own users: give the host with -H")))
        }
        Some(_) if targets.len() > 1 => {
            Err(Refusal::usage("a URL stands alone: one URL, and no user classes beside it"))
        }
        Some(_) if load.locustfile.is_some() => {
            Err(Refusal::usage("a URL and -f do not go together: give the host with -H"))
        }
        Some(_) if load.host.is_some() => {
            Err(Refusal::usage("a URL and -H do not go together: the URL names the host"))
        }
        Some(url) => quick_request(url, quick).map(Target::Quick),
        None if quick != QuickArgs::default() => {
            Err(Refusal::usage("request flags (-X, --header, --body ...) are for a quick run: give a URL"))
        }
        None if own_classes && load.locustfile.is_some() => Err(Refusal::usage("-f: this program runs its own users")),
        None if own_classes => Ok(Target::Classes(targets)),
        None => Err(Refusal::cannot_run(NOTHING_TO_RUN)),
    }
}

fn quick_request(url: &str, args: QuickArgs) -> Result<QuickRequest, Refusal> {
    let (host, target) = values::base_and_target(url)?;
    let body = body(args.body, args.body_file)?;
    let method = match args.method {
        Some(method) => values::method("-X", &method)?,
        None if body.is_some() => Method::Post,
        None => Method::Get,
    };
    let headers = args.headers.iter().map(|header| values::header("--header", header)).collect::<Result<_, _>>()?;
    let connect_timeout = args.connect_timeout.map(|text| values::timeout("--connect-timeout", &text)).transpose()?;
    let read_timeout = args.read_timeout.map(|text| values::timeout("--read-timeout", &text)).transpose()?;
    Ok(QuickRequest { host, target, method, headers, body, connect_timeout, read_timeout })
}

fn body(text: Option<String>, file: Option<PathBuf>) -> Result<Option<Vec<u8>>, Refusal> {
    match (text, file) {
        (Some(_), Some(_)) => Err(Refusal::usage("--body and --body-file do not go together")),
        (text, None) => Ok(text.map(String::into_bytes)),
        (None, Some(file)) => fs::read(&file)
            .map(Some)
            .map_err(|error| Refusal::usage(format!("--body-file {}: {error}", file.display()))),
    }
}

fn load_plan(args: LoadArgs, reset_stats: bool, is_quick: bool) -> Result<LoadPlan, Refusal> {
    let (default_users, default_rate) = if is_quick { (10, f64::INFINITY) } else { (1, 1.0) };
    let users = args.users.map(|text| values::count("-u", &text)).transpose()?;
    let spawn_rate = args.spawn_rate.map(|text| values::rate("-r", &text)).transpose()?;
    let stop_timeout = args.stop_timeout.map(|text| values::seconds("-s", &text)).transpose()?;
    Ok(LoadPlan {
        host: args.host.map(|text| values::host("-H", &text)).transpose()?,
        users_given: users,
        users: users.unwrap_or(default_users),
        spawn_rate: spawn_rate.unwrap_or(default_rate),
        run_time: args.run_time.map(|text| values::time("-t", &text)).transpose()?,
        num_requests: args.num_request.map(|text| values::count("-n", &text)).transpose()?,
        stop_timeout: stop_timeout.unwrap_or(DEFAULT_STOP_TIMEOUT),
        reset_stats,
        shards: args
            .shards
            .map(|text| values::count::<u32>("--shards", &text))
            .transpose()?
            .map(|count| count as usize),
        ring: args.ring.map(|text| values::ring(&text)).transpose()?.unwrap_or_default(),
    })
}

fn exit_plan(args: &OutputArgs) -> Result<ExitPlan, Refusal> {
    let on_error = args.exit_code_on_error.as_deref().map(|text| values::exit_code("--exit-code-on-error", text));
    Ok(ExitPlan { on_error: on_error.transpose()?.unwrap_or(exit::ERRORS), fail_on_lag: args.fail_on_lag })
}

fn log_plan(args: LogArgs) -> Result<LogPlan, Refusal> {
    let level = args.loglevel.map(|text| values::log_level("-L", &text)).transpose()?;
    Ok(LogPlan { level: level.unwrap_or(LevelFilter::Info), file: args.logfile })
}

const DEFAULT_STOP_TIMEOUT: Duration = Duration::from_secs(1);

const NOTHING_TO_RUN: &str =
    "nothing to run: give a URL (gregaria http://localhost:8080/) or a locustfile (gregaria -f locustfile.py)";

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use gregaria_engine::rt::RingKind;

    use super::{super::typed::Parsed, *};

    fn try_plan(line: &str, own_classes: bool) -> Result<Plan, Refusal> {
        let words: Vec<OsString> =
            ["gregaria"].into_iter().chain(line.split_whitespace()).map(OsString::from).collect();
        match super::super::typed::parse(&words, own_classes)? {
            Parsed::Typed(typed) => Plan::new(*typed, own_classes),
            Parsed::Text(text) => panic!("{text}"),
        }
    }

    fn plan(line: &str, own_classes: bool) -> Plan {
        try_plan(line, own_classes).unwrap_or_else(|refusal| panic!("{line}: {refusal}"))
    }

    fn request(line: &str) -> QuickRequest {
        match plan(line, false).target {
            Target::Quick(request) => request,
            Target::Classes(names) => panic!("{names:?}"),
        }
    }

    #[test]
    fn a_quick_run_has_defaults_of_its_own() {
        let load = plan("http://h/", false).load;
        assert_eq!((load.users, load.spawn_rate), (10, f64::INFINITY));
        let load = plan("", true).load;
        assert_eq!((load.users, load.spawn_rate, load.users_given), (1, 1.0, None));
        assert_eq!((load.stop_timeout, load.run_time, load.num_requests), (Duration::from_secs(1), None, None));
        assert_eq!((load.shards, load.ring), (None, RingChoice::Auto));
    }

    #[test]
    fn what_is_given_is_taken() {
        let plan =
            plan("-u 64 -r 2.5 -t 1h30m -n 1000 -s 0 -H http://h --shards 2 --ring epoll --reset-stats Web", true);
        let load = plan.load;
        assert_eq!((load.users, load.users_given, load.spawn_rate), (64, Some(64), 2.5));
        assert_eq!(load.host.as_deref(), Some("http://h"));
        assert_eq!((load.shards, load.ring), (Some(2), RingChoice::Only(RingKind::Epoll)));
        assert_eq!(plan.target, Target::Classes(vec!["Web".into()]));
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
        assert_eq!(request("http://h/ --read-timeout 0.5").read_timeout, Some(Duration::from_millis(500)));
    }

    #[test]
    fn a_body_can_come_from_a_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("body");
        fs::write(&path, b"a\0b").unwrap();
        let line = format!("http://h/ --body-file {}", path.display());
        assert_eq!(request(&line).body.as_deref(), Some(&b"a\0b"[..]));
        fs::remove_file(&path).unwrap();
        assert_eq!(try_plan(&line, false).unwrap_err().code, exit::USAGE);
    }

    #[test]
    fn output_log_and_exit_follow_their_flags() {
        let plan = plan(
            "--only-summary --json --json-file out -L warning --logfile l --exit-code-on-error 9 --fail-on-lag",
            true,
        );
        assert_eq!(plan.output, OutputPlan { live: false, json: true, json_file: Some("out".into()) });
        assert_eq!(plan.log, LogPlan { level: LevelFilter::Warn, file: Some("l".into()) });
        assert_eq!(plan.exit, ExitPlan { on_error: 9, fail_on_lag: true });
    }

    #[test]
    fn showing_comes_before_running() {
        assert_eq!(plan("", true).mode, Mode::Run);
        assert_eq!(plan("-l --show-task-ratio", true).mode, Mode::List);
        assert_eq!(plan("--show-task-ratio", true).mode, Mode::TaskRatio);
        assert_eq!(plan("--show-task-ratio-json", true).mode, Mode::TaskRatioJson);
    }

    #[test]
    fn what_does_not_go_together_is_refused() {
        for line in [
            "http://h/ http://i/",
            "http://h/ Web",
            "http://h/ -H http://i",
            "http://h/ -f x.py",
            "http://h/ --body a --body-file b",
            "https://h/",
            "-X GET",
        ] {
            let refusal = try_plan(line, false).unwrap_err();
            assert_eq!(refusal.code, exit::USAGE, "{line}: {refusal}");
            assert!(!refusal.message.contains('\n'));
        }
        assert_eq!(try_plan("-u 0", true).unwrap_err().code, exit::USAGE);
        assert_eq!(try_plan("http://h/", true).unwrap_err().code, exit::USAGE);
        assert_eq!(try_plan("-H localhost:80", true).unwrap_err().code, exit::USAGE);
    }

    #[test]
    fn without_users_or_url_it_says_what_to_give() {
        let refusal = try_plan("-u 5", false).unwrap_err();
        assert_eq!(refusal, Refusal::cannot_run(NOTHING_TO_RUN));
    }
}
