//! A hyper server: bodies streamed in both directions, `Expect: 100-continue`, trailers. Counts are checked against
//! its log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gregaria_engine::http::ClientConfig;
use gregaria_engine::rt::DriverChoice;
use gregaria_engine::{HttpUser, Method};
use support::{HostileServer, HyperServer};

use super::generated_body::GeneratedBody;
use super::run::{DRIVERS, requests, start, start_on_driver, visitor, visitor_with};

#[test]
fn methods_and_headers_are_sent() {
    let server = HyperServer::start();
    let class = visitor(async |user: &mut HttpUser| {
        for method in [Method::Get, Method::Put, Method::Patch, Method::Delete, Method::Options] {
            let response = user.request(method, "/count").name("methods").body(b"one locust").await;
            assert_eq!(response.text(), format!("{method} 10"));
        }
        assert_eq!(user.head("/count").await.body(), b"");
        let response =
            user.get("/headers").header("X-Test", "a").header("X-Test", "b c").without_header("Accept").await;
        let text = response.text();
        assert!(text.contains("x-test: a\nx-test: b c\n") && text.contains("user-agent: "), "{text}");
        assert!(!text.contains("accept: "), "{text}");
        Ok(())
    });
    let result = start(2, &server.url(""), [class], requests(70)).wait().expect_success();
    let mut log = BTreeMap::new();
    for entry in server.log() {
        let is_named = entry.target == "/count" && entry.method != "HEAD";
        *log.entry(if is_named { "methods".to_owned() } else { entry.target }).or_insert(0) += 1;
    }
    assert_eq!((result.total(), result.counts), (70, log));
}

#[test]
fn bodies_stream_in_both_directions() {
    for driver in DRIVERS {
        let server = HyperServer::start();
        let class = visitor(async |user: &mut HttpUser| {
            for length in [1, 64 << 10, 10 << 20] {
                for has_known_length in [true, false] {
                    let echo =
                        user.post("/echo").body_from(GeneratedBody::new(length, has_known_length)).discard_body().await;
                    assert_eq!(echo.header("Content-Length").is_some(), has_known_length);
                }
            }
            Ok(())
        });
        let run = start_on_driver(DriverChoice::Only(driver), 1, &server.url(""), [class], requests(6));
        let result = run.wait().expect_success();
        assert_eq!((result.counts["/echo"], server.log().len()), (6, 6));
        assert_eq!(result.bytes["/echo"], 2 * (1 + (64 << 10) + (10 << 20)), "{driver:?}");
        assert_eq!(server.log().iter().map(|entry| entry.connection).collect::<BTreeSet<u64>>().len(), 1);
    }
}

#[test]
fn continue_is_awaited_and_trailers_are_read() {
    let server = HyperServer::start();
    let config = ClientConfig { expect_continue_above_bytes: Some(10_000), ..ClientConfig::default() };
    let class = visitor_with(config, async |user: &mut HttpUser| {
        let generated = GeneratedBody::new(100_000, false);
        assert_eq!(user.post("/count").body_from(generated).await.text(), "POST 100000");
        let trailed = user.get("/trailers").header("TE", "trailers").await;
        assert_eq!((trailed.text().as_ref(), trailed.header("Trailer")), ("in front of trailers", Some("x-checksum")));
        Ok(())
    });
    let result = start(1, &server.url(""), [class], requests(20)).wait().expect_success();
    assert_eq!((result.total(), server.log().len()), (20, 20));
    let connections: BTreeSet<u64> = server.log().iter().map(|entry| entry.connection).collect();
    assert_eq!(connections.len(), 1, "no bytes are left on the connection");
}

#[test]
fn stalled_upload_stops_body_generation() {
    // The server reads the head and stops.
    let hostile = HostileServer::start();
    for driver in DRIVERS {
        for has_known_length in [true, false] {
            let produced = Arc::new(AtomicU64::new(0));
            let counter = Arc::clone(&produced);
            let class = visitor(async move |user: &mut HttpUser| {
                let mut generated = GeneratedBody::new(1 << 40, has_known_length);
                generated.produced_bytes = Arc::clone(&counter);
                user.post("/stall-upload").body_from(generated).read_timeout(Duration::from_millis(300)).await;
                Ok(())
            });
            let run = start_on_driver(DriverChoice::Only(driver), 1, &hostile.url(""), [class], requests(1));
            assert_eq!(run.wait().failures("/stall-upload", "read timeout"), 1);
            // The kernel buffers a few MiB on either side of a connection. The client buffers no more than a chunk.
            let produced = produced.load(Ordering::Relaxed);
            assert!(produced < 32 << 20, "{produced} bytes were generated on {driver:?}");
        }
    }
    assert_eq!(hostile.requests("/stall-upload"), 4);
}
