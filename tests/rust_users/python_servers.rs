//! Python's own servers, which write small pieces, end connections, or say little: none of it is a failure.

use std::collections::{BTreeMap, BTreeSet};

use gregaria_engine::HttpUser;
use gregaria_engine::http::Auth;
use gregaria_engine::rt::DriverChoice;
use support::nginx::{PASSWORD, USER};
use support::python_server::{PythonServer, PythonServerKind};

use super::run::{DRIVERS, requests, start, start_on_driver, visitor};

const PAGE: &str = "The desert locust eats its own weight every day.\n";

#[test]
fn each_kind_answers_what_it_logs() {
    for kind in [PythonServerKind::Closing, PythonServerKind::Keeping, PythonServerKind::Lines, PythonServerKind::Wsgi]
    {
        let server = PythonServer::start(kind);
        let mut counts = BTreeMap::new();
        for ring in DRIVERS {
            let class = visitor(async |user: &mut HttpUser| {
                assert_eq!(user.get("/").await.text(), PAGE);
                assert_eq!(user.post("/echo").body(b"one locust").await.text(), "one locust");
                assert_eq!(user.head("/").name("head").expect(200).await.body(), b"");
                Ok(())
            });
            let run = start_on_driver(DriverChoice::Only(ring), 3, &server.url(""), [class], requests(60));
            for (name, count) in run.wait().expect_success().counts {
                *counts.entry(name).or_insert(0) += count;
            }
        }
        assert_eq!((&counts, counts.values().sum::<u64>()), (&logged(&server), 120), "{kind:?}");
        // HTTP/1.1 keeps connections, HTTP/1.0 none.
        let connections = server.log().iter().map(|logged| logged.connection).collect::<BTreeSet<u64>>().len();
        let wanted = if matches!(kind, PythonServerKind::Keeping | PythonServerKind::Lines) { 6 } else { 120 };
        assert_eq!(connections, wanted, "{kind:?}");
    }
}

#[test]
fn files_and_folders_are_found() {
    let server = PythonServer::start(PythonServerKind::Files);
    let class = visitor(async |user: &mut HttpUser| {
        assert_eq!(user.get("/").await.body().len(), 128);
        // To `/folder/`.
        assert_eq!(user.get("/folder").name("folder").await.body().len(), 128);
        user.get("/nowhere").expect(404).await;
        user.post("/").name("not supported").body(b"x").expect(501).await;
        Ok(())
    });
    let outcome = start(1, &server.url(""), [class], requests(20)).wait().expect_success();
    let log = server.log();
    assert_eq!((outcome.total(), log.len()), (20, 25), "a redirect is one sample and two requests");
    let count = |status| log.iter().filter(|logged| logged.status == status).count();
    assert_eq!([200, 301, 404, 501].map(count), [10, 5, 5, 5]);
}

#[test]
fn rarer_answers_are_read_to_their_end() {
    let server = PythonServer::start(PythonServerKind::Keeping);
    let class = visitor(async |user: &mut HttpUser| {
        assert_eq!(user.get("/chunked").await.text(), "locust");
        assert_eq!(user.get("/until-the-end").await.text(), PAGE);
        user.get("/status/503").await;
        // http.server says `100 Continue` by itself.
        let asked = user.post("/echo").header("Expect", "100-continue").body(b"may I?").await;
        assert_eq!(asked.text(), "may I?");
        Ok(())
    });
    let outcome = start(2, &server.url(""), [class], requests(40)).wait();
    assert_eq!(outcome.failures("/status/503", "HTTP 503 Service Unavailable"), outcome.counts["/status/503"]);
    assert_eq!((outcome.errors.len(), outcome.exceptions.as_slice()), (1, [].as_slice()));
    // The line of the `100` is one of the log's, too.
    let log = server.log();
    let finals = log.iter().filter(|logged| logged.status != 100).count();
    assert_eq!((outcome.total(), finals as u64), (40, 40));
}

#[test]
fn a_digest_is_made_of_what_the_server_has_asked_for() {
    for kind in [PythonServerKind::Closing, PythonServerKind::Keeping] {
        let server = PythonServer::start(kind);
        let class = visitor(async |user: &mut HttpUser| {
            user.get("/digest").name("known").auth(Auth::digest(USER, PASSWORD)).expect(200).await;
            user.get("/digest").name("wrong").auth(Auth::digest(USER, "password")).expect(401).await;
            user.get("/digest").name("stranger").expect(401).await;
            Ok(())
        });
        let outcome = start(1, &server.url(""), [class], requests(12)).wait().expect_success();
        let log = server.log();
        let count = |status| log.iter().filter(|logged| logged.status == status).count() as u64;
        assert_eq!(count(200), outcome.counts["known"]);
        // A stranger is asked each time. Who knows what is asked for answers at once, and once more if that was
        // refused: the question may have been an old one.
        assert_eq!(count(401), 1 + 2 * outcome.counts["wrong"] + outcome.counts["stranger"], "{log:?}");
        assert_eq!(outcome.total(), 12);
    }
}

/// Requests in the log by the names that they were given.
fn logged(server: &PythonServer) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for logged in server.log() {
        let name = if logged.method == "HEAD" { "head".to_owned() } else { logged.target };
        *counts.entry(name).or_insert(0) += 1;
    }
    counts
}
