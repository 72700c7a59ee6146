//! A program on a terminal: what is typed, what the screen shows, which modes it is in, how it ended.
//!
//! The terminal is a pseudo-terminal that controls the program's session, as a person's does. A terminal emulator in
//! memory says what a person would see of what the program has written.

use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use pty_process::{Size, blocking};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, tcgetattr};
use tempfile::TempDir;
use vt100::Parser;

use crate::pipe::Collected;
use crate::program::wait_in_thread;

/// A program that was started on a terminal. Dropping it kills the program.
pub struct Session {
    pid: Pid,
    end: Receiver<ExitStatus>,
    terminal: File,
    /// The program's side, so that the modes outlive the program.
    other_side: File,
    output: Collected,
    columns: u16,
    rows: u16,
    limit: Duration,
    _directory: TempDir,
    ended: bool,
}

impl Session {
    pub(crate) fn start(
        command: blocking::Command,
        columns: u16,
        rows: u16,
        directory: TempDir,
        limit: Duration,
    ) -> Self {
        let (pty, pts) = blocking::open().expect("a pseudo-terminal");
        pty.resize(Size::new(rows, columns)).expect("it has a size");
        let name = rustix::pty::ptsname(&pty, Vec::new()).expect("it has a name").into_string().expect("of letters");
        let other_side = File::options().read(true).write(true).open(name).expect("it can be opened");
        let child = command.spawn(pts).expect("the program starts");
        let terminal = File::from(OwnedFd::from(pty));
        let output = Collected::from(terminal.try_clone().expect("a second handle"));
        let pid = Pid::from_child(&child);
        let end = wait_in_thread(child);
        Self { pid, end, terminal, other_side, output, columns, rows, limit, _directory: directory, ended: false }
    }

    /// Types these letters.
    pub fn type_in(&mut self, letters: &str) {
        self.terminal.write_all(letters.as_bytes()).expect("the terminal takes letters");
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).expect("the program still runs");
    }

    /// Changes the size of the terminal.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        let size = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&self.terminal, size).expect("a terminal has a size");
        (self.columns, self.rows) = (columns, rows);
    }

    /// Whether letters are shown and lines can be edited, as a shell wants it.
    #[must_use]
    pub fn is_linewise(&self) -> bool {
        let modes = tcgetattr(&self.other_side).expect("a terminal has modes").local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    }

    /// Everything that the program has written.
    #[must_use]
    pub fn written(&self) -> String {
        self.output.text()
    }

    /// What the terminal shows, after what has scrolled out of it.
    #[must_use]
    pub fn shown(&self) -> String {
        let [rows, columns] = [self.rows, self.columns].map(|length| length.try_into().expect("more than 0"));
        let mut parser = Parser::new(rows, columns, LINES_KEPT);
        parser.process(self.written().as_bytes());
        let screen = parser.screen_mut();
        screen.set_scrollback(LINES_KEPT);
        let mut lines = Vec::new();
        for above in (0..=screen.scrollback()).rev() {
            screen.set_scrollback(above);
            let visible = screen.rows(0, self.columns).map(|line| line.trim_end().to_owned());
            let new = if above == 0 { usize::from(self.rows) } else { 1 };
            lines.extend(visible.take(new));
        }
        lines.join("\n")
    }

    /// The live blocks that were drawn, as lines without their colours.
    #[must_use]
    pub fn blocks(&self) -> Vec<Vec<String>> {
        let written = self.written().replace("\r\n", "\n");
        let blocks = written.split("\r\x1b[K\n").skip(1).filter_map(|drawn| drawn.split_once("\x1b[J"));
        blocks.map(|(block, _)| block.lines().map(without_escapes).collect()).collect()
    }

    /// Waits until `condition` holds, looking again every few milliseconds.
    pub fn wait_until(&self, condition: impl Fn(&Self) -> bool) {
        for _ in 0..self.limit.as_millis() / 5 {
            if condition(self) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("waited in vain; the terminal shows:\n{}", self.shown());
    }

    /// Waits until the terminal shows `text`.
    pub fn wait_for(&self, text: &str) {
        self.wait_until(|session| session.shown().contains(text));
    }

    /// Waits for the end of the program and returns its exit code.
    pub fn finish(&mut self) -> Option<i32> {
        let status = self.end.recv_timeout(self.limit);
        let Ok(status) = status else { panic!("the program did not end; the terminal shows:\n{}", self.shown()) };
        self.ended = true;
        // What the program has written last is on its way through the kernel: a mark of ours comes behind it.
        self.other_side.write_all(MARK.as_bytes()).expect("the terminal takes a mark");
        assert!(self.output.wait_for(MARK, self.limit), "the mark gets lost");
        status.code()
    }

    /// Whether the program has been stopped, as by Ctrl-Z.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid.as_raw_nonzero()));
        status.is_ok_and(|status| status.contains("State:\tT"))
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        if !self.ended {
            // Not reaped yet, or just now: the waiting thread holds the only other claim on this pid.
            let _ = kill_process(self.pid, Signal::KILL);
            let _ = self.end.recv_timeout(self.limit);
        }
    }
}

fn without_escapes(line: &str) -> String {
    let mut parts = line.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    let after =
        |part: &str| part.split_once(|letter: char| letter.is_ascii_alphabetic()).map(|(_, rest)| rest.to_owned());
    parts.filter_map(after).fold(first, |line, part| line + &part)
}

const LINES_KEPT: usize = 1000;

/// A title for the window, which nobody sees.
const MARK: &str = "\x1b]0;end\x07";
