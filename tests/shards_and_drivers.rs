//! Counts are equal on one shard and on several, and on every driver; the log names the driver.
//!
//! A seccomp filter makes a machine without io_uring. `GREGARIA_DRIVER` selects one of the other drivers. The rules for
//! its values are in `engine/src/rt/driver.rs`.

use support::io_uring_filter::{IoUringRefusal, without_io_uring};
use support::{Nginx, Program, gregaria};

const DRIVERS: [&str; 3] = ["io_uring", "io_uring-basic", "epoll"];

#[test]
fn every_driver_runs_on_one_and_two_shards() {
    let nginx = Nginx::start();
    let mut sent = 0;
    for driver in DRIVERS {
        for shards in ["1", "2"] {
            let run = quick_run(&nginx).env("GREGARIA_DRIVER", driver).args("--shards").arg(shards);
            expect_all(run, driver);
            sent += 300;
            assert_eq!(nginx.log().len(), sent, "{driver} on {shards}");
        }
    }
}

#[test]
fn log_names_the_driver() {
    let nginx = Nginx::start();
    for driver in DRIVERS {
        let run = quick_run(&nginx).args("--driver").arg(driver).run().expect_code(0);
        assert!(has_driver(&run.stderr, driver), "{driver}: {}", run.stderr);
    }
    let run = quick_run(&nginx).args("--driver io_uring --shards 2").run().expect_code(0);
    let line = ": 2 threads run the users and send their requests through io_uring\n";
    assert!(run.stderr.contains(line), "{}", run.stderr);
}

#[test]
fn old_driver_names_are_accepted() {
    let nginx = Nginx::start();
    for (old, driver) in [("full", "io_uring"), ("plain", "io_uring-basic"), ("epoll", "epoll")] {
        let by_flag = quick_run(&nginx).args("--ring").arg(old).run().expect_code(0);
        let by_variable = quick_run(&nginx).env("GREGARIA_RING", old).run().expect_code(0);
        for run in [by_flag, by_variable] {
            assert!(has_driver(&run.stderr, driver), "{old}: {}", run.stderr);
        }
    }
    let run = gregaria().args("http://127.0.0.1:1/ -n 1 --ring kqueue").run().expect_code(2);
    assert_eq!(run.stderr, "gregaria: --driver kqueue: takes auto, io_uring, io_uring-basic or epoll\n");
}

#[test]
fn epoll_is_used_if_io_uring_is_refused() {
    let nginx = Nginx::start();
    for refusal in [IoUringRefusal::NotPermitted, IoUringRefusal::NotImplemented] {
        let helper = env!("CARGO_BIN_EXE_without-io-uring");
        let run = without_io_uring(helper, refusal, quick_run(&nginx).args("--shards 2")).run().expect_code(0);
        assert_eq!(run.entry().num_requests, 300);
        assert!(run.stderr.contains("epoll"), "{refusal:?}: {}", run.stderr);
    }
    assert_eq!(nginx.log().len(), 600);
}

#[test]
fn selected_driver_has_no_fallback() {
    let helper = env!("CARGO_BIN_EXE_without-io-uring");
    let program = gregaria().args("http://127.0.0.1:1/ -n 1").env("GREGARIA_DRIVER", "io_uring");
    let run = without_io_uring(helper, IoUringRefusal::NotPermitted, program).run().expect_code(1);
    assert_eq!(run.stderr, "gregaria: the kernel refuses the driver: Operation not permitted (os error 1)\n");
    assert_eq!(run.stdout, "");
}

#[test]
fn timed_run_on_epoll_matches_the_server_log() {
    let nginx = Nginx::start();
    let run =
        gregaria().arg(nginx.url("/")).args("-u 8 -t 1s --json").env("GREGARIA_DRIVER", "epoll").run().expect_code(0);
    assert_eq!(run.entry().num_requests, nginx.log().len() as u64);
}

#[test]
fn fewer_users_than_shards_run() {
    let nginx = Nginx::start();
    let run = gregaria().arg(nginx.url("/")).args("-n 50 -u 1 --shards 2 --json").run().expect_code(0);
    assert_eq!(run.entry().num_requests, 50);
}

fn quick_run(nginx: &Nginx) -> Program {
    gregaria().arg(nginx.url("/")).args("-n 300 -u 8 --json")
}

fn expect_all(program: Program, driver: &str) {
    let run = program.run().expect_code(0);
    let entry = run.entry();
    assert_eq!((entry.num_requests, entry.num_failures), (300, 0), "{driver}");
}

/// Returns `true` if the line that starts a run names this driver and, for a slower one, its remedy.
fn has_driver(log: &str, driver: &str) -> bool {
    let end = if driver == "io_uring" { "\n" } else { " (io_uring" };
    log.contains(&format!(" requests through {driver}{end}"))
}
