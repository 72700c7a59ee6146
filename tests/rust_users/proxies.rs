//! Proxies between users and targets: which requests go their way is what their log says.

use std::collections::BTreeSet;

use gregaria_engine::HttpUser;
use gregaria_engine::http::{CertificateCheck, ClientConfig, Proxies, TlsConfig, TlsOptions};
use gregaria_engine::rt::DriverChoice;
use support::hostile::RefusingAddress;
use support::nginx::NginxTls;
use support::{ForwardProxy, HostileServer, Nginx, nginx};

use super::run::{DRIVERS, requests, start, start_on_driver, visitor, visitor_with};

#[test]
fn plain_requests_go_by_the_proxy() {
    for ring in DRIVERS {
        let (nginx, proxy) = (with_files(None), ForwardProxy::start());
        let class = visitor_with(config_via(&proxy, "http"), async |user: &mut HttpUser| {
            user.get("/").await;
            user.post("/upload").body(b"one locust").await;
            user.get("/chunked/64KiB").await;
            user.get("/redirect/302/").name("redirect").await;
            Ok(())
        });
        let run = start_on_driver(DriverChoice::Only(ring), 2, &nginx.url(""), [class], requests(40));
        let outcome = run.wait().expect_success();
        let (log, of_target) = (proxy.log(), nginx.requests_per_path());
        assert_eq!(log.len() as u64, 40 + outcome.counts["redirect"], "a redirect is one sample and two requests");
        assert_eq!(log.len() as u64, of_target.values().sum::<u64>());
        assert!(log.iter().all(|logged| logged.target.starts_with(&nginx.url("/"))), "{log:?}");
        let connections: BTreeSet<usize> = log.iter().map(|logged| logged.connection).collect();
        assert_eq!(connections.len(), 2, "those to the proxy are kept on {ring:?}");
    }
}

#[test]
fn a_proxy_may_want_a_password_which_no_target_hears_of() {
    let (hostile, proxy) = (HostileServer::start(), ForwardProxy::start_with_credentials("bG9jdXN0OmRlc2VydA=="));
    let known = proxies(&[("http", &format!("http://locust:desert@{}", proxy.address()))]);
    let class = visitor_with(config_via(&proxy, "http"), async move |user: &mut HttpUser| {
        user.get("/echo").name("stranger").await;
        let echo = user.get("/echo").name("known").proxies(known.clone()).await;
        let text = echo.text();
        assert!(text.starts_with("GET /echo HTTP/1.1\r\nHost: 127.0.0.1:") && !text.contains("Basic"), "{text}");
        Ok(())
    });
    let outcome = start(2, &hostile.url(""), [class], requests(20)).wait();
    let refusal = outcome.failures("stranger", "HTTP 407 Proxy Authentication Required");
    assert_eq!((refusal, outcome.exceptions.as_slice()), (outcome.counts["stranger"], [].as_slice()));
    assert_eq!(hostile.requests("/echo"), outcome.counts["known"]);
    assert_eq!((outcome.total(), proxy.log().len()), (20, 20));
}

#[test]
fn some_hosts_need_no_proxy() {
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
    let outcome = start(1, &nginx.url(""), [class], requests(15)).wait().expect_success();
    assert_eq!((outcome.counts["by address"], proxy.log().len(), nginx.log().len()), (5, 5, 15));
    let config = config_via(&proxy, "https");
    let class = visitor_with(config, async |user: &mut HttpUser| {
        user.get("/").await;
        Ok(())
    });
    start(1, &nginx.url(""), [class], requests(5)).wait().expect_success();
    assert_eq!((proxy.log().len(), nginx.log().len()), (5, 20), "a proxy for https is none for http");
}

#[test]
fn tls_goes_through_a_tunnel() {
    for ring in DRIVERS {
        let (nginx, proxy) =
            (with_files(Some(NginxTls::AnyClient)), ForwardProxy::start_with_credentials("bG9jdXN0OmRlc2VydA=="));
        let settings =
            TlsOptions { certificate_check: CertificateCheck::CaBundle(nginx.authority()), client_identity: None };
        let tls = TlsConfig::new(&settings).expect("the authority can be read");
        let known = proxies(&[("https", &format!("http://locust:desert@{}", proxy.address()))]);
        let class =
            visitor_with(ClientConfig { tls, ..config_via(&proxy, "https") }, async move |user: &mut HttpUser| {
                user.get("/").name("stranger").await;
                let page = user.get("/64KiB").name("known").proxies(known.clone()).await;
                assert_eq!(page.body().len(), 64 << 10);
                Ok(())
            });
        let run = start_on_driver(DriverChoice::Only(ring), 1, &nginx.url(""), [class], requests(20));
        let outcome = run.wait();
        assert_eq!(outcome.failures("stranger", "the proxy refuses the tunnel"), 10, "{:?}", outcome.errors);
        assert_eq!((outcome.counts["known"], outcome.exceptions.as_slice()), (10, [].as_slice()));
        let log = proxy.log();
        assert!(log.iter().all(|logged| logged.method == "CONNECT" && logged.target == nginx.address().to_string()));
        // Each stranger asks anew; one tunnel serves all the others.
        assert_eq!(log.iter().filter(|logged| logged.is_allowed).count(), 1, "{ring:?}");
        assert_eq!((log.len(), nginx.log().len()), (11, 10));
    }
}

#[test]
fn a_proxy_or_a_target_that_is_not_there_is_a_row() {
    let (nginx, proxy, refusing) = (Nginx::start(), ForwardProxy::start(), RefusingAddress::start());
    let nowhere = proxies(&[("http", &refusing.url(""))]);
    let (plain, secure) = (refusing.url("/"), refusing.url("/").replacen("http", "https", 1));
    let class = visitor_with(config_via(&proxy, "all"), async move |user: &mut HttpUser| {
        user.get("/").name("no proxy there").proxies(nowhere.clone()).await;
        user.get(&plain).name("no target there").await;
        user.get(&secure).name("no tunnel there").await;
        Ok(())
    });
    let outcome = start(1, &nginx.url(""), [class], requests(9)).wait();
    assert_eq!(outcome.failures("no proxy there", "connection refused"), 3, "{:?}", outcome.errors);
    assert_eq!(outcome.failures("no target there", "HTTP 502 Bad Gateway"), 3, "{:?}", outcome.errors);
    assert_eq!(outcome.failures("no tunnel there", "the proxy refuses the tunnel"), 3, "{:?}", outcome.errors);
    assert_eq!((proxy.log().len(), nginx.log().len()), (6, 0));
    // The proxy of one class is nothing to another.
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

/// Everything of this kind by way of the proxy.
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
