//! Redirects: however many requests a target makes of one, it is one sample, named by the first.

use gregaria_engine::HttpUser;
use gregaria_engine::rt::DriverChoice;
use support::{Nginx, nginx};

use super::run::{DRIVERS, requests, start, start_on_driver, visitor};

#[test]
fn a_chain_is_one_sample_and_as_many_lines_of_the_log() {
    for ring in DRIVERS {
        let nginx = Nginx::start();
        let class = visitor(async |user: &mut HttpUser| {
            let end = user.get("/redirect/301/redirect/302/redirect/307/?a=b").name("chain").expect(200).await;
            let received = end.http_response().expect("a response");
            let statuses: Vec<_> = received.history().iter().map(|response| response.status()).collect();
            assert_eq!((&statuses[..], received.reason()), (&[301, 302, 307][..], &b"OK"[..]));
            drop(end);
            user.get("/redirect/308/status/404").name("to nothing").expect(404).await;
            user.get("/redirect/302/").name("not followed").follow_redirects(false).expect(302).await;
            user.head("/redirect/303/").name("head").expect(303).await;
            Ok(())
        });
        let outcome = start_on_driver(DriverChoice::Only(ring), 1, &nginx.url(""), [class], requests(8)).wait();
        let outcome = outcome.expect_success();
        let log = nginx.requests_per_path();
        // Four requests for the chain, two for nothing, one for each of the others.
        assert_eq!((outcome.total(), log.values().sum::<u64>()), (8, 16), "{ring:?}: {log:?}");
        assert_eq!((log["/?a=b"], log["/redirect/307/?a=b"], log["/status/404"]), (2, 2, 2));
        // The length is that of the last response, not of all on the way.
        assert_eq!(outcome.bytes["chain"], 2 * 128);
    }
}

#[test]
fn methods_and_bodies_go_on_as_the_status_says() {
    let nginx = Nginx::start();
    let class = visitor(async |user: &mut HttpUser| {
        for (status, answer) in
            [("301", "GET "), ("302", "GET "), ("303", "GET "), ("307", "POST 5"), ("308", "POST 5")]
        {
            let url = format!("/redirect/{status}/upload");
            assert_eq!(user.post(&url).name(status).body(b"eight").await.text(), answer, "{status}");
        }
        Ok(())
    });
    start(1, &nginx.url(""), [class], requests(10)).wait().expect_success();
    assert_eq!(nginx.log().len(), 20);
}

#[test]
fn a_redirect_may_lead_to_another_server() {
    let elsewhere = Nginx::start();
    let more = format!("location = /away {{ return 302 {}; }}", elsewhere.url("/private"));
    let nginx = Nginx::start_with(&nginx::NginxOptions { extra_directives: more, ..Default::default() });
    let class = visitor(async |user: &mut HttpUser| {
        user.get("/away").header("Authorization", "Basic ZWxsZW46a2V5QDE5MDAvNw==").expect(401).await;
        user.get("/").await;
        Ok(())
    });
    let outcome = start(2, &nginx.url(""), [class], requests(40)).wait().expect_success();
    // What the first server was told is nothing that the second one has to know.
    assert_eq!(
        elsewhere.requests_per_path_and_status(),
        [(("/private".to_owned(), 401), outcome.counts["/away"])].into()
    );
    assert_eq!(nginx.requests_per_path(), outcome.counts);
    let connections = |nginx: &Nginx| nginx.log().iter().map(|logged| logged.connection).max() >= Some(1);
    assert!(connections(&nginx) && connections(&elsewhere));
}

#[test]
fn a_loop_has_an_end() {
    let nginx = Nginx::start();
    let class = visitor(async |user: &mut HttpUser| {
        user.get("/loop").await;
        user.get("/").await;
        Ok(())
    });
    let outcome = start(1, &nginx.url(""), [class], requests(6)).wait();
    assert_eq!(outcome.failures("/loop", "too many redirects"), 3, "{:?}", outcome.errors);
    // The first request and the thirty redirects that are followed.
    assert_eq!(nginx.requests_per_path()["/loop"], 3 * 31);
    assert_eq!(outcome.counts["/"], 3);
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
