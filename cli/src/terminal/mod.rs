//! The terminal of a run: everything goes to it through one [`Screen`], and keys come from it as values.
//!
//! [`Terminal`] is a run's hold on it: a thread that reads keys, and gives the terminal back whenever it belongs to
//! someone else: while the process is stopped, in the background, and when the run is over, however it ends. Ctrl-C
//! stays a signal throughout. What is shown, and what a key does, is none of its business: see `console/` and `app.rs`.

mod device;
mod keys;
mod modes;
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

pub use device::{Device, Size};
pub use keys::Key;
use modes::Modes;
pub use screen::{Screen, Stream};

/// A run's hold on the terminal. Dropping it gives the terminal back.
pub struct Terminal {
    hold: Hold,
    keys: Option<mpsc::Receiver<Key>>,
    /// Open as long as the thread is to go on.
    end: Option<PipeWriter>,
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
    pub fn open(screen: &Screen) -> io::Result<Self> {
        let hold = Hold { screen: screen.clone(), modes: Arc::default(), is_over: Arc::default() };
        if screen.size().is_none() {
            return Ok(Self { hold, keys: None, end: None, thread: None });
        }
        show_panics_on(screen);
        let (ended, end) = io::pipe()?;
        let (stopped, stop) = io::pipe()?;
        // In this order: once the run is over Ctrl-Z does what it always does.
        flag::register_conditional_default(SIGTSTP, Arc::clone(&hold.is_over))?;
        low_level::pipe::register(SIGTSTP, stop)?;
        let (sender, receiver) = mpsc::channel();
        let has_keys = io::stdin().is_terminal();
        let attendant = Attendant { hold: hold.clone(), keys: has_keys.then_some(sender), ended, stopped };
        let thread = thread::Builder::new().name("gregaria-keys".into()).spawn(|| attendant.attend())?;
        Ok(Self { hold, keys: has_keys.then_some(receiver), end: Some(end), thread: Some(thread) })
    }

    /// What is typed from now on; `None` when nobody can type.
    pub fn keys(&self) -> Option<&mpsc::Receiver<Key>> {
        self.keys.as_ref()
    }

    /// What gives the terminal back before the end: at the first signal, because after the second there is no chance.
    pub fn hold(&self) -> Hold {
        self.hold.clone()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.hold.let_go();
        self.end = None;
        // A panic there has been reported, and the terminal is given back.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

/// Lets go of the terminal from any thread.
#[derive(Clone)]
pub struct Hold {
    screen: Screen,
    modes: Arc<Mutex<Modes>>,
    is_over: Arc<AtomicBool>,
}

impl Hold {
    /// Gives the terminal back for good: its modes as they were, no keys, no live block; lines are written as before.
    pub fn let_go(&self) {
        self.is_over.store(true, Ordering::SeqCst);
        // The modes first: a terminal that is held up by Ctrl-S does not take the screen's last block.
        self.modes().leave();
        self.screen.end();
    }

    /// Whether keys are to be read now.
    fn take_keys(&self) -> bool {
        let mut modes = self.modes();
        !self.is_over.load(Ordering::SeqCst) && modes.enter()
    }

    /// Ctrl-Z: the shell finds the terminal as it left it.
    fn stop(&self) {
        self.modes().leave();
        self.screen.aside(|| {
            // Fails for signals without a default only.
            let _ = low_level::emulate_default_handler(SIGTSTP);
        });
    }

    fn modes(&self) -> MutexGuard<'_, Modes> {
        self.modes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread beside the run.
struct Attendant {
    hold: Hold,
    keys: Option<mpsc::Sender<Key>>,
    ended: PipeReader,
    stopped: PipeReader,
}

impl Attendant {
    fn attend(mut self) {
        loop {
            let takes_keys = self.keys.is_some() && self.hold.take_keys();
            let [has_ended, is_stopped, has_keys] = self.wait(takes_keys);
            if has_ended {
                return;
            }
            if is_stopped {
                let _ = rustix::io::read(&self.stopped, &mut [0; 64]);
                self.hold.stop();
            }
            // Asked again: who reads in the background is stopped.
            if has_keys && self.hold.take_keys() {
                self.read();
            }
        }
    }

    fn wait(&self, takes_keys: bool) -> [bool; 3] {
        let stdin = io::stdin();
        let mut sources = [self.ended.as_fd(), self.stopped.as_fd(), stdin.as_fd()]
            .map(|source| PollFd::from_borrowed_fd(source, PollFlags::IN));
        let count = if takes_keys { 3 } else { 2 };
        // Interrupted by a signal, of which the pipe tells next time.
        let _ = poll(&mut sources[..count], Some(&LOOK_AGAIN_AFTER));
        sources.map(|source| !source.revents().is_empty())
    }

    fn read(&mut self) {
        let mut typed = [0; 64];
        let length = rustix::io::read(io::stdin(), &mut typed).unwrap_or(0);
        let send = |key| self.keys.as_ref().is_some_and(|keys| keys.send(key).is_ok());
        if length == 0 || !keys::typed(&typed[..length]).all(send) {
            self.keys = None;
        }
    }
}

/// A panicking task is counted and the run goes on; its report must not go through the live block.
fn show_panics_on(screen: &Screen) {
    let (screen, report) = (screen.clone(), panic::take_hook());
    panic::set_hook(Box::new(move |panic| screen.aside_if_idle(|| report(panic))));
}

/// Coming back to the foreground is seen within this time.
const LOOK_AGAIN_AFTER: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
