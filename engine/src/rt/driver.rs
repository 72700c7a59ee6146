//! Chooses what a shard's thread runs on and runs it: our reactor on io_uring with all flags, without them, or epoll.
//!
//! The flags (one submitter, completions delivered only when asked for) are worth a fifth of the CPU time of a request.
//! Old kernels refuse them, containers often refuse io_uring altogether: each step falls back to the next.

use std::{
    cell::{Cell, RefCell},
    future::Future,
    io,
    rc::Rc,
    str::FromStr,
};

use super::{Backend, Runtime, epoll::Epoll, executor::Executor, io_uring::Reactor};

/// Which rings may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DriverChoice {
    /// The best that the kernel allows.
    #[default]
    Auto,
    /// Only this one; an error where it is refused.
    Only(DriverKind),
}

impl FromStr for DriverChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            // "full" and "plain" are the names before 0.2.
            "io_uring" | "full" => Ok(Self::Only(DriverKind::IoUring)),
            "io_uring-basic" | "plain" => Ok(Self::Only(DriverKind::IoUringBasic)),
            "epoll" => Ok(Self::Only(DriverKind::Epoll)),
            _ => Err("takes auto, io_uring, io_uring-basic or epoll".to_owned()),
        }
    }
}

/// What a shard's thread runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DriverKind {
    /// io_uring with single issuer, deferred and cooperative task running (kernel 6.1 and later).
    IoUring,
    /// io_uring without flags (kernel 6.0 and later).
    IoUringBasic,
    /// epoll.
    Epoll,
}

impl DriverKind {
    /// The kind's name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::IoUring => "io_uring",
            Self::IoUringBasic => "io_uring-basic",
            Self::Epoll => "epoll",
        }
    }
}

/// Runs what `start` gives on this thread until it ends, and then drops whatever it has spawned. `start` is told which
/// kind was chosen.
///
/// # Errors
/// When no allowed kind can be set up; `start` was not called then.
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
    let mut refusal = io::Error::from(io::ErrorKind::Unsupported);
    for kind in kinds {
        match Driver::build(*kind) {
            Ok(driver) => {
                ThreadBackend::new(driver).run(|rt| start(rt, *kind));
                return Ok(());
            }
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

/// What waits for a thread's connections.
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

    fn turn(&self, until_ns: Option<u64>) -> u64 {
        match self {
            Self::IoUring(reactor) => reactor.turn(until_ns),
            Self::Epoll(epoll) => epoll.turn(until_ns),
        }
    }
}

/// A real thread, as [`Rt`] sees it.
#[derive(Clone)]
pub(super) struct ThreadBackend {
    pub(super) executor: Rc<Executor>,
    pub(super) driver: Driver,
    pub(super) park_hook: Rc<RefCell<Option<ParkHook>>>,
}

/// See [`Rt::before_turn`].
pub(super) type ParkHook = Box<dyn Fn()>;

impl ThreadBackend {
    fn new(driver: Driver) -> Self {
        Self { executor: Rc::new(driver.executor()), driver, park_hook: Rc::default() }
    }

    /// Lets run who can, then waits for what the kernel or the clock brings, until the future of `start` has ended.
    fn run<F: Future<Output = ()> + 'static>(self, start: impl FnOnce(Runtime) -> F) {
        let _entered = self.executor.enter();
        let _tasks = ClearOnDrop(&self);
        let rt = Runtime::new(Backend::Thread(self.clone()));
        let is_over = Rc::new(Cell::new(false));
        let (main, over) = (start(rt.clone()), Rc::clone(&is_over));
        self.executor.spawn(async move {
            main.await;
            over.set(true);
        });
        loop {
            self.executor.run_ready();
            if is_over.get() {
                return;
            }
            if let Some(hook) = &*self.park_hook.borrow() {
                hook();
            }
            let until_ns = if self.executor.prepare_park() { rt.next_timer_ns() } else { Some(0) };
            let now_ns = self.driver.turn(until_ns);
            self.executor.finish_park();
            rt.fire_timers(now_ns);
        }
    }
}

/// Tasks hold their runtime, which holds them: one of the two must let go.
struct ClearOnDrop<'a>(&'a ThreadBackend);

impl Drop for ClearOnDrop<'_> {
    fn drop(&mut self) {
        self.0.executor.clear();
        self.0.park_hook.take();
    }
}
