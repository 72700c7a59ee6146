//! Users in Rust on real drivers and sockets, started as another program would start them: through `gregaria_engine`
//! only.
//!
//! The semantics of scenarios (task selection, waits, nesting, stopping) are tested in the engine's simulator. These
//! tests need a real server: counts per name, cookies, timeouts, connections that close during a wait. The modules
//! are:
//!
//! - `connections`, `credentials`, `downloads`, `over_tls`, `redirects`, `uploads`: nginx
//! - `hostile`: each failure alone, and all of them at once
//! - `proxies`: requests through a proxy
//! - `hyper_server`, `python_servers`: servers built from common libraries

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
    EndReason, GeneratorVerdict, HttpUser, RunCommand, RunnerOptions, TaskResult, TaskSet, UserClass, between,
    constant, interrupt,
};
use run::{RunResult, requests, seconds, start};
use support::hostile::UnansweringAddress;
use support::{HostileServer, Nginx, nginx};

#[test]
fn counts_per_name_match_the_server_log() {
    let nginx = Nginx::start();
    let forum = TaskSet::new("Forum").task(3, read_thread).task(1, leave);
    let website = UserClass::http_with("Website", || 0).weight(3.0).wait(between(0.0, 0.002));
    let website = website.tasks(TaskSet::new("Website").task(2, index).task_set(1, forum));
    let admin = UserClass::http("Admin").fixed_count(1).wait(constant(0.01));
    let admin = admin.tasks(TaskSet::new("Admin").on_start(log_in).task(1, account));
    let result = start(8, &nginx.url(""), [website, admin], seconds(1)).wait();
    assert_eq!((result.report.aborted, result.errors.as_slice()), (0, [].as_slice()));
    let log = nginx.requests_per_path();
    for path in ["/", "/login"] {
        assert_eq!(result.counts[path], log[path], "{path}");
    }
    assert_eq!(result.counts["/account"] + result.counts["/account (anonymous)"], log["/account"]);
    let codes: u64 = ["/status/200", "/status/201", "/status/202"].iter().map(|path| log[*path]).sum();
    assert_eq!(result.counts["/status/[code]"], codes);
    assert_eq!(result.counts.values().sum::<u64>(), log.values().sum::<u64>());
}

#[test]
fn blocking_task_makes_generator_the_bottleneck() {
    let nginx = Nginx::start();
    #[expect(clippy::disallowed_methods, reason = "blocks all users of the shard, as a long computation does")]
    async fn think(user: &mut HttpUser) -> TaskResult {
        user.get("/").await;
        std::thread::sleep(Duration::from_millis(30));
        Ok(())
    }
    let thinker = UserClass::http("Thinker").tasks(TaskSet::new("Think").task(1, think));
    let result = start(4, &nginx.url(""), [thinker], seconds(1)).wait();
    let GeneratorVerdict::Bottleneck(figure) = result.report.health.verdict() else {
        panic!("responses were late: {:?}", result.report.health)
    };
    assert!(figure.starts_with("1 % of wake-ups were "), "{figure}");
}

#[test]
fn each_user_has_its_own_cookies() {
    let nginx = Nginx::start();
    // Users wait, so that no user takes the whole quota before all users have started.
    let class = UserClass::http("Visitor").wait(constant(0.05));
    let class = class.tasks(TaskSet::new("Visit").on_start(log_in).task(1, account));
    let result = start(5, &nginx.url(""), [class], requests(100)).wait();
    // Each of the five users is without a cookie exactly once.
    assert_eq!(result.errors, []);
    assert_eq!(result.counts["/account (anonymous)"], 5);
    assert_eq!(result.counts.values().sum::<u64>(), 100);
}

#[test]
fn timeouts_are_error_rows_and_users_continue() {
    let hostile = HostileServer::start();
    async fn impatient(user: &mut HttpUser) -> TaskResult {
        user.get("/stall").timeout(Duration::from_millis(50)).await;
        user.get("/stall-body").read_timeout(Duration::from_millis(50)).await;
        user.get("/ok").await;
        Ok(())
    }
    let class = UserClass::http("Impatient").tasks(TaskSet::new("Look").task(1, impatient));
    let result = start(2, &hostile.url(""), [class], requests(12)).wait();
    assert_eq!(result.failures("/stall", "timeout"), result.counts["/stall"]);
    assert_eq!(result.failures("/stall-body", "read timeout"), result.counts["/stall-body"]);
    assert_eq!(result.errors.len(), 2, "{:?}", result.errors);
    assert!(result.counts["/ok"] >= 2);
}

#[test]
fn incomplete_connection_is_an_error_row() {
    let unanswering = UnansweringAddress::start();
    let config = ClientConfig { connect_timeout_ns: 50_000_000, ..ClientConfig::default() };
    let class = UserClass::http("Visitor").client(config).tasks(TaskSet::new("Visit").task(1, stateless_index));
    let result = start(2, &unanswering.url(""), [class], requests(4)).wait();
    assert_eq!(result.failures("/", "connect timeout"), 4, "{:?}", result.errors);
}

#[test]
fn body_limit_does_not_apply_to_discarded_bodies() {
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
    let result = start(1, &hostile.url(""), [class], requests(3)).wait();
    assert_eq!(result.failures("kept", "response body too large"), 1, "{:?}", result.errors);
    assert_eq!(result.failures("kept in chunks", "response body too large"), 1, "{:?}", result.errors);
    assert_eq!(result.failures("discarded", "connection closed in the middle of the response"), 1);
}

#[test]
fn connection_closed_during_a_wait_is_replaced() {
    let nginx = Nginx::start_with(&nginx::NginxOptions { keepalive_timeout_s: 1, ..Default::default() });
    async fn order(user: &mut HttpUser) -> TaskResult {
        user.post("/echo").body(b"one locust").await;
        Ok(())
    }
    // nginx closes after one second. The wait is longer, so that the client notices the close before it sends.
    let class = UserClass::http("Slow").wait(constant(2.2)).tasks(TaskSet::new("Orders").task(1, order));
    let result = start(3, &nginx.url(""), [class], requests(6)).wait();
    assert_eq!((result.counts["/echo"], result.errors.as_slice()), (6, [].as_slice()));
    let log = nginx.log();
    assert_eq!(log.len(), 6, "no request was sent twice");
    let connections: std::collections::BTreeSet<u64> = log.iter().map(|entry| entry.connection).collect();
    assert_eq!(connections.len(), 6);
}

#[test]
fn failing_class_does_not_affect_another_class() {
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
    let result = start(4, &hostile.url(""), [bad, good], seconds(1)).wait();
    assert_eq!(result.counts["/ok"], hostile.requests("/ok"));
    assert_eq!(result.counts["/reset"], hostile.requests("/reset"));
    assert_eq!(result.failures("/reset", "connection reset"), result.counts["/reset"]);
    assert!(result.counts["/ok"] > 2 && result.counts["/reset"] > 2, "all users continue: {:?}", result.counts);
    assert_eq!(result.exceptions, [("a defect in the scenario".to_owned(), result.counts["/reset"])]);
}

#[test]
fn number_of_users_can_change_during_a_run() {
    let nginx = Nginx::start();
    let class = UserClass::http_with("Website", || 0).wait(constant(0.02)).tasks(TaskSet::new("Visit").task(1, index));
    let run = start(4, &nginx.url(""), [class], RunnerOptions::default());
    run.wait_for_users(4);
    run.handle.send_command(RunCommand::Spawn { users: 10, spawn_rate: 100.0 });
    run.wait_for_users(10);
    run.handle.send_command(RunCommand::Spawn { users: 1, spawn_rate: 100.0 });
    run.wait_for_users(1);
    run.handle.send_command(RunCommand::Stop);
    let result: RunResult = run.wait();
    assert_eq!((result.report.end_reason.clone(), result.report.aborted), (EndReason::Requested, 0));
    assert_eq!(result.counts["/"], nginx.log().len() as u64);
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
    user.get("/account").name("/account (anonymous)").expect(403).await;
    user.get("/login").await;
    Ok(())
}

async fn account(user: &mut HttpUser) -> TaskResult {
    user.get("/account").expect(200).await;
    Ok(())
}
