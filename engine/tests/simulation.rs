//! The whole engine in the simulator: runner, shards, users and HTTP, on a simulated clock.
//!
//! A failed test prints its seed. The same seed gives the same run.

mod world;

use std::{cell::RefCell, time::Duration};

use gregaria_engine::{
    EndReason, HttpUser, RunCommand, RunnerOptions, TaskResult, TaskSet, User, UserClass, between, constant,
    constant_pacing,
    http::{Error, ExchangePhases},
    interrupt,
    stats::{Phase, PhaseTotal},
    stop_user,
};
use world::{ScriptedServer, ServerFault, Simulation};

const SECOND_NS: u64 = 1_000_000_000;

async fn index(user: &mut HttpUser) -> TaskResult {
    user.get("/").await;
    Ok(())
}

fn website(tasks: TaskSet<HttpUser>) -> UserClass {
    UserClass::http("Website").tasks(tasks)
}

#[test]
fn user_count_follows_the_ramp_at_every_100_ms() {
    for shards in [1, 3] {
        let waiting = UserClass::http("Website").wait(constant(60.0)).tasks(TaskSet::new("T").task(1, index));
        let mut sim = Simulation::new(1, shards, [waiting], RunnerOptions::default());
        sim.spawn(3000, 1000.0);
        for tenth in 1..=30 {
            sim.run_until(tenth * SECOND_NS / 10);
            assert_near_ramp(sim.current_users(), f64::from(tenth as u32) * 100.0);
        }
        sim.run_until(4 * SECOND_NS);
        assert_eq!(sim.current_users(), 3000);
        sim.spawn(500, 1000.0);
        for tenth in 41..=65 {
            sim.run_until(tenth * SECOND_NS / 10);
            // A changed ramp starts 10 ms after the command.
            assert_near_ramp(sim.current_users(), 3010.0 - (tenth as f64 - 40.0) * 100.0);
        }
        sim.run_until(8 * SECOND_NS);
        assert_eq!(sim.current_users(), 500);
    }
}

fn assert_near_ramp(users: u32, line: f64) {
    let off = (f64::from(users) - line).abs();
    assert!(off <= 5.0_f64.max(line * 0.02), "{users} users, line at {line}");
}

#[test]
fn counts_equal_those_of_the_server() {
    for seed in 0..8 {
        let tasks = TaskSet::new("T").task(2, index).task(1, async |user: &mut HttpUser| {
            user.get("/profile?id=7").name("/profile").await;
            Ok(())
        });
        let mut sim = Simulation::new(seed, 2, [website(tasks)], world::run_time(5.0));
        let server = sim.serve(ScriptedServer::answering_after_ms(1, 30));
        sim.spawn(50, f64::INFINITY);
        let report = sim.finish();
        assert_eq!((report.end_reason, report.aborted), (EndReason::RunTime, 0), "seed {seed}");
        let requests = |name| sim.summary(|summary| summary.entry("GET", name).map_or(0, |entry| entry.num_requests()));
        assert_eq!(requests("/"), server.count("/"), "seed {seed}");
        assert_eq!(requests("/profile"), server.count("/profile?id=7"), "seed {seed}");
        let ratio = requests("/") as f64 / requests("/profile") as f64;
        assert!((1.8..2.2).contains(&ratio), "seed {seed}: tasks ran {ratio} : 1");
    }
}

#[test]
fn current_rate_is_that_of_the_server() {
    for (seed, shards) in [(1, 1), (2, 3)] {
        let class = website(TaskSet::new("T").task(1, index));
        let mut sim = Simulation::new(seed, shards, [class], RunnerOptions::default());
        sim.serve(ScriptedServer::answering_after_ms(20, 20));
        // The start lies within a second of the calendar.
        let start_ns = 730_000_000;
        sim.run_until(start_ns);
        sim.spawn(10, f64::INFINITY);
        let mut rate_at = |ms: u64| {
            let now_ns = start_ns + ms * 1_000_000;
            sim.run_until(now_ns);
            if ms == 15_000 {
                sim.spawn(0, f64::INFINITY);
            }
            sim.summary(|summary| summary.total().current_rps(now_ns as f64 / 1e9))
        };
        let first = rate_at(600);
        assert!((350.0..=500.0).contains(&first), "seed {seed}: {first} in the first second");
        for ms in (1_250..=15_000).step_by(250) {
            let rate = rate_at(ms);
            assert!((490.0..=500.0).contains(&rate), "seed {seed}: {rate} after {ms} ms");
        }
        let (falling, empty) = (rate_at(20_300), rate_at(26_300));
        assert!((245.0..=255.0).contains(&falling) && empty == 0.0, "seed {seed}: {falling}, {empty} without users");
    }
}

#[test]
fn stopped_user_without_waits_sends_no_more() {
    let tasks = TaskSet::new("T").task(1, async |user: &mut HttpUser| {
        user.get("/").await;
        user.get("/").await;
        Ok(())
    });
    let stop = async |user: &mut HttpUser| {
        user.get("/stop").await;
        Ok(())
    };
    let class = UserClass::http("Website").on_stop(stop).tasks(tasks);
    let mut sim = Simulation::new(1, 2, [class], RunnerOptions::default());
    let server = sim.serve(ScriptedServer::answering_after_ms(20, 20));
    sim.spawn(10, f64::INFINITY);
    sim.run_until(SECOND_NS);
    sim.spawn(1, f64::INFINITY);
    sim.run_until(SECOND_NS + SECOND_NS / 10);
    assert_eq!((sim.current_users(), server.count("/stop")), (1, 9));
    let before = server.count("/");
    sim.run_until(2 * SECOND_NS + SECOND_NS / 10);
    let per_second = server.count("/") - before;
    assert!((49..=50).contains(&per_second), "{per_second} requests of one user");
}

#[test]
fn num_requests_is_exact_and_includes_failures() {
    for (seed, shards, count) in [(1, 1, 1), (2, 2, 7), (3, 4, 1000), (4, 3, 12_345)] {
        let options = RunnerOptions { num_requests: Some(count), ..RunnerOptions::default() };
        let mut sim = Simulation::new(seed, shards, [website(TaskSet::new("T").task(1, index))], options);
        let server = sim.serve(ScriptedServer::answering_after_ms(1, 20).with_fault(0.2, ServerFault::Status500));
        sim.spawn(40, f64::INFINITY);
        let report = sim.finish();
        let (requests, failures) =
            sim.summary(|summary| (summary.total().num_requests(), summary.total().num_failures()));
        assert_eq!((report.end_reason, requests), (EndReason::NumRequests, count), "seed {seed}");
        assert_eq!(server.total(), count, "seed {seed}: no request beyond the quota");
        assert!(count < 1000 || failures > count / 10, "seed {seed}: {failures} failures");
    }
}

#[test]
fn server_faults_are_rows_in_the_error_table() {
    let faults = [
        (ServerFault::Reset, Error::ConnectionReset.message()),
        (ServerFault::Close, Error::ClosedBeforeResponse.message()),
        (ServerFault::Truncate, Error::IncompleteResponse.message()),
        (ServerFault::NoAnswer, Error::ReadTimeout.message()),
        (ServerFault::Status500, "HTTP 500 Internal Server Error"),
    ];
    for (seed, (fault, message)) in faults.into_iter().enumerate() {
        let class = UserClass::http("Website").client(world::timeouts_of_1_s()).tasks(TaskSet::new("T").task(1, index));
        let mut sim = Simulation::new(seed as u64, 1, [class], world::run_time(20.0));
        let server = sim.serve(ScriptedServer::answering_after_ms(5, 10).with_fault(0.3, fault));
        sim.spawn(20, f64::INFINITY);
        sim.run_until(15 * SECOND_NS);
        assert_eq!(sim.current_users(), 20, "seed {seed}: {message}");
        sim.finish();
        let failures = sim.summary(|summary| summary.total().num_failures());
        let counted = sim.summary(|summary| {
            summary.errors().find(|error| error.error() == message).map_or(0, |error| error.occurrences())
        });
        assert!(failures > 0 && counted == failures, "seed {seed}: {message}: {counted} of {failures}");
        // A connection that is lost before the response is a failure only if it was new.
        let retries = sim.summary(|summary| summary.total().num_retries());
        assert_eq!(retries > 0, matches!(fault, ServerFault::Reset | ServerFault::Close), "seed {seed}: {message}");
        assert_eq!(counted + retries + sim.aborted(), server.faults(), "seed {seed}: {message}");
    }
}

#[test]
fn refused_connections_are_failures_users_continue() {
    let class = UserClass::http("Website").wait(constant(0.1)).tasks(TaskSet::new("T").task(1, index));
    let mut sim = Simulation::new(1, 1, [class], world::run_time(1.05));
    sim.spawn(1, f64::INFINITY);
    sim.finish();
    let errors = sim.summary(|summary| {
        summary.errors().map(|error| (error.error().to_owned(), error.occurrences())).collect::<Vec<_>>()
    });
    assert_eq!(errors, [(Error::ConnectRefused.message().to_owned(), 11)]);
}

#[test]
fn requests_in_flight_finish_within_the_stop_timeout() {
    let mut sim = Simulation::new(1, 2, [website(TaskSet::new("T").task(1, index))], world::run_time(1.0));
    let server = sim.serve(ScriptedServer::answering_after_ms(700, 700));
    sim.spawn(10, f64::INFINITY);
    let report = sim.finish();
    assert_eq!(report.aborted, 0);
    assert_eq!(sim.summary(|summary| summary.total().num_requests()), 20);
    assert_eq!(server.total(), 20);
}

#[test]
fn measured_time_ends_with_the_last_request() {
    for count in [1, 2, 7, 1000] {
        let options = RunnerOptions { num_requests: Some(count), ..RunnerOptions::default() };
        let mut sim = Simulation::new(count, 2, [website(TaskSet::new("T").task(1, index))], options);
        let server = sim.serve(ScriptedServer::answering_after_ms(17, 17));
        sim.spawn(1, f64::INFINITY);
        let report = sim.finish();
        let arrivals_ns = server.arrivals_ns();
        let served_ns = arrivals_ns[arrivals_ns.len() - 1] - arrivals_ns[0] + 17_000_000;
        let measured_ns = report.measured.as_nanos() as u64;
        assert!(measured_ns.abs_diff(served_ns) <= 100_000, "{count} requests: {measured_ns} ns, not {served_ns} ns");
        assert!(report.elapsed >= report.measured);
    }
}

#[test]
fn measured_time_restarts_with_a_reset() {
    let waiting = UserClass::http("Website").wait(constant(0.2)).tasks(TaskSet::new("T").task(1, index));
    let mut sim = Simulation::new(1, 1, [waiting], world::run_time(2.9));
    sim.serve(ScriptedServer::answering_after_ms(50, 50));
    sim.spawn(1, f64::INFINITY);
    sim.run_until(SECOND_NS + SECOND_NS / 5);
    sim.command(RunCommand::ResetStats);
    let report = sim.finish();
    // A request every 250 ms: from 1.25 s to the end of the one that starts at 2.75 s.
    assert_eq!(sim.summary(|summary| summary.total().num_requests()), 7);
    assert!((report.measured.as_secs_f64() - 1.55).abs() < 0.001, "{:?}", report.measured);
}

#[test]
fn aborted_requests_are_named_with_their_wait() {
    let options = RunnerOptions { stop_timeout: Duration::from_millis(500), ..world::run_time(2.0) };
    let mut sim = Simulation::new(1, 1, [website(TaskSet::new("T").task(1, index))], options);
    let server = sim.serve(ScriptedServer::answering_after_ms(60_000, 60_000));
    sim.spawn(3, 2.0);
    let report = sim.finish();
    assert_eq!((server.total(), report.aborted), (3, 3));
    let aborted = sim.summary(|summary| summary.entry("GET", "/").unwrap().aborted());
    assert_eq!(aborted.count, 3);
    // Sent at 0, 0.5 and 1 s, and aborted 0.5 s after the end of the run time.
    assert!(aborted.max_wait_us.abs_diff(2_500_000) < 20_000, "{aborted:?}");
    assert_eq!(report.measured, Duration::ZERO, "no request was answered");
    assert!(report.elapsed.as_secs_f64() > 2.4, "{:?}", report.elapsed);
}

#[test]
fn requests_beyond_the_stop_timeout_are_aborted() {
    let options = RunnerOptions { stop_timeout: Duration::from_millis(200), ..world::run_time(1.0) };
    let mut sim = Simulation::new(1, 2, [website(TaskSet::new("T").task(1, index))], options);
    let server = sim.serve(ScriptedServer::answering_after_ms(700, 700));
    sim.spawn(10, f64::INFINITY);
    let report = sim.finish();
    assert_eq!(report.aborted, 10);
    assert_eq!(sim.summary(|summary| summary.total().num_requests()), 10);
    assert_eq!(server.total(), 20);
    assert_eq!(sim.summary(|summary| summary.total().num_failures()), 0);
}

#[test]
fn gaps_between_requests_match_the_wait() {
    let seconds = |wait, run: f64| {
        let class = UserClass::http("Website").wait(wait).tasks(TaskSet::new("T").task(1, index));
        let mut sim = Simulation::new(5, 1, [class], world::run_time(run));
        let server = sim.serve(ScriptedServer::answering_after_ms(250, 250));
        sim.spawn(1, f64::INFINITY);
        sim.finish();
        server.arrivals_ns().windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e9).collect::<Vec<_>>()
    };
    assert!(seconds(constant(2.0), 30.0).iter().all(|gap| (gap - 2.25).abs() < 1e-6));
    assert!(seconds(constant_pacing(2.0), 30.0).iter().all(|gap| (gap - 2.0).abs() < 1e-6));
    assert!(
        seconds(constant_pacing(0.1), 5.0).iter().all(|gap| (gap - 0.25).abs() < 1e-6),
        "no wait after a longer task"
    );
    let gaps = seconds(between(1.0, 3.0), 200.0);
    assert!(gaps.iter().all(|gap| (1.25..=3.25).contains(gap)));
    let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
    assert!((2.1..2.4).contains(&mean), "mean {mean}");
}

thread_local! {
    static EVENTS: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
}

fn record_event(event: &'static str) {
    EVENTS.with_borrow_mut(|events| events.push(event));
}

fn take_events() -> Vec<&'static str> {
    EVENTS.take()
}

#[test]
fn nested_task_sets_run_hooks_in_the_order_of_locust() {
    async fn read(user: &mut HttpUser) -> TaskResult {
        user.get("/read").await;
        record_event("read");
        interrupt(true)
    }
    async fn enter(_: &mut HttpUser) -> TaskResult {
        record_event("enter forum");
        Ok(())
    }
    async fn leave(_: &mut HttpUser) -> TaskResult {
        record_event("leave forum");
        Ok(())
    }
    async fn stop(_: &mut HttpUser) -> TaskResult {
        record_event("stop");
        Ok(())
    }
    let forum = TaskSet::new("Forum").on_start(enter).on_stop(leave).task(1, read);
    let class = UserClass::http("Website").wait(constant(1.0)).on_stop(stop).tasks(
        TaskSet::new("Root")
            .on_start(async |_: &mut HttpUser| {
                record_event("start");
                Ok(())
            })
            .task_set(1, forum),
    );
    let mut sim = Simulation::new(1, 1, [class], world::run_time(0.05));
    take_events();
    sim.serve(ScriptedServer::answering_after_ms(1, 1));
    sim.spawn(1, f64::INFINITY);
    sim.run_until(10_000_000);
    let events = take_events();
    assert_eq!(events[..7], ["start", "enter forum", "read", "leave forum", "enter forum", "read", "leave forum"]);
    sim.finish();
    assert_eq!(take_events().last(), Some(&"stop"));
}

#[test]
fn interrupt_without_reschedule_waits() {
    let inner = TaskSet::new("Inner").task_named("once", 1, async |user: &mut HttpUser| {
        user.get("/inner").await;
        interrupt(false)
    });
    let class = UserClass::http("Website").wait(constant(1.0)).tasks(TaskSet::new("Root").task_set(1, inner));
    let mut sim = Simulation::new(1, 1, [class], world::run_time(4.5));
    let server = sim.serve(ScriptedServer::answering_after_ms(1, 1));
    sim.spawn(1, f64::INFINITY);
    sim.finish();
    assert_eq!(server.total(), 5, "at 0, 1, 2, 3 and 4 s");
}

#[test]
fn scheduled_tasks_run_before_picked_ones() {
    async fn a(_: &mut HttpUser) -> TaskResult {
        record_event("a");
        Ok(())
    }
    async fn b(_: &mut HttpUser) -> TaskResult {
        record_event("b");
        Ok(())
    }
    async fn c(user: &mut HttpUser) -> TaskResult {
        record_event("c");
        user.schedule_task(a, false);
        user.schedule_task(b, true);
        Ok(())
    }
    let class = UserClass::http("Website").wait(constant(1.0)).tasks(TaskSet::new("T").task(1, c));
    let mut sim = Simulation::new(1, 1, [class], world::run_time(5.5));
    take_events();
    sim.spawn(1, f64::INFINITY);
    sim.finish();
    assert_eq!(take_events(), ["c", "b", "a", "c", "b", "a"]);
}

#[test]
fn last_user_that_stops_itself_ends_the_run() {
    let class = UserClass::http_with("Buyer", || 3_u32).tasks(TaskSet::new("T").task_named(
        "buy",
        1,
        async |user: &mut HttpUser<u32>| {
            if user.state == 0 {
                return stop_user();
            }
            user.state -= 1;
            user.get("/buy").await;
            Ok(())
        },
    ));
    let mut sim = Simulation::new(1, 2, [class], RunnerOptions::default());
    let server = sim.serve(ScriptedServer::answering_after_ms(10, 10));
    sim.spawn(5, f64::INFINITY);
    let report = sim.finish();
    assert_eq!((report.end_reason, report.peak_users), (EndReason::NoUsersLeft, 5), "all stop before the first tick");
    assert_eq!(server.total(), 15);
}

#[test]
fn panic_in_a_task_is_an_exception_user_continues() {
    let class = UserClass::http("Website").wait(constant(1.0)).tasks(TaskSet::new("T").task_named(
        "broken",
        1,
        async |_: &mut HttpUser| panic!("out of {}", "luck"),
    ));
    let mut sim = Simulation::new(1, 1, [class], world::run_time(3.5));
    sim.spawn(1, f64::INFINITY);
    sim.finish();
    let exceptions = sim.summary(|summary| {
        summary.exceptions().map(|row| (row.message().to_owned(), row.occurrences())).collect::<Vec<_>>()
    });
    assert_eq!(exceptions, [("out of luck".to_owned(), 4)]);
}

#[test]
fn caught_response_is_counted_as_the_task_decides() {
    let class = UserClass::http("Website").wait(constant(1.0)).tasks(TaskSet::new("T").task_named(
        "check",
        1,
        async |user: &mut HttpUser| {
            user.get("/missing").expect(404).await;
            user.get("/found").expect(404).await;
            user.get("/wrong").catch_response().await.fail("wrong answer");
            user.get("/missing").name("forgiven").catch_response().await.succeed();
            drop(user.get("/missing").name("undecided").catch_response().await);
            Ok(())
        },
    ));
    let mut sim = Simulation::new(1, 1, [class], world::run_time(0.5));
    sim.serve(ScriptedServer::answering_after_ms(1, 1));
    sim.spawn(1, f64::INFINITY);
    sim.finish();
    let failures = |name| sim.summary(|summary| summary.entry("GET", name).map(|entry| entry.num_failures()));
    assert_eq!(failures("/missing"), Some(0));
    assert_eq!(failures("/found"), Some(1));
    assert_eq!(failures("/wrong"), Some(1));
    assert_eq!(failures("forgiven"), Some(0));
    assert_eq!(failures("undecided"), Some(1));
    let mut errors = sim.summary(|summary| summary.errors().map(|error| error.error().to_owned()).collect::<Vec<_>>());
    errors.sort();
    assert_eq!(errors, ["HTTP 200 OK instead of 404", "HTTP 404 Not Found", "wrong answer"]);
}

#[test]
fn phases_are_in_the_response_and_the_summary() {
    thread_local!(static PHASES: RefCell<Vec<ExchangePhases>> = const { RefCell::new(Vec::new()) });
    let record = |phases| PHASES.with_borrow_mut(|all| all.push(phases));
    let class = UserClass::http("Website").wait(constant(1.0)).tasks(TaskSet::new("T").task_named(
        "look",
        1,
        async move |user: &mut HttpUser| {
            record(user.get("/").await.phases());
            record(user.get("/").catch_response().await.phases());
            Ok(())
        },
    ));
    let mut sim = Simulation::new(1, 1, [class], world::run_time(1.5));
    sim.serve(ScriptedServer::answering_after_ms(10, 10).connecting_in_ms(30));
    sim.spawn(1, f64::INFINITY);
    sim.finish();
    let reused = ExchangePhases { first_byte_ns: 10_000_000, ..ExchangePhases::default() };
    assert_eq!(PHASES.take(), [ExchangePhases { connect_ns: 30_000_000, ..reused }, reused, reused, reused]);
    let totals = sim.summary(|summary| Phase::ALL.map(|phase| summary.entry("GET", "/").unwrap().phase(phase)));
    let none = PhaseTotal::default();
    let connect = PhaseTotal { count: 1, total_us: 30_000, max_us: 30_000 };
    let first_byte = PhaseTotal { count: 4, total_us: 40_000, max_us: 10_000 };
    assert_eq!(totals, [none, connect, none, first_byte, none]);
}

#[test]
fn closed_idle_connection_is_replaced_without_failure() {
    let class = UserClass::http("Website").wait(constant(3.0)).tasks(TaskSet::new("T").task(1, index));
    let mut sim = Simulation::new(1, 1, [class], world::run_time(10.0));
    let server = sim.serve(ScriptedServer::answering_after_ms(1, 1).closing_idle_after_ms(2000));
    sim.spawn(1, f64::INFINITY);
    sim.finish();
    assert_eq!((server.total(), server.connections()), (4, 4));
    assert_eq!(sim.summary(|summary| summary.total().num_failures()), 0);
}

#[test]
fn user_count_can_change_during_a_ramp() {
    let class = UserClass::http("Website").wait(constant(1.0)).tasks(TaskSet::new("T").task(1, index));
    let mut sim = Simulation::new(3, 2, [class], RunnerOptions::default());
    sim.serve(ScriptedServer::answering_after_ms(1, 1));
    sim.spawn(1000, 100.0);
    sim.run_until(2 * SECOND_NS);
    sim.spawn(50, 100.0);
    sim.run_until(5 * SECOND_NS);
    assert_eq!(sim.current_users(), 50);
    sim.spawn(70, f64::INFINITY);
    sim.run_until(6 * SECOND_NS);
    assert_eq!(sim.current_users(), 70);
    sim.command(RunCommand::Stop);
    let report = sim.finish();
    assert_eq!(report.end_reason, EndReason::Requested);
    assert!((199..=202).contains(&report.peak_users), "{} users in 2 s at 100 per second", report.peak_users);
}

#[test]
fn same_seed_gives_the_same_run() {
    let run = |seed| {
        let class = UserClass::http("Website").wait(between(0.1, 0.5)).tasks(TaskSet::new("T").task(1, index));
        let mut sim = Simulation::new(seed, 2, [class], world::run_time(10.0));
        let server = sim.serve(ScriptedServer::answering_after_ms(1, 50));
        sim.spawn(20, 10.0);
        sim.finish();
        server.arrivals_ns()
    };
    assert_eq!(run(7), run(7));
    assert_ne!(run(7), run(8));
}
