//! Uploads to nginx: complete bodies from memory and from a source, and bodies that the server rejects.

use gregaria_engine::HttpUser;
use gregaria_engine::http::ClientConfig;
use gregaria_engine::rt::DriverChoice;
use support::Nginx;

use super::generated_body::GeneratedBody;
use super::run::{DRIVERS, requests, start, start_on_driver, visitor, visitor_with};

#[test]
fn large_bodies_are_sent_completely() {
    for driver in DRIVERS {
        let nginx = Nginx::start();
        let class = visitor(async |user: &mut HttpUser| {
            let body = vec![b'b'; 10 << 20];
            for length in [64 << 10, 10 << 20] {
                let expected = format!("POST {length}");
                assert_eq!(user.post("/upload").name("bytes").body(&body[..length]).await.text(), expected);
                for has_known_length in [true, false] {
                    let generated = GeneratedBody::new(length as u64, has_known_length);
                    assert_eq!(user.post("/upload").name("source").body_from(generated).await.text(), expected);
                }
            }
            Ok(())
        });
        let run = start_on_driver(DriverChoice::Only(driver), 1, &nginx.url(""), [class], requests(6));
        let result = run.wait().expect_success();
        let log = nginx.log();
        assert_eq!((result.total(), log.len()), (6, 6), "{driver:?}");
        // Request bytes include heads and the framing of chunks.
        assert!(log[..3].iter().all(|entry| (64 << 10..65 << 10).contains(&entry.request_bytes)), "{log:?}");
        assert!(log[3..].iter().all(|entry| (10 << 20..11 << 20).contains(&entry.request_bytes)), "{log:?}");
        assert!(log.iter().all(|entry| entry.connection == log[0].connection), "uploads keep the connection open");
    }
}

#[test]
fn rejected_body_is_not_sent_to_its_end() {
    for driver in DRIVERS {
        let nginx = Nginx::start();
        let class = visitor(async |user: &mut HttpUser| {
            let generated = GeneratedBody::new(1 << 30, true);
            user.post("/small-upload").name("with length").body_from(generated).expect(413).await;
            let generated = GeneratedBody::new(1 << 30, false);
            user.post("/small-upload").name("chunked").body_from(generated).expect(413).await;
            user.post("/small-upload").name("small").body(b"one locust").expect(200).await;
            Ok(())
        });
        let run = start_on_driver(DriverChoice::Only(driver), 1, &nginx.url(""), [class], requests(6));
        let result = run.wait().expect_success();
        let log = nginx.requests_per_path_and_status();
        let path = || "/small-upload".to_owned();
        assert_eq!(log, [((path(), 413), 4), ((path(), 200), 2)].into(), "{driver:?}");
        assert_eq!(result.total(), 6);
    }
}

#[test]
fn expect_continue_rejection_sends_no_body() {
    let nginx = Nginx::start();
    let config = ClientConfig { expect_continue_above_bytes: Some(10_000), ..ClientConfig::default() };
    let class = visitor_with(config, async |user: &mut HttpUser| {
        let generated = GeneratedBody::new(1 << 20, true);
        user.post("/small-upload").name("refused").body_from(generated).expect(413).await;
        let generated = GeneratedBody::new(1 << 20, true);
        user.post("/upload").name("accepted").body_from(generated).expect(200).await;
        Ok(())
    });
    let result = start(1, &nginx.url(""), [class], requests(4)).wait().expect_success();
    assert_eq!(result.total(), nginx.log().len() as u64);
    for entry in nginx.log() {
        let sent = if entry.status == 413 { 0..1_000 } else { 1 << 20..1 << 21 };
        assert!(sent.contains(&entry.request_bytes), "{entry:?}");
    }
}
