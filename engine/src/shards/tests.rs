//! Allocations of a whole shard over real sockets: twice as many requests must not allocate more often.
//!
//! The shard runs on the thread of the test, because allocations are counted per thread. The coordinator and the server
//! run on other threads.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use allocation_counter::measure;
use gregaria_stats::Limits;

use super::shard_loop::ShardLoop;
use crate::{
    Segment, Swarm,
    control::Coordinator,
    rt::{self, DriverChoice, DriverKind, Resolver},
    user::{HttpUser, RustScenario, TaskResult, TaskSet, ThreadContext, UserClass},
};

#[test]
fn request_from_task_to_sample_allocates_no_memory() {
    let server = answering_server();
    for driver in [DriverChoice::Auto, DriverChoice::Only(DriverKind::Epoll)] {
        // The first run fills the pools of the thread.
        allocations(&frugal(server), driver, 1_000);
        let fewer = allocations(&frugal(server), driver, 2_000);
        let more = allocations(&frugal(server), driver, 4_000);
        assert!(more < fewer + SLACK, "{driver:?}: 2000 requests took {fewer} allocations, 4000 took {more}");
    }
}

#[test]
fn allocation_in_each_request_is_detected() {
    let server = answering_server();
    let fewer = allocations(&wasteful(server), DriverChoice::Auto, 2_000);
    let more = allocations(&wasteful(server), DriverChoice::Auto, 4_000);
    assert!(more >= fewer + 2_000 - SLACK, "2000 requests took {fewer} allocations, 4000 took {more}");
}

/// Two tasks with the frequent features of a scenario: names, expected statuses, a caught response.
fn frugal(server: SocketAddr) -> Arc<RustScenario> {
    async fn item(user: &mut HttpUser) -> TaskResult {
        user.get("/item/17").name("/item/[id]").expect(200).await;
        Ok(())
    }
    async fn health(user: &mut HttpUser) -> TaskResult {
        let response = user.get("/health").catch_response().await;
        if response.body() == b"fine" {
            response.succeed()
        } else {
            response.fail("not fine")
        }
        Ok(())
    }
    scenario(server, TaskSet::new("Shopping").task(2, item).task(1, health))
}

/// A task that adds a header, for which the request allocates a list.
fn wasteful(server: SocketAddr) -> Arc<RustScenario> {
    async fn item(user: &mut HttpUser) -> TaskResult {
        user.get("/item/17").header("X-Basket", "3").await;
        Ok(())
    }
    scenario(server, TaskSet::new("Shopping").task(1, item))
}

fn scenario(server: SocketAddr, tasks: TaskSet<HttpUser>) -> Arc<RustScenario> {
    let scenario = RustScenario::new([UserClass::http("Shopper").tasks(tasks)]);
    Arc::new(scenario.unwrap().with_host(Some(&format!("http://{server}"))).unwrap())
}

/// Runs one shard with a few users until it has recorded `requests`, and returns the allocations of its thread.
fn allocations(scenario: &Arc<RustScenario>, driver: DriverChoice, requests: u64) -> u64 {
    let mut coordinator = Coordinator::new(1);
    let channel = coordinator.add_agent();
    let run = thread::spawn(move || run_to_the_end(coordinator, requests));
    let scenario = Arc::clone(scenario);
    let counted = measure(|| {
        rt::block_on(driver, |rt, _| async move {
            let context = ThreadContext::new(rt, Arc::<Resolver>::default(), 1, Limits::default(), 1);
            ShardLoop::new(context, scenario, channel).run().await;
        })
        .unwrap();
    });
    assert_eq!(run.join().unwrap(), (requests, 0), "recorded and failed");
    counted.count_total
}

/// Runs the swarm's side of a run and returns the numbers of recorded and failed requests.
fn run_to_the_end(mut coordinator: Coordinator, requests: u64) -> (u64, u64) {
    coordinator.start_run(Some(requests));
    coordinator.apply_segment(&Segment::at_rate(0, vec![0], vec![USERS], f64::INFINITY));
    let (mut recorded, mut failed, mut stopping) = (0, 0, false);
    loop {
        rt::sleep_blocking(Duration::from_millis(1));
        let report = coordinator.collect(&mut |interval, _| {
            recorded += interval.num_requests();
            failed += interval.num_failures();
        });
        if report.stopped {
            coordinator.shutdown();
            return (recorded, failed);
        }
        if recorded == requests && !stopping {
            stopping = true;
            coordinator.stop(rt::now_ns() + 1_000_000_000);
        }
    }
}

/// Starts a server that sends the same response to every request until the test process ends.
fn answering_server() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for connection in listener.incoming().flatten() {
            thread::spawn(move || answer(connection));
        }
    });
    address
}

/// Answers the requests of a connection. The requests of these tests have no body, so each ends with an empty line.
fn answer(mut connection: TcpStream) {
    let mut received = [0; 1024];
    let mut filled = 0;
    while let Ok(count @ 1..) = connection.read(&mut received[filled..]) {
        filled += count;
        if received[..filled].ends_with(b"\r\n\r\n") {
            filled = 0;
            if connection.write_all(ANSWER).is_err() {
                return;
            }
        }
    }
}

const USERS: u32 = 8;
const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\n\r\nfine";
/// Allocations that do not depend on the number of requests: ticks, and pages of response times seen for the first
/// time. They are some dozens, more on a slow machine. One allocation per request of the rarer task would be over
/// 600.
const SLACK: u64 = 400;
