//! The Rust examples, run as a user runs them.
//!
//! The quickstart has the whole command line around its own users. `embed` has no command line and controls the run
//! itself.

use support::{Nginx, example, report};

#[test]
fn quickstart_counts_match_the_server_log() {
    let nginx = Nginx::start();
    let flags = "--headless -u 20 -r 100 -t 2s -s 20 --json -H";
    let run = example("quickstart").args(flags).arg(nginx.url("")).run().expect_code(0);
    let entries = run.entries();
    assert_eq!(report::requests_per_name(&entries), nginx.requests_per_path());
    let logins = entries.iter().find(|entry| entry.name == "/login").expect("each user logs in first");
    assert_eq!((logins.method.as_str(), logins.num_requests), ("POST", 20));
    assert!(!run.stderr.contains("cut off"), "{}", run.stderr);
}

#[test]
fn quickstart_lists_users_and_task_ratios() {
    let list = example("quickstart").arg("-l").run().expect_code(0);
    assert_eq!(list.stdout, "Available Users:\n    WebsiteUser\n");
    let ratio = example("quickstart").arg("--show-task-ratio").run().expect_code(0);
    assert!(
        ratio.stdout.contains("66.7       index") && ratio.stdout.contains("33.3       profile"),
        "{}",
        ratio.stdout
    );
    let json = example("quickstart").arg("--show-task-ratio-json").run().expect_code(0);
    let ratio: serde_json::Value = serde_json::from_str(&json.stdout).expect("JSON on stdout");
    assert_eq!(ratio["total"]["WebsiteUser"]["tasks"]["profile"]["ratio"], 1.0 / 3.0);
    for run in [list, json] {
        assert_eq!(run.stderr, "");
    }
}

#[test]
fn user_classes_are_selected_by_name() {
    let nginx = Nginx::start();
    let run = |class: &str| example("quickstart").arg(class).args("-u 1 -t 1 -H").arg(nginx.url("")).run();
    let _ = run("WebsiteUser").expect_code(0);
    let refused = run("NoSuchUser").expect_code(1);
    assert!(refused.stderr.contains("NoSuchUser"), "{}", refused.stderr);
}

#[test]
fn host_must_be_given_with_a_scheme() {
    for flags in ["-u 1 -t 1", "-u 1 -t 1 -H 127.0.0.1:8080"] {
        let refused = example("quickstart").args(flags).run().expect_code(2);
        assert_eq!(refused.stderr.lines().count(), 1, "{}", refused.stderr);
    }
    let refused = example("quickstart").args("127.0.0.1:8080 --headless").run().expect_code(2);
    let line = "gregaria: there is no user class 127.0.0.1:8080: give the host with -H http://127.0.0.1:8080\n";
    assert_eq!(refused.stderr, line);
}

#[test]
fn embed_controls_a_run_and_reads_its_counts() {
    let nginx = Nginx::start();
    let run = example("embed").arg(nginx.url("")).run().expect_code(0);
    assert_eq!(run.stderr, "", "the engine itself prints nothing");
    let lines: Vec<&str> = run.stdout.lines().collect();
    assert_eq!(lines.len(), 4, "{}", run.stdout);
    for (line, users) in lines.iter().zip(["10 users", "40 users", "5 users"]) {
        assert!(line.starts_with(users) && line.contains(" 0 failed"), "{line}");
    }
    assert!(lines[3].ends_with("0 requests cut off"), "{}", lines[3]);
    assert!(nginx.requests_per_path()["/"] > 20);
}

#[test]
fn embed_without_host_prints_its_usage() {
    assert!(example("embed").run().expect_code(1).stderr.contains("usage"));
}
