//! The one place through which text for people goes: whole lines, what programs print, and a live block below.
//!
//! The block is redrawn in one write. Between two writes the cursor rests on an empty line above it: what others write
//! there past this file (a `println!` of a user) stays readable, and a terminal that became smaller cuts off what is
//! redrawn anyway. What the block says is in `console/live.rs`.

use std::{
    fmt::Write as _,
    io::{self, Write as _},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use super::device::{OutputDevice, StderrDevice, TerminalSize};

/// Text for people. Clones write to the same place.
#[derive(Clone)]
pub struct Screen(Arc<Mutex<ScreenState>>);

/// Which of its streams a program prints to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StdStream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

impl Screen {
    /// The screen on this device.
    pub(crate) fn new(device: impl OutputDevice + 'static) -> Self {
        Self(Arc::new(Mutex::new(ScreenState {
            device: Box::new(device),
            block: None,
            partial_lines: Default::default(),
            is_mid_line: false,
            has_ended: false,
        })))
    }

    /// The screen on stderr: a terminal, a file or a pipe.
    pub fn stderr() -> Self {
        Self::new(StderrDevice::new())
    }

    /// The size of the terminal now; `None` when it is a file or a pipe.
    pub(crate) fn size(&self) -> Option<TerminalSize> {
        self.state().device.size()
    }

    /// Whether colours are welcome.
    pub(crate) fn has_color(&self) -> bool {
        self.state().device.has_color()
    }

    /// The room for a live block now; `None` when there can be none: on a file, a dumb terminal, in the background,
    /// and after [`Screen::end`].
    pub(crate) fn live_area(&self) -> Option<TerminalSize> {
        self.state().live_area()
    }

    /// Shows these lines below everything else, in place of those shown before. None may be wider than the room less
    /// one column, nor may there be more than rows less one.
    pub(crate) fn show(&self, lines: &[String]) {
        self.state().show(lines);
    }

    /// Takes the live block away, and prints what was held back.
    pub(crate) fn clear(&self) {
        self.state().clear();
    }

    /// Like [`Screen::clear`], and there is no live block from now on.
    pub(crate) fn end(&self) {
        let mut state = self.state();
        state.clear();
        state.has_ended = true;
    }

    /// Writes whole lines, above the live block.
    pub fn write_lines(&self, lines: &str) {
        self.state().write_above(lines);
    }

    /// Prints what a program has printed to one of its streams, above the live block. While there is one, the beginning
    /// of a line waits for its end. Without one this is as if it had printed by itself.
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

    /// Takes the live block away while `write`, which must not use this screen, writes to the terminal by itself.
    pub(crate) fn suspend(&self, write: impl FnOnce()) {
        self.state().suspend(write);
    }

    /// Like [`Screen::aside`], for whoever may have been interrupted in the middle of a write: then the block stays.
    pub(super) fn suspend_if_idle(&self, write: impl FnOnce()) {
        match self.0.try_lock() {
            Ok(mut state) => state.suspend(write),
            Err(_) => write(),
        }
    }

    fn state(&self) -> MutexGuard<'_, ScreenState> {
        // A panic in the middle of a write leaves at worst a block that is drawn twice.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct ScreenState {
    device: Box<dyn OutputDevice>,
    block: Option<LiveBlock>,
    /// Beginnings of lines, of both streams.
    partial_lines: [String; 2],
    is_mid_line: bool,
    has_ended: bool,
}

/// What is drawn below the cursor.
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
        let start = if self.is_mid_line { "\n" } else { "" };
        let drawing = render_block(lines);
        self.write(&format!("{start}{drawing}"));
        self.block = Some(LiveBlock { rendered: drawing, size });
        self.is_mid_line = false;
    }

    fn clear(&mut self) {
        drop(self.erase_block());
        for stream in 0..self.partial_lines.len() {
            let mut rest = std::mem::take(&mut self.partial_lines[stream]);
            if !rest.is_empty() {
                rest.push('\n');
                self.write_above(&rest);
            }
        }
    }

    fn print(&mut self, stream: StdStream, text: &str) {
        if self.block.is_none() {
            return self.write_above(text);
        }
        let held = &mut self.partial_lines[stream as usize];
        held.push_str(text);
        if held.len() > MAX_PARTIAL_LINE_BYTES && !held.ends_with('\n') {
            held.push('\n');
        }
        if let Some(end) = held.rfind('\n') {
            let rest = held.split_off(end + 1);
            let lines = std::mem::replace(held, rest);
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
            // It is drawn anew when it is shown next.
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

    /// Takes the block from the terminal.
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

    /// Whether the terminal is still the one that the block was made for.
    fn is_valid(&self, block: &LiveBlock) -> bool {
        block.size == self.live_area()
    }

    /// Nothing in the background: the lines below the cursor are someone else's.
    fn erase_sequence(&self) -> &'static str {
        if self.device.can_redraw() { ERASE_BELOW } else { "" }
    }

    fn write(&mut self, text: &str) {
        // Whoever reads along may go away; the run and its exit code do not depend on it.
        let _ = self.device.write_all(text.as_bytes());
    }
}

fn write_to_stdout(text: &str) {
    let mut stdout = io::stdout();
    // Who prints into a pipe that was closed is not told here.
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Draws `lines` over what was there, below an empty line to which the cursor returns.
fn render_block(lines: &[String]) -> String {
    let mut drawing = format!("\r{ERASE_LINE_END}");
    for line in lines {
        // Writing to a String cannot fail.
        let _ = write!(drawing, "\n{line}{ERASE_LINE_END}");
    }
    drawing.push_str(ERASE_SCREEN_END);
    if !lines.is_empty() {
        let _ = write!(drawing, "\r\x1b[{}A", lines.len());
    }
    drawing
}

/// Everything from the cursor's line on.
const ERASE_BELOW: &str = "\r\x1b[J";
const ERASE_LINE_END: &str = "\x1b[K";
const ERASE_SCREEN_END: &str = "\x1b[J";

/// A line without an end is broken here.
const MAX_PARTIAL_LINE_BYTES: usize = 64 * 1024;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::MemoryDevice;

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn what_is_written_stands_above_the_block_and_stays_when_it_goes() {
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
    fn the_block_scrolls_what_is_above_and_loses_none_of_it() {
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
    fn the_beginning_of_a_line_waits_for_its_end() {
        let terminal = MemoryDevice::terminal(20, 8);
        let screen = Screen::new(terminal.clone());
        screen.print(StdStream::Err, "loading:");
        assert_eq!(terminal.contents(), "loading:", "nothing to wait for");
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
    fn a_line_without_an_end_is_not_kept_for_ever() {
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
    fn a_block_of_another_size_is_not_drawn_again() {
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
    fn in_the_background_nothing_is_taken_back() {
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
    fn a_file_gets_the_text_as_it_is() {
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
    fn who_writes_by_itself_finds_the_block_gone() {
        let terminal = MemoryDevice::terminal(20, 8);
        let screen = Screen::new(terminal.clone());
        screen.show(&lines(&["block"]));
        screen.suspend(|| assert_eq!(terminal.contents(), ""));
        assert_eq!(terminal.contents(), "\nblock");
    }

    #[test]
    fn a_report_in_the_middle_of_a_write_does_not_wait_for_it() {
        let screen = Screen::new(MemoryDevice::terminal(20, 8));
        let mut is_reported = false;
        screen.suspend(|| screen.suspend_if_idle(|| is_reported = true));
        assert!(is_reported);
    }

    #[test]
    fn what_is_written_past_the_screen_stays_readable() {
        let terminal = MemoryDevice::terminal(20, 8);
        let screen = Screen::new(terminal.clone());
        screen.show(&lines(&["block", "below"]));
        io::Write::write_all(&mut terminal.clone(), b"by itself\n").unwrap();
        screen.show(&lines(&["block", "below"]));
        assert_eq!(terminal.contents(), "by itself\n\nblock\nbelow");
    }

    #[test]
    fn after_the_end_there_is_no_block() {
        let screen = Screen::new(MemoryDevice::terminal(20, 8));
        assert!(screen.live_area().is_some());
        screen.end();
        assert_eq!(screen.live_area(), None);
    }
}
