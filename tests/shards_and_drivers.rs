//! One shard or several, io_uring or epoll: the counts are the same, and the run says what it runs on.
//!
//! A machine without io_uring is made by a seccomp filter; the other steps down are forced by `GREGARIA_RING`.

use support::io_uring_filter::{IoUringRefusal, without_io_uring};
use support::{Nginx, Program, gregaria};

#[test]
fn every_ring_runs_on_one_shard_and_on_two() {
    let nginx = Nginx::start();
    let mut sent = 0;
    for ring in ["full", "plain", "epoll"] {
        for shards in ["1", "2"] {
            let run = quick_run(&nginx).env("GREGARIA_RING", ring).args("--shards").arg(shards);
            expect_all(run, ring);
            sent += 300;
            assert_eq!(nginx.log().len(), sent, "{ring} on {shards}");
        }
    }
}

#[test]
fn the_ring_in_use_is_said() {
    let nginx = Nginx::start();
    for (ring, said) in [("full", "io_uring"), ("plain", "io_uring"), ("epoll", "epoll")] {
        let run = quick_run(&nginx).env("GREGARIA_RING", ring).run().expect_code(0);
        assert!(run.stderr.contains(said), "{ring}: {}", run.stderr);
    }
}

#[test]
fn without_io_uring_epoll_takes_over() {
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
fn a_ring_that_was_asked_for_has_no_substitute() {
    let helper = env!("CARGO_BIN_EXE_without-io-uring");
    let program = gregaria().args("http://127.0.0.1:1/ -n 1").env("GREGARIA_RING", "full");
    let run = without_io_uring(helper, IoUringRefusal::NotPermitted, program).run().expect_code(1);
    assert_eq!(run.stderr, "gregaria: the kernel refuses the ring: Operation not permitted (os error 1)\n");
    assert_eq!(run.stdout, "");
}

#[test]
fn a_timed_run_on_epoll_counts_what_the_server_logs() {
    let nginx = Nginx::start();
    let run =
        gregaria().arg(nginx.url("/")).args("-u 8 -t 1s --json").env("GREGARIA_RING", "epoll").run().expect_code(0);
    assert_eq!(run.entry().num_requests, nginx.log().len() as u64);
}

#[test]
fn fewer_users_than_shards_still_run() {
    let nginx = Nginx::start();
    let run = gregaria().arg(nginx.url("/")).args("-n 50 -u 1 --shards 2 --json").run().expect_code(0);
    assert_eq!(run.entry().num_requests, 50);
}

fn quick_run(nginx: &Nginx) -> Program {
    gregaria().arg(nginx.url("/")).args("-n 300 -u 8 --json")
}

fn expect_all(program: Program, what: &str) {
    let run = program.run().expect_code(0);
    let entry = run.entry();
    assert_eq!((entry.num_requests, entry.num_failures), (300, 0), "{what}");
}
