//! HTTP of common servers: framings, connections, interim responses.
//!
//! All responses are valid, so no run fails. Invalid responses are tested in `hostile_targets`.

use std::collections::BTreeSet;
use std::net::Ipv6Addr;
use std::process::Command;
use std::time::Duration;
use std::{fs, thread};

use gregaria_engine::rt;
use support::{HostileServer, Nginx, gregaria, nginx};

#[test]
fn each_user_reuses_one_connection() {
    let nginx = Nginx::start();
    let _ = gregaria().arg(nginx.url("/")).args("-n 200 -u 5").run().expect_code(0);
    assert!(connections(&nginx) <= 5);
}

#[test]
fn closed_connection_is_replaced() {
    let nginx = Nginx::start_with(&nginx::NginxOptions { keepalive_requests: 10, ..Default::default() });
    let run = gregaria().arg(nginx.url("/")).args("-n 200 -u 2 --json").run().expect_code(0);
    assert_eq!((run.entry().num_requests, run.entry().num_failures), (200, 0));
    assert!(connections(&nginx) >= 20);
}

#[test]
fn server_without_keep_alive_is_supported() {
    let nginx = Nginx::start_with(&nginx::NginxOptions { keepalive_timeout_s: 0, ..Default::default() });
    let run = gregaria().arg(nginx.url("/")).args("-n 100 -u 4 --json").run().expect_code(0);
    assert_eq!(run.entry().num_failures, 0);
    assert_eq!(connections(&nginx), 100);
}

#[test]
fn authorities_are_read_before_the_first_handshake() {
    let nginx = Nginx::start_with(&nginx::NginxOptions { tls: Some(nginx::NginxTls::AnyClient), ..Default::default() });
    // The authorities come from a pipe that has no data for 1 s: a handshake that read them would take as long.
    let folder = tempfile::tempdir().unwrap();
    let pipe = folder.path().join("authorities");
    assert!(Command::new("mkfifo").arg(&pipe).status().is_ok_and(|status| status.success()));
    let program = gregaria().arg(nginx.url("/")).args("-n 3 -u 1 --json");
    let program = program.env("SSL_CERT_FILE", &pipe).env("SSL_CERT_DIR", folder.path().join("none"));
    let authority = fs::read(nginx.authority()).unwrap();
    let writer = thread::spawn(move || {
        rt::sleep_blocking(Duration::from_secs(1));
        fs::write(pipe, authority).unwrap();
    });
    let entry = program.run().expect_code(0).entry();
    writer.join().unwrap();
    assert_eq!((entry.num_requests, entry.phases["tls"].count), (3, 1));
    assert!(entry.phases["tls"].max_time < 1_000.0, "{:?}", entry.phases);
}

#[test]
fn chunked_bodies_are_counted_without_framing() {
    let nginx = Nginx::start_with(&nginx::NginxOptions { files: vec![("/large", 200_000)], ..Default::default() });
    let run = gregaria().arg(nginx.url("/chunked/large")).args("-n 20 -u 2 --json").run().expect_code(0);
    assert_eq!(run.entry().total_content_length, 20 * 200_000);
}

#[test]
fn responses_without_a_body_have_none() {
    let nginx = Nginx::start();
    for (path, method) in [("/", "HEAD"), ("/status/204", "GET"), ("/status/304", "GET")] {
        let run = gregaria().arg(nginx.url(path)).args("-n 20 -u 2 --json -X").arg(method).run().expect_code(0);
        assert_eq!(run.entry().total_content_length, 0, "{method} {path}");
    }
    assert!(connections(&nginx) <= 6, "waiting for a body would have closed connections");
}

#[test]
fn rare_framings_are_supported() {
    let hostile = HostileServer::start();
    let bodies =
        [("/close-delimited", 13), ("/http10", 2), ("/1xx", 2), ("/chunked", 2), ("/drip?ms=1", 2), ("/unasked", 2)];
    for (path, body_bytes) in bodies {
        let run = gregaria().arg(hostile.url(path)).args("-n 6 -u 2 --json").run().expect_code(0);
        let entry = run.entry();
        assert_eq!((entry.num_requests, entry.num_failures), (6, 0), "{path}");
        assert_eq!(entry.total_content_length, 6 * body_bytes, "{path}");
        assert_eq!(hostile.requests(path.split('?').next().unwrap_or(path)), 6, "{path}");
    }
}

#[test]
fn response_time_includes_a_slow_response() {
    let hostile = HostileServer::start();
    let run = gregaria().arg(hostile.url("/slow?ms=120")).args("-n 4 -u 2 --json").run().expect_code(0);
    let fastest = run.entry().min_response_time.expect("there were requests");
    assert!(fastest >= 120.0, "{fastest} ms");
}

#[test]
fn phases_are_reported() {
    let hostile = HostileServer::start();
    let run = gregaria().arg(hostile.url("/slow?ms=60")).args("-n 3 -u 1 --json").run().expect_code(0);
    let phases = run.entry().phases;
    let counts: Vec<(&str, u64)> = phases.iter().map(|(name, phase)| (name.as_str(), phase.count)).collect();
    assert_eq!(counts, [("body", 0), ("connect", 1), ("first_byte", 3), ("resolve", 0), ("tls", 0)]);
    let first_byte = phases["first_byte"];
    assert!(first_byte.total_time >= 3.0 * 60.0 && first_byte.max_time >= 60.0, "{first_byte:?}");
    assert!(run.stderr.contains("\nRequests with a connect: 1 (avg "), "{}", run.stderr);
    let run = gregaria().arg(hostile.url("/drip?ms=2")).args("-n 3 -u 1 --json").run().expect_code(0);
    let body = run.entry().phases["body"];
    assert!(body.count == 3 && body.max_time >= 2.0, "{body:?}");
}

#[test]
fn hosts_may_be_names_and_ipv6_addresses() {
    let hostile = HostileServer::start_on(Ipv6Addr::LOCALHOST.into());
    let _ = gregaria().arg(hostile.url("/ok")).args("-n 2 -u 1").run().expect_code(0);
    assert!(hostile.received()[0].contains(&format!("\r\nHost: [::1]:{}\r\n", hostile.address().port())));
    let hostile = HostileServer::start();
    let host = format!("localhost:{}", hostile.address().port());
    let _ = gregaria().arg(format!("http://{host}/ok")).args("-n 2 -u 1").run().expect_code(0);
    assert!(hostile.received()[0].contains(&format!("\r\nHost: {host}\r\n")));
}

#[test]
fn path_is_encoded_as_in_browsers() {
    let hostile = HostileServer::start();
    let run = gregaria().arg(hostile.url("/ok/a b?grün=<1>#fragment")).args("-n 1 -u 1 --json").run().expect_code(0);
    let line = "GET /ok/a%20b?gr%C3%BCn=%3C1%3E HTTP/1.1\r\n";
    assert!(hostile.received()[0].starts_with(line), "{:?}", hostile.received());
    assert_eq!(run.entry().num_requests, 1);
}

fn connections(nginx: &Nginx) -> usize {
    nginx.log().iter().map(|entry| entry.connection).collect::<BTreeSet<u64>>().len()
}
