//! Users in Rust on real rings and real sockets, started as another program would: through `gregaria_engine` alone.
//!
//! What a scenario means (picks, waits, nesting, stopping) is tested on the simulator in the engine. Here is what
//! only a real peer can tell: counts per name, cookies, timeouts, connections that die while a user waits. One module
//! each:
//!
//! - `connections`, `credentials`, `downloads`, `over_tls`, `redirects`, `uploads`: nginx
//! - `hostile`: every way to fail, alone and all at once
//! - `proxies`: what goes by a proxy
//! - `hyper_server`, `python_servers`: servers as others write them

mod connections;
mod credentials;
mod downloads;
mod generated_body;
mod hostile;
mod hyper_server;
mod over_tls;
mod proxies;
mod python_servers;
mod redirects;
mod run;
mod uploads;

use std::time::Duration;

use gregaria_engine::http::ClientConfig;
use gregaria_engine::{
    EndReason, HttpUser, RunCommand, RunnerOptions, TaskResult, TaskSet, UserClass, between, constant, interrupt,
};
use run::{RunResult, requests, seconds, start};
use support::hostile::UnansweringAddress;
use support::{HostileServer, Nginx, nginx};

#[test]
fn counts_per_name_equal_the_servers_log() {
    let nginx = Nginx::start();
    let forum = TaskSet::new("Forum").task(3, read_thread).task(1, leave);
    let website = UserClass::http_with("Website", || 0).weight(3.0).wait(between(0.0, 0.002));
    let website = website.tasks(TaskSet::new("Website").task(2, index).task_set(1, forum));
    let admin = UserClass::http("Admin").fixed_count(1).wait(constant(0.01));
    let admin = admin.tasks(TaskSet::new("Admin").on_start(log_in).task(1, account));
    let outcome = start(8, &nginx.url(""), [website, admin], seconds(1)).wait();
    assert_eq!((outcome.report.aborted, outcome.errors.as_slice()), (0, [].as_slice()));
    let log = nginx.requests_per_path();
    for path in ["/", "/login"] {
        assert_eq!(outcome.counts[path], log[path], "{path}");
    }
    assert_eq!(outcome.counts["/account"] + outcome.counts["/account (stranger)"], log["/account"]);
    let codes: u64 = ["/status/200", "/status/201", "/status/202"].iter().map(|path| log[*path]).sum();
    assert_eq!(outcome.counts["/status/[code]"], codes);
    assert_eq!(outcome.counts.values().sum::<u64>(), log.values().sum::<u64>());
}

#[test]
fn a_task_that_keeps_its_thread_makes_the_generator_the_bottleneck() {
    let nginx = Nginx::start();
    #[expect(clippy::disallowed_methods, reason = "it blocks everyone on its shard, as a computation in a task does")]
    async fn think(user: &mut HttpUser) -> TaskResult {
        user.get("/").await;
        std::thread::sleep(Duration::from_millis(30));
        Ok(())
    }
    let thinker = UserClass::http("Thinker").tasks(TaskSet::new("Think").task(1, think));
    let outcome = start(4, &nginx.url(""), [thinker], seconds(1)).wait();
    let verdict = outcome.report.health.bottleneck().expect("users resumed late");
    assert!(verdict.starts_with("users resumed late after a response: p99 of the lag is "), "{verdict}");
}

#[test]
fn cookies_are_each_users_own() {
    let nginx = Nginx::start();
    // They wait, so that nobody can use up the number of requests before all have begun.
    let class = UserClass::http("Visitor").wait(constant(0.05));
    let class = class.tasks(TaskSet::new("Visit").on_start(log_in).task(1, account));
    let outcome = start(5, &nginx.url(""), [class], requests(100)).wait();
    // Each of the five was a stranger once, and known ever after.
    assert_eq!(outcome.errors, []);
    assert_eq!(outcome.counts["/account (stranger)"], 5);
    assert_eq!(outcome.counts.values().sum::<u64>(), 100);
}

#[test]
fn timeouts_are_rows_and_users_go_on() {
    let hostile = HostileServer::start();
    async fn impatient(user: &mut HttpUser) -> TaskResult {
        user.get("/stall").timeout(Duration::from_millis(50)).await;
        user.get("/stall-body").read_timeout(Duration::from_millis(50)).await;
        user.get("/ok").await;
        Ok(())
    }
    let class = UserClass::http("Impatient").tasks(TaskSet::new("Look").task(1, impatient));
    let outcome = start(2, &hostile.url(""), [class], requests(12)).wait();
    assert_eq!(outcome.failures("/stall", "timeout"), outcome.counts["/stall"]);
    assert_eq!(outcome.failures("/stall-body", "read timeout"), outcome.counts["/stall-body"]);
    assert_eq!(outcome.errors.len(), 2, "{:?}", outcome.errors);
    assert!(outcome.counts["/ok"] >= 2);
}

#[test]
fn a_connection_that_is_never_made_is_a_row() {
    let unanswering = UnansweringAddress::start();
    let config = ClientConfig { connect_timeout_ns: 50_000_000, ..ClientConfig::default() };
    let class = UserClass::http("Visitor").client(config).tasks(TaskSet::new("Visit").task(1, stateless_index));
    let outcome = start(2, &unanswering.url(""), [class], requests(4)).wait();
    assert_eq!(outcome.failures("/", "connect timeout"), 4, "{:?}", outcome.errors);
}

#[test]
fn a_kept_body_has_a_limit_and_a_discarded_one_none() {
    let hostile = HostileServer::start();
    async fn keep(user: &mut HttpUser) -> TaskResult {
        user.get("/huge").name("kept").await;
        user.get("/huge-chunked").name("kept in chunks").await;
        user.get("/huge").name("discarded").discard_body().await;
        Ok(())
    }
    let mut config = ClientConfig::default();
    config.limits.max_body_bytes = 1_000_000;
    let class = UserClass::http("Collector").client(config).tasks(TaskSet::new("Collect").task(1, keep));
    let outcome = start(1, &hostile.url(""), [class], requests(3)).wait();
    assert_eq!(outcome.failures("kept", "response body too large"), 1, "{:?}", outcome.errors);
    assert_eq!(outcome.failures("kept in chunks", "response body too large"), 1, "{:?}", outcome.errors);
    assert_eq!(outcome.failures("discarded", "connection closed in the middle of the response"), 1);
}

#[test]
fn a_connection_that_died_while_its_user_waited_is_replaced_unseen() {
    let nginx = Nginx::start_with(&nginx::NginxOptions { keepalive_timeout_s: 1, ..Default::default() });
    async fn order(user: &mut HttpUser) -> TaskResult {
        user.post("/echo").body(b"one locust").await;
        Ok(())
    }
    // nginx closes after one second; the wait is longer than that, and long enough for the client to look.
    let class = UserClass::http("Slow").wait(constant(2.2)).tasks(TaskSet::new("Orders").task(1, order));
    let outcome = start(3, &nginx.url(""), [class], requests(6)).wait();
    assert_eq!((outcome.counts["/echo"], outcome.errors.as_slice()), (6, [].as_slice()));
    let log = nginx.log();
    assert_eq!(log.len(), 6, "no request was sent twice");
    let connections: std::collections::BTreeSet<u64> = log.iter().map(|logged| logged.connection).collect();
    assert_eq!(connections.len(), 6);
}

#[test]
fn a_failing_class_does_not_disturb_a_good_one() {
    let hostile = HostileServer::start();
    async fn fail(user: &mut HttpUser) -> TaskResult {
        user.get("/reset").await;
        panic!("a defect in the scenario");
    }
    async fn succeed(user: &mut HttpUser) -> TaskResult {
        user.get("/ok").await;
        Ok(())
    }
    let bad = UserClass::http("Bad").wait(constant(0.01)).tasks(TaskSet::new("Fail").task(1, fail));
    let good = UserClass::http("Good").wait(constant(0.01)).tasks(TaskSet::new("Work").task(1, succeed));
    let outcome = start(4, &hostile.url(""), [bad, good], seconds(1)).wait();
    assert_eq!(outcome.counts["/ok"], hostile.requests("/ok"));
    assert_eq!(outcome.counts["/reset"], hostile.requests("/reset"));
    assert_eq!(outcome.failures("/reset", "connection reset"), outcome.counts["/reset"]);
    assert!(outcome.counts["/ok"] > 2 && outcome.counts["/reset"] > 2, "all users went on: {:?}", outcome.counts);
    assert_eq!(outcome.exceptions, [("a defect in the scenario".to_owned(), outcome.counts["/reset"])]);
}

#[test]
fn the_number_of_users_can_change_while_they_run() {
    let nginx = Nginx::start();
    let class = UserClass::http_with("Website", || 0).wait(constant(0.02)).tasks(TaskSet::new("Visit").task(1, index));
    let run = start(4, &nginx.url(""), [class], RunnerOptions::default());
    run.wait_for_users(4);
    run.handle.send_command(RunCommand::Spawn { users: 10, spawn_rate: 100.0 });
    run.wait_for_users(10);
    run.handle.send_command(RunCommand::Spawn { users: 1, spawn_rate: 100.0 });
    run.wait_for_users(1);
    run.handle.send_command(RunCommand::Stop);
    let outcome: RunResult = run.wait();
    assert_eq!((outcome.report.end_reason.clone(), outcome.report.aborted), (EndReason::Requested, 0));
    assert_eq!(outcome.counts["/"], nginx.log().len() as u64);
}

async fn index(user: &mut HttpUser<u32>) -> TaskResult {
    user.get("/").await;
    Ok(())
}

async fn stateless_index(user: &mut HttpUser) -> TaskResult {
    user.get("/").await;
    Ok(())
}

async fn read_thread(user: &mut HttpUser<u32>) -> TaskResult {
    user.state += 1;
    let target = format!("/status/{}", 200 + user.state % 3);
    user.get(&target).name("/status/[code]").await;
    Ok(())
}

async fn leave(_: &mut HttpUser<u32>) -> TaskResult {
    interrupt(true)
}

async fn log_in(user: &mut HttpUser) -> TaskResult {
    user.get("/account").name("/account (stranger)").expect(403).await;
    user.get("/login").await;
    Ok(())
}

async fn account(user: &mut HttpUser) -> TaskResult {
    user.get("/account").expect(200).await;
    Ok(())
}
