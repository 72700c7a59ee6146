//! The contract of the command line: exit codes, standard output and standard error, rejected arguments.
//!
//! Every rejection is one line on standard error, with an empty standard output, so that a script can show the line.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use support::{FinishedProgram, Nginx, Program, example, gregaria};

#[test]
fn version_is_printed_on_stdout() {
    for flag in ["-V", "--version"] {
        let run = gregaria().arg(flag).run().expect_code(0);
        assert_eq!(run.stdout, format!("gregaria {}\n", env!("CARGO_PKG_VERSION")));
        assert_eq!(run.stderr, "");
    }
    let help = gregaria().arg("--help").run().expect_code(0);
    assert!(help.stdout.contains("--spawn-rate") && help.stderr.is_empty(), "{}", help.stdout);
    let own = example("quickstart").arg("--help").run().expect_code(0).stdout;
    assert!(own.contains("\nUsage: quickstart [OPTIONS] [USER_CLASS]...\n"), "{own}");
    assert!(!own.contains("gregaria"), "{own}");
}

#[test]
fn invalid_arguments_exit_with_2() {
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
        "http://127.0.0.1:1/ -X BREW(TEA)",
        "http://127.0.0.1:1/ --header no-colon",
        "http://127.0.0.1:1/ --body a --body-file b",
        "http://127.0.0.1:1/ --body-file /no/such/file",
        "http://127.0.0.1:1/ --exit-code-on-error 256",
        "http://127.0.0.1:1/ -L LOUD",
        "http://127.0.0.1:1/ http://127.0.0.1:2/",
        "http://127.0.0.1:1/ -H http://127.0.0.1:2",
        "http://",
        "127.0.0.1:1",
        "[::1]:80",
        "example.org/x",
        "http://127.0.0.1:1/ -H Accept:text/html",
        "http://127.0.0.1:1/ -z 10s -q 5",
        "-d 30s http://127.0.0.1:1/",
        "--print-first-response",
        "http://127.0.0.1:1/ --unix-socket /no/such",
    ] {
        let run = gregaria().args(line).args("--only-summary").run().expect_code(2);
        assert_eq!(run.stdout, "", "{line}");
        assert_eq!(run.stderr.lines().count(), 1, "{line}: {}", run.stderr);
    }
}

#[test]
fn missing_scenario_exits_with_1() {
    let run = gregaria().run().expect_code(1);
    assert!(run.stdout.is_empty() && run.stderr.lines().count() == 1, "{}", run.stderr);
}

#[test]
fn old_flag_names_are_accepted() {
    let nginx = Nginx::start();
    let run = gregaria().arg(nginx.url("/")).args("--no-web -c 2 --hatch-rate 100 --num-request 20 --json");
    assert_eq!(run.run().expect_code(0).entry().num_requests, 20);
}

#[test]
fn failures_determine_the_exit_code() {
    let nginx = Nginx::start();
    let run = |flags: &str| gregaria().arg(nginx.url("/status/500")).args("-n 4 -u 1").args(flags).run();
    let _ = run("").expect_code(1);
    let _ = run("--exit-code-on-error 0").expect_code(0);
    let _ = run("--exit-code-on-error 42").expect_code(42);
}

#[test]
fn json_file_replaces_the_tables() {
    let nginx = Nginx::start();
    let run = gregaria().arg(nginx.url("/")).args("-n 5 -u 1 --only-summary --json-file result").run().expect_code(0);
    let (name, text) = run.files.first().expect("a file was written");
    assert_eq!(name, "result.json");
    assert_eq!(support::report::entries(text)[0].num_requests, 5);
    assert!(!run.stderr.contains("Aggregated"), "{}", run.stderr);
    assert_eq!(run.stdout, "");
}

#[test]
fn log_is_written_to_the_logfile() {
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
fn run_time_formats_are_parsed() {
    let nginx = Nginx::start();
    for time in ["1", "1s", "0h0m1s", "500ms", "0.5", "1.5s"] {
        let _ = gregaria().arg(nginx.url("/")).args("-u 1 --only-summary -t").arg(time).run().expect_code(0);
        let run = gregaria().arg(nginx.url("/")).args("-u 1 --only-summary").env("LOCUST_RUN_TIME", time).run();
        let _ = run.expect_code(0);
    }
}

#[test]
fn unwritable_results_exit_with_1() {
    let nginx = Nginx::start();
    let into_full =
        |program: Program| program.wrapped_by(Path::new("/bin/sh"), &["-c", "exec \"$@\" > /dev/full", "sh"]).run();
    let run = into_full(gregaria().arg(nginx.url("/")).args("-n 5 -u 1 --json"));
    assert!(run.expect_code(1).stderr.contains("No space left"));
    let run = gregaria().arg(nginx.url("/")).args("-n 5 -u 1 --json-file /dev/null/result").run();
    assert!(run.expect_code(1).stderr.contains("/dev/null/result"));
}

/// Returns the program with these files in its directory.
fn with_files(program: Program, files: &[(&str, &str)]) -> Program {
    for (name, text) in files {
        let path = program.directory().join(name);
        fs::create_dir_all(path.parent().expect("the path is in the directory")).expect("failed to create a folder");
        fs::write(path, text).expect("failed to write a file");
    }
    program
}

/// Returns `gregaria` with a fake `python3` in `PATH`. The fake exits with `host_check` when it is asked for the Python
/// host (`-c`), and otherwise prints its arguments.
fn with_fake_python(files: &[(&str, &str)], host_check: u8) -> Program {
    let script = format!("#!/bin/sh\n[ \"$1\" = -c ] && exit {host_check}\necho \"$@\"\n");
    let program = with_files(with_files(gregaria(), files), &[("bin/python3", &script)]);
    let python = program.directory().join("bin/python3");
    fs::set_permissions(python, fs::Permissions::from_mode(0o755)).expect("failed to make the script executable");
    let path = program.directory().join("bin");
    program.env("PATH", path)
}

fn expect_refused(run: FinishedProgram, code: i32, start: &str) {
    let run = run.expect_code(code);
    assert_eq!((run.stdout.as_str(), run.stderr.lines().count()), ("", 1), "{}", run.stderr);
    assert!(run.stderr.starts_with(&format!("gregaria: {start}")), "{}", run.stderr);
}

#[test]
fn locustfile_starts_python_host_with_all_flags() {
    let files = [("locustfile.py", ""), ("shops/a.py", ""), ("b.py", "")];
    for line in [
        "",
        "-u 5 --flag-of-the-locustfile value Web",
        "-f shops -l",
        "b.py -n 1",
        "--flag http://127.0.0.1:1/ --show-task-ratio",
    ] {
        let run = with_fake_python(&files, 0).args(line).run().expect_code(0);
        assert_eq!(run.stdout.trim_end(), format!("-m gregaria {line}").trim_end());
        assert_eq!(run.stderr, "");
    }
    let run = with_fake_python(&[("b.py", "")], 0).env("LOCUST_LOCUSTFILE", "b").run().expect_code(0);
    assert_eq!(run.stdout, "-m gregaria\n");
}

#[test]
fn help_version_and_quick_runs_need_no_python() {
    let files = [("locustfile.py", "")];
    let run = |line: &str| with_fake_python(&files, 0).args(line).run();
    assert!(run("-V").expect_code(0).stdout.starts_with("gregaria "));
    assert!(run("--help").expect_code(0).stdout.contains("Usage: gregaria"));
    assert!(run("http://127.0.0.1:1/ -l").expect_code(0).stdout.contains("QuickRun"));
}

#[test]
fn unusable_locustfile_is_rejected() {
    expect_refused(with_fake_python(&[], 0).args("-f shop.py").run(), 1, "-f shop.py: there is no such file in /");
    expect_refused(with_fake_python(&[("a/x.txt", "")], 0).args("-f a").run(), 2, "-f a: there is no .py file");
    let urls = with_fake_python(&[("urls.txt", "")], 0).args("-f urls.txt").run();
    expect_refused(urls, 2, "-f urls.txt: is no locustfile, because its name does not end with .py");
    let files = [("locustfile.py", "")];
    expect_refused(with_fake_python(&files, 1).run(), 1, "a locustfile needs gregaria's Python host");
    expect_refused(with_fake_python(&files, 0).args("-f -").run(), 2, "-f -: a master is not supported yet");
}

#[test]
fn flags_override_variables_and_files() {
    let nginx = Nginx::start();
    let url = nginx.url("/");
    let conf = [("locust.conf", "users = 1\nnum-request: 7\nonly-summary\njson = true\n")];
    let quick = |line: &str| with_files(gregaria(), &conf).arg(&url).args(line);
    assert_eq!(quick("").run().expect_code(0).entry().num_requests, 7);
    assert_eq!(quick("").env("LOCUST_NUM_REQUEST", "5").run().expect_code(0).entry().num_requests, 5);
    assert_eq!(quick("-n 3").env("LOCUST_NUM_REQUEST", "5").run().expect_code(0).entry().num_requests, 3);
    let own = with_files(example("quickstart"), &conf).env("LOCUST_HOST", nginx.url("")).env("LOCUST_NUM_REQUEST", "1");
    assert_eq!(own.run().expect_code(0).entry().num_requests, 1);
}

#[test]
fn invalid_setting_exits_with_2_and_its_location() {
    let run = |conf: &str| with_files(gregaria(), &[("locust.conf", conf)]).arg("http://127.0.0.1:1/").run();
    expect_refused(run("\nusers = many"), 2, "locust.conf line 2: users = many: takes a whole number of at least 1");
    expect_refused(run("only-summary = maybe"), 2, "locust.conf line 1: only-summary = maybe: takes true or false");
    expect_refused(run("csv = out"), 2, "--csv: not supported yet: use --json or --json-file");
    let run = |name: &str| gregaria().arg("http://127.0.0.1:1/").env(name, "x").run();
    expect_refused(run("LOCUST_USERS"), 2, "LOCUST_USERS=x: takes a whole number of at least 1");
    expect_refused(run("LOCUST_MODE_MASTER"), 2, "LOCUST_MODE_MASTER=x: takes true or false");
    let own = with_files(example("quickstart"), &[("pyproject.toml", "[tool.locust]\nuser = 3\n")]).run();
    expect_refused(own, 2, "pyproject.toml: user = 3: there is no such setting; a similar one exists: 'users'");
}

#[test]
fn run_without_headless_logs_missing_web_page() {
    let nginx = Nginx::start();
    let run = |flags: &str| example("quickstart").args("-u 1 -n 1 -H").arg(nginx.url("")).args(flags).run();
    let without = run("--headless").expect_code(0).stderr;
    let with = run("").expect_code(0).stderr;
    assert_eq!((with.matches("no web page yet").count(), without.matches("no web page yet").count()), (1, 0), "{with}");
}
