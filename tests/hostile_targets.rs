//! Failing targets: each failure is a named row in the error table, and the run continues to its end. The failures are
//! tested one by one in `rust_users/hostile.rs`.
//!
//! Most runs have an exact number of requests (`-n`). A lost user would make such a run endless, and a lost request
//! would make its count wrong.

use std::path::Path;

use support::hostile::{ANY_PATHS, RefusingAddress, UnansweringAddress};
use support::{FinishedProgram, HostileServer, gregaria};

#[test]
fn all_failures_in_turn_are_counted_in_100_mib() {
    // Error rows and the number of paths with each.
    let rows = [
        ("connection reset", 2),
        ("connection closed before the response", 1),
        ("connection closed in the middle of the response", 3),
        ("invalid response: not HTTP/1.0 or HTTP/1.1", 2),
        ("invalid response: bad chunk size", 1),
        ("invalid response: more than one Content-Length", 1),
        ("too many response headers (--limit headers)", 2),
        ("response head too large (--limit head-bytes)", 1),
        ("chunk extensions too large (--limit chunk-extension-bytes)", 1),
        ("trailers too large (--limit trailer-bytes)", 1),
        ("too many interim (1xx) responses (--limit informational)", 1),
        ("too many redirects", 1),
        ("redirect to a URL that is invalid, or not http or https", 1),
    ];
    const ROUNDS: u64 = 30;
    let total = ROUNDS * ANY_PATHS.len() as u64;
    for driver in ["io_uring", "epoll"] {
        let hostile = HostileServer::start();
        // A POST is never sent again, so the server receives each request once.
        let run = gregaria().arg(hostile.url("/any")).args("-X POST -u 20 --json -n").arg(total.to_string());
        let running = run.env("GREGARIA_DRIVER", driver).start();
        let mut peak_bytes = 0;
        running.wait_until(|| match running.peak_memory_bytes() {
            Some(bytes) => {
                peak_bytes = bytes;
                false
            }
            None => true,
        });
        let run = running.finish().expect_code(1);
        let failures: u64 = rows.iter().map(|(_, paths)| paths * ROUNDS).sum();
        assert_eq!((run.entry().num_requests, run.entry().num_failures), (total, failures), "{driver}");
        for (row, paths) in rows {
            let named = run.errors().into_iter().filter(|error| error.text.ends_with(&format!(": {row}")));
            let named: u64 = named.map(|error| error.occurrences).sum();
            assert_eq!(named, paths * ROUNDS, "{row} on {driver}: {}", run.stderr);
        }
        assert_eq!(hostile.requests("/any"), total);
        assert!((1 << 20..100 << 20).contains(&peak_bytes), "{peak_bytes} bytes on {driver}");
    }
}

#[test]
fn unreachable_targets_are_error_rows() {
    expect_failures(&RefusingAddress::start().url("/"), 6, "connection refused");
    // A label of more than 63 letters is rejected without a query to a name server.
    expect_failures(&format!("http://{}.invalid/", "x".repeat(64)), 6, "host name not found");
}

#[test]
fn requests_without_response_are_cut_off() {
    let hostile = HostileServer::start();
    for path in ["/stall", "/stall-body"] {
        expect_aborted(&hostile.url(path));
        assert_eq!(hostile.requests(path), 3);
    }
    expect_aborted(&UnansweringAddress::start().url("/"));
}

#[test]
fn closed_idle_connection_loses_no_get() {
    for driver in ["io_uring", "epoll"] {
        let hostile = HostileServer::start();
        let run = gregaria().arg(hostile.url("/close-idle?ms=1")).args("-n 30 -u 2 --json");
        let run = run.env("GREGARIA_DRIVER", driver).run().expect_code(0);
        let entry = run.entry();
        assert_eq!((entry.num_requests, entry.num_failures), (30, 0), "{driver}");
        // The server closes without reading, so it has received each request once.
        assert_eq!(hostile.requests("/close-idle"), 30, "{driver}");
        assert!(entry.num_retries > 0, "{driver}: every idle connection was closed before its next request");
        let line = format!("{} requests sent again: the target had closed the kept connection", entry.num_retries);
        assert!(run.stderr.contains(&line), "{driver}: {}", run.stderr);
    }
}

#[test]
fn closed_idle_connection_is_replaced_or_fails_a_post() {
    let hostile = HostileServer::start();
    let run = gregaria().arg(hostile.url("/close-idle?ms=1")).args("-X POST -n 30 -u 2 --json").run();
    assert!(run.code == Some(0) || run.code == Some(1), "{}", run.stderr);
    let entry = run.entry();
    assert_eq!((entry.num_requests, entry.num_retries), (30, 0));
    let named = ["connection reset", "connection closed before the response"];
    let rows = run.errors().into_iter().filter(|row| named.iter().any(|name| row.text.ends_with(name)));
    assert_eq!(rows.map(|row| row.occurrences).sum::<u64>(), entry.num_failures, "{}", run.stderr);
}

#[test]
fn failing_target_does_not_stop_a_timed_run() {
    let hostile = HostileServer::start();
    let run = gregaria().arg(hostile.url("/close-before")).args("-u 3 -t 1s --json").run().expect_code(1);
    let entry = run.entry();
    assert_eq!(entry.num_requests, entry.num_failures);
    assert!(entry.num_requests > 3, "users go on after a failure");
    assert_eq!(entry.num_requests, hostile.requests("/close-before"));
}

#[test]
fn machine_limit_is_named_in_the_error_row() {
    let hostile = HostileServer::start();
    // No request gets a response, so all sixty users need a connection at the same time.
    let run = gregaria().arg(hostile.url("/stall")).args("-u 60 -t 1s -s 0 --json");
    // Enough files for the start of the program, too few for sixty connections.
    let run = run.wrapped_by(Path::new("/bin/sh"), &["-c", "ulimit -n 40; exec \"$@\"", "sh"]).run().expect_code(1);
    let entry = run.entry();
    assert_eq!(entry.num_requests, entry.num_failures);
    let rows = run.errors();
    assert!(rows[0].occurrences == entry.num_failures && entry.num_failures > 0, "{rows:?}");
    assert!(rows[0].text.ends_with("out of file descriptors on this machine: raise ulimit -n"), "{rows:?}");
}

fn expect_failures(url: &str, count: u64, error: &str) {
    let run = gregaria().arg(url).args("-u 2 --json -n").arg(count.to_string()).run().expect_code(1);
    let entry = run.entry();
    assert_eq!((entry.num_requests, entry.num_failures), (count, count), "{url}");
    let rows = run.errors();
    let named: u64 = rows.iter().filter(|row| row.text.contains(error)).map(|row| row.occurrences).sum();
    assert_eq!(named, count, "{url}: {error:?} in {rows:?}");
}

fn expect_aborted(url: &str) {
    let run: FinishedProgram = gregaria().arg(url).args("-u 3 -t 1s -s 0.2 --json").run().expect_code(1);
    let entry = run.entry();
    assert_eq!((entry.num_requests, entry.aborted.count), (0, 3), "{url}: {}", run.stdout);
    assert!(entry.aborted.max_wait > 1000.0, "{url}: {}", run.stdout);
    assert!(run.stderr.contains("Unanswered requests") && run.stderr.contains("3 requests cut off"), "{}", run.stderr);
}
