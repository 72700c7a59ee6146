//! The quick run: one URL, a real nginx, and counts that agree with its log.
//!
//! The exact layout of the tables is tested in the cli crate. These tests check that they are printed, and on which
//! stream.

use std::collections::BTreeSet;

use support::{HostileServer, Nginx, gregaria, nginx};

#[test]
fn quick_run_counts_match_the_server_log() {
    let nginx = Nginx::start();
    let run = gregaria().arg(nginx.url("/")).args("-u 8 -t 1s --json").run().expect_code(0);
    let entry = run.entry();
    assert_eq!((entry.method.as_str(), entry.name.as_str(), entry.num_failures), ("GET", "/", 0));
    assert!(!run.stderr.contains("cut off"), "{}", run.stderr);
    assert_eq!(nginx.requests_per_path_and_status(), [(("/".to_owned(), 200), entry.num_requests)].into());
    assert_eq!(entry.total_content_length, 128 * entry.num_requests);
    assert_eq!(entry.response_times.values().sum::<u64>(), entry.num_requests);
    assert!(entry.min_response_time.is_some_and(|fastest| fastest <= entry.max_response_time));
}

#[test]
fn tables_go_to_stderr_and_data_to_stdout() {
    let nginx = Nginx::start();
    let run = gregaria().arg(nginx.url("/?a=1&b=2")).args("-u 2 -t 3s").run().expect_code(0);
    assert_eq!(run.stdout, "");
    assert_eq!(run.stderr.matches("# fails | Avg ms").count(), 2, "a live table and the final one:\n{}", run.stderr);
    assert!(run.stderr.contains("Response time percentiles"), "{}", run.stderr);
    assert!(run.stderr.contains("99.99%"), "{}", run.stderr);
    assert!(run.stderr.lines().any(|line| line.starts_with("GET  /?a=1&b=2 ")), "{}", run.stderr);
    assert!(run.stderr.contains("Aggregated"), "{}", run.stderr);
    assert_eq!(run.errors(), []);
}

#[test]
fn only_summary_prints_one_table() {
    let nginx = Nginx::start();
    let run = gregaria().arg(nginx.url("/")).args("-u 2 -t 3s --only-summary").run().expect_code(0);
    assert_eq!(run.stderr.matches("# fails | Avg ms").count(), 1, "{}", run.stderr);
}

#[test]
fn final_table_is_not_printed_twice() {
    let nginx = Nginx::start();
    // The live table is due when the run ends.
    let run = gregaria().arg(nginx.url("/")).args("-u 2 -t 2s").run().expect_code(0);
    assert_eq!(run.stderr.matches("# fails | Avg ms").count(), 1, "{}", run.stderr);
}

#[test]
fn key_figures_precede_the_tables() {
    let nginx = Nginx::start();
    let run = gregaria().arg(nginx.url("/status/404")).args("-n 20 -u 2").run().expect_code(1);
    let figures: Vec<&str> = run.stderr.lines().skip_while(|line| !line.starts_with("Requests/s: ")).take(7).collect();
    assert!(figures[0].contains("  (20 requests in ") && figures[0].ends_with(" by 2 users)"), "{figures:?}");
    assert_eq!(figures[1], "Failures:     100.00 %  (20 failures)");
    assert!(figures[2].starts_with("Times in ms:  p50 "), "{figures:?}");
    assert_eq!(figures[3], "Status codes: 404: 20");
    assert!(figures[4].starts_with("Data: ") && figures[4].ends_with("B/s out (heads and bodies)"), "{figures:?}");
    assert!(figures[5].is_empty() && figures[6].starts_with("Type "), "{figures:?}");
}

#[test]
fn short_run_has_no_verdict_on_the_generator() {
    let nginx = Nginx::start();
    let run = gregaria().arg(nginx.url("/")).args("-n 3 -u 1 --fail-on-lag").run().expect_code(0);
    let line = run.stderr.lines().last().unwrap_or_default();
    let start = "Generator: the run was too short to tell whether it was the bottleneck (a verdict needs 1 s); ";
    assert!(line.starts_with(start), "{line}");
}

#[test]
fn requests_without_a_response_have_no_status() {
    let hostile = HostileServer::start();
    let run = gregaria().arg(hostile.url("/close-before")).args("-n 3 -u 1").run().expect_code(1);
    assert!(run.stderr.contains("\nStatus codes: no response: 3\n"), "{}", run.stderr);
}

#[test]
fn tables_fit_the_variable_columns() {
    let nginx = Nginx::start();
    let path = format!("/{}", "a-long-name/".repeat(20));
    let run = |columns: &str| gregaria().arg(nginx.url(&path)).args("-n 9 -u 1").env("COLUMNS", columns).run();
    let table = |stderr: &str| -> Vec<String> {
        stderr.lines().filter(|line| line.starts_with("GET ")).map(str::to_owned).collect()
    };
    let narrow = table(&run("90").stderr);
    assert!(narrow.len() == 2 && narrow.iter().all(|line| line.contains('\u{2026}')), "{narrow:?}");
    assert!(narrow.iter().all(|line| line.chars().count() <= 90), "{narrow:?}");
    let piped = table(&run("").stderr);
    let name_columns = |line: &String| line.split_whitespace().nth(1).map(|name| name.chars().count());
    assert!(piped.len() == 2 && piped.iter().all(|line| name_columns(line) == Some(120)), "{piped:?}");
}

#[test]
fn default_is_ten_users_at_once() {
    let nginx = Nginx::start();
    let connections = || nginx.log().iter().map(|entry| entry.connection).collect::<BTreeSet<u64>>().len();
    let _ = gregaria().arg(nginx.url("/")).args("-t 1s").run().expect_code(0);
    assert_eq!(connections(), 10);
    let _ = gregaria().arg(nginx.url("/")).args("-t 1s -u 3 -r 1000").run().expect_code(0);
    assert_eq!(connections(), 13);
}

#[test]
fn method_headers_and_body_are_sent() {
    let hostile = HostileServer::start();
    let run = gregaria().arg(hostile.url("/ok?q=1")).args("-n 1 -u 1 -X put --header X-Test:v1").arg("--header");
    let run = run.arg("Content-Type: text/x-test").arg("--body").arg("grün").args("--json").run().expect_code(0);
    assert_eq!((run.entry().method, run.entry().name), ("PUT".to_owned(), "/ok?q=1".to_owned()));
    let received = hostile.received().concat();
    assert!(received.starts_with("PUT /ok?q=1 HTTP/1.1\r\n"), "{received}");
    for header in [
        format!("Host: {}", hostile.address()),
        "X-Test: v1".to_owned(),
        "Content-Type: text/x-test".to_owned(),
        "Content-Length: 5".to_owned(),
    ] {
        assert!(received.contains(&format!("{header}\r\n")), "{header} in {received}");
    }
    assert!(received.ends_with("\r\n\r\ngrün"), "{received}");
}

#[test]
fn body_file_is_sent_as_a_post() {
    let nginx = Nginx::start();
    let run = gregaria().arg(nginx.url("/echo"));
    std::fs::write(run.directory().join("body"), [0xFF; 1000]).expect("failed to write the body");
    let _ = run.args("-n 20 -u 2 --body-file body").run().expect_code(0);
    let log = nginx.log();
    assert_eq!(log.len(), 20);
    assert!(log.iter().all(|entry| entry.method == "POST" && entry.content_length == Some(1000)), "{log:?}");
}

#[test]
fn every_method_reaches_the_server() {
    let nginx = Nginx::start();
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    for method in methods {
        let run = gregaria().arg(nginx.url("/echo")).args("-n 2 -u 1 --json -X").arg(method).run().expect_code(0);
        assert_eq!(run.entry().method, method);
    }
    let entry: Vec<String> = nginx.log().into_iter().map(|entry| entry.method).collect();
    assert_eq!(entry, methods.map(|method| [method; 2]).concat());
}

#[test]
fn status_of_400_or_above_is_a_failure() {
    let nginx = Nginx::start();
    for (code, failures, exit) in [(200, 0, 0), (204, 0, 0), (304, 0, 0), (400, 10, 1), (404, 10, 1), (503, 10, 1)] {
        let run =
            gregaria().arg(nginx.url(&format!("/status/{code}"))).args("-n 10 -u 2 --json").run().expect_code(exit);
        assert_eq!((run.entry().num_requests, run.entry().num_failures), (10, failures), "{code}");
        let named = run
            .errors()
            .iter()
            .filter(|row| row.text.contains(&code.to_string()))
            .map(|row| row.occurrences)
            .sum::<u64>();
        assert_eq!(named, failures, "{code}: {}", run.stderr);
    }
}

#[test]
fn redirect_is_an_answer_with_no_redirects() {
    let nginx = Nginx::start();
    let run = |flags: &str| gregaria().arg(nginx.url("/redirect/302/")).args("-n 4 -u 1 --json").args(flags).run();
    let (followed, answers) = (run("").expect_code(0).entry(), run("--no-redirects").expect_code(0).entry());
    assert_eq!((followed.num_requests, followed.num_failures), (4, 0));
    assert_eq!((answers.num_requests, answers.num_failures), (4, 0));
    let statuses = nginx.requests_per_path_and_status();
    assert_eq!(statuses, [(("/".to_owned(), 200), 4), (("/redirect/302/".to_owned(), 302), 8)].into());
}

#[test]
fn first_response_is_printed_and_not_counted() {
    let nginx = Nginx::start();
    let run = gregaria().arg(nginx.url("/")).args("-n 5 -u 1 --json --print-first-response").run().expect_code(0);
    let url = nginx.url("/");
    assert!(run.stderr.starts_with(&format!("First response to GET {url}:\nHTTP/1.1 200 OK\n")), "{}", run.stderr);
    assert_eq!((run.entry().num_requests, nginx.log().len()), (5, 6));
    let gone = gregaria().args("http://127.0.0.1:1/ -n 2 -u 1 --json --print-first-response").run().expect_code(1);
    let start = "First response to GET http://127.0.0.1:1/:\n(connection refused)\n";
    assert!(gone.stderr.starts_with(start), "{}", gone.stderr);
    assert_eq!(gone.entry().num_requests, 2, "the run goes on");
}

#[test]
fn scheme_of_url_and_location_may_be_in_any_case() {
    let end = Nginx::start();
    let upper = end.url("/end").replace("http://", "HTTP://");
    let more = format!("location = /away {{ return 302 {upper}; }}");
    let nginx = Nginx::start_with(&nginx::NginxOptions { extra_directives: more, ..Default::default() });
    let url = nginx.url("/away").replace("http://", "HTTP://");
    let run = gregaria().arg(url).args("-n 2 -u 1 --json --exit-code-on-error 0").run().expect_code(0);
    assert_eq!((run.entry().name.as_str(), run.entry().num_requests), ("/away", 2));
    assert_eq!((nginx.log().len(), end.requests_per_path()["/end"]), (2, 2));
}

#[test]
fn large_bodies_are_counted_completely() {
    let nginx = Nginx::start_with(&nginx::NginxOptions { files: vec![("/large", 3_000_000)], ..Default::default() });
    let run = gregaria().arg(nginx.url("/large")).args("-n 12 -u 3 --json").run().expect_code(0);
    assert_eq!(run.entry().total_content_length, 12 * 3_000_000);
}
