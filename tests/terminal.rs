//! The live display and its keys, on a pseudo-terminal: what is on the screen meanwhile, and that nothing is left of
//! it.
//!
//! What each line says at each width is tested in the cli crate; here it is that a terminal shows it, takes keys, and
//! is given back.

use support::program::Signal;
use support::{HostileServer, Nginx, TerminalSession, gregaria};

/// A quick run of two users without end.
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
    assert!(session.is_cooked(), "the shell finds its modes");
    let shown = session.screen_text();
    assert!(!shown.contains("q quit"), "a rest of the live display:\n{shown}");
}

#[test]
fn keys_steer_the_run_and_the_tables_come_at_its_end() {
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
    let shown = session.screen_text();
    let parts = ["Starting gregaria", "Ramping to 13 users", "Got q", "# fails |", "percentiles", "Generator: "];
    let places: Vec<Option<usize>> = parts.iter().map(|part| shown.find(part)).collect();
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in\n{shown}");
    assert_eq!(shown.matches("# fails |").count(), 1, "the live display takes the place of live tables:\n{shown}");
}

#[test]
fn a_small_terminal_shows_the_same_in_short() {
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
fn a_terminal_may_change_its_size() {
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
fn failures_are_red_unless_no_colour_is_wanted() {
    let nginx = Nginx::start();
    let run = || gregaria().arg(nginx.url("/status/500")).args("-u 1 -t 1s");
    let mut coloured = run().env("NO_COLOR", "").start_on_terminal(80, 24);
    assert_eq!(coloured.finish(), Some(1));
    let table = coloured.raw_output().split("# fails |").last().unwrap().to_owned();
    assert!(table.contains("\x1b[31m") && table.contains("(100.00%)\x1b[0m |"), "{table:?}");
    let mut plain = run().env("NO_COLOR", "1").start_on_terminal(80, 24);
    assert_eq!(plain.finish(), Some(1));
    assert!(!plain.live_blocks().is_empty());
    let written = plain.raw_output();
    let colours = written.split("\x1b[").skip(1).filter(|rest| {
        rest.trim_start_matches(|letter: char| letter.is_ascii_digit() || letter == ';').starts_with('m')
    });
    assert_eq!(colours.count(), 0, "{written:?}");
}

#[test]
fn a_dumb_terminal_gets_plain_lines() {
    let nginx = Nginx::start();
    let mut session = gregaria().arg(nginx.url("/")).args("-u 1 -t 3s").env("TERM", "dumb").start_on_terminal(80, 24);
    assert_eq!(session.finish(), Some(0));
    let written = session.raw_output();
    let written = written.split("\x1b]0;").next().unwrap();
    assert!(!written.contains('\x1b'), "{written:?}");
    assert!(written.matches("# fails |").count() >= 2, "{written}");
}

#[test]
fn only_the_summary_means_no_live_display_either() {
    let nginx = Nginx::start();
    let mut session = gregaria().arg(nginx.url("/")).args("-u 1 --only-summary").start_on_terminal(80, 24);
    session.wait_for("All users spawned");
    session.wait_until(|session| !session.is_cooked());
    session.type_keys("q");
    assert_eq!(session.finish(), Some(0));
    assert!(session.live_blocks().is_empty() && session.is_cooked());
}

#[test]
fn ctrl_c_stays_a_signal_and_the_second_leaves_a_clean_terminal() {
    let hostile = HostileServer::start();
    let line = "-u 2 -s 3600";
    let mut session = gregaria().arg(hostile.url("/slow?ms=60000")).args(line).start_on_terminal(80, 24);
    session.wait_for("q quit");
    session.type_keys("\x03");
    session.wait_for("Got SIGINT");
    assert_restored(&session);
    session.type_keys("\x03");
    assert_eq!(session.finish(), Some(130));
    assert_restored(&session);
}

#[test]
fn who_is_stopped_gives_the_terminal_back_and_takes_it_again() {
    let nginx = Nginx::start();
    let mut session = endless(&nginx, 80, 24);
    session.wait_for("q quit");
    session.wait_until(|session| !session.is_cooked());
    session.type_keys("\x1a");
    session.wait_until(TerminalSession::is_stopped);
    assert!(session.is_cooked());
    // What was written before the stop may still be on its way here.
    session.wait_until(|session| !session.screen_text().contains("q quit"));
    session.signal(Signal::CONT);
    session.wait_for("q quit");
    session.wait_until(|session| !session.is_cooked());
    session.type_keys("q");
    assert_eq!(session.finish(), Some(0));
    assert_restored(&session);
}
