//! Redirects: a chain of requests is one sample with the name of the first request.

use gregaria_engine::HttpUser;
use gregaria_engine::rt::DriverChoice;
use support::{Nginx, nginx};

use super::run::{DRIVERS, requests, start, start_on_driver, visitor};

#[test]
fn redirect_chain_is_one_sample() {
    for driver in DRIVERS {
        let nginx = Nginx::start();
        let class = visitor(async |user: &mut HttpUser| {
            let end = user.get("/redirect/301/redirect/302/redirect/307/?a=b").name("chain").expect(200).await;
            let received = end.http_response().expect("a response");
            let statuses: Vec<_> = received.history().iter().map(|response| response.status()).collect();
            assert_eq!((&statuses[..], received.reason()), (&[301, 302, 307][..], &b"OK"[..]));
            drop(end);
            user.get("/redirect/308/status/404").name("missing page").expect(404).await;
            user.get("/redirect/302/").name("not followed").follow_redirects(false).expect(302).await;
            user.head("/redirect/303/").name("head").expect(303).await;
            Ok(())
        });
        let result = start_on_driver(DriverChoice::Only(driver), 1, &nginx.url(""), [class], requests(8)).wait();
        let result = result.expect_success();
        let log = nginx.requests_per_path();
        // The chain has four requests, the redirect to the missing page two, and the others one each.
        assert_eq!((result.total(), log.values().sum::<u64>()), (8, 16), "{driver:?}: {log:?}");
        assert_eq!((log["/?a=b"], log["/redirect/307/?a=b"], log["/status/404"]), (2, 2, 2));
        // The bytes are those of the last response, not of the whole chain.
        assert_eq!(result.bytes["chain"], 2 * 128);
    }
}

#[test]
fn status_determines_method_and_body_of_redirect() {
    let nginx = Nginx::start();
    let class = visitor(async |user: &mut HttpUser| {
        for (status, response) in
            [("301", "GET "), ("302", "GET "), ("303", "GET "), ("307", "POST 5"), ("308", "POST 5")]
        {
            let url = format!("/redirect/{status}/upload");
            assert_eq!(user.post(&url).name(status).body(b"eight").await.text(), response, "{status}");
        }
        Ok(())
    });
    start(1, &nginx.url(""), [class], requests(10)).wait().expect_success();
    assert_eq!(nginx.log().len(), 20);
}

#[test]
fn cross_origin_redirect_drops_authorization() {
    let other = Nginx::start();
    let more = format!("location = /away {{ return 302 {}; }}", other.url("/private"));
    let nginx = Nginx::start_with(&nginx::NginxOptions { extra_directives: more, ..Default::default() });
    let class = visitor(async |user: &mut HttpUser| {
        user.get("/away").header("Authorization", "Basic ZWxsZW46a2V5QDE5MDAvNw==").expect(401).await;
        user.get("/").await;
        Ok(())
    });
    let result = start(2, &nginx.url(""), [class], requests(40)).wait().expect_success();
    // The second server does not get the `Authorization` of the first.
    assert_eq!(other.requests_per_path_and_status(), [(("/private".to_owned(), 401), result.counts["/away"])].into());
    assert_eq!(nginx.requests_per_path(), result.counts);
    let connections = |nginx: &Nginx| nginx.log().iter().map(|entry| entry.connection).max() >= Some(1);
    assert!(connections(&nginx) && connections(&other));
}

#[test]
fn redirect_loop_is_limited() {
    let nginx = Nginx::start();
    let class = visitor(async |user: &mut HttpUser| {
        user.get("/loop").await;
        user.get("/").await;
        Ok(())
    });
    let result = start(1, &nginx.url(""), [class], requests(6)).wait();
    assert_eq!(result.failures("/loop", "too many redirects"), 3, "{:?}", result.errors);
    // The first request and thirty followed redirects.
    assert_eq!(nginx.requests_per_path()["/loop"], 3 * 31);
    assert_eq!(result.counts["/"], 3);
}

#[test]
fn max_redirects_limits_one_request() {
    let nginx = Nginx::start();
    let class = visitor(async |user: &mut HttpUser| {
        user.get("/loop").name("named").max_redirects(2).await;
        user.get("/loop").name("options").options(|options| options.max_redirects = Some(0)).await;
        user.get("/redirect/301/redirect/302/").name("within").max_redirects(2).expect(200).await;
        Ok(())
    });
    let outcome = start(1, &nginx.url(""), [class], requests(6)).wait();
    for name in ["named", "options"] {
        assert_eq!(outcome.failures(name, "too many redirects"), 2, "{name}: {:?}", outcome.errors);
    }
    assert_eq!(outcome.failures("within", "too many redirects"), 0);
    // With a limit of 2 the first request and two more, with a limit of 0 only the first request.
    assert_eq!(nginx.requests_per_path()["/loop"], 2 * 3 + 2);
}
