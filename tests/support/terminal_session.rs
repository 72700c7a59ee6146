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

use crate::pipe::PipeOutput;
use crate::program::wait_in_thread;

/// A program that was started on a terminal. Dropping it kills the program.
pub struct TerminalSession {
    pid: Pid,
    exit_status: Receiver<ExitStatus>,
    terminal: File,
    /// The program's side, so that the modes outlive the program.
    program_side: File,
    output: PipeOutput,
    columns: u16,
    rows: u16,
    time_limit: Duration,
    _directory: TempDir,
    has_exited: bool,
}

impl TerminalSession {
    pub(crate) fn start(
        command: blocking::Command,
        columns: u16,
        rows: u16,
        directory: TempDir,
        time_limit: Duration,
    ) -> Self {
        let (pty, pts) = blocking::open().expect("a pseudo-terminal");
        pty.resize(Size::new(rows, columns)).expect("it has a size");
        let name = rustix::pty::ptsname(&pty, Vec::new()).expect("it has a name").into_string().expect("of letters");
        let program_side = File::options().read(true).write(true).open(name).expect("it can be opened");
        let child = command.spawn(pts).expect("the program starts");
        let terminal = File::from(OwnedFd::from(pty));
        let output = PipeOutput::read_in_thread(terminal.try_clone().expect("a second handle"));
        let pid = Pid::from_child(&child);
        let exit_status = wait_in_thread(child);
        Self {
            pid,
            exit_status,
            terminal,
            program_side,
            output,
            columns,
            rows,
            time_limit,
            _directory: directory,
            has_exited: false,
        }
    }

    /// Types these letters.
    pub fn type_keys(&mut self, letters: &str) {
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
    pub fn is_cooked(&self) -> bool {
        let modes = tcgetattr(&self.program_side).expect("a terminal has modes").local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    }

    /// Everything that the program has written.
    #[must_use]
    pub fn raw_output(&self) -> String {
        self.output.text()
    }

    /// What the terminal shows, after what has scrolled out of it.
    #[must_use]
    pub fn screen_text(&self) -> String {
        let [rows, columns] = [self.rows, self.columns].map(|length| length.try_into().expect("more than 0"));
        let mut parser = Parser::new(rows, columns, SCROLLBACK_LINES);
        parser.process(self.raw_output().as_bytes());
        let screen = parser.screen_mut();
        screen.set_scrollback(SCROLLBACK_LINES);
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
    pub fn live_blocks(&self) -> Vec<Vec<String>> {
        let written = self.raw_output().replace("\r\n", "\n");
        let blocks = written.split("\r\x1b[K\n").skip(1).filter_map(|drawn| drawn.split_once("\x1b[J"));
        blocks.map(|(block, _)| block.lines().map(without_escapes).collect()).collect()
    }

    /// Waits until `condition` holds, looking again every few milliseconds.
    pub fn wait_until(&self, condition: impl Fn(&Self) -> bool) {
        for _ in 0..self.time_limit.as_millis() / 5 {
            if condition(self) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("waited in vain; the terminal shows:\n{}", self.screen_text());
    }

    /// Waits until the terminal shows `text`.
    pub fn wait_for(&self, text: &str) {
        self.wait_until(|session| session.screen_text().contains(text));
    }

    /// Waits for the end of the program and returns its exit code.
    pub fn finish(&mut self) -> Option<i32> {
        let status = self.exit_status.recv_timeout(self.time_limit);
        let Ok(status) = status else { panic!("the program did not end; the terminal shows:\n{}", self.screen_text()) };
        self.has_exited = true;
        // What the program has written last is on its way through the kernel: a mark of ours comes behind it.
        self.program_side.write_all(END_MARK.as_bytes()).expect("the terminal takes a mark");
        assert!(self.output.wait_for(END_MARK, self.time_limit), "the mark gets lost");
        status.code()
    }

    /// Whether the program has been stopped, as by Ctrl-Z.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid.as_raw_nonzero()));
        status.is_ok_and(|status| status.contains("State:\tT"))
    }
}

impl Drop for TerminalSession {
    fn drop(&mut self) {
        if !self.has_exited {
            // Not reaped yet, or just now: the waiting thread holds the only other claim on this pid.
            let _ = kill_process(self.pid, Signal::KILL);
            let _ = self.exit_status.recv_timeout(self.time_limit);
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

const SCROLLBACK_LINES: usize = 1000;

/// A title for the window, which nobody sees.
const END_MARK: &str = "\x1b]0;end\x07";
