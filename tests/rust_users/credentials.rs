//! Users with credentials, against an nginx with basic authentication.

use gregaria_engine::HttpUser;
use gregaria_engine::http::{Auth, ClientConfig};
use support::Nginx;
use support::nginx::{PASSWORD, USER};

use super::run::{requests, start, visitor, visitor_with};

#[test]
fn credentials_of_a_request_open_the_page() {
    let nginx = Nginx::start();
    let in_url = nginx.url("/private").replacen("//", "//ellen:key%401900%2F7@", 1);
    let class = visitor(async move |user: &mut HttpUser| {
        user.get("/private").name("anonymous").expect(401).await;
        user.get("/private").name("known").auth(Auth::basic(USER, PASSWORD)).expect(200).await;
        user.get("/private").name("wrong").auth(Auth::basic(USER, "key")).await;
        user.get(&in_url).name("in the URL").expect(200).await;
        Ok(())
    });
    let result = start(2, &nginx.url(""), [class], requests(40)).wait();
    assert_eq!(result.failures("wrong", "HTTP 401 Unauthorized"), result.counts["wrong"]);
    assert_eq!(result.errors.len(), 1, "{:?}", result.errors);
    let log = nginx.requests_per_path_and_status();
    assert_eq!(log[&("/private".to_owned(), 401)], result.counts["anonymous"] + result.counts["wrong"]);
    assert_eq!(log[&("/private".to_owned(), 200)], result.counts["known"] + result.counts["in the URL"]);
}

#[test]
fn credentials_of_class_or_host_open_the_page() {
    let nginx = Nginx::start();
    let known = async |user: &mut HttpUser| {
        user.get("/private").expect(200).await;
        Ok(())
    };
    let config = ClientConfig { auth: Some(Auth::basic(USER, PASSWORD)), ..ClientConfig::default() };
    start(2, &nginx.url(""), [visitor_with(config, known)], requests(10)).wait().expect_success();
    let host = nginx.url("").replacen("//", "//ellen:key%401900%2F7@", 1);
    start(2, &host, [visitor(known)], requests(10)).wait().expect_success();
    assert_eq!(nginx.requests_per_path_and_status(), [(("/private".to_owned(), 200), 20)].into());
}
