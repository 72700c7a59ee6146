//! Bodies from nginx: large, compressed, ranges, streams. Requests and bytes are checked against its log.

use gregaria_engine::rt::DriverChoice;
use gregaria_engine::{HttpUser, TaskResult};
use support::{Nginx, nginx};

use super::run::{DRIVERS, requests, start, start_on_driver, visitor};

#[test]
fn large_bodies_are_received_completely() {
    let nginx = with_files();
    for (index, driver) in DRIVERS.into_iter().enumerate() {
        let class = visitor(async |user: &mut HttpUser| {
            for (path, length) in [("/64KiB", 64 << 10), ("/10MiB", 10 << 20)] {
                let response = user.get(path).await;
                assert!(response.body().len() == length && response.body().starts_with(b"The desert locust"));
                drop(response);
                user.get(path).discard_body().await;
            }
            user.get("/chunked/10MiB").await;
            Ok(())
        });
        let result = start_on_driver(DriverChoice::Only(driver), 2, &nginx.url(""), [class], requests(20)).wait();
        let result = result.expect_success();
        let log = nginx.log();
        assert_eq!((result.total(), log.len()), (20, 20 * (index + 1)), "{driver:?}");
        for (name, length) in [("/64KiB", 64 << 10), ("/10MiB", 10 << 20), ("/chunked/10MiB", 10 << 20)] {
            assert_eq!(result.bytes[name], result.counts[name] * length, "{name} on {driver:?}");
        }
    }
    let whole = nginx.log().into_iter().filter(|entry| !entry.target.starts_with("/chunked"));
    let lengths: std::collections::BTreeSet<u64> = whole.map(|entry| entry.body_bytes).collect();
    assert_eq!(lengths, [64 << 10, 10 << 20].into());
}

#[test]
fn text_uses_the_charset_of_the_response() {
    let more = "location = /old { default_type 'text/plain; charset=iso-8859-1'; return 200 'é'; }".to_owned();
    let nginx = Nginx::start_with(&nginx::NginxOptions { extra_directives: more, ..Default::default() });
    let class = visitor(async |user: &mut HttpUser| {
        assert_eq!(user.get("/old").await.text(), "Ã©");
        Ok(())
    });
    start(1, &nginx.url(""), [class], requests(2)).wait().expect_success();
}

#[test]
fn compressed_bodies_are_decoded() {
    let nginx = with_files();
    for driver in DRIVERS {
        let class = visitor(async |user: &mut HttpUser| {
            let coded = user.get("/gzip/64KiB").await;
            assert_eq!(coded.header("Content-Encoding"), Some("gzip"));
            assert!(coded.body().len() == 64 << 10 && coded.body().starts_with(b"The desert locust"));
            drop(coded);
            let mut lines = user.get("/gzip/64KiB").name("in lines").stream().await;
            let mut bytes = 0;
            while let Some(line) = lines.next_line().await {
                bytes += line.len() + 1;
            }
            assert_eq!((bytes, lines.error()), ((64 << 10) + 1, None));
            drop(lines);
            let plain = user.get("/gzip/64KiB").name("plain").without_header("Accept-Encoding").await;
            assert_eq!((plain.header("Content-Encoding"), plain.body().len()), (None, 64 << 10));
            Ok(())
        });
        let run = start_on_driver(DriverChoice::Only(driver), 1, &nginx.url(""), [class], requests(6));
        let result = run.wait().expect_success();
        assert!(result.bytes.values().all(|bytes| *bytes == 2 * (64 << 10)), "{:?} on {driver:?}", result.bytes);
    }
    let (plain, coded): (Vec<_>, Vec<_>) = nginx.log().into_iter().partition(|entry| entry.body_bytes == 64 << 10);
    assert_eq!((plain.len(), coded.len()), (4, 8));
    assert!(coded.iter().all(|entry| entry.body_bytes < 4096), "{coded:?}");
}

#[test]
fn bodies_are_streamed() {
    let nginx = with_files();
    async fn read(user: &mut HttpUser) -> TaskResult {
        let mut whole = user.get("/10MiB").name("whole").stream().await;
        let mut bytes = 0;
        while let Some(chunk) = whole.next_chunk().await {
            bytes += chunk.len();
        }
        assert_eq!((bytes, whole.error()), (10 << 20, None));
        drop(whole);
        let mut lines = user.get("/64KiB").name("lines").stream().await;
        assert_eq!(lines.next_line().await.as_deref(), Some(&b"The desert locust eats its own weight every day."[..]));
        lines.drain().await;
        drop(lines);
        let mut start = user.get("/10MiB").name("start").stream().await;
        assert!(start.next_chunk().await.is_some());
        Ok(())
    }
    for driver in DRIVERS {
        let run = start_on_driver(DriverChoice::Only(driver), 1, &nginx.url(""), [visitor(read)], requests(6));
        let result = run.wait().expect_success();
        assert_eq!(result.counts["start"], 2);
        assert_eq!((result.bytes["whole"], result.bytes["lines"]), (20 << 20, 128 << 10), "{driver:?}");
        // Unread bytes are not counted.
        assert!((1..20 << 20).contains(&result.bytes["start"]), "{}", result.bytes["start"]);
    }
    let log = nginx.log();
    assert_eq!(log.len(), 12);
    // A response that is dropped before its end closes its connection, and only that one.
    let connections: std::collections::BTreeSet<u64> = log.iter().map(|entry| entry.connection).collect();
    assert_eq!(connections.len(), 4);
}

#[test]
fn ranges_have_partial_responses() {
    let nginx = with_files();
    let class = visitor(async |user: &mut HttpUser| {
        let part = user.get("/64KiB").header("Range", "bytes=4-9").expect(206).await;
        assert_eq!((part.body(), part.header("Content-Range")), (&b"desert"[..], Some("bytes 4-9/65536")));
        drop(part);
        user.get("/64KiB").name("beyond").header("Range", "bytes=99999-").expect(416).await;
        Ok(())
    });
    let result = start(2, &nginx.url(""), [class], requests(20)).wait().expect_success();
    assert_eq!(result.bytes["/64KiB"], 6 * result.counts["/64KiB"]);
    let log = nginx.requests_per_path_and_status();
    assert_eq!(log[&("/64KiB".to_owned(), 206)], result.counts["/64KiB"]);
    assert_eq!(log[&("/64KiB".to_owned(), 416)], result.counts["beyond"]);
}

fn with_files() -> Nginx {
    Nginx::start_with(&nginx::NginxOptions {
        files: vec![("/64KiB", 64 << 10), ("/10MiB", 10 << 20)],
        ..Default::default()
    })
}
