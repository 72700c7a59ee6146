//! The runner over a scripted swarm: its calls to the swarm, and the ends of a run. Without clock and thread.

use std::sync::Mutex;

use gregaria_stats::{Interval, Outcome, Recorder, Sample};

use super::*;
use crate::scenario::UserClassInfo;

/// A swarm that records the calls of the runner and returns the report of the test.
#[derive(Clone, Default)]
struct ScriptedSwarm(Arc<Mutex<Script>>);

#[derive(Default)]
struct Script {
    num_requests: Option<Option<u64>>,
    segments: Vec<Segment>,
    stop_ns: Option<u64>,
    report: SwarmReport,
    intervals: Vec<Interval>,
}

impl ScriptedSwarm {
    fn script<R>(&self, change: impl FnOnce(&mut Script) -> R) -> R {
        change(&mut self.0.lock().unwrap())
    }
}

impl Swarm for ScriptedSwarm {
    fn start_run(&mut self, num_requests: Option<u64>) {
        self.script(|script| script.num_requests = Some(num_requests));
    }

    fn apply_segment(&mut self, segment: &Segment) {
        self.script(|script| script.segments.push(segment.clone()));
    }

    fn stop(&mut self, deadline_ns: u64) {
        self.script(|script| script.stop_ns = Some(deadline_ns));
    }

    fn collect(&mut self, sink: &mut dyn FnMut(&Interval, u64)) -> SwarmReport {
        self.script(|script| {
            script.intervals.drain(..).for_each(|interval| sink(&interval, script.report.as_of_ns));
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
        let events = handle.events();
        Self { runner, handle, swarm, events }
    }

    fn step_at_ms(&mut self, millis: u64) {
        self.runner.step(ClockReading { mono_ns: millis * 1_000_000, unix_s: 1000.0 + millis as f64 / 1000.0 });
    }

    fn spawn(&self, users: u32, spawn_rate: f64) {
        self.handle.send_command(RunCommand::Spawn { users, spawn_rate });
    }

    fn report_users(&self, users: u32) {
        self.swarm.script(|script| script.report.users_per_class = vec![users]);
    }

    fn report_stopped(&self) {
        self.swarm.script(|script| (script.report.users_per_class, script.report.stopped) = (vec![0], true));
    }

    fn take_events(&self) -> Vec<RunEvent> {
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
fn ramp_is_one_segment_and_its_end_is_an_event() {
    let mut fixture = RunnerFixture::new(RunnerOptions::default());
    fixture.spawn(10, 5.0);
    fixture.step_at_ms(1000);
    fixture.report_users(3);
    fixture.step_at_ms(1500);
    assert_eq!(fixture.handle.status().state, RunnerState::Spawning);
    fixture.report_users(10);
    // The last spawn is due 1.8 s after the start.
    fixture.step_at_ms(2790);
    assert_eq!(fixture.handle.status().state, RunnerState::Spawning);
    fixture.step_at_ms(2900);
    assert_eq!(fixture.handle.status().state, RunnerState::Running);
    assert_eq!(fixture.take_events(), [RunEvent::Started, RunEvent::SpawningComplete(10)]);
    let segments = fixture.swarm.script(|script| script.segments.clone());
    assert_eq!(segments, [Segment::at_rate(1_000_000_000, vec![0], vec![10], 5.0)]);
}

#[test]
fn new_user_count_starts_from_the_current_count() {
    let mut fixture = RunnerFixture::new(RunnerOptions::default());
    fixture.spawn(100, 10.0);
    fixture.step_at_ms(0);
    fixture.spawn(20, 10.0);
    fixture.step_at_ms(4990);
    let segments = fixture.swarm.script(|script| script.segments.clone());
    assert_eq!(segments[1].start_ns, 5_000_000_000);
    assert_eq!((segments[1].from[0], segments[1].to[0]), (50, 20));
}

#[test]
fn elapsed_run_time_stops_with_the_stop_timeout() {
    let options = RunnerOptions { run_time: Some(Duration::from_secs(2)), ..RunnerOptions::default() };
    let mut fixture = RunnerFixture::new(options);
    fixture.spawn(1, f64::INFINITY);
    fixture.step_at_ms(0);
    fixture.report_users(1);
    fixture.step_at_ms(1999);
    assert_eq!(fixture.swarm.script(|script| script.stop_ns), None);
    fixture.step_at_ms(2000);
    assert_eq!(fixture.swarm.script(|script| script.stop_ns), Some(3_000_000_000));
    fixture.report_stopped();
    fixture.step_at_ms(2300);
    let report = fixture.handle.wait();
    assert_eq!((report.end_reason, report.elapsed), (EndReason::RunTime, Duration::from_millis(2000)));
    assert_eq!(fixture.take_events().last(), Some(&RunEvent::Stopped));
}

#[test]
fn num_requests_counts_failures_and_before_a_reset() {
    let options = RunnerOptions { num_requests: Some(5), reset_stats: true, ..RunnerOptions::default() };
    let mut fixture = RunnerFixture::new(options);
    fixture.spawn(1, f64::INFINITY);
    fixture.step_at_ms(0);
    assert_eq!(fixture.swarm.script(|script| script.num_requests), Some(Some(5)));
    fixture.swarm.script(|script| (script.report.users_per_class, script.intervals) = (vec![1], vec![interval(3)]));
    fixture.step_at_ms(200);
    assert_eq!(
        fixture.handle.with_summary(|summary| summary.total().num_requests()),
        0,
        "reset at the end of spawning"
    );
    fixture.swarm.script(|script| script.intervals = vec![interval(2)]);
    fixture.step_at_ms(300);
    assert_eq!(fixture.handle.status().end_reason, Some(EndReason::NumRequests));
    assert_eq!(fixture.handle.with_summary(|summary| summary.total().num_failures()), 2);
}

#[test]
fn second_stop_only_brings_the_deadline_forward() {
    let mut fixture =
        RunnerFixture::new(RunnerOptions { stop_timeout: Duration::from_secs(9), ..RunnerOptions::default() });
    fixture.spawn(1, f64::INFINITY);
    fixture.step_at_ms(0);
    assert_eq!(fixture.handle.status().stop_time_left(), None);
    fixture.handle.send_command(RunCommand::Stop);
    fixture.step_at_ms(1000);
    assert_eq!(fixture.handle.status().stop_time_left(), Some(Duration::from_secs(9)));
    assert_eq!(fixture.swarm.script(|script| script.stop_ns), Some(10_000_000_000));
    fixture.handle.send_command(RunCommand::Stop);
    fixture.step_at_ms(2000);
    assert_eq!(fixture.swarm.script(|script| script.stop_ns), Some(10_000_000_000));
    assert_eq!(fixture.handle.status().stop_time_left(), Some(Duration::from_secs(8)));
    fixture.handle.send_command(RunCommand::Abort);
    fixture.step_at_ms(3000);
    assert_eq!(fixture.swarm.script(|script| script.stop_ns), Some(3_000_000_000));
    fixture.report_stopped();
    fixture.step_at_ms(3100);
    assert_eq!(fixture.handle.status().stop_time_left(), None);
}

#[test]
fn missing_users_end_the_run_after_a_newer_report() {
    let mut fixture = RunnerFixture::new(RunnerOptions::default());
    fixture.spawn(4, f64::INFINITY);
    fixture.step_at_ms(0);
    fixture.step_at_ms(900);
    assert_eq!(fixture.handle.status().end_reason, None);
    fixture.step_at_ms(1100);
    assert_eq!(fixture.handle.status().end_reason, None, "no report since the end of the ramp");
    fixture.swarm.script(|script| script.report.as_of_ns = 1_050_000_000);
    fixture.step_at_ms(1200);
    assert_eq!(fixture.handle.status().end_reason, Some(EndReason::NoUsersLeft));
}

#[test]
fn swarm_that_does_not_stop_is_a_fatal_error() {
    let mut fixture = RunnerFixture::new(RunnerOptions::default());
    fixture.spawn(1, f64::INFINITY);
    fixture.step_at_ms(0);
    fixture.report_users(1);
    fixture.handle.send_command(RunCommand::Stop);
    fixture.step_at_ms(1000);
    fixture.step_at_ms(6900);
    assert_eq!(fixture.handle.status().state, RunnerState::Stopping);
    fixture.step_at_ms(7100);
    assert!(matches!(fixture.handle.wait().end_reason, EndReason::FatalError(_)));
    assert!(matches!(fixture.take_events()[..], [.., RunEvent::Stopping(EndReason::FatalError(_)), RunEvent::Stopped]));
}

#[test]
fn stopped_run_can_be_started_again() {
    let mut fixture = RunnerFixture::new(RunnerOptions::default());
    fixture.spawn(1, f64::INFINITY);
    fixture.step_at_ms(0);
    fixture.handle.send_command(RunCommand::Stop);
    fixture.step_at_ms(100);
    fixture.report_stopped();
    fixture.step_at_ms(200);
    fixture.spawn(7, f64::INFINITY);
    fixture.step_at_ms(5000);
    assert_eq!(fixture.handle.status().state, RunnerState::Spawning);
    let last = fixture.swarm.script(|script| script.segments.last().cloned()).unwrap();
    assert_eq!((last.start_ns, last.from[0], last.to[0]), (5_000_000_000, 0, 7));
}

#[test]
fn dropped_runner_ends_the_run_for_waiting_threads() {
    let mut fixture = RunnerFixture::new(RunnerOptions::default());
    fixture.spawn(1, f64::INFINITY);
    fixture.step_at_ms(0);
    let RunnerFixture { runner, handle, events, .. } = fixture;
    drop(runner);
    assert!(matches!(handle.wait().end_reason, EndReason::FatalError(_)));
    assert_eq!(events.try_iter().last(), Some(RunEvent::Stopped));
}
