//! A request's way through a whole shard allocates nothing: a run of twice as many requests, over real sockets, allocates
//! as much as one of half.
//!
//! The shard runs on the test's own thread, since allocations are counted per thread; the swarm's side of its link and
//! the server are other threads.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::Arc,
    thread,
    time::Duration,
};

use allocation_counter::measure;
use gregaria_stats::Limits;

use super::{ShardContext, shard::ShardLoop};
use crate::{
    Segment, Swarm,
    control::Coordinator,
    rt::{self, DriverChoice, DriverKind, Resolver},
    user::{HttpUser, RustScenario, TaskResult, TaskSet, UserClass},
};

#[test]
fn a_request_allocates_nothing_from_task_to_sample() {
    let server = answering_server();
    for ring in [DriverChoice::Auto, DriverChoice::Only(DriverKind::Epoll)] {
        // Fills the thread's pools.
        allocations(&frugal(server), ring, 1_000);
        let fewer = allocations(&frugal(server), ring, 2_000);
        let more = allocations(&frugal(server), ring, 4_000);
        assert!(more < fewer + SLACK, "{ring:?}: 2000 requests took {fewer} allocations, 4000 took {more}");
    }
}

#[test]
fn what_allocates_per_request_is_seen() {
    let server = answering_server();
    let fewer = allocations(&wasteful(server), DriverChoice::Auto, 2_000);
    let more = allocations(&wasteful(server), DriverChoice::Auto, 4_000);
    assert!(more >= fewer + 2_000 - SLACK, "2000 requests took {fewer} allocations, 4000 took {more}");
}

/// Two tasks with all that a scenario does often: names, expectations, a caught response.
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

/// A header that is added to a request is kept in a list of the request's own.
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

/// Runs one shard with a few users until it has recorded `requests`, and counts its thread's allocations.
fn allocations(scenario: &Arc<RustScenario>, ring: DriverChoice, requests: u64) -> u64 {
    let mut places = Coordinator::new(1);
    let link = places.add_agent();
    let swarm = thread::spawn(move || steer(places, requests));
    let scenario = Arc::clone(scenario);
    let counted = measure(|| {
        rt::block_on(ring, |rt, _| async move {
            let book = Arc::<Resolver>::default();
            let shard = ShardContext::new(rt, book, &scenario, Limits::default(), 1);
            ShardLoop::new(shard, scenario, link).run().await;
        })
        .unwrap();
    });
    assert_eq!(swarm.join().unwrap(), (requests, 0), "recorded and failed");
    counted.count_total
}

/// The swarm's side of a run: returns how many requests were recorded, and how many of them had failed.
fn steer(mut places: Coordinator, requests: u64) -> (u64, u64) {
    places.start_run(Some(requests));
    places.apply_segment(&Segment::at_rate(0, vec![0], vec![USERS], f64::INFINITY));
    let (mut recorded, mut failed, mut stopping) = (0, 0, false);
    loop {
        rt::sleep_blocking(Duration::from_millis(1));
        let report = places.collect(&mut |interval| {
            recorded += interval.num_requests();
            failed += interval.num_failures();
        });
        if report.stopped {
            places.shutdown();
            return (recorded, failed);
        }
        if recorded == requests && !stopping {
            stopping = true;
            places.stop(rt::now_ns() + 1_000_000_000);
        }
    }
}

/// A server that gives every request the same answer for as long as the test process lives.
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

/// Requests have no body here, so an empty line is a request's end.
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
/// Ticks, and pages of response times that were not met before, allocate a little: some dozens, more on a slow machine.
/// One allocation in every request of the rarer task would be over 600.
const SLACK: u64 = 400;
