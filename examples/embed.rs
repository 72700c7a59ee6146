//! A program that runs a load test through `gregaria_engine`. It starts a run, changes the number of users during the
//! run, reads the counts, and stops the run. The engine has no command line, no signal handler and no output of its
//! own.
//!
//! `cargo run --release -p gregaria-examples --example embed -- http://127.0.0.1:8080`
#![expect(clippy::disallowed_methods, clippy::print_stdout, reason = "this program may wait and print")]

use std::{error::Error, sync::Arc, time::Duration};

use gregaria_engine::{
    HttpUser, RunCommand, RunHandle, Runner, RunnerOptions, RustScenario, ShardOptions, ShardSwarm, TaskResult,
    TaskSet, UserClass, constant_throughput,
};

async fn index(user: &mut HttpUser) -> TaskResult {
    user.get("/").await;
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let host = std::env::args().nth(1).ok_or("usage: embed http://HOST:PORT")?;
    let visitor =
        UserClass::http("Visitor").wait(constant_throughput(20.0)).tasks(TaskSet::new("Visit").task(1, index));
    let scenario = Arc::new(RustScenario::new([visitor])?.with_host(Some(&host))?);
    let swarm = ShardSwarm::start(Arc::clone(&scenario), &ShardOptions::default())?;
    let run = Runner::start(scenario, swarm, RunnerOptions::default())?;

    for users in [10, 40, 5] {
        run.send_command(RunCommand::Spawn { users, spawn_rate: 100.0 });
        std::thread::sleep(Duration::from_secs(1));
        print_status(&run);
    }
    run.send_command(RunCommand::Stop);
    let report = run.wait();
    println!("ended after {:.1} s, {} requests cut off", report.elapsed.as_secs_f64(), report.aborted);
    Ok(())
}

fn print_status(run: &RunHandle) {
    let users = run.status().users;
    run.with_summary(|summary| {
        let total = summary.total();
        println!(
            "{users} users: {} requests, {} failed, median {} µs, p99 {} µs",
            total.num_requests(),
            total.num_failures(),
            total.median_us(),
            total.percentile_us(0.99)
        );
    });
}
