//! Tests of the fixtures: nginx's log, the failures of the hostile server, the seccomp filter.
//!
//! Requests are sent over a raw socket, so that these tests do not depend on gregaria.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use support::hostile::{RefusingAddress, UnansweringAddress};
use support::io_uring_filter::{IoUringRefusal, without_io_uring};
use support::nginx::NginxTls;
use support::program::{Program, Signal};
use support::{HostileServer, Nginx, nginx};

#[test]
fn nginx_logs_each_request_with_path_and_status() {
    let nginx = Nginx::start_with(&nginx::NginxOptions { files: vec![("/big/file", 70_000)], ..Default::default() });
    assert_eq!(body(&exchange(nginx.address(), &get_request("/"))).len(), 128);
    assert_eq!(body(&exchange(nginx.address(), &get_request("/big/file"))).len(), 70_000);
    assert!(exchange(nginx.address(), &get_request("/status/404")).starts_with("HTTP/1.1 404"));
    let post = "POST /echo?x=1 HTTP/1.1\r\nHost: h\r\nConnection: close\r\nContent-Length: 3\r\n\r\nabc";
    assert!(body(&exchange(nginx.address(), post)).starts_with("POST 3"));
    let counts = nginx.requests_per_path_and_status();
    let expected = [("/", 200), ("/big/file", 200), ("/echo?x=1", 200), ("/status/404", 404)];
    assert_eq!(counts, expected.map(|(path, status)| ((path.to_owned(), status), 1)).into());
    assert_eq!(nginx.log()[3].content_length, Some(3));
}

#[test]
fn nginx_serves_chunks_and_cookies_and_closes() {
    let nginx = Nginx::start_with(&nginx::NginxOptions { keepalive_requests: 1, ..Default::default() });
    let chunked = exchange(nginx.address(), &get_request("/chunked/index.html"));
    assert!(chunked.contains("Transfer-Encoding: chunked"), "{chunked}");
    let keep_alive = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
    assert!(exchange(nginx.address(), keep_alive).contains("Connection: close"));
    assert!(exchange(nginx.address(), &get_request("/account")).starts_with("HTTP/1.1 403"));
    assert!(exchange(nginx.address(), &get_request("/login")).contains("Set-Cookie: session=s1"));
    let with_cookie = "GET /account HTTP/1.1\r\nHost: h\r\nCookie: session=s1\r\nConnection: close\r\n\r\n";
    assert!(exchange(nginx.address(), with_cookie).starts_with("HTTP/1.1 200"));
}

#[test]
fn nginx_serves_tls_and_checks_clients() {
    let open = Nginx::start_with(&nginx::NginxOptions { tls: Some(NginxTls::AnyClient), ..Default::default() });
    assert!(open.url("/").starts_with("https://127.0.0.1:"));
    assert_eq!(body(&tls_exchange(&open, None, &get_request("/"))).len(), 128);
    assert_eq!(open.requests_per_path(), [("/".to_owned(), 1)].into());

    let closed = Nginx::start_with(&nginx::NginxOptions { tls: Some(NginxTls::KnownClients), ..Default::default() });
    assert!(tls_exchange(&closed, None, &get_request("/")).starts_with("HTTP/1.1 400"));
    let identity = closed.client_identity();
    assert!(tls_exchange(&closed, Some(&identity), &get_request("/")).starts_with("HTTP/1.1 200"));
}

#[test]
fn nginx_serves_all_listed_statuses() {
    let nginx = Nginx::start();
    for code in [200, 201, 202, 204, 301, 302, 304, 400, 403, 404, 429, 500, 502, 503] {
        let response = exchange(nginx.address(), &get_request(&format!("/status/{code}")));
        assert!(response.starts_with(&format!("HTTP/1.1 {code}")), "{response}");
    }
}

#[test]
fn hostile_server_has_valid_responses() {
    let hostile = HostileServer::start();
    for path in ["/ok", "/drip", "/slow?ms=5", "/http10", "/1xx", "/chunked", "/close-delimited", "/status?code=200"] {
        let response = exchange(hostile.address(), &get_request(path));
        assert!(response.contains("200"), "{path}: {response}");
    }
    assert!(exchange(hostile.address(), &get_request("/echo")).ends_with(&get_request("/echo")));
    assert_eq!(hostile.requests("/echo"), 1);
    assert_eq!(hostile.requests("/slow"), 1);
    assert_eq!(hostile.connections(), 9);
}

#[test]
fn hostile_server_fails_as_documented() {
    let hostile = HostileServer::start();
    let cut = |path| raw_exchange(hostile.address(), &get_request(path));
    assert_eq!(cut("/reset-before").1, Some(ErrorKind::ConnectionReset));
    assert_eq!(cut("/close-before"), (String::new(), None));
    assert_eq!(cut("/reset").1, Some(ErrorKind::ConnectionReset));
    assert!(cut("/truncated-length").0.ends_with("only this"));
    assert!(cut("/truncated-chunk").0.ends_with("10\r\nabc"));
    assert!(cut("/garbage").0.contains("no HTTP"));
}

#[test]
fn endless_responses_end_with_the_server() {
    let hostile = HostileServer::start();
    let mut streams: Vec<TcpStream> = Vec::new();
    for path in ["/endless-headers", "/endless-line", "/1xx-storm", "/huge", "/huge-chunked", "/stall", "/stall-body"] {
        let mut stream = connect(hostile.address());
        stream.write_all(get_request(path).as_bytes()).expect("the server reads");
        streams.push(stream);
    }
    streams[0].read_exact(&mut [0; 100_000]).expect("headers without end");
    drop(hostile);
    for stream in &mut streams {
        // Reads the bytes that were sent before, then the end of the connection.
        let _ = stream.read_to_end(&mut Vec::new());
    }
}

#[test]
fn unreachable_addresses_never_connect() {
    let refusing = RefusingAddress::start();
    let error = TcpStream::connect(address_of(&refusing.url(""))).expect_err("the address refuses connections");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let unanswering = UnansweringAddress::start();
    let error = TcpStream::connect_timeout(&address_of(&unanswering.url("")), Duration::from_millis(300));
    assert_eq!(error.expect_err("the address completes no connection").kind(), ErrorKind::TimedOut);
}

#[test]
fn programs_have_output_files_and_signals() {
    let shell = |script: &str| Program::at(PathBuf::from("/bin/sh")).arg("-c").arg(script);
    let finished = shell("echo out; echo err >&2; echo kept > file; exit 3").run().expect_code(3);
    assert_eq!((finished.stdout.as_str(), finished.stderr.as_str()), ("out\n", "err\n"));
    assert_eq!(finished.files, [("file".to_owned(), "kept\n".to_owned())]);
    let running = shell("echo ready >&2; exec sleep 100").start();
    running.wait_for_stderr("ready");
    running.signal(Signal::TERM);
    assert_eq!(running.finish().signal, Some(Signal::TERM.as_raw()));
}

#[test]
#[should_panic(expected = "did not end")]
fn hanging_program_fails_the_test() {
    let _ = Program::at(PathBuf::from("/bin/sleep")).arg("100").time_limit_s(1).run();
}

#[test]
fn filter_rejects_io_uring_only() {
    // Python does not use io_uring and can make any system call by its number.
    let script =
        "import ctypes; libc = ctypes.CDLL(None, use_errno=True); libc.syscall(425, 1, 0); print(ctypes.get_errno())";
    let python = || Program::at(PathBuf::from("/usr/bin/env")).args("python3 -c").arg(script);
    let helper = env!("CARGO_BIN_EXE_without-io-uring");
    let refused = without_io_uring(helper, IoUringRefusal::NotPermitted, python()).run().expect_code(0);
    assert_eq!(refused.stdout, "1\n");
    let refused = without_io_uring(helper, IoUringRefusal::NotImplemented, python()).run().expect_code(0);
    assert_eq!(refused.stdout, "38\n");
}

fn get_request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
}

fn body(response: &str) -> &str {
    response.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

fn exchange(address: SocketAddr, request: &str) -> String {
    let (response, error) = raw_exchange(address, request);
    assert_eq!(error, None, "{response}");
    response
}

/// Sends a request over TLS and trusts the server's authority. `identity` is the client certificate.
fn tls_exchange(nginx: &Nginx, identity: Option<&Path>, request: &str) -> String {
    let mut authorities = RootCertStore::empty();
    authorities.add(CertificateDer::from_pem_file(nginx.authority()).expect("a certificate")).expect("an authority");
    let builder = ClientConfig::builder().with_root_certificates(authorities);
    let config = match identity {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let chain = vec![CertificateDer::from_pem_file(path).expect("a certificate")];
            let key = PrivateKeyDer::from_pem_file(path).expect("a private key");
            builder.with_client_auth_cert(chain, key).expect("a pair")
        }
    };
    let address = nginx.address();
    let client = ClientConnection::new(Arc::new(config), ServerName::from(address.ip())).expect("a connection");
    let mut stream = StreamOwned::new(client, connect(address));
    stream.write_all(request.as_bytes()).expect("the server reads");
    let mut response = String::new();
    stream.read_to_string(&mut response).expect("the server closes TLS");
    response
}

fn raw_exchange(address: SocketAddr, request: &str) -> (String, Option<ErrorKind>) {
    let mut stream = connect(address);
    stream.write_all(request.as_bytes()).expect("the server reads");
    // A server that keeps the connection open must see the end of the requests.
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut response = Vec::new();
    let error = stream.read_to_end(&mut response).err().map(|error| error.kind());
    (String::from_utf8_lossy(&response).into_owned(), error)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time limit");
    stream
}

fn address_of(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().expect("an address")
}
