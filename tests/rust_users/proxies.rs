//! Proxies between users and targets. The proxy's log is the reference for the requests that pass through it.

use std::collections::BTreeSet;

use gregaria_engine::HttpUser;
use gregaria_engine::http::{CertificateCheck, ClientConfig, Proxies, TlsConfig, TlsOptions};
use gregaria_engine::rt::DriverChoice;
use support::hostile::RefusingAddress;
use support::nginx::NginxTls;
use support::{ForwardProxy, HostileServer, Nginx, nginx};

use super::run::{DRIVERS, requests, start, start_on_driver, visitor, visitor_with};

#[test]
fn plain_requests_use_the_proxy() {
    for driver in DRIVERS {
        let (nginx, proxy) = (with_files(None), ForwardProxy::start());
        let class = visitor_with(config_via(&proxy, "http"), async |user: &mut HttpUser| {
            user.get("/").await;
            user.post("/upload").body(b"one locust").await;
            user.get("/chunked/64KiB").await;
            user.get("/redirect/302/").name("redirect").await;
            Ok(())
        });
        let run = start_on_driver(DriverChoice::Only(driver), 2, &nginx.url(""), [class], requests(40));
        let result = run.wait().expect_success();
        let (log, of_target) = (proxy.log(), nginx.requests_per_path());
        assert_eq!(log.len() as u64, 40 + result.counts["redirect"], "a redirect is one sample and two requests");
        assert_eq!(log.len() as u64, of_target.values().sum::<u64>());
        assert!(log.iter().all(|entry| entry.target.starts_with(&nginx.url("/"))), "{log:?}");
        let connections: BTreeSet<usize> = log.iter().map(|entry| entry.connection).collect();
        assert_eq!(connections.len(), 2, "connections to the proxy are reused on {driver:?}");
    }
}

#[test]
fn proxy_credentials_are_not_sent_to_the_target() {
    let (hostile, proxy) = (HostileServer::start(), ForwardProxy::start_with_credentials("bG9jdXN0OmRlc2VydA=="));
    let known = proxies(&[("http", &format!("http://locust:desert@{}", proxy.address()))]);
    let class = visitor_with(config_via(&proxy, "http"), async move |user: &mut HttpUser| {
        user.get("/echo").name("anonymous").await;
        let echo = user.get("/echo").name("known").proxies(known.clone()).await;
        let text = echo.text();
        assert!(text.starts_with("GET /echo HTTP/1.1\r\nHost: 127.0.0.1:") && !text.contains("Basic"), "{text}");
        Ok(())
    });
    let result = start(2, &hostile.url(""), [class], requests(20)).wait();
    let rejected = result.failures("anonymous", "HTTP 407 Proxy Authentication Required");
    assert_eq!((rejected, result.exceptions.as_slice()), (result.counts["anonymous"], [].as_slice()));
    assert_eq!(hostile.requests("/echo"), result.counts["known"]);
    assert_eq!((result.total(), proxy.log().len()), (20, 20));
}

#[test]
fn no_proxy_hosts_are_connected_directly() {
    let (nginx, proxy) = (Nginx::start(), ForwardProxy::start());
    let by_name = format!("http://localhost:{}/", nginx.address().port());
    let none = Proxies::none();
    let mut config = config_via(&proxy, "all");
    config.proxies.set_no_proxy("example.org, localhost, 10.0.0.0/8");
    let class = visitor_with(config, async move |user: &mut HttpUser| {
        user.get("/").name("by address").await;
        user.get(&by_name).name("by name").await;
        user.get("/").name("directly").proxies(none.clone()).await;
        Ok(())
    });
    let result = start(1, &nginx.url(""), [class], requests(15)).wait().expect_success();
    assert_eq!((result.counts["by address"], proxy.log().len(), nginx.log().len()), (5, 5, 15));
    let config = config_via(&proxy, "https");
    let class = visitor_with(config, async |user: &mut HttpUser| {
        user.get("/").await;
        Ok(())
    });
    start(1, &nginx.url(""), [class], requests(5)).wait().expect_success();
    assert_eq!((proxy.log().len(), nginx.log().len()), (5, 20), "a proxy for https is not used for http");
}

#[test]
fn tls_requests_use_a_tunnel() {
    for driver in DRIVERS {
        let (nginx, proxy) =
            (with_files(Some(NginxTls::AnyClient)), ForwardProxy::start_with_credentials("bG9jdXN0OmRlc2VydA=="));
        let settings =
            TlsOptions { certificate_check: CertificateCheck::CaBundle(nginx.authority()), client_identity: None };
        let tls = TlsConfig::new(&settings).expect("failed to read the authority");
        let known = proxies(&[("https", &format!("http://locust:desert@{}", proxy.address()))]);
        let class =
            visitor_with(ClientConfig { tls, ..config_via(&proxy, "https") }, async move |user: &mut HttpUser| {
                user.get("/").name("anonymous").await;
                let page = user.get("/64KiB").name("known").proxies(known.clone()).await;
                assert_eq!(page.body().len(), 64 << 10);
                Ok(())
            });
        let run = start_on_driver(DriverChoice::Only(driver), 1, &nginx.url(""), [class], requests(20));
        let result = run.wait();
        assert_eq!(result.failures("anonymous", "the proxy refuses the tunnel"), 10, "{:?}", result.errors);
        assert_eq!((result.counts["known"], result.exceptions.as_slice()), (10, [].as_slice()));
        let log = proxy.log();
        assert!(log.iter().all(|entry| entry.method == "CONNECT" && entry.target == nginx.address().to_string()));
        // Each request without credentials opens a connection. All other requests share one tunnel.
        assert_eq!(log.iter().filter(|entry| entry.is_allowed).count(), 1, "{driver:?}");
        assert_eq!((log.len(), nginx.log().len()), (11, 10));
    }
}

#[test]
fn unreachable_proxy_or_target_is_an_error_row() {
    let (nginx, proxy, refusing) = (Nginx::start(), ForwardProxy::start(), RefusingAddress::start());
    let refusing_proxy = proxies(&[("http", &refusing.url(""))]);
    let (plain, secure) = (refusing.url("/"), refusing.url("/").replacen("http", "https", 1));
    let class = visitor_with(config_via(&proxy, "all"), async move |user: &mut HttpUser| {
        user.get("/").name("refusing proxy").proxies(refusing_proxy.clone()).await;
        user.get(&plain).name("refusing target").await;
        user.get(&secure).name("refused tunnel").await;
        Ok(())
    });
    let result = start(1, &nginx.url(""), [class], requests(9)).wait();
    assert_eq!(result.failures("refusing proxy", "proxy: connection refused"), 3, "{:?}", result.errors);
    assert_eq!(result.failures("refusing target", "HTTP 502 Bad Gateway"), 3, "{:?}", result.errors);
    assert_eq!(result.failures("refused tunnel", "the proxy refuses the tunnel"), 3, "{:?}", result.errors);
    assert_eq!((proxy.log().len(), nginx.log().len()), (6, 0));
    // A class without a proxy connects directly.
    let class = visitor(async |user: &mut HttpUser| {
        user.get("/").await;
        Ok(())
    });
    start(1, &nginx.url(""), [class], requests(3)).wait().expect_success();
    assert_eq!((proxy.log().len(), nginx.log().len()), (6, 3));
}

fn with_files(tls: Option<NginxTls>) -> Nginx {
    Nginx::start_with(&nginx::NginxOptions { files: vec![("/64KiB", 64 << 10)], tls, ..Default::default() })
}

/// Returns a client configuration with the proxy for requests of this kind.
fn config_via(proxy: &ForwardProxy, key: &str) -> ClientConfig {
    ClientConfig { proxies: proxies(&[(key, &format!("http://{}", proxy.address()))]), ..ClientConfig::default() }
}

fn proxies(rules: &[(&str, &str)]) -> Proxies {
    let mut proxies = Proxies::none();
    for (key, url) in rules {
        proxies.set(key, url).expect("a key and a URL");
    }
    proxies
}
