//! A program on a terminal: its keyboard input, screen content, terminal modes and exit code.
//!
//! The terminal is a pseudo-terminal that controls the program's session, as that of a user does. A terminal emulator
//! in memory computes the screen from the program's output.

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
    /// The program's side of the terminal. It stays open so that the modes can be read after the program has ended.
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
        let (pty, pts) = blocking::open().expect("failed to open a pseudo-terminal");
        pty.resize(Size::new(rows, columns)).expect("failed to set the size of the terminal");
        let name = rustix::pty::ptsname(&pty, Vec::new()).expect("failed to read the name of the terminal");
        let name = name.into_string().expect("the name is not UTF-8");
        let program_side = File::options().read(true).write(true).open(name).expect("failed to open the terminal");
        let child = command.spawn(pts).expect("failed to start the program");
        let terminal = File::from(OwnedFd::from(pty));
        let output = PipeOutput::read_in_thread(terminal.try_clone().expect("failed to duplicate the terminal"));
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

    /// Types the given keys.
    pub fn type_keys(&mut self, keys: &str) {
        self.terminal.write_all(keys.as_bytes()).expect("failed to write to the terminal");
    }

    /// Sends a signal to the program.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid, signal).expect("the program has ended already");
    }

    /// Changes the size of the terminal.
    pub fn resize(&mut self, columns: u16, rows: u16) {
        let size = rustix::termios::Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        rustix::termios::tcsetwinsize(&self.terminal, size).expect("failed to set the size of the terminal");
        (self.columns, self.rows) = (columns, rows);
    }

    /// Returns `true` if the terminal echoes input and edits lines, which are the modes of a shell.
    #[must_use]
    pub fn is_cooked(&self) -> bool {
        let modes = tcgetattr(&self.program_side).expect("failed to read the modes of the terminal").local_modes;
        modes.contains(LocalModes::ECHO | LocalModes::ICANON)
    }

    /// Returns all output of the program, including escape sequences.
    #[must_use]
    pub fn raw_output(&self) -> String {
        self.output.text()
    }

    /// Returns the scrollback and the screen as text.
    #[must_use]
    pub fn screen_text(&self) -> String {
        let [rows, columns] = [self.rows, self.columns].map(|length| length.try_into().expect("the size is not 0"));
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

    /// Returns the live blocks that the program has drawn, as lines without colours.
    #[must_use]
    pub fn live_blocks(&self) -> Vec<Vec<String>> {
        let output = self.raw_output().replace("\r\n", "\n");
        let blocks = output.split("\r\x1b[K\n").skip(1).filter_map(|drawn| drawn.split_once("\x1b[J"));
        blocks.map(|(block, _)| block.lines().map(without_escapes).collect()).collect()
    }

    /// Polls `condition` every 5 ms until it returns `true`.
    pub fn wait_until(&self, condition: impl Fn(&Self) -> bool) {
        for _ in 0..self.time_limit.as_millis() / 5 {
            if condition(self) {
                return;
            }
            thread::sleep(Duration::from_millis(5));
        }
        panic!("the condition was not met in time; the terminal shows:\n{}", self.screen_text());
    }

    /// Waits until the terminal shows `text`.
    pub fn wait_for(&self, text: &str) {
        self.wait_until(|session| session.screen_text().contains(text));
    }

    /// Waits until the program ends and returns its exit code.
    pub fn finish(&mut self) -> Option<i32> {
        let status = self.exit_status.recv_timeout(self.time_limit);
        let Ok(status) = status else { panic!("the program did not end; the terminal shows:\n{}", self.screen_text()) };
        self.has_exited = true;
        // The last output of the program may still be in the kernel. A mark is read after it.
        self.program_side.write_all(END_MARK.as_bytes()).expect("failed to write the mark");
        assert!(self.output.wait_for(END_MARK, self.time_limit), "the mark is missing in the output");
        status.code()
    }

    /// Returns `true` if the program is stopped, as by Ctrl-Z.
    #[must_use]
    pub fn is_stopped(&self) -> bool {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid.as_raw_nonzero()));
        status.is_ok_and(|status| status.contains("State:\tT"))
    }
}

impl Drop for TerminalSession {
    fn drop(&mut self) {
        if !self.has_exited {
            // The waiting thread alone reaps the process, so the pid is not in use by another process.
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

/// A mark in the output: an escape sequence that sets the window title and leaves the screen unchanged.
const END_MARK: &str = "\x1b]0;end\x07";
