//! Connections that the server closes, with or without notice: they are replaced, and no request is lost or sent twice.

use std::collections::BTreeSet;

use gregaria_engine::HttpUser;
use gregaria_engine::rt::DriverChoice;
use support::{Nginx, nginx};

use super::run::{DRIVERS, requests, start_on_driver, visitor};

#[test]
fn closed_connections_lose_no_request() {
    for driver in DRIVERS {
        for (keepalive_requests, keepalive_timeout_s, max_connections) in [(5, 60, 8 + 4), (1_000_000, 0, 40)] {
            let options = nginx::NginxOptions { keepalive_requests, keepalive_timeout_s, ..Default::default() };
            let nginx = Nginx::start_with(&options);
            let class = visitor(async |user: &mut HttpUser| {
                user.get("/").await;
                user.post("/upload").body(b"one locust").await;
                user.get("/status/204").await;
                user.get("/redirect/302/").await;
                Ok(())
            });
            let run = start_on_driver(DriverChoice::Only(driver), 4, &nginx.url(""), [class], requests(40));
            let result = run.wait().expect_success();
            let log = nginx.log();
            let redirected = result.counts.get("/redirect/302/").copied().unwrap_or(0);
            assert_eq!((result.total(), log.len() as u64), (40, 40 + redirected), "{options:?} on {driver:?}");
            let connections = log.iter().map(|entry| entry.connection).collect::<BTreeSet<u64>>().len();
            assert!(
                connections >= log.len() / 5 && connections <= max_connections + redirected as usize,
                "{connections}"
            );
        }
    }
}
