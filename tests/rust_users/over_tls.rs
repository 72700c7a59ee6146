//! The same over TLS, to an nginx with a certificate of its own authority.

use std::collections::BTreeSet;

use gregaria_engine::HttpUser;
use gregaria_engine::http::{CertificateCheck, ClientConfig, TlsConfig, TlsOptions};
use gregaria_engine::rt::DriverChoice;
use support::nginx::{NginxLogEntry, NginxTls};
use support::{Nginx, nginx};

use super::generated_body::GeneratedBody;
use super::run::{DRIVERS, requests, start, start_on_driver, visitor, visitor_with};

#[test]
fn requests_and_bytes_are_those_of_the_log() {
    let nginx = with_tls(NginxTls::AnyClient);
    for (at, ring) in DRIVERS.into_iter().enumerate() {
        let class = visitor_with(config_trusting(&nginx), async |user: &mut HttpUser| {
            user.get("/").await;
            assert_eq!(user.get("/10MiB").await.body().len(), 10 << 20);
            let letters = GeneratedBody::new(10 << 20, false);
            assert_eq!(user.post("/upload").body_from(letters).await.text(), format!("POST {}", 10 << 20));
            user.get("/redirect/307/").name("redirect").await;
            assert_eq!(user.get("/gzip/10MiB").name("gzip").discard_body().await.status(), 200);
            Ok(())
        });
        let run = start_on_driver(DriverChoice::Only(ring), 2, &nginx.url(""), [class], requests(10));
        let outcome = run.wait().expect_success();
        assert_eq!(outcome.bytes["/10MiB"], outcome.counts["/10MiB"] * (10 << 20));
        let log = nginx.log();
        let log = &log[log.len() - 10 - outcome.counts["redirect"] as usize..];
        assert_eq!(connections(log), 2, "{ring:?}: {log:?}");
        assert_eq!(outcome.total(), 10);
        assert_eq!(nginx.log().len() as u64, (at as u64 + 1) * 10 + redirected(&nginx));
    }
}

#[test]
fn connections_that_the_server_ends_are_made_anew() {
    let options = nginx::NginxOptions { tls: Some(NginxTls::AnyClient), keepalive_requests: 5, ..Default::default() };
    let nginx = Nginx::start_with(&options);
    for ring in DRIVERS {
        let class = visitor_with(config_trusting(&nginx), async |user: &mut HttpUser| {
            user.get("/").await;
            Ok(())
        });
        let run = start_on_driver(DriverChoice::Only(ring), 2, &nginx.url(""), [class], requests(50));
        assert_eq!(run.wait().expect_success().bytes["/"], 50 * 128, "{ring:?}");
    }
    let log = nginx.log();
    assert_eq!(log.len(), 100);
    assert!(connections(&log) >= 20);
}

#[test]
fn who_is_not_trusted_is_a_row_and_no_request() {
    let (nginx, other) = (with_tls(NginxTls::AnyClient), with_tls(NginxTls::AnyClient));
    let class = visitor(async |user: &mut HttpUser| {
        user.get("/").await;
        Ok(())
    });
    let strangers = visitor_with(config_trusting(&other), async |user: &mut HttpUser| {
        user.get("/").await;
        Ok(())
    });
    for class in [class, strangers] {
        let outcome = start(2, &nginx.url(""), [class], requests(6)).wait();
        let row = "TLS: the certificate is not signed by a trusted authority";
        assert_eq!(outcome.failures("/", row), 6, "{:?}", outcome.errors);
    }
    assert_eq!(nginx.log(), []);
    let config =
        config_with(TlsOptions { certificate_check: CertificateCheck::AcceptAnyCertificate, client_identity: None });
    let careless = visitor_with(config, async |user: &mut HttpUser| {
        user.get("/").await;
        Ok(())
    });
    start(2, &nginx.url(""), [careless], requests(6)).wait().expect_success();
    assert_eq!(nginx.log().len(), 6);
}

#[test]
fn a_server_may_want_to_know_its_clients() {
    let nginx = with_tls(NginxTls::KnownClients);
    let known = TlsConfig::new(&TlsOptions {
        certificate_check: CertificateCheck::CaBundle(nginx.authority()),
        client_identity: Some((nginx.client_identity(), nginx.client_identity())),
    });
    let known = known.expect("the files are good");
    let class = visitor_with(config_trusting(&nginx), async move |user: &mut HttpUser| {
        user.get("/").name("stranger").expect(400).await;
        user.get("/").name("known").tls(known.clone()).expect(200).await;
        Ok(())
    });
    let outcome = start(1, &nginx.url(""), [class], requests(10)).wait().expect_success();
    assert_eq!((outcome.counts["stranger"], outcome.counts["known"], nginx.log().len()), (5, 5, 10));
}

#[test]
fn plain_http_may_lead_to_tls_and_the_other_way_round() {
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
    let outcome = start(1, &entry.url(""), [class], requests(20)).wait().expect_success();
    assert_eq!((outcome.counts["/up"], outcome.counts["/down"]), (10, 10));
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

fn config_with(settings: TlsOptions) -> ClientConfig {
    let tls = TlsConfig::new(&settings).expect("the files are good");
    ClientConfig { tls, ..ClientConfig::default() }
}

fn connections(log: &[NginxLogEntry]) -> usize {
    log.iter().map(|logged| logged.connection).collect::<BTreeSet<u64>>().len()
}

fn redirected(nginx: &Nginx) -> u64 {
    nginx.log().iter().filter(|logged| logged.status == 307).count() as u64
}
