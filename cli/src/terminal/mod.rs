//! The terminal of a run: all text is written through one `Screen`, and keys are read as `KeyCommand`s.
//!
//! `Terminal` changes the terminal for a run. Its thread reads the keys, and restores the terminal while the process
//! is suspended or in the background, and at each kind of end of the run. Ctrl-C remains a signal. The text is made in
//! `console/`, and `run/follow.rs` applies the keys.

mod cbreak;
mod device;
mod keys;
mod screen;

use std::{
    io::{self, IsTerminal, PipeReader, PipeWriter},
    os::fd::AsFd,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use signal_hook::{consts::SIGTSTP, flag, low_level};

use cbreak::CbreakMode;
#[cfg(test)]
pub(crate) use device::OutputDevice;
pub(crate) use device::TerminalSize;
pub(crate) use keys::KeyCommand;
pub use screen::{Screen, StdStream};

/// The terminal of this process during a run. Dropping it restores the terminal.
pub(crate) struct Terminal {
    handle: TerminalHandle,
    keys: Option<mpsc::Receiver<KeyCommand>>,
    /// The write end of a pipe. The thread ends when it is closed.
    end_pipe: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Takes over the terminal of this process for a run that is shown on `screen`. For the owner of the process only.
    ///
    /// It reads keys and handles Ctrl-Z. Without a terminal on stderr it has no effect. Without a terminal on stdin
    /// there are no keys.
    ///
    /// # Errors
    /// The thread cannot be started.
    pub(crate) fn open(screen: &Screen) -> io::Result<Self> {
        let handle = TerminalHandle {
            screen: screen.clone(),
            mode: Arc::default(),
            has_released_keys: Arc::default(),
            is_restored: Arc::default(),
        };
        if screen.size().is_none() {
            return Ok(Self { handle, keys: None, end_pipe: None, thread: None });
        }
        let (end_reader, end_writer) = io::pipe()?;
        let (suspend_reader, suspend_writer) = io::pipe()?;
        // The order matters: when the terminal is restored, Ctrl-Z has its default effect before the pipe is written.
        flag::register_conditional_default(SIGTSTP, Arc::clone(&handle.is_restored))?;
        low_level::pipe::register(SIGTSTP, suspend_writer)?;
        let (sender, receiver) = mpsc::channel();
        let has_keys = io::stdin().is_terminal();
        let key_reader = KeyReader {
            handle: handle.clone(),
            key_sender: has_keys.then_some(sender),
            end_pipe: end_reader,
            suspend_pipe: suspend_reader,
        };
        let thread = thread::Builder::new().name("gregaria-keys".into()).spawn(|| key_reader.run())?;
        Ok(Self { handle, keys: has_keys.then_some(receiver), end_pipe: Some(end_writer), thread: Some(thread) })
    }

    /// Returns the keys typed from now on; `None` without a keyboard.
    pub(crate) fn keys(&self) -> Option<&mpsc::Receiver<KeyCommand>> {
        self.keys.as_ref()
    }

    /// Returns a handle that restores the terminal early, at a signal.
    pub(crate) fn handle(&self) -> TerminalHandle {
        self.handle.clone()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.handle.restore();
        self.end_pipe = None;
        // The panic hook has reported a panic of the thread, and the terminal is restored.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// A handle that restores the terminal from any thread.
#[derive(Clone)]
pub(crate) struct TerminalHandle {
    screen: Screen,
    mode: Arc<Mutex<CbreakMode>>,
    has_released_keys: Arc<AtomicBool>,
    is_restored: Arc<AtomicBool>,
}

impl TerminalHandle {
    /// Restores the modes of the terminal for the rest of the process. There are no keys any more; the live block
    /// stays.
    pub(crate) fn release_keys(&self) {
        self.has_released_keys.store(true, Ordering::SeqCst);
        self.lock_mode().disable();
    }

    /// Restores the terminal for the rest of the process: its modes, no keys, no live block. Lines are still written.
    pub(crate) fn restore(&self) {
        self.is_restored.store(true, Ordering::SeqCst);
        // The modes come first: writing to the screen blocks if the user has pressed Ctrl-S.
        self.release_keys();
        self.screen.end();
    }

    /// Switches to single keys. Returns `false` if no keys may be read now.
    fn enable_keys(&self) -> bool {
        let mut mode = self.lock_mode();
        !self.has_released_keys.load(Ordering::SeqCst) && mode.enable()
    }

    /// Suspends the process, as Ctrl-Z does by default, with the terminal restored for the shell.
    fn suspend_process(&self) {
        self.lock_mode().disable();
        self.screen.suspend(|| {
            // Fails only for signals without a default.
            let _ = low_level::emulate_default_handler(SIGTSTP);
        });
    }

    fn lock_mode(&self) -> MutexGuard<'_, CbreakMode> {
        self.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that reads the keys and handles Ctrl-Z.
struct KeyReader {
    handle: TerminalHandle,
    key_sender: Option<mpsc::Sender<KeyCommand>>,
    end_pipe: PipeReader,
    suspend_pipe: PipeReader,
}

impl KeyReader {
    fn run(mut self) {
        loop {
            let wants_keys = self.key_sender.is_some() && self.handle.enable_keys();
            let [has_ended, is_suspended, has_keys] = self.wait(wants_keys);
            if has_ended {
                return;
            }
            if is_suspended {
                let _ = rustix::io::read(&self.suspend_pipe, &mut [0; 64]);
                self.handle.suspend_process();
            }
            // Checked again: a process that reads in the background is stopped by the kernel.
            if has_keys && self.handle.enable_keys() {
                self.read_keys();
            }
        }
    }

    fn wait(&self, wants_keys: bool) -> [bool; 3] {
        let stdin = io::stdin();
        let mut sources = [self.end_pipe.as_fd(), self.suspend_pipe.as_fd(), stdin.as_fd()]
            .map(|source| PollFd::from_borrowed_fd(source, PollFlags::IN));
        let count = if wants_keys { 3 } else { 2 };
        // A signal can interrupt the call. The next call sees the pipe.
        let _ = poll(&mut sources[..count], Some(&POLL_TIMEOUT));
        sources.map(|source| !source.revents().is_empty())
    }

    fn read_keys(&mut self) {
        let mut bytes = [0; 64];
        let length = rustix::io::read(io::stdin(), &mut bytes).unwrap_or(0);
        let send = |key| self.key_sender.as_ref().is_some_and(|keys| keys.send(key).is_ok());
        if length == 0 || !keys::parse_keys(&bytes[..length]).all(send) {
            self.key_sender = None;
        }
    }
}

/// The time within which a return to the foreground is noticed.
const POLL_TIMEOUT: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
