//! A run from its first user to its last line: says what happens, shows the tables, stores the results.
//!
//! It is given a run that is ready to start and the places to write to. It owns no argument, signal or exit, asks no
//! clock of its own, and knows neither shards nor Python: the program and the Python host both run through here.
//! What the texts look like is in `console/`.

use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use gregaria_engine::{EndReason, RunCommand, RunEvent, RunHandle, RunReport, RunnerState, Scenario};
use gregaria_stats::Summary;

use crate::{
    args::{LoadPlan, RunPlan},
    console::{self, Colorizer, RateWindow, TableWidth},
    exit::{self, HostExit, RunOutcome},
    json,
    run::live_display::LiveDisplay,
    terminal::{KeyCommand, Screen},
};

/// Where a run writes to.
pub(crate) struct OutputTargets<'a> {
    /// Tables, last lines and the live display, for people.
    pub(crate) screen: &'a Screen,
    /// What was asked for as data.
    pub(crate) data: &'a mut dyn Write,
}

/// Starts the run, follows it to its end and returns the exit code it deserves. `keys` is what is typed meanwhile, if
/// anyone can type. `last_word` is asked when the run is over and nothing has been stored yet.
pub(crate) fn run(
    scenario: &dyn Scenario,
    run: &RunHandle,
    plan: &RunPlan,
    keys: Option<&Receiver<KeyCommand>>,
    host_exit: &mut dyn FnMut() -> HostExit,
    outputs: &mut OutputTargets<'_>,
) -> u8 {
    let notices = run.events();
    if !plan.headless {
        log::info!("There is no web page yet: the run starts at once, as with --headless");
    }
    log_limits(&plan.load);
    start_ramp(plan.load.users, run, &plan.load);
    let mut display = LiveDisplay::new(run, &plan.load, keys.is_some());
    loop {
        match notices.recv_timeout(REDRAW_INTERVAL) {
            Ok(RunEvent::Stopped) | Err(RecvTimeoutError::Disconnected) => break,
            Ok(notice) => log_event(&notice, scenario, run),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(keys) = keys {
            handle_keys(keys, run, &plan.load);
        }
        if plan.output.live {
            display.refresh(outputs.screen);
        }
    }
    outputs.screen.clear();
    finish(run, plan, host_exit, outputs)
}

fn log_limits(load: &LoadPlan) {
    match load.run_time {
        Some(run_time) => log::info!("Run time limit set to {} seconds", run_time.as_secs()),
        None if load.num_requests.is_none() => {
            log::info!("No run time limit set, use CTRL+C to interrupt")
        }
        None => {}
    }
    if let Some(num_requests) = load.num_requests {
        log::info!("Request limit set to {num_requests}");
    }
}

fn start_ramp(users: u32, run: &RunHandle, load: &LoadPlan) {
    if load.spawn_rate.is_finite() {
        log::info!("Ramping to {users} users at a rate of {:.2} per second", load.spawn_rate);
    } else {
        log::info!("Ramping to {users} users at once");
    }
    run.send_command(RunCommand::Spawn { users, spawn_rate: load.spawn_rate });
}

/// Unlike Locust's, keys during a ramp count too: they move its end.
fn handle_keys(keys: &Receiver<KeyCommand>, run: &RunHandle, load: &LoadPlan) {
    let status = run.status();
    if !matches!(status.state, RunnerState::Spawning | RunnerState::Running) {
        return;
    }
    let mut users = status.target_users;
    for key in keys.try_iter() {
        match key {
            KeyCommand::AddUsers(count) => users = users.saturating_add(count),
            KeyCommand::RemoveUsers(count) => users = users.saturating_sub(count),
            KeyCommand::Quit => {
                log::info!("Got q: ending the run");
                return run.send_command(RunCommand::Stop);
            }
        }
    }
    if users != status.target_users {
        start_ramp(users, run, load);
    }
}

fn log_event(event: &RunEvent, scenario: &dyn Scenario, run: &RunHandle) {
    match event {
        RunEvent::SpawningComplete(users) => {
            let counts = run.status().users_per_class;
            let classes = scenario.user_classes().iter().zip(counts);
            let counts: Vec<String> = classes.map(|(class, count)| format!("{:?}: {count}", class.name)).collect();
            log::info!("All users spawned: {{{}}} ({users} total users)", counts.join(", "));
        }
        RunEvent::Stopping(EndReason::FatalError(fault)) => log::error!("The run cannot go on: {fault}"),
        RunEvent::Stopping(reason) => log::info!("{}, shutting down", end_reason_text(reason)),
        RunEvent::Started | RunEvent::Stopped => {}
    }
}

fn end_reason_text(reason: &EndReason) -> &str {
    match reason {
        EndReason::RunTime => "--run-time limit reached",
        EndReason::NumRequests => "--num-request limit reached",
        EndReason::Requested => "Stop asked for",
        EndReason::NoUsersLeft => "All users have stopped",
        EndReason::FatalError(fault) => fault,
    }
}

fn finish(
    run: &RunHandle,
    plan: &RunPlan,
    host_exit: &mut dyn FnMut() -> HostExit,
    outputs: &mut OutputTargets<'_>,
) -> u8 {
    let report = run.wait();
    let last_word = host_exit();
    let measured = run.status().measured();
    run.with_summary(|summary| {
        let stored = write_results(summary, plan, outputs);
        let code = exit::exit_code(run_outcome(&report, summary, last_word, stored), plan.exit);
        log::info!("Shutting down (exit code {code})");
        if plan.output.json_file.is_none() || !stored {
            outputs.screen.write_lines(&final_tables(summary, measured, outputs.screen));
        }
        outputs.screen.write_lines(&console::summary_lines(&report, summary.total(), summary.overflow()));
        code
    })
}

fn run_outcome(report: &RunReport, summary: &Summary, host_exit: HostExit, stored: bool) -> RunOutcome {
    RunOutcome {
        host_exit,
        run_failed: !stored || matches!(report.end_reason, EndReason::FatalError(_)),
        generator_limited: report.health.bottleneck().is_some(),
        has_errors: summary.total().num_failures() > 0 || summary.exceptions().next().is_some(),
    }
}

fn final_tables(summary: &Summary, measured: Duration, screen: &Screen) -> String {
    let (width, paint) = (TableWidth::new(screen.size().map(|size| size.columns)), Colorizer::new(screen.has_color()));
    [
        console::stats_table(summary, RateWindow::Total(measured.as_secs_f64()), width, paint),
        console::percentile_table(summary, width),
        console::error_report(summary, width),
        console::exception_report(summary, width),
    ]
    .concat()
}

/// Writes the results wherever they were asked for; false, with a line in the log, when that failed somewhere.
fn write_results(summary: &Summary, plan: &RunPlan, outputs: &mut OutputTargets<'_>) -> bool {
    let mut stored = true;
    let mut keep = |place: &str, result: io::Result<()>| {
        if let Err(error) = result {
            log::error!("Cannot write the results to {place}: {error}");
            stored = false;
        }
    };
    if plan.output.json {
        keep("stdout", json::write_entries(outputs.data, summary).and_then(|()| outputs.data.flush()));
    }
    if let Some(file) = &plan.output.json_file {
        let path = with_json_suffix(file);
        keep(&path.display().to_string(), write_json_file(&path, summary));
    }
    stored
}

/// Locust appends the ending, whatever the name ends in.
fn with_json_suffix(file: &Path) -> PathBuf {
    let mut path = file.as_os_str().to_owned();
    path.push(".json");
    path.into()
}

fn write_json_file(path: &Path, summary: &Summary) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = io::BufWriter::new(File::create(path)?);
    json::write_entries(&mut file, summary)?;
    file.flush()
}

/// As often as this is the display renewed and are keys looked at.
const REDRAW_INTERVAL: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use std::{
        ffi::OsString,
        sync::{Arc, mpsc},
        thread,
    };

    use gregaria_engine::{Runner, Segment, Swarm, SwarmReport, ThreadLoad, rt};
    use gregaria_stats::{Interval, Limits, Outcome, Recorder};

    use super::*;
    use crate::{
        args::{self, ParsedLine, ProcessEnv, ProgramKind},
        fixture::{self, MemoryDevice, StaticScenario, class_info},
    };

    /// A swarm that has measured two requests, one of them failed, when it is first asked, and then is done.
    struct Scripted {
        recorder: Recorder,
        report: SwarmReport,
    }

    impl Swarm for Scripted {
        fn start_run(&mut self, _: Option<u64>) {
            for (us, outcome) in [(64, Outcome::Success), (12_300, Outcome::Failure("500 Internal Server Error"))] {
                self.recorder.record(&fixture::sample("GET", "/", us, outcome));
            }
        }

        fn apply_segment(&mut self, segment: &Segment) {
            self.report.users_per_class.clone_from(&segment.to);
        }

        fn stop(&mut self, _: u64) {
            self.report.stopped = true;
        }

        fn collect(&mut self, sink: &mut dyn FnMut(&Interval)) -> SwarmReport {
            sink(&self.recorder.take(Interval::new()));
            self.report.clone()
        }
    }

    /// What a run of the scripted swarm leaves: exit code, console, data.
    fn follow(line: &str, report: SwarmReport) -> (u8, String, String) {
        let console = MemoryDevice::terminal(80, 24);
        console.set_foreground(false);
        follow_with(&format!("-n 2 {line}"), report, None, console)
    }

    fn follow_with(
        line: &str,
        report: SwarmReport,
        keys: Option<&Receiver<KeyCommand>>,
        console: MemoryDevice,
    ) -> (u8, String, String) {
        let words: Vec<OsString> = format!("gregaria {line}").split_whitespace().map(OsString::from).collect();
        let Ok(ParsedLine::Args(typed)) = args::parse(&words, &ProgramKind::RustUsers, &ProcessEnv::default()) else {
            panic!("{line}")
        };
        let plan = RunPlan::new(&typed, &ProgramKind::RustUsers).unwrap();
        let scenario = Arc::new(StaticScenario(vec![class_info("Web", 1.0, 0, vec![])]));
        let swarm = Scripted { recorder: Recorder::new(Limits::default()), report };
        let handle = Runner::start(scenario.clone(), swarm, plan.load.runner_options()).unwrap();
        let mut data = Vec::new();
        let mut outputs = OutputTargets { screen: &Screen::new(console.clone()), data: &mut data };
        let code = run(&*scenario, &handle, &plan, keys, &mut HostExit::default, &mut outputs);
        (code, console.written(), String::from_utf8(data).unwrap())
    }

    #[test]
    fn a_run_ends_with_its_tables_reports_and_last_lines() {
        let (code, console, data) = follow("", SwarmReport { aborted: 3, ..SwarmReport::default() });
        assert_eq!((code, data.as_str()), (1, ""));
        let parts = [
            "# fails |",
            "GET      /                  2    1(50.00%) |",
            "Response time percentiles",
            "Error report",
            "1                  GET /: 500 Internal Server Error",
            "3 requests cut off",
            "Generator:",
        ];
        let places: Vec<Option<usize>> = parts.iter().map(|part| console.find(part)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in\n{console}");
    }

    #[test]
    fn json_goes_where_it_was_asked_for_and_a_file_replaces_the_tables() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/result.v1");
        let (code, console, data) = follow(&format!("--json --json-file {}", file.display()), SwarmReport::default());
        assert_eq!(code, 1);
        assert!(data.starts_with("[\n    {\n        \"name\": \"/\""), "{data}");
        assert_eq!(fs::read_to_string(folder.path().join("new/result.v1.json")).unwrap(), data);
        assert!(console.starts_with("Generator:"), "{console}");
    }

    #[test]
    fn results_that_cannot_be_stored_are_shown_instead() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let line = format!("--exit-code-on-error 9 --json-file {}", folder.path().join("file/result").display());
        let (code, console, _) = follow(&line, SwarmReport::default());
        assert_eq!(code, exit::RUNTIME_ERROR);
        assert!(console.contains("Error report"), "{console}");
    }

    #[test]
    fn a_generator_without_room_is_named_and_can_fail_the_run() {
        let report = || SwarmReport {
            loads: vec![ThreadLoad { cpu_ns: 99, wall_ns: 100, ..ThreadLoad::default() }],
            ..SwarmReport::default()
        };
        let (code, console, _) = follow("--exit-code-on-error 0", report());
        assert_eq!(code, 0);
        assert!(console.contains("\nThe generator was the bottleneck: shard 0 used 99 % of its core."), "{console}");
        assert_eq!(follow("--fail-on-lag", report()).0, exit::GENERATOR_LIMITED);
    }

    #[test]
    fn a_run_that_cannot_go_on_is_no_success() {
        let report = SwarmReport { fatal_error: Some("a shard is gone".into()), ..SwarmReport::default() };
        assert_eq!(follow("--exit-code-on-error 0", report).0, exit::RUNTIME_ERROR);
    }

    #[test]
    fn keys_move_the_number_of_users_and_end_the_run() {
        let (typing, keys) = mpsc::channel();
        for key in [KeyCommand::AddUsers(10), KeyCommand::RemoveUsers(3), KeyCommand::AddUsers(1)] {
            typing.send(key).unwrap();
        }
        let later = thread::spawn(move || {
            rt::sleep_blocking(Duration::from_millis(500));
            typing.send(KeyCommand::RemoveUsers(100)).unwrap();
            rt::sleep_blocking(Duration::from_millis(500));
            typing.send(KeyCommand::Quit).unwrap();
        });
        let terminal = MemoryDevice::terminal(80, 24);
        let (code, console, _) = follow_with("-u 2 -r 1000", SwarmReport::default(), Some(&keys), terminal);
        later.join().unwrap();
        assert_eq!(code, exit::FAILED_REQUESTS);
        let steps = ["  2 users", "  10 users", "  0 users"].map(|users| console.find(&users[2..]));
        assert!(steps.iter().skip(1).all(Option::is_some) && steps[1..].is_sorted(), "{steps:?} in\n{console}");
    }

    #[test]
    fn a_live_display_leaves_the_tables_as_they_are() {
        let terminal = MemoryDevice::terminal(100, 60);
        let (_, console, _) = follow_with("-n 2", SwarmReport::default(), None, terminal.clone());
        assert!(console.contains("\x1b["), "there was a live display");
        let text = terminal.contents();
        assert!(text.starts_with("Type     Name"), "{text}");
        assert!(text.contains("Generator:") && !text.contains("last 10 s"), "{text}");
    }
}
