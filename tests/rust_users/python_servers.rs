//! The servers of Python's standard library. They send small segments, close connections and omit headers; none of
//! this is a failure.

use std::collections::{BTreeMap, BTreeSet};

use gregaria_engine::HttpUser;
use gregaria_engine::http::Auth;
use gregaria_engine::rt::DriverChoice;
use support::nginx::{PASSWORD, USER};
use support::python_server::{PythonServer, PythonServerKind};

use super::run::{DRIVERS, requests, start, start_on_driver, visitor};

const PAGE: &str = "The desert locust eats its own weight every day.\n";

#[test]
fn counts_match_the_log_of_each_server() {
    for kind in [PythonServerKind::Closing, PythonServerKind::Keeping, PythonServerKind::Lines, PythonServerKind::Wsgi]
    {
        let server = PythonServer::start(kind);
        let mut counts = BTreeMap::new();
        for driver in DRIVERS {
            let class = visitor(async |user: &mut HttpUser| {
                assert_eq!(user.get("/").await.text(), PAGE);
                assert_eq!(user.post("/echo").body(b"one locust").await.text(), "one locust");
                assert_eq!(user.head("/").name("head").expect(200).await.body(), b"");
                Ok(())
            });
            let run = start_on_driver(DriverChoice::Only(driver), 3, &server.url(""), [class], requests(60));
            for (name, count) in run.wait().expect_success().counts {
                *counts.entry(name).or_insert(0) += count;
            }
        }
        assert_eq!((&counts, counts.values().sum::<u64>()), (&requests_per_name(&server), 120), "{kind:?}");
        // HTTP/1.1 keeps connections open, HTTP/1.0 does not.
        let connections = server.log().iter().map(|entry| entry.connection).collect::<BTreeSet<u64>>().len();
        let expected = if matches!(kind, PythonServerKind::Keeping | PythonServerKind::Lines) { 6 } else { 120 };
        assert_eq!(connections, expected, "{kind:?}");
    }
}

#[test]
fn files_and_folders_are_served() {
    let server = PythonServer::start(PythonServerKind::Files);
    let class = visitor(async |user: &mut HttpUser| {
        assert_eq!(user.get("/").await.body().len(), 128);
        // A redirect to `/folder/`.
        assert_eq!(user.get("/folder").name("folder").await.body().len(), 128);
        user.get("/nowhere").expect(404).await;
        user.post("/").name("not supported").body(b"x").expect(501).await;
        Ok(())
    });
    let result = start(1, &server.url(""), [class], requests(20)).wait().expect_success();
    let log = server.log();
    assert_eq!((result.total(), log.len()), (20, 25), "a redirect is one sample and two requests");
    let count = |status| log.iter().filter(|entry| entry.status == status).count();
    assert_eq!([200, 301, 404, 501].map(count), [10, 5, 5, 5]);
}

#[test]
fn chunked_and_close_delimited_bodies_are_read() {
    let server = PythonServer::start(PythonServerKind::Keeping);
    let class = visitor(async |user: &mut HttpUser| {
        assert_eq!(user.get("/chunked").await.text(), "locust");
        assert_eq!(user.get("/until-the-end").await.text(), PAGE);
        user.get("/status/503").await;
        // http.server sends `100 Continue` itself.
        let response = user.post("/echo").header("Expect", "100-continue").body(b"may I?").await;
        assert_eq!(response.text(), "may I?");
        Ok(())
    });
    let result = start(2, &server.url(""), [class], requests(40)).wait();
    assert_eq!(result.failures("/status/503", "HTTP 503 Service Unavailable"), result.counts["/status/503"]);
    assert_eq!((result.errors.len(), result.exceptions.as_slice()), (1, [].as_slice()));
    // The log also has a line for each `100 Continue`.
    let log = server.log();
    let finals = log.iter().filter(|entry| entry.status != 100).count();
    assert_eq!((result.total(), finals as u64), (40, 40));
}

#[test]
fn digest_challenge_is_cached_per_user() {
    for kind in [PythonServerKind::Closing, PythonServerKind::Keeping] {
        let server = PythonServer::start(kind);
        let class = visitor(async |user: &mut HttpUser| {
            user.get("/digest").name("known").auth(Auth::digest(USER, PASSWORD)).expect(200).await;
            user.get("/digest").name("wrong").auth(Auth::digest(USER, "password")).expect(401).await;
            user.get("/digest").name("anonymous").expect(401).await;
            Ok(())
        });
        let result = start(1, &server.url(""), [class], requests(12)).wait().expect_success();
        let log = server.log();
        let count = |status| log.iter().filter(|entry| entry.status == status).count() as u64;
        assert_eq!(count(200), result.counts["known"]);
        // Each anonymous request has one 401. Known credentials have one 401 in total, for the first challenge. Wrong
        // credentials have two 401s, because the client repeats the request: the cached challenge may have been stale.
        assert_eq!(count(401), 1 + 2 * result.counts["wrong"] + result.counts["anonymous"], "{log:?}");
        assert_eq!(result.total(), 12);
    }
}

/// Returns the number of requests in the log per name.
fn requests_per_name(server: &PythonServer) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for entry in server.log() {
        let name = if entry.method == "HEAD" { "head".to_owned() } else { entry.target };
        *counts.entry(name).or_insert(0) += 1;
    }
    counts
}
