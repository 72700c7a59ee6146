//! The contract of the command: exit codes, what goes where, what is refused and how.
//!
//! Every refusal is one line on stderr and nothing on stdout, so that a script can show it as it is.

use std::path::Path;

use support::{Nginx, gregaria};

#[test]
fn the_version_is_data() {
    for flag in ["-V", "--version"] {
        let run = gregaria().arg(flag).run().expect_code(0);
        assert_eq!(run.stdout, format!("gregaria {}\n", env!("CARGO_PKG_VERSION")));
        assert_eq!(run.stderr, "");
    }
    let help = gregaria().arg("--help").run().expect_code(0);
    assert!(help.stdout.contains("--spawn-rate") && help.stderr.is_empty(), "{}", help.stdout);
}

#[test]
fn wrong_flags_and_values_are_refused_with_2() {
    for line in [
        "http://127.0.0.1:1/ --no-such-flag",
        "http://127.0.0.1:1/ -u",
        "http://127.0.0.1:1/ -u -1",
        "http://127.0.0.1:1/ -u many",
        "http://127.0.0.1:1/ -u 0",
        "http://127.0.0.1:1/ -r 0",
        "http://127.0.0.1:1/ -r fast",
        "http://127.0.0.1:1/ -t soon",
        "http://127.0.0.1:1/ -n 0",
        "http://127.0.0.1:1/ -n 1.5",
        "http://127.0.0.1:1/ -s later",
        "http://127.0.0.1:1/ --shards 0",
        "http://127.0.0.1:1/ --shards 100000",
        "http://127.0.0.1:1/ -X BREW",
        "http://127.0.0.1:1/ --header no-colon",
        "http://127.0.0.1:1/ --body a --body-file b",
        "http://127.0.0.1:1/ --body-file /no/such/file",
        "http://127.0.0.1:1/ --exit-code-on-error 256",
        "http://127.0.0.1:1/ -L LOUD",
        "http://127.0.0.1:1/ http://127.0.0.1:2/",
        "http://127.0.0.1:1/ -H http://127.0.0.1:2",
        "https://127.0.0.1:1/",
        "http://",
    ] {
        let run = gregaria().args(line).args("--only-summary").run().expect_code(2);
        assert_eq!(run.stdout, "", "{line}");
        assert_eq!(run.stderr.lines().count(), 1, "{line}: {}", run.stderr);
    }
}

#[test]
fn nothing_to_run_is_1() {
    let run = gregaria().run().expect_code(1);
    assert!(run.stdout.is_empty() && run.stderr.lines().count() == 1, "{}", run.stderr);
}

#[test]
fn old_spellings_run_the_same() {
    let nginx = Nginx::start();
    let run = gregaria().arg(nginx.url("/")).args("--no-web -c 2 --hatch-rate 100 --num-request 20 --json");
    assert_eq!(run.run().expect_code(0).entry().num_requests, 20);
}

#[test]
fn failures_decide_the_exit_code() {
    let nginx = Nginx::start();
    let run = |flags: &str| gregaria().arg(nginx.url("/status/500")).args("-n 4 -u 1").args(flags).run();
    let _ = run("").expect_code(1);
    let _ = run("--exit-code-on-error 0").expect_code(0);
    let _ = run("--exit-code-on-error 42").expect_code(42);
}

#[test]
fn a_json_file_takes_the_place_of_the_tables() {
    let nginx = Nginx::start();
    let run = gregaria().arg(nginx.url("/")).args("-n 5 -u 1 --only-summary --json-file result").run().expect_code(0);
    let (name, text) = run.files.first().expect("a file was written");
    assert_eq!(name, "result.json");
    assert_eq!(support::report::entries(text)[0].num_requests, 5);
    assert!(!run.stderr.contains("Aggregated"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
}

#[test]
fn the_log_goes_where_it_is_sent() {
    let nginx = Nginx::start();
    let url = nginx.url("/");
    let run = gregaria().arg(&url).args("-n 5 -u 1 --logfile log -L DEBUG").run().expect_code(0);
    let (name, text) = run.files.first().expect("a log was written");
    assert_eq!(name, "log");
    assert!(text.contains("/INFO/"), "{text}");
    assert!(!run.stderr.contains("/INFO/"), "{}", run.stderr);
    let quiet = gregaria().arg(&url).args("-n 5 -u 1 -L CRITICAL").run().expect_code(0);
    assert!(!quiet.stderr.contains("/INFO/"), "{}", quiet.stderr);
}

#[test]
fn run_times_are_read_in_all_their_forms() {
    let nginx = Nginx::start();
    for time in ["1", "1s", "0h0m1s"] {
        let _ = gregaria().arg(nginx.url("/")).args("-u 1 --only-summary -t").arg(time).run().expect_code(0);
    }
}

#[test]
fn results_that_cannot_be_written_are_not_a_success() {
    let nginx = Nginx::start();
    let into_full = |program: support::Program| {
        program.wrapped(Path::new("/bin/sh"), &["-c", "exec \"$@\" > /dev/full", "sh"]).run()
    };
    let run = into_full(gregaria().arg(nginx.url("/")).args("-n 5 -u 1 --json"));
    assert!(run.expect_code(1).stderr.contains("No space left"));
    let run = gregaria().arg(nginx.url("/")).args("-n 5 -u 1 --json-file /dev/null/result").run();
    assert!(run.expect_code(1).stderr.contains("/dev/null/result"));
}
