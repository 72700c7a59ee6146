//! The driver of a thread: selects io_uring with all flags, io_uring without optional flags, or epoll, and runs the
//! thread's loop.
//!
//! The flags (one submitter, completions delivered only on request) save a fifth of the CPU time of a request. Old
//! kernels reject them, and containers often reject io_uring altogether. Each step falls back to the next.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    io,
    rc::Rc,
    str::FromStr,
};

use super::{Runtime, RuntimeBackend, epoll::Epoll, executor::Executor, io_uring::Reactor, turn::TurnResult};

/// The drivers that a thread may use.
///
/// # Examples
/// ```
/// use gregaria_engine::rt::{DriverChoice, DriverKind};
///
/// assert_eq!("auto".parse(), Ok(DriverChoice::Auto));
/// assert_eq!("epoll".parse(), Ok(DriverChoice::Only(DriverKind::Epoll)));
/// assert!("kqueue".parse::<DriverChoice>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DriverChoice {
    /// The fastest driver that the kernel allows.
    #[default]
    Auto,
    /// Only this driver. Starting a thread fails if the kernel does not allow the driver.
    Only(DriverKind),
}

impl FromStr for DriverChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            // "full" and "plain" are former spellings.
            "io_uring" | "full" => Ok(Self::Only(DriverKind::IoUring)),
            "io_uring-basic" | "plain" => Ok(Self::Only(DriverKind::IoUringBasic)),
            "epoll" => Ok(Self::Only(DriverKind::Epoll)),
            _ => Err("takes auto, io_uring, io_uring-basic or epoll".to_owned()),
        }
    }
}

/// The kernel interface of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverKind {
    /// io_uring with single issuer, deferred and cooperative task running (Linux 6.1 and later).
    IoUring,
    /// io_uring without optional flags (Linux 6.0 and later).
    IoUringBasic,
    /// epoll.
    Epoll,
}

impl DriverKind {
    /// Returns the name for output and log lines.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IoUring => "io_uring",
            Self::IoUringBasic => "io_uring-basic",
            Self::Epoll => "epoll",
        }
    }
}

/// Runs the future that `start` returns on this thread until it is done, then drops all tasks that it has spawned.
/// `start` receives the selected driver kind.
///
/// # Errors
/// Returns an error if no allowed driver can be set up. `start` is then not called.
pub(crate) fn block_on<F>(choice: DriverChoice, start: impl FnOnce(Runtime, DriverKind) -> F) -> io::Result<()>
where
    F: Future<Output = ()> + 'static,
{
    let kinds = match choice {
        DriverChoice::Auto => &[DriverKind::IoUring, DriverKind::IoUringBasic, DriverKind::Epoll][..],
        DriverChoice::Only(DriverKind::IoUring) => &[DriverKind::IoUring],
        DriverChoice::Only(DriverKind::IoUringBasic) => &[DriverKind::IoUringBasic],
        DriverChoice::Only(DriverKind::Epoll) => &[DriverKind::Epoll],
    };
    let mut last_error = io::Error::from(io::ErrorKind::Unsupported);
    for kind in kinds {
        match Driver::build(*kind) {
            Ok(driver) => {
                ThreadBackend::new(driver).run(|rt| start(rt, *kind));
                return Ok(());
            }
            Err(error) => last_error = error,
        }
    }
    Err(last_error)
}

/// The driver of one thread, which holds the thread's connections.
#[derive(Clone)]
pub(super) enum Driver {
    IoUring(Rc<Reactor>),
    Epoll(Rc<Epoll>),
}

impl Driver {
    fn build(kind: DriverKind) -> io::Result<Self> {
        match kind {
            DriverKind::IoUring => Reactor::build(true).map(|reactor| Self::IoUring(Rc::new(reactor))),
            DriverKind::IoUringBasic => Reactor::build(false).map(|reactor| Self::IoUring(Rc::new(reactor))),
            DriverKind::Epoll => Epoll::build().map(|epoll| Self::Epoll(Rc::new(epoll))),
        }
    }

    fn executor(&self) -> Executor {
        match self {
            Self::IoUring(reactor) => Executor::new(reactor.unparker()),
            Self::Epoll(epoll) => Executor::new(epoll.unparker()),
        }
    }

    fn turn(&self, until_ns: Option<u64>) -> TurnResult {
        match self {
            Self::IoUring(reactor) => reactor.turn(until_ns),
            Self::Epoll(epoll) => epoll.turn(until_ns),
        }
    }
}

/// The backend of [`Runtime`] on a real thread.
#[derive(Clone)]
pub(super) struct ThreadBackend {
    pub(super) executor: Rc<Executor>,
    pub(super) driver: Driver,
    pub(super) park_hook: Rc<RefCell<Option<ParkHook>>>,
}

/// The callback of [`Runtime::on_park`].
pub(super) type ParkHook = Box<dyn Fn()>;

impl ThreadBackend {
    fn new(driver: Driver) -> Self {
        Self { executor: Rc::new(driver.executor()), driver, park_hook: Rc::default() }
    }

    /// Runs ready tasks and waits for the kernel or the next timer, in turns, until the future of `start` is done.
    fn run<F: Future<Output = ()> + 'static>(self, start: impl FnOnce(Runtime) -> F) {
        let _entered = self.executor.enter();
        let _clear = ClearOnDrop(&self);
        let rt = Runtime::new(RuntimeBackend::Thread(self.clone()));
        let is_done = Rc::new(Cell::new(false));
        let (main, done) = (start(rt.clone()), Rc::clone(&is_done));
        self.executor.spawn(async move {
            main.await;
            done.set(true);
        });
        loop {
            self.executor.run_ready();
            if is_done.get() {
                return;
            }
            if let Some(hook) = &*self.park_hook.borrow() {
                hook();
            }
            let overdue_deadlines = &rt.0.overdue_deadlines;
            let can_park = self.executor.prepare_park();
            let until_ns = if can_park && !overdue_deadlines.is_draining() { rt.next_timer_ns() } else { Some(0) };
            let TurnResult { now_ns, events } = self.driver.turn(until_ns);
            self.executor.finish_park();
            overdue_deadlines.on_turn(now_ns, can_park && events == 0 && !self.executor.has_ready());
            rt.fire_timers(now_ns);
        }
    }
}

/// Breaks a reference cycle: tasks hold their runtime, and the runtime holds the executor with its tasks.
struct ClearOnDrop<'a>(&'a ThreadBackend);

impl Drop for ClearOnDrop<'_> {
    fn drop(&mut self) {
        self.0.executor.clear();
        self.0.park_hook.take();
    }
}
