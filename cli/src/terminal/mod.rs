//! The terminal of a run: everything goes to it through one [`Screen`], and keys come from it as values.
//!
//! [`Terminal`] is a run's hold on it: a thread that reads keys, and gives the terminal back whenever it belongs to
//! someone else: while the process is stopped, in the background, and when the run is over, however it ends. Ctrl-C
//! stays a signal throughout. What is shown, and what a key does, is none of its business: see `console/` and `app.rs`.

mod cbreak;
mod device;
mod keys;
mod screen;

use std::{
    io::{self, IsTerminal, PipeReader, PipeWriter},
    os::fd::AsFd,
    panic,
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

/// A run's hold on the terminal. Dropping it gives the terminal back.
pub(crate) struct Terminal {
    handle: TerminalHandle,
    keys: Option<mpsc::Receiver<KeyCommand>>,
    /// Open as long as the thread is to go on.
    end_pipe: Option<PipeWriter>,
    thread: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Takes hold of the terminal of this process for a run that is shown on `screen`: keys, Ctrl-Z, and panics of user
    /// code, whose reports appear above the live block. For whoever owns the process.
    ///
    /// Without a terminal on stderr nothing is touched; without one on stdin there are no keys.
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(crate) fn open(screen: &Screen) -> io::Result<Self> {
        let hold = TerminalHandle { screen: screen.clone(), mode: Arc::default(), is_restored: Arc::default() };
        if screen.size().is_none() {
            return Ok(Self { handle: hold, keys: None, end_pipe: None, thread: None });
        }
        install_panic_hook(screen);
        let (ended, end) = io::pipe()?;
        let (stopped, stop) = io::pipe()?;
        // In this order: once the run is over Ctrl-Z does what it always does.
        flag::register_conditional_default(SIGTSTP, Arc::clone(&hold.is_restored))?;
        low_level::pipe::register(SIGTSTP, stop)?;
        let (sender, receiver) = mpsc::channel();
        let has_keys = io::stdin().is_terminal();
        let attendant = KeyReader {
            handle: hold.clone(),
            key_sender: has_keys.then_some(sender),
            end_pipe: ended,
            suspend_pipe: stopped,
        };
        let thread = thread::Builder::new().name("gregaria-keys".into()).spawn(|| attendant.run())?;
        Ok(Self { handle: hold, keys: has_keys.then_some(receiver), end_pipe: Some(end), thread: Some(thread) })
    }

    /// What is typed from now on; `None` when nobody can type.
    pub(crate) fn keys(&self) -> Option<&mpsc::Receiver<KeyCommand>> {
        self.keys.as_ref()
    }

    /// What gives the terminal back before the end: at the first signal, because after the second there is no chance.
    pub(crate) fn handle(&self) -> TerminalHandle {
        self.handle.clone()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.handle.restore();
        self.end_pipe = None;
        // A panic there has been reported, and the terminal is given back.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Lets go of the terminal from any thread.
#[derive(Clone)]
pub(crate) struct TerminalHandle {
    screen: Screen,
    mode: Arc<Mutex<CbreakMode>>,
    is_restored: Arc<AtomicBool>,
}

impl TerminalHandle {
    /// Gives the terminal back for good: its modes as they were, no keys, no live block; lines are written as before.
    pub(crate) fn restore(&self) {
        self.is_restored.store(true, Ordering::SeqCst);
        // The modes first: a terminal that is held up by Ctrl-S does not take the screen's last block.
        self.lock_mode().disable();
        self.screen.end();
    }

    /// Whether keys are to be read now.
    fn enable_keys(&self) -> bool {
        let mut modes = self.lock_mode();
        !self.is_restored.load(Ordering::SeqCst) && modes.enable()
    }

    /// Ctrl-Z: the shell finds the terminal as it left it.
    fn suspend_process(&self) {
        self.lock_mode().disable();
        self.screen.suspend(|| {
            // Fails for signals without a default only.
            let _ = low_level::emulate_default_handler(SIGTSTP);
        });
    }

    fn lock_mode(&self) -> MutexGuard<'_, CbreakMode> {
        self.mode.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread beside the run.
struct KeyReader {
    handle: TerminalHandle,
    key_sender: Option<mpsc::Sender<KeyCommand>>,
    end_pipe: PipeReader,
    suspend_pipe: PipeReader,
}

impl KeyReader {
    fn run(mut self) {
        loop {
            let takes_keys = self.key_sender.is_some() && self.handle.enable_keys();
            let [has_ended, is_stopped, has_keys] = self.wait(takes_keys);
            if has_ended {
                return;
            }
            if is_stopped {
                let _ = rustix::io::read(&self.suspend_pipe, &mut [0; 64]);
                self.handle.suspend_process();
            }
            // Asked again: who reads in the background is stopped.
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
        // Interrupted by a signal, of which the pipe tells next time.
        let _ = poll(&mut sources[..count], Some(&POLL_TIMEOUT));
        sources.map(|source| !source.revents().is_empty())
    }

    fn read_keys(&mut self) {
        let mut typed = [0; 64];
        let length = rustix::io::read(io::stdin(), &mut typed).unwrap_or(0);
        let send = |key| self.key_sender.as_ref().is_some_and(|keys| keys.send(key).is_ok());
        if length == 0 || !keys::parse_keys(&typed[..length]).all(send) {
            self.key_sender = None;
        }
    }
}

/// A panicking task is counted and the run goes on; its report must not go through the live block.
fn install_panic_hook(screen: &Screen) {
    let (screen, report) = (screen.clone(), panic::take_hook());
    panic::set_hook(Box::new(move |panic| screen.suspend_if_idle(|| report(panic))));
}

/// Coming back to the foreground is seen within this time.
const POLL_TIMEOUT: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
