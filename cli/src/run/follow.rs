//! The loop that follows a run from its first user to its exit code: logs the events, applies the keys, and drives the
//! outputs.
//!
//! The run is launched and the outputs are chosen elsewhere (`launch.rs`, `output.rs`). This file must not know signals
//! or kinds of output, has no clock of its own, and does not depend on where the users run.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use gregaria_engine::{EndReason, RunCommand, RunEvent, RunHandle, RunnerState, Scenario};

use super::output::{FinishedRun, RunOutputs, finish_all};
use crate::{
    args::{LoadPlan, RunPlan},
    exit::{ExitPlan, HostExit},
    terminal::KeyCommand,
};

/// Spawns the users, follows the run to its end, and returns the exit code.
///
/// `keys` are the keys typed meanwhile; `None` without a keyboard. `host_exit` is called once, when the run is over
/// and no result has been written.
pub(super) fn follow(
    scenario: &dyn Scenario,
    run: &RunHandle,
    plan: &RunPlan,
    keys: Option<&Receiver<KeyCommand>>,
    host_exit: impl FnOnce() -> HostExit,
    outputs: &mut RunOutputs<'_>,
) -> u8 {
    let events = run.events();
    if !plan.headless {
        log::info!("There is no web page yet: the run starts at once, as with --headless");
    }
    log_limits(&plan.load);
    start_ramp(plan.load.users, run, &plan.load);
    loop {
        match events.recv_timeout(TICK_INTERVAL) {
            Ok(RunEvent::Stopped) | Err(RecvTimeoutError::Disconnected) => break,
            Ok(event) => log_event(&event, scenario, run),
            Err(RecvTimeoutError::Timeout) => {}
        }
        if let Some(keys) = keys {
            handle_keys(keys, run, &plan.load);
        }
        outputs.tick(run);
    }
    outputs.end_ticks();
    finish(run, plan.exit, host_exit, outputs)
}

fn log_limits(load: &LoadPlan) {
    match load.run_time {
        Some(run_time) => log::info!("Run time limit set to {} seconds", run_time.as_secs_f64()),
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

/// Applies the keys typed since the last call. Unlike in Locust, keys count during a ramp as well: they move its end.
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
        RunEvent::Stopping(EndReason::FatalError(error)) => log::error!("The run cannot go on: {error}"),
        RunEvent::Stopping(reason) => log::info!("{}, shutting down", end_reason_text(reason)),
        RunEvent::Started | RunEvent::Stopped => {}
    }
}

fn end_reason_text(reason: &EndReason) -> &str {
    match reason {
        EndReason::RunTime => "--run-time limit reached",
        EndReason::NumRequests => "--num-request limit reached",
        EndReason::Requested => "Stop requested",
        EndReason::NoUsersLeft => "All users have stopped",
        EndReason::FatalError(error) => error,
    }
}

/// Waits for the last request of the run and finishes the outputs. The exit code is logged between the results, which
/// can change it, and the displays.
fn finish(run: &RunHandle, plan: ExitPlan, host_exit: impl FnOnce() -> HostExit, outputs: &mut RunOutputs<'_>) -> u8 {
    let report = run.wait();
    let host_exit = host_exit();
    run.with_summary(|summary| {
        let mut finished = FinishedRun { report: &report, summary, results_written: true };
        finished.results_written = finish_all(&mut outputs.results, &finished);
        let code = plan.exit_code(host_exit, &report, summary, finished.results_written);
        log::info!("Shutting down (exit code {code})");
        finish_all(&mut outputs.displays, &finished);
        code
    })
}

/// The interval at which the outputs are updated and the keys are read.
const TICK_INTERVAL: Duration = Duration::from_millis(200);

#[cfg(test)]
mod tests {
    use std::{
        cell::RefCell,
        ffi::OsString,
        fs, io,
        sync::{Arc, mpsc},
        thread,
    };

    use gregaria_engine::{Runner, Segment, Swarm, SwarmReport, rt};
    use gregaria_stats::{Interval, Limits, Outcome, Recorder};
    use serde_json::{Value, json};

    use super::{
        super::output::{RunInfo, RunOutput},
        *,
    };
    use crate::{
        args::{self, ParsedLine, ProcessEnv, ProgramKind},
        exit,
        fixture::{self, MemoryDevice, StaticScenario, class_info},
        terminal::Screen,
    };

    /// A swarm that reports two requests, one of them a failure, and an aborted request.
    struct ScriptedSwarm {
        recorder: Recorder,
        report: SwarmReport,
    }

    impl Swarm for ScriptedSwarm {
        fn start_run(&mut self, _: Option<u64>) {
            for (us, outcome) in [(64, Outcome::Success), (12_300, Outcome::Failure("500 Internal Server Error"))] {
                self.recorder.record(&fixture::sample("GET", "/", us, outcome));
            }
            self.recorder.record_aborted("GET", "/slow", 0, 2_000_000_000);
        }

        fn apply_segment(&mut self, segment: &Segment) {
            self.report.users_per_class.clone_from(&segment.to);
        }

        fn stop(&mut self, _: u64) {
            self.report.stopped = true;
        }

        fn collect(&mut self, sink: &mut dyn FnMut(&Interval, u64)) -> SwarmReport {
            sink(&self.recorder.take(Interval::new()), rt::now_ns());
            self.report.clone()
        }
    }

    /// An output that records its calls and fails to finish.
    struct FailingOutput<'a> {
        calls: &'a RefCell<Vec<&'static str>>,
    }

    impl RunOutput for FailingOutput<'_> {
        fn tick(&mut self, run: &RunHandle) {
            assert_eq!(run.status().target_users, 1);
            self.calls.borrow_mut().push("tick");
        }

        fn end_ticks(&mut self) {
            self.calls.borrow_mut().push("end_ticks");
        }

        fn finish(&mut self, run: &FinishedRun<'_>) -> io::Result<()> {
            assert!(run.results_written && run.summary.total().num_requests() == 2);
            self.calls.borrow_mut().push("finish");
            Err(io::Error::other("the disk is full"))
        }

        fn destination(&self) -> String {
            "a full disk".to_owned()
        }
    }

    /// A plan, and a run of the scripted swarm after it.
    fn launch(line: &str, report: SwarmReport) -> (RunPlan, Arc<StaticScenario>, RunHandle) {
        let words: Vec<OsString> = format!("gregaria {line}").split_whitespace().map(OsString::from).collect();
        let Ok(ParsedLine::Args(args)) = args::parse(&words, &ProgramKind::RustUsers, &ProcessEnv::default()) else {
            panic!("{line}")
        };
        let plan = RunPlan::new(&args, &ProgramKind::RustUsers).unwrap();
        let scenario = Arc::new(StaticScenario(vec![class_info("Web", 1.0, 0, vec![])]));
        let swarm = ScriptedSwarm { recorder: Recorder::new(Limits::default()), report };
        let handle = Runner::start(scenario.clone(), swarm, plan.load.runner_options()).unwrap();
        (plan, scenario, handle)
    }

    fn run_info<'a>(plan: &'a RunPlan, scenario: &'a StaticScenario) -> RunInfo<'a> {
        RunInfo { plan, classes: &scenario.0, driver: "epoll" }
    }

    /// Follows a run of the scripted swarm without a live display and returns its exit code, console and stdout.
    fn run(line: &str, report: SwarmReport) -> (u8, String, String) {
        let console = MemoryDevice::terminal(80, 24);
        console.set_foreground(false);
        run_on(&format!("-n 2 {line}"), report, None, console)
    }

    fn run_on(
        line: &str,
        report: SwarmReport,
        keys: Option<&Receiver<KeyCommand>>,
        console: MemoryDevice,
    ) -> (u8, String, String) {
        let (plan, scenario, handle) = launch(line, report);
        let (screen, mut stdout) = (Screen::new(console.clone()), Vec::new());
        let mut outputs = RunOutputs::new(run_info(&plan, &scenario), &screen, &mut stdout, keys.is_some());
        let code = follow(&*scenario, &handle, &plan, keys, HostExit::default, &mut outputs);
        drop(outputs);
        (code, console.written(), String::from_utf8(stdout).unwrap())
    }

    #[test]
    fn run_ends_with_tables_and_summary_lines() {
        let (code, console, data) = run("", SwarmReport::default());
        assert_eq!((code, data.as_str()), (1, ""));
        let parts = [
            "Requests/s: ",
            "Failures:     50.00 %  (1 failure)",
            "Times in ms:  p50 0.064  p95 12.3  p99 12.3  mean 6.18  max 12.3",
            "# fails |",
            "GET  /               2 1(50.00%) |",
            "Response time percentiles",
            "1                  GET /slow: waited up to 2.00 s",
            "Error report",
            "1                  GET /: 500 Internal Server Error",
            "1 request cut off: it had waited 2.00 s",
            "Generator:",
        ];
        let places: Vec<Option<usize>> = parts.iter().map(|part| console.find(part)).collect();
        assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in\n{console}");
    }

    #[test]
    fn json_file_replaces_the_tables() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/result.v1");
        let (code, console, data) = run(&format!("--json --json-file {}", file.display()), SwarmReport::default());
        assert_eq!(code, 1);
        assert!(data.starts_with("[\n    {\n        \"name\": \"/\""), "{data}");
        assert_eq!(fs::read_to_string(folder.path().join("new/result.v1.json")).unwrap(), data);
        assert!(console.starts_with("Requests/s: ") && !console.contains("# fails"), "{console}");
    }

    #[test]
    fn full_results_describe_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("new/full.json");
        let line = format!("-H http://me:secret@host --json-full --json-full-file {}", file.display());
        let (code, console, data) = run(&line, SwarmReport::default());
        assert!(code == 1 && console.contains("Error report"), "the tables are printed as well");
        let from_file: Value = serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap();
        let results: Value = serde_json::from_str(&data).unwrap();
        for (pointer, value) in [
            ("/version", json!(1)),
            ("/run/end_reason", json!("num_requests")),
            ("/run/aborted_requests", json!(1)),
            ("/settings/num_requests", json!(2)),
            ("/settings/user_classes/0/name", json!("Web")),
            ("/arguments/host", json!(["http://me:***@host"])),
            ("/generator/driver", json!("epoll")),
            ("/total/percentiles_us/p50", json!(64)),
            ("/total/percentiles_us/p99.999", json!(12_300)),
            ("/entries/0/method", json!("GET")),
            ("/entries/0/max_us", json!(12_300)),
            ("/entries/0/response_times", json!({"0": 1, "12": 1})),
            ("/entries/1/aborted", json!({"count": 1, "max_wait": 2000.0})),
            ("/errors/0/error", json!("500 Internal Server Error")),
            ("/exceptions", json!([])),
        ] {
            assert_eq!(results.pointer(pointer), Some(&value), "{pointer}");
            assert_eq!(from_file.pointer(pointer), Some(&value), "{pointer}");
        }
    }

    #[test]
    fn unwritable_json_file_prints_the_tables() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("file"), "").unwrap();
        let line = format!("--exit-code-on-error 9 --json-file {}", folder.path().join("file/result").display());
        let (code, console, _) = run(&line, SwarmReport::default());
        assert_eq!(code, exit::RUNTIME_ERROR);
        assert!(console.contains("Error report"), "{console}");
    }

    #[test]
    fn failing_output_is_finished_once_and_fails_the_run() {
        let calls = RefCell::default();
        let (plan, scenario, handle) = launch("-n 2 --exit-code-on-error 0 --json-file unused", SwarmReport::default());
        let console = MemoryDevice::default();
        let screen = Screen::new(console.clone());
        let mut stdout = Vec::new();
        let mut outputs = RunOutputs::new(run_info(&plan, &scenario), &screen, &mut stdout, false);
        outputs.results = vec![Box::new(FailingOutput { calls: &calls })];
        let code = follow(&*scenario, &handle, &plan, None, HostExit::default, &mut outputs);
        drop(outputs);
        assert_eq!(code, exit::RUNTIME_ERROR);
        assert!(console.written().contains("Error report"), "the tables are printed instead");
        let mut calls = calls.into_inner();
        let ends = calls.split_off(calls.len() - 2);
        assert_eq!(ends, ["end_ticks", "finish"]);
        assert!(!calls.is_empty() && calls.iter().all(|call| *call == "tick"), "{calls:?}");
    }

    #[test]
    fn bottleneck_is_named_and_can_fail_the_run() {
        let report = || SwarmReport { loads: vec![fixture::load(99)], ..SwarmReport::default() };
        let (code, console, _) = run("--exit-code-on-error 0", report());
        assert_eq!(code, 0);
        assert!(console.contains("\nGenerator: it was the bottleneck (a thread used 99 % of its core)"), "{console}");
        assert_eq!(run("--fail-on-lag", report()).0, exit::GENERATOR_LIMITED);
    }

    #[test]
    fn fatal_error_fails_the_run() {
        let report = SwarmReport { fatal_error: Some("a shard is gone".into()), ..SwarmReport::default() };
        assert_eq!(run("--exit-code-on-error 0", report).0, exit::RUNTIME_ERROR);
    }

    #[test]
    fn keys_change_the_user_count_and_end_the_run() {
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
        let (code, console, _) = run_on("-u 2 -r 1000", SwarmReport::default(), Some(&keys), terminal);
        later.join().unwrap();
        assert_eq!(code, exit::FAILED_REQUESTS);
        let steps = ["  2 users", "  10 users", "  0 users"].map(|users| console.find(&users[2..]));
        assert!(steps.iter().skip(1).all(Option::is_some) && steps[1..].is_sorted(), "{steps:?} in\n{console}");
    }

    #[test]
    fn live_display_is_cleared_before_the_tables() {
        let terminal = MemoryDevice::terminal(100, 60);
        let (_, console, _) = run_on("-n 2", SwarmReport::default(), None, terminal.clone());
        assert!(console.contains("\x1b["), "there was a live display");
        let text = terminal.contents();
        assert!(text.starts_with("Requests/s: "), "{text}");
        assert!(text.contains("Generator:") && !text.contains("last 10 s"), "{text}");
    }
}
