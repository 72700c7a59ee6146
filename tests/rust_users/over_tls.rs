//! Requests over TLS, to an nginx with a certificate of its own authority.

use std::collections::BTreeSet;

use gregaria_engine::HttpUser;
use gregaria_engine::http::{CertificateCheck, ClientConfig, TlsConfig, TlsOptions};
use gregaria_engine::rt::DriverChoice;
use support::nginx::{NginxLogEntry, NginxTls};
use support::{Nginx, nginx};

use super::generated_body::GeneratedBody;
use super::run::{DRIVERS, requests, start, start_on_driver, visitor, visitor_with};

#[test]
fn requests_and_bytes_match_the_log() {
    let nginx = with_tls(NginxTls::AnyClient);
    for (index, driver) in DRIVERS.into_iter().enumerate() {
        let class = visitor_with(config_trusting(&nginx), async |user: &mut HttpUser| {
            user.get("/").await;
            assert_eq!(user.get("/10MiB").await.body().len(), 10 << 20);
            let generated = GeneratedBody::new(10 << 20, false);
            assert_eq!(user.post("/upload").body_from(generated).await.text(), format!("POST {}", 10 << 20));
            user.get("/redirect/307/").name("redirect").await;
            assert_eq!(user.get("/gzip/10MiB").name("gzip").discard_body().await.status(), 200);
            Ok(())
        });
        let run = start_on_driver(DriverChoice::Only(driver), 2, &nginx.url(""), [class], requests(10));
        let result = run.wait().expect_success();
        assert_eq!(result.bytes["/10MiB"], result.counts["/10MiB"] * (10 << 20));
        let log = nginx.log();
        let log = &log[log.len() - 10 - result.counts["redirect"] as usize..];
        assert_eq!(connections(log), 2, "{driver:?}: {log:?}");
        assert_eq!(result.total(), 10);
        assert_eq!(nginx.log().len() as u64, (index as u64 + 1) * 10 + redirected(&nginx));
    }
}

#[test]
fn closed_connections_are_replaced() {
    let options = nginx::NginxOptions { tls: Some(NginxTls::AnyClient), keepalive_requests: 5, ..Default::default() };
    let nginx = Nginx::start_with(&options);
    for driver in DRIVERS {
        let class = visitor_with(config_trusting(&nginx), async |user: &mut HttpUser| {
            user.get("/").await;
            Ok(())
        });
        let run = start_on_driver(DriverChoice::Only(driver), 2, &nginx.url(""), [class], requests(50));
        assert_eq!(run.wait().expect_success().bytes["/"], 50 * 128, "{driver:?}");
    }
    let log = nginx.log();
    assert_eq!(log.len(), 100);
    assert!(connections(&log) >= 20);
}

#[test]
fn untrusted_certificate_is_an_error_row() {
    let (nginx, other) = (with_tls(NginxTls::AnyClient), with_tls(NginxTls::AnyClient));
    let class = visitor(async |user: &mut HttpUser| {
        user.get("/").await;
        Ok(())
    });
    let other_authority = visitor_with(config_trusting(&other), async |user: &mut HttpUser| {
        user.get("/").await;
        Ok(())
    });
    for class in [class, other_authority] {
        let result = start(2, &nginx.url(""), [class], requests(6)).wait();
        let row = "TLS: the certificate is not signed by a trusted authority";
        assert_eq!(result.failures("/", row), 6, "{:?}", result.errors);
    }
    assert_eq!(nginx.log(), []);
    let config =
        config_with(TlsOptions { certificate_check: CertificateCheck::AcceptAnyCertificate, client_identity: None });
    let unchecked = visitor_with(config, async |user: &mut HttpUser| {
        user.get("/").await;
        Ok(())
    });
    start(2, &nginx.url(""), [unchecked], requests(6)).wait().expect_success();
    assert_eq!(nginx.log().len(), 6);
}

#[test]
fn client_certificate_is_sent() {
    let nginx = with_tls(NginxTls::KnownClients);
    let known = TlsConfig::new(&TlsOptions {
        certificate_check: CertificateCheck::CaBundle(nginx.authority()),
        client_identity: Some((nginx.client_identity(), nginx.client_identity())),
    });
    let known = known.expect("failed to read the PEM files");
    let class = visitor_with(config_trusting(&nginx), async move |user: &mut HttpUser| {
        user.get("/").name("anonymous").expect(400).await;
        user.get("/").name("known").tls(known.clone()).expect(200).await;
        Ok(())
    });
    let result = start(1, &nginx.url(""), [class], requests(10)).wait().expect_success();
    assert_eq!((result.counts["anonymous"], result.counts["known"], nginx.log().len()), (5, 5, 10));
}

#[test]
fn redirects_lead_from_http_to_https_and_back() {
    let plain = Nginx::start();
    let more = format!("location = /down {{ return 302 {}; }}", plain.url("/"));
    let secure = Nginx::start_with(&nginx::NginxOptions {
        tls: Some(NginxTls::AnyClient),
        extra_directives: more,
        ..Default::default()
    });
    let more = format!("location = /up {{ return 302 {}; }}", secure.url("/"));
    let entry = Nginx::start_with(&nginx::NginxOptions { extra_directives: more, ..Default::default() });
    let down = secure.url("/down");
    let class = visitor_with(config_trusting(&secure), async move |user: &mut HttpUser| {
        assert_eq!(user.get("/up").await.body().len(), 128);
        assert_eq!(user.get(&down).await.body().len(), 128);
        Ok(())
    });
    let result = start(1, &entry.url(""), [class], requests(20)).wait().expect_success();
    assert_eq!((result.counts["/up"], result.counts["/down"]), (10, 10));
    assert_eq!((entry.log().len(), secure.log().len(), plain.log().len()), (10, 20, 10));
    assert_eq!((connections(&secure.log()), connections(&plain.log())), (1, 1));
}

fn with_tls(tls: NginxTls) -> Nginx {
    let files = vec![("/10MiB", 10 << 20)];
    Nginx::start_with(&nginx::NginxOptions { files, tls: Some(tls), ..Default::default() })
}

fn config_trusting(nginx: &Nginx) -> ClientConfig {
    config_with(TlsOptions { certificate_check: CertificateCheck::CaBundle(nginx.authority()), client_identity: None })
}

fn config_with(options: TlsOptions) -> ClientConfig {
    let tls = TlsConfig::new(&options).expect("failed to read the PEM files");
    ClientConfig { tls, ..ClientConfig::default() }
}

fn connections(log: &[NginxLogEntry]) -> usize {
    log.iter().map(|entry| entry.connection).collect::<BTreeSet<u64>>().len()
}

fn redirected(nginx: &Nginx) -> u64 {
    nginx.log().iter().filter(|entry| entry.status == 307).count() as u64
}
