//! The end of a run by number, time or signal: requests in flight, aborted requests, counts.
//!
//! The server's log is the reference for counts. The duration of an end is tested in the simulator, not here.

use support::program::Signal;
use support::{HostileServer, Nginx, gregaria};

#[test]
fn number_of_requests_is_exact() {
    let nginx = Nginx::start();
    let mut sent = 0;
    for (users, requests) in [(1, 1), (7, 100), (10, 3), (16, 1234)] {
        let run = gregaria().arg(nginx.url("/")).args(&format!("-u {users} -n {requests} --json")).run().expect_code(0);
        assert_eq!(run.entry().num_requests, requests);
        sent += requests;
        assert_eq!(nginx.log().len() as u64, sent, "{users} users, {requests} requests");
    }
}

#[test]
fn failures_count_towards_the_number() {
    let nginx = Nginx::start();
    let run = gregaria().arg(nginx.url("/status/500")).args("-u 4 -n 101 --json").run().expect_code(1);
    assert_eq!((run.entry().num_requests, run.entry().num_failures), (101, 101));
    assert_eq!(nginx.log().len(), 101);
}

#[test]
fn requests_in_flight_are_completed() {
    let hostile = HostileServer::start();
    let run = gregaria().arg(hostile.url("/slow?ms=700")).args("-u 4 -t 1s -s 20 --json").run().expect_code(0);
    let entry = run.entry();
    assert_eq!((entry.num_requests, entry.num_failures), (hostile.requests("/slow"), 0));
    assert!(!run.stderr.contains("cut off"), "{}", run.stderr);
}

#[test]
fn unfinished_requests_are_cut_off_and_reported() {
    let hostile = HostileServer::start();
    let run = gregaria().arg(hostile.url("/slow?ms=20000")).args("-u 4 -t 1s -s 0 --json").run().expect_code(1);
    assert_eq!((run.entry().num_requests, run.entry().aborted.count), (0, 4), "{}", run.stdout);
    assert!(run.stderr.contains("4 requests cut off"), "{}", run.stderr);
}

#[test]
fn signal_ends_the_run_with_its_tables() {
    for signal in [Signal::INT, Signal::TERM] {
        let nginx = Nginx::start();
        let running = gregaria().arg(nginx.url("/")).args("-u 4 --json").start();
        running.wait_until(|| nginx.log().len() >= 10);
        running.signal(signal);
        let run = running.finish().expect_code(0);
        assert_eq!(run.entry().num_requests, nginx.log().len() as u64, "{signal:?}");
        assert!(run.stderr.contains("Response time percentiles"), "{}", run.stderr);
    }
}

#[test]
fn signal_keeps_the_exit_code_of_failures() {
    let nginx = Nginx::start();
    let running = gregaria().arg(nginx.url("/status/404")).args("-u 2 --exit-code-on-error 9").start();
    running.wait_until(|| nginx.log().len() >= 10);
    running.signal(Signal::INT);
    let run = running.finish().expect_code(9);
    assert!(!run.errors().is_empty());
}

#[test]
fn second_signal_ends_immediately() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let hostile = HostileServer::start();
        let running = gregaria().arg(hostile.url("/slow?ms=60000")).args("-u 2 -s 60").time_limit_s(30).start();
        running.wait_until(|| hostile.requests("/slow") >= 2);
        running.signal(signal);
        running.wait_for_stderr("a second signal ends it at once");
        running.signal(signal);
        let run = running.finish();
        assert_eq!(run.code, Some(code), "{}", run.stderr);
    }
}

#[test]
fn reset_stats_drops_requests_before_full_load() {
    let nginx = Nginx::start();
    let run = gregaria().arg(nginx.url("/")).args("-u 4 -r 4 -t 2s --json");
    let run = run.arg("--reset-stats").run().expect_code(0);
    let entry = nginx.log().len() as u64;
    let counted = run.entry().num_requests;
    assert!(0 < counted && counted < entry, "{counted} of {entry}");
}
