//! The runner over a scripted swarm: which orders it gives, and when a run is over. No clock, no thread.

use std::sync::Mutex;

use gregaria_stats::{Interval, Outcome, Recorder, Sample};

use super::*;
use crate::scenario::UserClassInfo;

/// A swarm that writes down what it is told and reports what the test wants.
#[derive(Clone, Default)]
struct ScriptedSwarm(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    begun_with: Option<Option<u64>>,
    segments: Vec<Segment>,
    stop_ns: Option<u64>,
    report: SwarmReport,
    measured: Vec<Interval>,
}

impl ScriptedSwarm {
    fn script<R>(&self, change: impl FnOnce(&mut Script) -> R) -> R {
        change(&mut self.0.lock().unwrap())
    }
}

impl Swarm for ScriptedSwarm {
    fn start_run(&mut self, num_requests: Option<u64>) {
        self.script(|script| script.begun_with = Some(num_requests));
    }

    fn apply_segment(&mut self, segment: &Segment) {
        self.script(|script| script.segments.push(segment.clone()));
    }

    fn stop(&mut self, deadline_ns: u64) {
        self.script(|script| script.stop_ns = Some(deadline_ns));
    }

    fn collect(&mut self, sink: &mut dyn FnMut(&Interval)) -> SwarmReport {
        self.script(|script| {
            script.measured.drain(..).for_each(|interval| sink(&interval));
            script.report.clone()
        })
    }
}

struct OneClass(Vec<UserClassInfo>);

impl Scenario for OneClass {
    fn user_classes(&self) -> &[UserClassInfo] {
        &self.0
    }
}

struct RunnerFixture {
    runner: Runner<ScriptedSwarm>,
    handle: RunHandle,
    swarm: ScriptedSwarm,
    events: mpsc::Receiver<RunEvent>,
}

impl RunnerFixture {
    fn new(options: RunnerOptions) -> Self {
        let class = UserClassInfo {
            name: "A".into(),
            weight: 1.0,
            fixed_count: 0,
            host: None,
            needs_host: false,
            tasks: Vec::new(),
        };
        let swarm = ScriptedSwarm::default();
        let (runner, handle) = Runner::new(Arc::new(OneClass(vec![class])), swarm.clone(), options);
        let notices = handle.events();
        Self { runner, handle, swarm, events: notices }
    }

    fn at(&mut self, millis: u64) {
        self.runner.step(ClockReading { mono_ns: millis * 1_000_000, unix_s: 1000.0 + millis as f64 / 1000.0 });
    }

    fn spawn(&self, users: u32, spawn_rate: f64) {
        self.handle.send_command(RunCommand::Spawn { users, spawn_rate });
    }

    fn users(&self, users: u32) {
        self.swarm.script(|script| script.report.users_per_class = vec![users]);
    }

    fn stopped(&self) {
        self.swarm.script(|script| (script.report.users_per_class, script.report.stopped) = (vec![0], true));
    }

    fn notices(&self) -> Vec<RunEvent> {
        self.events.try_iter().collect()
    }
}

fn interval(requests: u64) -> Interval {
    let mut recorder = Recorder::new(Limits::default());
    for _ in 0..requests {
        recorder.record(&Sample {
            method: "GET",
            name: "/",
            done_ns: 5000,
            outcome: Outcome::Failure("no"),
            ..Sample::default()
        });
    }
    recorder.take(Interval::new())
}

#[test]
fn a_ramp_is_one_segment_and_its_end_is_told() {
    let mut bench = RunnerFixture::new(RunnerOptions::default());
    bench.spawn(10, 5.0);
    bench.at(1000);
    bench.users(3);
    bench.at(1500);
    assert_eq!(bench.handle.status().state, RunnerState::Spawning);
    bench.users(10);
    // The last one is due 1.8 s after the start.
    bench.at(2790);
    assert_eq!(bench.handle.status().state, RunnerState::Spawning);
    bench.at(2900);
    assert_eq!(bench.handle.status().state, RunnerState::Running);
    assert_eq!(bench.notices(), [RunEvent::Started, RunEvent::SpawningComplete(10)]);
    let segments = bench.swarm.script(|script| script.segments.clone());
    assert_eq!(segments, [Segment::at_rate(1_000_000_000, vec![0], vec![10], 5.0)]);
}

#[test]
fn a_new_user_count_starts_from_where_the_line_stands() {
    let mut bench = RunnerFixture::new(RunnerOptions::default());
    bench.spawn(100, 10.0);
    bench.at(0);
    bench.spawn(20, 10.0);
    bench.at(4990);
    let segments = bench.swarm.script(|script| script.segments.clone());
    assert_eq!(segments[1].start_ns, 5_000_000_000);
    assert_eq!((segments[1].from[0], segments[1].to[0]), (50, 20));
}

#[test]
fn the_run_time_ends_the_run_with_grace() {
    let options = RunnerOptions { run_time: Some(Duration::from_secs(2)), ..RunnerOptions::default() };
    let mut bench = RunnerFixture::new(options);
    bench.spawn(1, f64::INFINITY);
    bench.at(0);
    bench.users(1);
    bench.at(1999);
    assert_eq!(bench.swarm.script(|script| script.stop_ns), None);
    bench.at(2000);
    assert_eq!(bench.swarm.script(|script| script.stop_ns), Some(3_000_000_000));
    bench.stopped();
    bench.at(2300);
    let report = bench.handle.wait();
    assert_eq!((report.end_reason, report.elapsed), (EndReason::RunTime, Duration::from_millis(2000)));
    assert_eq!(bench.notices().last(), Some(&RunEvent::Stopped));
}

#[test]
fn failures_count_towards_the_number_of_requests_also_across_a_reset() {
    let options = RunnerOptions { num_requests: Some(5), reset_stats: true, ..RunnerOptions::default() };
    let mut bench = RunnerFixture::new(options);
    bench.spawn(1, f64::INFINITY);
    bench.at(0);
    assert_eq!(bench.swarm.script(|script| script.begun_with), Some(Some(5)));
    bench.swarm.script(|script| (script.report.users_per_class, script.measured) = (vec![1], vec![interval(3)]));
    bench.at(200);
    assert_eq!(bench.handle.with_summary(|summary| summary.total().num_requests()), 0, "reset when spawned");
    bench.swarm.script(|script| script.measured = vec![interval(2)]);
    bench.at(300);
    assert_eq!(bench.handle.status().end_reason, Some(EndReason::NumRequests));
    assert_eq!(bench.handle.with_summary(|summary| summary.total().num_failures()), 2);
}

#[test]
fn a_second_stop_only_brings_the_deadline_forward() {
    let mut bench =
        RunnerFixture::new(RunnerOptions { stop_timeout: Duration::from_secs(9), ..RunnerOptions::default() });
    bench.spawn(1, f64::INFINITY);
    bench.at(0);
    bench.handle.send_command(RunCommand::Stop);
    bench.at(1000);
    assert_eq!(bench.swarm.script(|script| script.stop_ns), Some(10_000_000_000));
    bench.handle.send_command(RunCommand::Stop);
    bench.at(2000);
    assert_eq!(bench.swarm.script(|script| script.stop_ns), Some(10_000_000_000));
    bench.handle.send_command(RunCommand::Abort);
    bench.at(3000);
    assert_eq!(bench.swarm.script(|script| script.stop_ns), Some(3_000_000_000));
}

#[test]
fn a_swarm_without_users_ends_the_run_but_not_before_it_could_know() {
    let mut bench = RunnerFixture::new(RunnerOptions::default());
    bench.spawn(4, f64::INFINITY);
    bench.at(0);
    bench.at(900);
    assert_eq!(bench.handle.status().end_reason, None);
    bench.at(1100);
    assert_eq!(bench.handle.status().end_reason, None, "it has not been heard of since");
    bench.swarm.script(|script| script.report.as_of_ns = 1_050_000_000);
    bench.at(1200);
    assert_eq!(bench.handle.status().end_reason, Some(EndReason::NoUsersLeft));
}

#[test]
fn a_swarm_that_does_not_stop_is_a_fault_not_a_hang() {
    let mut bench = RunnerFixture::new(RunnerOptions::default());
    bench.spawn(1, f64::INFINITY);
    bench.at(0);
    bench.users(1);
    bench.handle.send_command(RunCommand::Stop);
    bench.at(1000);
    bench.at(6900);
    assert_eq!(bench.handle.status().state, RunnerState::Stopping);
    bench.at(7100);
    assert!(matches!(bench.handle.wait().end_reason, EndReason::FatalError(_)));
    assert!(matches!(bench.notices()[..], [.., RunEvent::Stopping(EndReason::FatalError(_)), RunEvent::Stopped]));
}

#[test]
fn a_run_can_be_started_again() {
    let mut bench = RunnerFixture::new(RunnerOptions::default());
    bench.spawn(1, f64::INFINITY);
    bench.at(0);
    bench.handle.send_command(RunCommand::Stop);
    bench.at(100);
    bench.stopped();
    bench.at(200);
    bench.spawn(7, f64::INFINITY);
    bench.at(5000);
    assert_eq!(bench.handle.status().state, RunnerState::Spawning);
    let last = bench.swarm.script(|script| script.segments.last().cloned()).unwrap();
    assert_eq!((last.start_ns, last.from[0], last.to[0]), (5_000_000_000, 0, 7));
}

#[test]
fn a_runner_that_dies_leaves_nobody_waiting() {
    let mut bench = RunnerFixture::new(RunnerOptions::default());
    bench.spawn(1, f64::INFINITY);
    bench.at(0);
    let RunnerFixture { runner, handle, events: notices, .. } = bench;
    drop(runner);
    assert!(matches!(handle.wait().end_reason, EndReason::FatalError(_)));
    assert_eq!(notices.try_iter().last(), Some(RunEvent::Stopped));
}
