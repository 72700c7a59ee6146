//! The hostile server, path by path and all paths at once. Every request is one sample with the outcome of its path,
//! and the server has received each request.

use std::time::Duration;

use gregaria_engine::http::{ClientConfig, CookieJar};
use gregaria_engine::rt::DriverChoice;
use gregaria_engine::{HttpUser, TaskSet, UserClass};
use support::HostileServer;

use super::run::{DRIVERS, RunResult, requests, start, start_on_driver, visitor, visitor_with};

/// Paths with a valid response, and the bytes of its body.
const GOOD: &[(&str, u64)] = &[
    ("/ok", 2),
    ("/drip", 2),
    ("/drip-chunks", 2),
    ("/close-delimited", 13),
    ("/http10", 2),
    ("/1xx", 2),
    ("/chunked", 2),
    ("/unasked", 2),
    ("/short-length", 2),
    ("/204-with-body", 0),
    ("/cookies", 2),
    ("/gzip", 1 << 17),
    ("/unknown-coding", 2),
    ("/folded-header", 2),
];

/// Paths that fail, and their error.
const BAD: &[(&str, &str)] = &[
    ("/reset-before", "connection reset"),
    ("/close-before", "connection closed before the response"),
    ("/reset-in-head", "connection reset"),
    ("/close-in-head", CUT_SHORT),
    ("/reset", "connection reset"),
    ("/truncated-length", CUT_SHORT),
    ("/truncated-chunk", CUT_SHORT),
    ("/stall", "read timeout"),
    ("/stall-head", "read timeout"),
    ("/stall-body", "read timeout"),
    ("/garbage", "invalid response: not HTTP/1.0 or HTTP/1.1"),
    ("/random", "invalid response: not HTTP/1.0 or HTTP/1.1"),
    ("/http09", "invalid response: not HTTP/1.0 or HTTP/1.1"),
    ("/http2", "invalid response: not HTTP/1.0 or HTTP/1.1"),
    ("/bad-length", "invalid response: bad Content-Length"),
    ("/negative-length", "invalid response: bad Content-Length"),
    ("/two-lengths", "invalid response: more than one Content-Length"),
    ("/length-and-chunks", "invalid response: both Content-Length and Transfer-Encoding"),
    ("/gzipped-chunks", "invalid response: unsupported Transfer-Encoding"),
    ("/bad-chunk", "invalid response: bad chunk size"),
    ("/negative-chunk", "invalid response: bad chunk size"),
    ("/largest-chunk", "invalid response: bad chunk size"),
    ("/unended-chunk", "invalid response: malformed chunk"),
    ("/nul-header", "invalid response: malformed header value"),
    ("/cookie-flood", "too many response headers"),
    ("/endless-headers", "too many response headers"),
    ("/endless-line", "response head too large"),
    ("/endless-extensions", "chunk extensions too large"),
    ("/endless-trailers", "trailers too large"),
    ("/1xx-storm", "too many interim (1xx) responses"),
    ("/huge", "response body too large"),
    ("/huge-chunked", "response body too large"),
    ("/gzip-bomb", "response body grows too much when decompressed"),
    ("/large-gzip", "decompressed response body too large"),
    ("/not-gzip", "response body does not match its Content-Encoding"),
    ("/cut-gzip", "response body does not match its Content-Encoding"),
    ("/early", "HTTP 413 Payload Too Large"),
    ("/redirect-loop", "too many redirects"),
    ("/redirect-nowhere", "redirect to a URL that is invalid, or not http or https"),
    ("/redirect-ftp", "redirect to a URL that is invalid, or not http or https"),
];

const CUT_SHORT: &str = "connection closed in the middle of the response";

#[test]
fn each_path_has_its_outcome() {
    for driver in DRIVERS {
        let hostile = HostileServer::start();
        let paths = || GOOD.iter().map(|(path, _)| *path).chain(BAD.iter().map(|(path, _)| *path));
        let total = paths().count() as u64;
        let class = visitor_with(small_bodies(), async move |user: &mut HttpUser| {
            for path in paths() {
                user.get(path).read_timeout(read_timeout_of(path)).await;
            }
            Ok(())
        });
        let result = start_on_driver(DriverChoice::Only(driver), 1, &hostile.url(""), [class], requests(total)).wait();
        expect_server_counts(&result, &hostile, total);
        assert!(paths().all(|path| result.counts[path] == 1), "{driver:?}");
        // Of the paths without a response, only this one follows a response that keeps its connection.
        let retried = result.retries.iter().filter(|(_, count)| **count > 0);
        assert_eq!(retried.collect::<Vec<_>>(), [(&"/reset-before".to_owned(), &1)], "{driver:?}");
    }
}

#[test]
fn twenty_users_on_all_paths_lose_no_request() {
    for driver in DRIVERS {
        let hostile = HostileServer::start();
        let mut tasks = TaskSet::new("Meet");
        let paths = GOOD.iter().map(|(path, _)| *path).chain(BAD.iter().map(|(path, _)| *path));
        for (index, path) in paths.enumerate() {
            tasks = tasks.task_named(path, 1, async move |user: &mut HttpUser| {
                // Every second path is a POST. The body is small enough to be sent with the head.
                let request = if index % 2 == 0 { user.get(path) } else { user.post(path).body(&[b'b'; 1000]) };
                request.read_timeout(read_timeout_of(path)).await;
                Ok(())
            });
        }
        let class = UserClass::http("Visitor").client(small_bodies()).tasks(tasks);
        let result = start_on_driver(DriverChoice::Only(driver), 20, &hostile.url(""), [class], requests(500)).wait();
        expect_server_counts(&result, &hostile, 500);
    }
}

#[test]
fn response_before_the_end_of_the_body_is_read() {
    for driver in DRIVERS {
        let hostile = HostileServer::start();
        let class = visitor(async |user: &mut HttpUser| {
            let body = vec![b'b'; 4 << 20];
            user.post("/early").body(&body).expect(413).await;
            user.get("/ok").await;
            Ok(())
        });
        let run = start_on_driver(DriverChoice::Only(driver), 2, &hostile.url(""), [class], requests(12));
        let result = run.wait().expect_success();
        assert_eq!(result.counts, hostile.requests_per_path(), "{driver:?}");
        // Each rejected body closes its connection.
        assert!(hostile.connections() >= result.counts["/early"], "{}", hostile.connections());
    }
}

#[test]
fn cookie_jar_is_limited() {
    let hostile = HostileServer::start();
    let class = visitor(async |user: &mut HttpUser| {
        user.get("/cookies").await;
        user.get("/echo").await;
        Ok(())
    });
    let result = start(1, &hostile.url(""), [class], requests(4)).wait().expect_success();
    // The first 90 cookies displace 26 of their own, the second displace 90.
    assert_eq!(result.overflow.dropped_cookies, 26 + 90);
    // The first request has no cookies. Of the ninety cookies the jar keeps the latest.
    let (received, max) = (hostile.received(), CookieJar::MAX_COOKIES);
    let cookies: Vec<usize> = received.iter().map(|request| request.matches("crumb").count()).collect();
    assert_eq!(cookies, [0, max, max, max]);
    assert!(received[3].contains("crumb89=1") && !received[3].contains("crumb0=1"), "{received:?}");
}

fn small_bodies() -> ClientConfig {
    let mut config = ClientConfig::default();
    config.limits.max_body_bytes = 1_000_000;
    config.limits.max_decoded_bytes = 2_000_000;
    // Deflate compresses zeros to a little less than a thousandth.
    config.limits.max_decoded_ratio = 500;
    config
}

/// Returns a short timeout for paths that never respond, and a long one for paths that may be slow on a busy machine.
fn read_timeout_of(path: &str) -> Duration {
    if path.starts_with("/stall") { Duration::from_millis(200) } else { Duration::from_secs(60) }
}

/// Checks that every sample and every retry was a request of the server, and that each sample has the outcome and the
/// bytes of its path.
fn expect_server_counts(result: &RunResult, hostile: &HostileServer, total: u64) {
    assert_eq!((result.total(), result.report.aborted, result.exceptions.len()), (total, 0, 0));
    for (path, count) in &result.counts {
        // The first request and thirty followed redirects.
        let each = if path == "/redirect-loop" { 31 } else { 1 };
        assert_eq!(hostile.requests(path), count * each + result.retries[path], "{path}: {:?}", result.errors);
        let failures = result.errors.iter().filter(|(name, ..)| name == path).map(|(_, error, _)| error.as_str());
        let failures: Vec<&str> = failures.collect();
        if let Some((_, bytes)) = GOOD.iter().find(|(good, _)| good == path) {
            assert_eq!((failures.as_slice(), result.bytes[path]), ([].as_slice(), count * bytes), "{path}");
        } else {
            let (_, expected) = BAD.iter().find(|(bad, _)| bad == path).expect("the path is in GOOD or BAD");
            assert_eq!(
                (failures.as_slice(), result.failures(path, expected)),
                ([*expected].as_slice(), *count),
                "{path}"
            );
        }
    }
}
