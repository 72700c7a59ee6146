//! A task that never waits must not take the shard from the others, nor from the end of the run. On real threads: a
//! ring delivers nothing, not even the time, to a thread that never enters the kernel.

use std::{sync::Arc, time::Duration};

use gregaria_engine::{
    EndReason, HttpUser, RunCommand, Runner, RunnerOptions, RustScenario, ShardOptions, ShardSwarm, TaskResult,
    TaskSet, UserClass, interrupt,
};

/// Refused before it touches the network.
async fn never_leaves(user: &mut HttpUser) -> TaskResult {
    user.get("/\n").await;
    Ok(())
}

/// Leaves before it has begun, again and again.
fn never_begins() -> TaskSet<HttpUser> {
    TaskSet::new("Shy").on_start(async |_: &mut HttpUser| interrupt(true)).task(1, never_leaves)
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
fn requests_that_fail_at_once_do_not_keep_the_run_from_ending() {
    let (end, requests, failures) = run_for_300_ms(TaskSet::new("T").task(1, never_leaves));
    assert_eq!(end, EndReason::RunTime);
    assert!(requests > 3 && requests == failures, "{failures} of {requests}");
}

#[test]
fn a_task_set_that_is_left_at_once_does_not_either() {
    let (end, requests, _) = run_for_300_ms(never_begins());
    assert_eq!((end, requests), (EndReason::RunTime, 0));
}
