//! The device behind a [`Screen`](super::Screen): stderr, or memory in tests.

use std::{
    env,
    io::{self, IsTerminal, Write},
};

use rustix::termios::tcgetwinsize;

use super::cbreak::is_in_foreground;

/// The size of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TerminalSize {
    /// Columns of a line.
    pub(crate) columns: u16,
    /// Number of lines.
    pub(crate) rows: u16,
}

/// A destination for text that people read.
pub(crate) trait OutputDevice: Write + Send {
    /// Returns the current size; `None` if the device is not a terminal.
    fn size(&self) -> Option<TerminalSize>;

    /// Returns the columns for text; `None` without a limit.
    fn text_columns(&self) -> Option<u16> {
        self.size().map(|size| size.columns)
    }

    /// Returns `true` if written text can be erased now: the device is a capable terminal with this process in the
    /// foreground.
    fn can_redraw(&self) -> bool;

    /// Returns `true` if text may have colors.
    fn has_color(&self) -> bool;

    /// Returns `true` if text written to stdout appears on this device as well.
    fn shows_stdout(&self) -> bool;
}

/// The stderr of this process.
pub(super) struct StderrDevice {
    is_terminal: bool,
    is_dumb: bool,
    has_color: bool,
    shows_stdout: bool,
    /// The value of `COLUMNS`, by which a user or a CI system sets the width of text.
    columns_variable: Option<u16>,
}

impl StderrDevice {
    pub(super) fn new() -> Self {
        let is_terminal = io::stderr().is_terminal();
        let is_dumb = env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
        let is_color_disabled = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            is_terminal,
            is_dumb,
            has_color: is_terminal && !is_dumb && !is_color_disabled,
            shows_stdout: is_terminal && io::stdout().is_terminal(),
            columns_variable: env::var("COLUMNS")
                .ok()
                .and_then(|value| value.parse().ok())
                .filter(|columns| *columns > 0),
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
        // A terminal without a configured size reports 0.
        let or_default = |length: u16, default: u16| if length == 0 { default } else { length };
        Some(TerminalSize { columns: or_default(size.ws_col, 80), rows: or_default(size.ws_row, 24) })
    }

    fn text_columns(&self) -> Option<u16> {
        self.columns_variable.or_else(|| self.size().map(|size| size.columns))
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
