//! scratch
use gregaria_engine::*;
use std::{sync::Arc, time::Duration};
async fn index(user: &mut HttpUser) -> TaskResult { user.get("/").discard_body().await; Ok(()) }
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let sc = RustScenario::new([UserClass::http("A").tasks(TaskSet::new("T").task(1, index))]).unwrap().with_host(Some(&a[1])).unwrap();
    let sc = Arc::new(sc);
    let swarm = ShardSwarm::start(sc.clone(), &ShardOptions { shards: Some(1), ..Default::default() }).unwrap();
    eprintln!("{:?}", swarm.ring());
    let secs: u64 = a[2].parse().unwrap();
    let h = Runner::start(sc, swarm, RunnerOptions { run_time: Some(Duration::from_secs(secs)), ..Default::default() }).unwrap();
    h.command(Command::Spawn { users: a[3].parse().unwrap(), spawn_rate: f64::INFINITY });
    let r = h.wait();
    h.with_summary(|s| { let t = s.total(); eprintln!("{} reqs {} fails med {} p99 {} max {}", t.num_requests(), t.num_failures(), t.median_us(), t.percentile_us(0.99), t.max_us()); for e in s.errors() { eprintln!("{} {}", e.error(), e.occurrences()); } });
    eprintln!("{r:?}");
}
