//! What is behind a [`Screen`](super::Screen): stderr, or a test's memory.

use std::{
    env,
    io::{self, IsTerminal, Write},
};

use rustix::termios::tcgetwinsize;

use super::cbreak::is_in_foreground;

/// The room of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TerminalSize {
    /// Characters in a line.
    pub(crate) columns: u16,
    /// Lines.
    pub(crate) rows: u16,
}

/// A place for text that people read.
pub(crate) trait OutputDevice: Write + Send {
    /// Its size now; `None` when it is no terminal.
    fn size(&self) -> Option<TerminalSize>;

    /// Whether what was written can be taken back now: it is a terminal that knows how, and it is ours.
    fn can_redraw(&self) -> bool;

    /// Whether colours are welcome.
    fn has_color(&self) -> bool;

    /// Whether what is written to stdout appears here too.
    fn shows_stdout(&self) -> bool;
}

/// The stderr of this process.
pub(super) struct StderrDevice {
    is_terminal: bool,
    is_dumb: bool,
    has_color: bool,
    shows_stdout: bool,
}

impl StderrDevice {
    pub(super) fn new() -> Self {
        let is_terminal = io::stderr().is_terminal();
        let is_dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let no_colour = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            is_terminal,
            is_dumb,
            has_color: is_terminal && !is_dumb && !no_colour,
            shows_stdout: is_terminal && io::stdout().is_terminal(),
        }
    }
}

impl Write for StderrDevice {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        io::stderr().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl OutputDevice for StderrDevice {
    fn size(&self) -> Option<TerminalSize> {
        let size = self.is_terminal.then(|| tcgetwinsize(io::stderr()).ok()).flatten()?;
        // A terminal that nobody has told its size says 0.
        let known = |length: u16, usual: u16| if length == 0 { usual } else { length };
        Some(TerminalSize { columns: known(size.ws_col, 80), rows: known(size.ws_row, 24) })
    }

    fn can_redraw(&self) -> bool {
        self.is_terminal && !self.is_dumb && is_in_foreground(io::stderr())
    }

    fn has_color(&self) -> bool {
        self.has_color
    }

    fn shows_stdout(&self) -> bool {
        self.shows_stdout
    }
}
