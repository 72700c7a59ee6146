//! The endpoints of connections: `--resolve`, Unix sockets, source addresses, and the lifetime of resolved addresses.
//!
//! Servers share one port on several addresses of the loopback network. Tests that change the machine's network run in
//! namespaces, which util-linux's `unshare` creates.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use support::hostile::UnansweringAddress;
use support::{HostileServer, Nginx, Program, example, gregaria, nginx};

#[test]
fn resolve_rule_replaces_the_lookup() {
    let hostile = HostileServer::start();
    let port = hostile.address().port();
    for rule in [format!("shop.example:{port}:127.0.0.1"), "*:*:127.0.0.1".to_owned()] {
        let run = gregaria().arg(format!("http://shop.example:{port}/ok")).args("-n 2 -u 1 --resolve").arg(rule);
        let _ = run.run().expect_code(0);
    }
    assert_eq!(hostile.requests("/ok"), 4);
    let host = format!("\r\nHost: shop.example:{port}\r\n");
    assert!(hostile.received().iter().all(|request| request.contains(&host)), "{:?}", hostile.received());
}

#[test]
fn ipv4_is_used_if_ipv6_is_refused() {
    let nginx = Nginx::start_with(&nginx::NginxOptions { keepalive_timeout_s: 0, ..Default::default() });
    let port = nginx.address().port();
    for driver in ["io_uring", "io_uring-basic", "epoll"] {
        let run = gregaria().arg(format!("http://both.example:{port}/")).args("-n 20 -u 2 --json --resolve");
        let run = run.arg(format!("both.example:{port}:[::1],127.0.0.1")).env("GREGARIA_DRIVER", driver);
        let run = run.run().expect_code(0);
        assert_eq!((run.entry().num_requests, run.entry().num_failures), (20, 0), "{driver}");
    }
    assert_eq!(nginx.log().len(), 60);
}

#[test]
fn silent_address_costs_a_head_start_and_no_request() {
    let silent = UnansweringAddress::start();
    let port = silent.address().port();
    let hostile = HostileServer::start_at(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), port)));
    for driver in ["io_uring", "io_uring-basic", "epoll"] {
        // Each response ends its connection.
        let run = gregaria().arg(format!("http://h:{port}/close-delimited")).args("-n 6 -u 1 --json --resolve");
        let run = run.arg(format!("h:{port}:127.0.0.1,127.0.0.2")).env("GREGARIA_DRIVER", driver).run().expect_code(0);
        assert_eq!((run.entry().num_requests, run.entry().num_failures), (6, 0), "{driver}");
        assert!(run.entry().max_response_time >= 250.0, "{driver}: the first address had its head start");
    }
    assert_eq!(hostile.requests("/close-delimited"), 18);
}

#[test]
fn requests_use_the_unix_socket() {
    let nginx = Nginx::start();
    let socket = nginx.socket();
    let rule = format!("shop.example:80:unix:{}", socket.display());
    let mut sent = 0;
    for driver in ["io_uring", "io_uring-basic", "epoll"] {
        for (flag, value) in [("--unix-socket", socket.as_os_str()), ("--resolve", rule.as_ref())] {
            let run = gregaria().args("http://shop.example/echo -n 200 -u 4 --json").arg(flag).arg(value);
            let run = run.env("GREGARIA_DRIVER", driver).run().expect_code(0);
            assert_eq!((run.entry().num_requests, run.entry().num_failures), (200, 0), "{driver} {flag}");
            sent += 200;
        }
    }
    let log = nginx.log();
    assert_eq!(log.len(), sent);
    assert!(log.iter().all(|entry| entry.client == "unix:" && entry.target == "/echo"), "{:?}", log.first());
}

#[test]
fn missing_unix_socket_is_named_before_the_run() {
    for (flags, path, fault) in [
        ("--unix-socket gone.sock", "gone.sock", "does not exist"),
        ("--resolve *:*:unix:/no/such", "/no/such", "does not exist"),
        ("--unix-socket /etc/passwd", "/etc/passwd", "is not a Unix socket"),
    ] {
        let run = gregaria().args("http://shop.example/ -n 4 -u 2").args(flags).run().expect_code(2);
        let remedy = "give the path of a socket that the target has opened";
        assert_eq!(run.stderr, format!("gregaria: Unix socket: {path} {fault}; {remedy}\n"));
    }
    let run = gregaria().args("http://shop.example/ -n 4 --unix-socket").arg("x".repeat(200)).run().expect_code(2);
    assert!(run.stderr.contains(" cannot be the path of a Unix socket: "), "{}", run.stderr);
    assert_eq!(run.stderr.lines().count(), 1, "{}", run.stderr);
}

#[test]
fn source_addresses_are_used_round_robin() {
    // Each request opens a connection.
    let nginx = Nginx::start_with(&nginx::NginxOptions { keepalive_timeout_s: 0, ..Default::default() });
    let run = gregaria().arg(nginx.url("/")).args("-n 60 -u 4 --shards 2 --json --source-ip 127.0.0.2,::1 --source-ip");
    let run = run.arg("127.0.0.8/31").run().expect_code(0);
    assert_eq!(run.entry().num_failures, 0);
    let mut clients = BTreeMap::new();
    nginx.log().into_iter().for_each(|entry| *clients.entry(entry.client).or_insert(0) += 1);
    let expected = ["127.0.0.2", "127.0.0.8", "127.0.0.9"].map(|client| (client.to_owned(), 20));
    assert_eq!(clients, expected.into());
}

#[test]
fn unusable_source_address_is_reported() {
    let hostile = HostileServer::start();
    let run = gregaria().arg(hostile.url("/ok")).args("-n 4 -u 2 --source-ip ::1").run().expect_code(1);
    let rows = run.errors();
    assert!(rows.len() == 1 && rows[0].text.ends_with("no source address of the target's IP version"), "{rows:?}");
    let run = gregaria().arg(hostile.url("/ok")).args("-n 4 --source-ip 127.0.0.2,203.0.113.9").run().expect_code(2);
    let message = "gregaria: --source-ip: 203.0.113.9 is not an address of this machine: ";
    assert!(run.stderr.starts_with(message) && run.stderr.lines().count() == 1, "{}", run.stderr);
    assert_eq!(hostile.connections(), 0);
}

#[test]
fn several_sources_provide_more_ports() {
    let shop = || example("shop").args("--demo --headless -u 40 -r 40 -t 2s --only-summary --exit-code-on-error 0");
    let few_ports = "ip link set lo up && echo 40000 40010 >/proc/sys/net/ipv4/ip_local_port_range";
    let with_few_ports = |program| in_namespaces(program, &["--net"], few_ports).run().expect_code(0);
    let row = "out of local ports on this machine";
    let without = with_few_ports(shop());
    assert!(without.errors().iter().any(|error| error.text.contains(row)), "{}", without.stderr);
    // The demo shop uses the first address.
    let with = with_few_ports(shop().args("--source-ip 127.0.0.2-127.0.0.6"));
    assert!(!with.errors().iter().any(|error| error.text.contains(row)), "{}", with.stderr);
    assert!(!with.stderr.contains("local ports"), "{}", with.stderr);
}

#[test]
fn moved_name_is_found_again_with_dns_ttl_zero() {
    let first = HostileServer::start();
    let port = first.address().port();
    let second = HostileServer::start_at(SocketAddr::from((Ipv4Addr::new(127, 0, 0, 2), port)));
    let run = |dns_ttl: &str| {
        let program = gregaria().arg(format!("http://shop.test:{port}/close-delimited")).args("-u 1 --dns-ttl");
        let program = program.arg(dns_ttl);
        let hosts = program.directory().join("hosts");
        fs::write(&hosts, "127.0.0.1 shop.test\n").expect("failed to write the hosts file");
        let own_hosts = format!("mount --bind {} /etc/hosts", hosts.display());
        let running = in_namespaces(program, &["--mount"], &own_hosts).start();
        let before = first.requests("/close-delimited");
        running.wait_until(|| first.requests("/close-delimited") > before);
        // With one write, so that the name is never missing.
        let result = File::options().write(true).open(&hosts).and_then(|mut hosts| hosts.write_all(b"127.0.0.2"));
        result.expect("failed to write the hosts file");
        running
    };
    let moved = run("0");
    moved.wait_until(|| second.requests("/close-delimited") > 10);
    drop(moved);
    let (before, second_before) = (first.requests("/close-delimited"), second.requests("/close-delimited"));
    let stays = run("3600");
    stays.wait_until(|| first.requests("/close-delimited") > before + 200);
    assert_eq!(second.requests("/close-delimited"), second_before);
}

#[test]
fn connection_flags_apply_to_own_user_classes() {
    let silent = UnansweringAddress::start();
    let run = example("quickstart").args("--headless -n 2 -u 1 --connect-timeout 0.05 -H").arg(silent.url(""));
    let run = run.run().expect_code(1);
    assert!(run.errors().iter().all(|row| row.text.ends_with("connect timeout")), "{}", run.stderr);
    let nginx = Nginx::start();
    let run = example("quickstart").args("--headless -n 2 -u 1 --limit headers=1 -H").arg(nginx.url(""));
    let run = run.run().expect_code(1);
    assert!(
        run.errors().iter().all(|row| row.text.ends_with("too many response headers (--limit headers)")),
        "{}",
        run.stderr
    );
    let run = example("quickstart").args("--headless -n 2 -u 1 -H http://shop.example --unix-socket");
    let _ = run.arg(nginx.socket()).run().expect_code(0);
    assert_eq!(nginx.log().iter().filter(|entry| entry.client == "unix:").count(), 2);
}

/// Returns the program in its own namespaces. The shell command `prepare` runs there first.
fn in_namespaces(program: Program, namespaces: &[&str], prepare: &str) -> Program {
    let script = format!("{prepare} && exec \"$0\" \"$@\"");
    program.wrapped_by(Path::new("unshare"), &[namespaces, &["sh", "-c", &script]].concat())
}
