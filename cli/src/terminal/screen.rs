//! The writer of all text for people: whole lines, the output of user code, and a live block below them.
//!
//! The block is redrawn in one write. Between two writes the cursor rests on an empty line above the block. Text that
//! bypasses this file, such as a `println!` of a user, therefore stays readable. A terminal that shrinks cuts off the
//! block only, which is redrawn. The text of the block is made in `console/live.rs`.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError},
};

use super::device::{OutputDevice, StderrDevice, TerminalSize};

/// The writer of text for people. Clones share one device.
#[derive(Clone)]
pub struct Screen(Arc<Mutex<ScreenState>>);

/// A standard stream that a program prints to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StdStream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl Screen {
    /// Creates a screen on this device.
    pub(crate) fn new(device: impl OutputDevice + 'static) -> Self {
        Self(Arc::new(Mutex::new(ScreenState {
            device: Box::new(device),
            block: None,
            partial_lines: Default::default(),
            is_mid_line: false,
            has_ended: false,
        })))
    }

    /// Creates a screen on stderr, which is a terminal, a file or a pipe.
    pub(crate) fn stderr() -> Self {
        Self::new(StderrDevice::new())
    }

    /// Returns the current size of the terminal; `None` for a file or a pipe.
    pub(crate) fn size(&self) -> Option<TerminalSize> {
        self.state().device.size()
    }

    /// Returns the columns for text: the terminal's, unless the variable `COLUMNS` sets others; `None` for a file or a
    /// pipe without it.
    pub(crate) fn text_columns(&self) -> Option<u16> {
        self.state().device.text_columns()
    }

    /// Returns the columns at which sentences are wrapped: those of [`text_columns`](Self::text_columns) on a terminal.
    /// `None` for a file or a pipe, in which programs search for whole lines.
    pub(crate) fn prose_columns(&self) -> Option<u16> {
        self.size().and_then(|_| self.text_columns())
    }

    /// Returns `true` if text may have colors.
    pub(crate) fn has_color(&self) -> bool {
        self.state().device.has_color()
    }

    /// Returns the current space for a live block.
    ///
    /// `None` means that no block can be shown: on a file or a dumb terminal, in the background, and after
    /// [`Screen::end`].
    pub(crate) fn live_area(&self) -> Option<TerminalSize> {
        self.state().live_area()
    }

    /// Shows these lines as the live block, below all other text, and replaces the previous block.
    ///
    /// The lines must leave one column and one row of [`Screen::live_area`] free.
    pub(crate) fn show(&self, lines: &[String]) {
        self.state().show(lines);
    }

    /// Erases the live block and prints the partial lines that waited for their ends.
    pub(crate) fn clear(&self) {
        self.state().clear();
    }

    /// Erases the live block as [`Screen::clear`] does. No block is shown from now on.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.clear();
        state.has_ended = true;
    }

    /// Writes whole lines, above the live block.
    pub(crate) fn write_lines(&self, lines: &str) {
        self.state().write_above(lines);
    }

    /// Prints the output of user code to this stream, above the live block.
    ///
    /// While there is a live block, a partial line waits for its end, at most 64 KiB. Without a block the text is
    /// written at once.
    pub fn print(&self, stream: StdStream, text: &str) {
        let mut state = self.state();
        match stream {
            StdStream::Out if !state.device.shows_stdout() => {
                drop(state);
                write_to_stdout(text);
            }
            StdStream::Out if state.block.is_none() => {
                state.track_line_end(text);
                write_to_stdout(text);
            }
            StdStream::Out | StdStream::Err => state.print(stream, text),
        }
    }

    /// Erases the live block, calls `write`, which writes to the terminal itself, and redraws the block. `write` must
    /// not use this screen.
    pub(crate) fn suspend(&self, write: impl FnOnce()) {
        self.state().suspend(write);
    }

    /// Calls [`Screen::suspend`] unless another call holds the screen. Then it only calls `write`, and the block stays.
    ///
    /// A panic hook needs this, because the panic may come from a write to this screen.
    pub(crate) fn suspend_if_idle(&self, write: impl FnOnce()) {
        match self.0.try_lock() {
            Ok(mut state) => state.suspend(write),
            Err(_) => write(),
        }
    }

    /// Returns `true` if no call holds the screen.
    pub(crate) fn is_idle(&self) -> bool {
        !matches!(self.0.try_lock(), Err(TryLockError::WouldBlock))
    }

    fn state(&self) -> MutexGuard<'_, ScreenState> {
        // After a panic during a write, the worst effect is a block that is drawn twice.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct ScreenState {
    device: Box<dyn OutputDevice>,
    block: Option<LiveBlock>,
    /// The partial lines of both streams, which wait for their ends while there is a block.
    partial_lines: [String; 2],
    is_mid_line: bool,
    has_ended: bool,
}

/// The block that is drawn below the cursor.
struct LiveBlock {
    rendered: String,
    size: Option<TerminalSize>,
}

impl ScreenState {
    fn live_area(&self) -> Option<TerminalSize> {
        self.device.size().filter(|_| !self.has_ended && self.device.can_redraw())
    }

    fn show(&mut self, lines: &[String]) {
        let size = self.live_area();
        if size.is_none() {
            return;
        }
        let line_end = if self.is_mid_line { "\n" } else { "" };
        let rendered = render_block(lines);
        self.write(&format!("{line_end}{rendered}"));
        self.block = Some(LiveBlock { rendered, size });
        self.is_mid_line = false;
    }

    fn clear(&mut self) {
        drop(self.erase_block());
        for stream in 0..self.partial_lines.len() {
            let mut partial_line = std::mem::take(&mut self.partial_lines[stream]);
            if !partial_line.is_empty() {
                partial_line.push('\n');
                self.write_above(&partial_line);
            }
        }
    }

    fn print(&mut self, stream: StdStream, text: &str) {
        if self.block.is_none() {
            return self.write_above(text);
        }
        let pending = &mut self.partial_lines[stream as usize];
        pending.push_str(text);
        if pending.len() > MAX_PARTIAL_LINE_BYTES && !pending.ends_with('\n') {
            pending.push('\n');
        }
        if let Some(end) = pending.rfind('\n') {
            let partial_line = pending.split_off(end + 1);
            let lines = std::mem::replace(pending, partial_line);
            self.write_above(&lines);
        }
    }

    fn write_above(&mut self, text: &str) {
        self.track_line_end(text);
        match self.block.take() {
            None => self.write(text),
            Some(block) if self.is_valid(&block) => {
                self.write(&format!("{ERASE_BELOW}{text}{}", block.rendered));
                self.block = Some(block);
            }
            // The next call of `show` draws a block of the new size.
            Some(_) => {
                let erase = self.erase_sequence();
                self.write(&format!("{erase}{text}"));
            }
        }
    }

    fn track_line_end(&mut self, text: &str) {
        if !text.is_empty() {
            self.is_mid_line = !text.ends_with('\n');
        }
    }

    fn suspend(&mut self, write: impl FnOnce()) {
        let block = self.erase_block();
        write();
        self.redraw_block(block);
    }

    /// Erases the block on the terminal and returns it.
    fn erase_block(&mut self) -> Option<LiveBlock> {
        let block = self.block.take()?;
        let erase = self.erase_sequence();
        self.write(erase);
        Some(block)
    }

    fn redraw_block(&mut self, block: Option<LiveBlock>) {
        if let Some(block) = block.filter(|block| self.is_valid(block)) {
            self.write(&block.rendered);
            self.block = Some(block);
        }
    }

    /// Returns `true` if the terminal still has the size for which the block was made.
    fn is_valid(&self, block: &LiveBlock) -> bool {
        block.size == self.live_area()
    }

    /// Returns the sequence that erases the block. It is empty in the background, where the lines below the cursor
    /// belong to another process.
    fn erase_sequence(&self) -> &'static str {
        if self.device.can_redraw() { ERASE_BELOW } else { "" }
    }

    fn write(&mut self, text: &str) {
        // The reader of stderr may close it. The run and its exit code do not depend on it.
        let _ = self.device.write_all(text.as_bytes());
    }
}

fn write_to_stdout(text: &str) {
    let mut stdout = io::stdout();
    // A closed pipe is not an error of the run.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Renders `lines` over the previous block, below an empty line to which the cursor returns.
fn render_block(lines: &[String]) -> String {
    let mut rendered = format!("\r{ERASE_LINE_END}");
    for line in lines {
        // Writing to a String cannot fail.
        let _ = write!(rendered, "\n{line}{ERASE_LINE_END}");
    }
    rendered.push_str(ERASE_SCREEN_END);
    if !lines.is_empty() {
        let _ = write!(rendered, "\r\x1b[{}A", lines.len());
    }
    rendered
}

/// Erases from the line of the cursor to the end of the screen.
const ERASE_BELOW: &str = "\r\x1b[J";
const ERASE_LINE_END: &str = "\x1b[K";
const ERASE_SCREEN_END: &str = "\x1b[J";

/// The length at which a line without an end is broken.
const MAX_PARTIAL_LINE_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::MemoryDevice;

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn lines_are_written_above_the_block() {
        let terminal = MemoryDevice::terminal(20, 8);
        let screen = Screen::new(terminal.clone());
        screen.write_lines("one\n");
        screen.show(&lines(&["block", "below"]));
        assert_eq!(terminal.contents(), "one\n\nblock\nbelow");
        screen.write_lines("two\nthree\n");
        screen.show(&lines(&["smaller"]));
        assert_eq!(terminal.contents(), "one\ntwo\nthree\n\nsmaller");
        screen.clear();
        screen.write_lines("four\n");
        assert_eq!(terminal.contents(), "one\ntwo\nthree\nfour");
    }

    #[test]
    fn block_scrolls_the_lines_above() {
        let terminal = MemoryDevice::terminal(20, 5);
        let screen = Screen::new(terminal.clone());
        screen.show(&lines(&["a", "b"]));
        for line in 0..9 {
            screen.write_lines(&format!("line {line}\n"));
            screen.show(&lines(&["a", "b"]));
        }
        assert_eq!(terminal.contents(), "line 7\nline 8\n\na\nb");
        screen.write_lines("a line that is wider than the terminal\n");
        assert_eq!(terminal.contents(), "a line that is wider than the terminal\n\na\nb");
    }

    #[test]
    fn each_change_is_one_write() {
        let terminal = MemoryDevice::terminal(20, 8);
        let screen = Screen::new(terminal.clone());
        screen.show(&lines(&["a", "b"]));
        screen.show(&lines(&["a", "b"]));
        screen.write_lines("line\n");
        screen.clear();
        assert_eq!(terminal.writes(), 4);
    }

    #[test]
    fn partial_line_waits_for_its_end() {
        let terminal = MemoryDevice::terminal(20, 8);
        let screen = Screen::new(terminal.clone());
        screen.print(StdStream::Err, "loading:");
        assert_eq!(terminal.contents(), "loading:", "without a block it is written at once");
        screen.show(&lines(&["block"]));
        screen.print(StdStream::Out, "one, ");
        screen.print(StdStream::Err, "else\n");
        screen.write_lines("a log line\n");
        assert_eq!(terminal.contents(), "loading:\nelse\na log line\n\nblock");
        screen.print(StdStream::Out, "two\nthr");
        assert_eq!(terminal.contents(), "loading:\nelse\na log line\none, two\n\nblock");
        screen.clear();
        assert_eq!(terminal.contents(), "loading:\nelse\na log line\none, two\nthr");
        assert!(terminal.written().ends_with("thr\n"));
    }

    #[test]
    fn long_partial_line_is_broken() {
        let terminal = MemoryDevice::terminal(20, 8);
        let screen = Screen::new(terminal.clone());
        screen.show(&lines(&["block"]));
        for _ in 0..MAX_PARTIAL_LINE_BYTES {
            screen.print(StdStream::Out, ".");
        }
        assert_eq!(terminal.writes(), 1);
        screen.print(StdStream::Out, ".");
        assert_eq!(terminal.writes(), 2);
    }

    #[test]
    fn block_of_another_size_is_not_redrawn() {
        let terminal = MemoryDevice::terminal(40, 8);
        let screen = Screen::new(terminal.clone());
        screen.show(&lines(&["a block that is as wide as its terminal"]));
        terminal.resize(20, 8);
        let before = terminal.written().len();
        screen.write_lines("line\n");
        assert_eq!(&terminal.written()[before..], "\r\x1b[Jline\n");
        screen.show(&lines(&["narrow"]));
        assert_eq!(terminal.written().matches("a block").count(), 1);
    }

    #[test]
    fn block_is_not_erased_in_the_background() {
        let terminal = MemoryDevice::terminal(20, 8);
        let screen = Screen::new(terminal.clone());
        screen.show(&lines(&["block"]));
        terminal.set_foreground(false);
        let before = terminal.written().len();
        assert_eq!(screen.live_area(), None);
        screen.show(&lines(&["block"]));
        screen.write_lines("line\n");
        screen.clear();
        assert_eq!(&terminal.written()[before..], "line\n");
    }

    #[test]
    fn file_receives_plain_text() {
        let file = MemoryDevice::default();
        let screen = Screen::new(file.clone());
        screen.show(&lines(&["block"]));
        screen.print(StdStream::Err, "half");
        screen.write_lines(" and half\n");
        screen.end();
        assert_eq!((screen.size(), screen.live_area()), (None, None));
        assert_eq!(file.written(), "half and half\n");
    }

    #[test]
    fn suspend_erases_and_redraws_the_block() {
        let terminal = MemoryDevice::terminal(20, 8);
        let screen = Screen::new(terminal.clone());
        screen.show(&lines(&["block"]));
        screen.suspend(|| assert_eq!(terminal.contents(), ""));
        assert_eq!(terminal.contents(), "\nblock");
    }

    #[test]
    fn suspend_if_idle_does_not_wait_for_a_write() {
        let screen = Screen::new(MemoryDevice::terminal(20, 8));
        let mut is_reported = false;
        screen.suspend(|| screen.suspend_if_idle(|| is_reported = true));
        assert!(is_reported);
    }

    #[test]
    fn text_that_bypasses_the_screen_stays_readable() {
        let terminal = MemoryDevice::terminal(20, 8);
        let screen = Screen::new(terminal.clone());
        screen.show(&lines(&["block", "below"]));
        io::Write::write_all(&mut terminal.clone(), b"by itself\n").unwrap();
        screen.show(&lines(&["block", "below"]));
        assert_eq!(terminal.contents(), "by itself\n\nblock\nbelow");
    }

    #[test]
    fn end_disables_the_block() {
        let screen = Screen::new(MemoryDevice::terminal(20, 8));
        assert!(screen.live_area().is_some());
        screen.end();
        assert_eq!(screen.live_area(), None);
    }
}
