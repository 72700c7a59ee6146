//! A task that never yields must not block other users of its shard, nor the end of the run.
//!
//! The tests run on real threads, because a thread that never enters the kernel receives no completion and no timeout.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use gregaria_engine::{
    EndReason, HttpUser, RunCommand, Runner, RunnerOptions, RustScenario, ShardOptions, ShardSwarm, TaskResult,
    TaskSet, UserClass, interrupt, rt,
};

/// Sends a request that fails before it reaches the network.
async fn send_invalid_request(user: &mut HttpUser) -> TaskResult {
    user.get("/\n").await;
    Ok(())
}

/// Returns a task set that users leave again as soon as they enter it.
fn interrupted_task_set() -> TaskSet<HttpUser> {
    TaskSet::new("Shy").on_start(async |_: &mut HttpUser| interrupt(true)).task(1, send_invalid_request)
}

fn run_for_300_ms(tasks: TaskSet<HttpUser>) -> (EndReason, u64, u64) {
    let class = UserClass::http("Hasty").host("http://127.0.0.1:9").tasks(tasks);
    let scenario = Arc::new(RustScenario::new([class]).unwrap().with_host(None).unwrap());
    let shards = ShardOptions { shards: Some(1), ..ShardOptions::default() };
    let swarm = ShardSwarm::start(Arc::clone(&scenario), &shards).unwrap();
    let options = RunnerOptions { run_time: Some(Duration::from_millis(300)), ..RunnerOptions::default() };
    let run = Runner::start(scenario, swarm, options).unwrap();
    run.send_command(RunCommand::Spawn { users: 3, spawn_rate: f64::INFINITY });
    let report = run.wait();
    let counts = run.with_summary(|summary| (summary.total().num_requests(), summary.total().num_failures()));
    (report.end_reason, counts.0, counts.1)
}

#[test]
fn run_ends_while_requests_fail_immediately() {
    let (end, requests, failures) = run_for_300_ms(TaskSet::new("T").task(1, send_invalid_request));
    assert_eq!(end, EndReason::RunTime);
    assert!(requests > 3 && requests == failures, "{failures} of {requests}");
}

#[test]
fn run_ends_while_a_task_set_is_left_immediately() {
    let (end, requests, _) = run_for_300_ms(interrupted_task_set());
    assert_eq!((end, requests), (EndReason::RunTime, 0));
}

#[test]
fn run_ends_although_a_task_spins() {
    static IS_OVER: AtomicBool = AtomicBool::new(false);
    let spin = async |_: &mut HttpUser| {
        while !IS_OVER.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
        Ok(())
    };
    let nested = TaskSet::new("Nested").task_named("spin", 1, spin);
    let class = UserClass::http("Busy").host("http://127.0.0.1:9").tasks(TaskSet::new("T").task_set(1, nested));
    let scenario = Arc::new(RustScenario::new([class]).unwrap().with_host(None).unwrap());
    let shards = ShardOptions { shards: Some(1), ..ShardOptions::default() };
    let swarm = ShardSwarm::start(Arc::clone(&scenario), &shards).unwrap();
    let stop_timeout = Duration::from_millis(500);
    let run_time = Some(Duration::from_millis(1500));
    let options = RunnerOptions { run_time, stop_timeout, ..RunnerOptions::default() };
    let run = Runner::start(scenario, swarm, options).unwrap();
    let start_ns = rt::now_ns();
    run.send_command(RunCommand::Spawn { users: 1, spawn_rate: f64::INFINITY });
    let report = run.wait();
    let ended_after_ms = (rt::now_ns() - start_ns) / 1_000_000;
    IS_OVER.store(true, Ordering::Relaxed);
    let error = "the users did not stop: shard 0 is blocked in task spin of class Busy";
    assert_eq!(report.end_reason, EndReason::FatalError(error.to_owned()));
    assert!((2_000..3_500).contains(&ended_after_ms), "{ended_after_ms}");
    let load = report.health.loads[0];
    assert!(load.cpu_ns > 200_000_000 && load.wall_ns > 1_500_000_000, "{load:?}");
}
