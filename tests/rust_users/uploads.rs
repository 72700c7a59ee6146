//! Bodies to nginx: what it has read is what was sent, whatever way it was sent, and what it does not want is not.

use gregaria_engine::HttpUser;
use gregaria_engine::http::ClientConfig;
use gregaria_engine::rt::DriverChoice;
use support::Nginx;

use super::generated_body::GeneratedBody;
use super::run::{DRIVERS, requests, start, start_on_driver, visitor, visitor_with};

#[test]
fn large_bodies_arrive_whole() {
    for ring in DRIVERS {
        let nginx = Nginx::start();
        let class = visitor(async |user: &mut HttpUser| {
            let body = vec![b'b'; 10 << 20];
            for length in [64 << 10, 10 << 20] {
                let wanted = format!("POST {length}");
                assert_eq!(user.post("/upload").name("bytes").body(&body[..length]).await.text(), wanted);
                for tells_length in [true, false] {
                    let letters = GeneratedBody::new(length as u64, tells_length);
                    assert_eq!(user.post("/upload").name("source").body_from(letters).await.text(), wanted);
                }
            }
            Ok(())
        });
        let run = start_on_driver(DriverChoice::Only(ring), 1, &nginx.url(""), [class], requests(6));
        let outcome = run.wait().expect_success();
        let log = nginx.log();
        assert_eq!((outcome.total(), log.len()), (6, 6), "{ring:?}");
        // With heads and the framing of chunks.
        assert!(log[..3].iter().all(|logged| (64 << 10..65 << 10).contains(&logged.request_bytes)), "{log:?}");
        assert!(log[3..].iter().all(|logged| (10 << 20..11 << 20).contains(&logged.request_bytes)), "{log:?}");
        assert!(log.iter().all(|logged| logged.connection == log[0].connection), "an upload ends no connection");
    }
}

#[test]
fn a_body_that_is_refused_is_not_sent_to_its_end() {
    for ring in DRIVERS {
        let nginx = Nginx::start();
        let class = visitor(async |user: &mut HttpUser| {
            let letters = GeneratedBody::new(1 << 30, true);
            user.post("/small-upload").name("told").body_from(letters).expect(413).await;
            let letters = GeneratedBody::new(1 << 30, false);
            user.post("/small-upload").name("chunked").body_from(letters).expect(413).await;
            user.post("/small-upload").name("small").body(b"one locust").expect(200).await;
            Ok(())
        });
        let run = start_on_driver(DriverChoice::Only(ring), 1, &nginx.url(""), [class], requests(6));
        let outcome = run.wait().expect_success();
        let log = nginx.requests_per_path_and_status();
        let path = || "/small-upload".to_owned();
        assert_eq!(log, [((path(), 413), 4), ((path(), 200), 2)].into(), "{ring:?}");
        assert_eq!(outcome.total(), 6);
    }
}

#[test]
fn a_target_that_is_asked_first_says_no_before_a_byte_was_sent() {
    let nginx = Nginx::start();
    let config = ClientConfig { expect_continue_above_bytes: Some(10_000), ..ClientConfig::default() };
    let class = visitor_with(config, async |user: &mut HttpUser| {
        let letters = GeneratedBody::new(1 << 20, true);
        user.post("/small-upload").name("refused").body_from(letters).expect(413).await;
        let letters = GeneratedBody::new(1 << 20, true);
        user.post("/upload").name("let in").body_from(letters).expect(200).await;
        Ok(())
    });
    let outcome = start(1, &nginx.url(""), [class], requests(4)).wait().expect_success();
    assert_eq!(outcome.total(), nginx.log().len() as u64);
    for logged in nginx.log() {
        let sent = if logged.status == 413 { 0..1_000 } else { 1 << 20..1 << 21 };
        assert!(sent.contains(&logged.request_bytes), "{logged:?}");
    }
}
