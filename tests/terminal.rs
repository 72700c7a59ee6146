//! The live display and its keys on a pseudo-terminal: the screen during the run, and the restored terminal afterwards.
//!
//! The lines at each width are tested in the cli crate. These tests check that a terminal shows them, that keys work,
//! and that the terminal is restored.

use support::program::Signal;
use support::{HostileServer, Nginx, TerminalSession, gregaria};

/// Starts a quick run of two users without a time limit.
fn endless(nginx: &Nginx, columns: u16, rows: u16) -> TerminalSession {
    gregaria().arg(nginx.url("/")).args("-u 2").start_on_terminal(columns, rows)
}

fn assert_narrow(session: &TerminalSession, columns: usize, rows: usize) {
    let blocks = session.live_blocks();
    assert!(!blocks.is_empty(), "{}", session.raw_output());
    for block in blocks {
        assert!(block.len() < rows && block.iter().all(|line| line.len() < columns), "{block:#?}");
    }
}

fn assert_restored(session: &TerminalSession) {
    assert!(session.is_cooked(), "the modes of the shell are restored");
    let screen = session.screen_text();
    assert!(!screen.contains("q quit"), "the live display is still on the screen:\n{screen}");
}

#[test]
fn keys_change_the_run_and_tables_follow_its_end() {
    let nginx = Nginx::start();
    let mut session = endless(&nginx, 80, 24);
    session.wait_for("\n2 users  ");
    session.wait_for("w/W +1/+10 users  s/S -1/-10  q quit");
    assert!(!session.is_cooked());
    session.type_keys("wW");
    session.wait_for("\n13 users  ");
    session.type_keys("s");
    session.wait_for("\n12 users  ");
    session.type_keys("SSS");
    session.wait_for("\n0 users  ");
    session.type_keys("w");
    session.wait_for("\n1 user  ");
    session.type_keys("q");
    assert_eq!(session.finish(), Some(0));
    assert_restored(&session);
    assert_narrow(&session, 80, 24);
    let screen = session.screen_text();
    let parts = ["Starting gregaria", "Ramping to 13 users", "Got q", "# fails |", "percentiles", "Generator: "];
    let positions: Vec<Option<usize>> = parts.iter().map(|part| screen.find(part)).collect();
    assert!(positions.iter().all(Option::is_some) && positions.is_sorted(), "{positions:?} in\n{screen}");
    assert_eq!(screen.matches("# fails |").count(), 1, "the live display replaces live tables:\n{screen}");
}

#[test]
fn small_terminal_has_a_short_display() {
    let nginx = Nginx::start();
    let mut session = gregaria().arg(nginx.url("/")).args("-u 2 -t 2s").start_on_terminal(40, 10);
    session.wait_for("running   [");
    session.wait_for(" %  0:01 left");
    assert_eq!(session.finish(), Some(0));
    assert_restored(&session);
    assert_narrow(&session, 40, 10);
    assert!(session.screen_text().contains("Generator: "), "{}", session.screen_text());
}

#[test]
fn resized_terminal_is_redrawn() {
    let nginx = Nginx::start();
    let mut session = endless(&nginx, 80, 24);
    session.wait_for("q quit");
    session.resize(30, 5);
    session.wait_until(|session| session.live_blocks().last().is_some_and(|block| block.len() < 5));
    let block = session.live_blocks().pop().unwrap();
    assert!(block.iter().all(|line| line.len() < 30), "{block:#?}");
    session.resize(80, 24);
    session.wait_until(|session| session.live_blocks().last().is_some_and(|block| block.len() >= 5));
    session.type_keys("q");
    assert_eq!(session.finish(), Some(0));
}

#[test]
fn failures_are_red_without_no_color() {
    let nginx = Nginx::start();
    let run = || gregaria().arg(nginx.url("/status/500")).args("-u 1 -t 1s");
    let mut coloured = run().env("NO_COLOR", "").start_on_terminal(80, 24);
    assert_eq!(coloured.finish(), Some(1));
    let table = coloured.raw_output().split("# fails |").last().unwrap().to_owned();
    assert!(table.contains("\x1b[31m") && table.contains("(100.00%)\x1b[0m |"), "{table:?}");
    let mut plain = run().env("NO_COLOR", "1").start_on_terminal(80, 24);
    assert_eq!(plain.finish(), Some(1));
    assert!(!plain.live_blocks().is_empty());
    let output = plain.raw_output();
    let colours = output.split("\x1b[").skip(1).filter(|sequence| {
        sequence.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ';').starts_with('m')
    });
    assert_eq!(colours.count(), 0, "{output:?}");
}

#[test]
fn dumb_terminal_has_plain_lines() {
    let nginx = Nginx::start();
    let mut session = gregaria().arg(nginx.url("/")).args("-u 1 -t 3s").env("TERM", "dumb").start_on_terminal(80, 24);
    assert_eq!(session.finish(), Some(0));
    let output = session.raw_output();
    let output = output.split("\x1b]0;").next().unwrap();
    assert!(!output.contains('\x1b'), "{output:?}");
    assert!(output.matches("# fails |").count() >= 2, "{output}");
}

#[test]
fn only_summary_has_no_live_display() {
    let nginx = Nginx::start();
    let mut session = gregaria().arg(nginx.url("/")).args("-u 1 --only-summary").start_on_terminal(80, 24);
    session.wait_for("All users spawned");
    session.wait_until(|session| !session.is_cooked());
    session.type_keys("q");
    assert_eq!(session.finish(), Some(0));
    assert!(session.live_blocks().is_empty() && session.is_cooked());
}

#[test]
fn second_ctrl_c_restores_the_terminal() {
    let hostile = HostileServer::start();
    let line = "-u 2 -s 3600";
    let mut session = gregaria().arg(hostile.url("/slow?ms=60000")).args(line).start_on_terminal(80, 24);
    session.wait_for("All users spawned");
    session.wait_for("q quit");
    session.type_keys("\x03");
    session.wait_for("Got SIGINT");
    session.wait_for(" the last requests have 59:");
    session.wait_until(|session| !session.screen_text().contains("q quit"));
    assert_restored(&session);
    session.type_keys("\x03");
    assert_eq!(session.finish(), Some(130));
    assert_restored(&session);
    let screen = session.screen_text();
    assert!(!screen.contains("the last requests have"), "the live display is still on the screen:\n{screen}");
}

#[test]
fn stopped_program_restores_the_terminal() {
    let nginx = Nginx::start();
    let mut session = endless(&nginx, 80, 24);
    session.wait_for("q quit");
    session.wait_until(|session| !session.is_cooked());
    session.type_keys("\x1a");
    session.wait_until(TerminalSession::is_stopped);
    assert!(session.is_cooked());
    // Output from before the stop may not have been read yet.
    session.wait_until(|session| !session.screen_text().contains("q quit"));
    session.signal(Signal::CONT);
    session.wait_for("q quit");
    session.wait_until(|session| !session.is_cooked());
    session.type_keys("q");
    assert_eq!(session.finish(), Some(0));
    assert_restored(&session);
}
