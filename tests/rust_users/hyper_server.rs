//! A hyper server: bodies that stream both ways, leave to send one, trailers. Requests are those of its log.

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
fn methods_and_headers_arrive_as_given() {
    let server = HyperServer::start();
    let class = visitor(async |user: &mut HttpUser| {
        for method in [Method::Get, Method::Put, Method::Patch, Method::Delete, Method::Options] {
            let answer = user.request(method, "/count").name("methods").body(b"one locust").await;
            assert_eq!(answer.text(), format!("{method} 10"));
        }
        assert_eq!(user.head("/count").await.body(), b"");
        let given = user.get("/headers").header("X-Test", "a").header("X-Test", "b c").without_header("Accept").await;
        let text = given.text();
        assert!(text.contains("x-test: a\nx-test: b c\n") && text.contains("user-agent: "), "{text}");
        assert!(!text.contains("accept: "), "{text}");
        Ok(())
    });
    let outcome = start(2, &server.url(""), [class], requests(70)).wait().expect_success();
    let mut log = BTreeMap::new();
    for logged in server.log() {
        let is_named = logged.target == "/count" && logged.method != "HEAD";
        *log.entry(if is_named { "methods".to_owned() } else { logged.target }).or_insert(0) += 1;
    }
    assert_eq!((outcome.total(), outcome.counts), (70, log));
}

#[test]
fn bodies_stream_both_ways() {
    for ring in DRIVERS {
        let server = HyperServer::start();
        let class = visitor(async |user: &mut HttpUser| {
            for length in [1, 64 << 10, 10 << 20] {
                for tells_length in [true, false] {
                    let echo =
                        user.post("/echo").body_from(GeneratedBody::new(length, tells_length)).discard_body().await;
                    assert_eq!(echo.header("Content-Length").is_some(), tells_length);
                }
            }
            Ok(())
        });
        let run = start_on_driver(DriverChoice::Only(ring), 1, &server.url(""), [class], requests(6));
        let outcome = run.wait().expect_success();
        assert_eq!((outcome.counts["/echo"], server.log().len()), (6, 6));
        assert_eq!(outcome.bytes["/echo"], 2 * (1 + (64 << 10) + (10 << 20)), "{ring:?}");
        assert_eq!(server.log().iter().map(|logged| logged.connection).collect::<BTreeSet<u64>>().len(), 1);
    }
}

#[test]
fn leave_to_send_is_given_and_trailers_are_read() {
    let server = HyperServer::start();
    let config = ClientConfig { expect_continue_above_bytes: Some(10_000), ..ClientConfig::default() };
    let class = visitor_with(config, async |user: &mut HttpUser| {
        let letters = GeneratedBody::new(100_000, false);
        assert_eq!(user.post("/count").body_from(letters).await.text(), "POST 100000");
        let trailed = user.get("/trailers").header("TE", "trailers").await;
        assert_eq!((trailed.text().as_ref(), trailed.header("Trailer")), ("in front of trailers", Some("x-checksum")));
        Ok(())
    });
    let outcome = start(1, &server.url(""), [class], requests(20)).wait().expect_success();
    assert_eq!((outcome.total(), server.log().len()), (20, 20));
    let connections: BTreeSet<u64> = server.log().iter().map(|logged| logged.connection).collect();
    assert_eq!(connections.len(), 1, "nothing was left behind on the connection");
}

#[test]
fn an_upload_is_asked_for_no_more_than_the_target_takes() {
    // It reads one piece of the body and then no more.
    let hostile = HostileServer::start();
    for ring in DRIVERS {
        for tells_length in [true, false] {
            let given = Arc::new(AtomicU64::new(0));
            let counter = Arc::clone(&given);
            let class = visitor(async move |user: &mut HttpUser| {
                let mut letters = GeneratedBody::new(1 << 40, tells_length);
                letters.produced_bytes = Arc::clone(&counter);
                user.post("/stall-upload").body_from(letters).read_timeout(Duration::from_millis(300)).await;
                Ok(())
            });
            let run = start_on_driver(DriverChoice::Only(ring), 1, &hostile.url(""), [class], requests(1));
            assert_eq!(run.wait().failures("/stall-upload", "read timeout"), 1);
            // What the kernel keeps of a connection is a few MiB on either side; nobody else keeps any.
            let given = given.load(Ordering::Relaxed);
            assert!(given < 32 << 20, "{given} bytes were asked for on {ring:?}");
        }
    }
    assert_eq!(hostile.requests("/stall-upload"), 4);
}
