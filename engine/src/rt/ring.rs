//! Chooses what a shard's thread runs on and runs it: our reactor on io_uring with all flags, or, where the kernel
//! refuses that, the fallback on io_uring without flags or on epoll.
//!
//! The flags (one submitter, completions delivered only when asked for) and what the reactor makes of them are worth a
//! third of the CPU time of a request. Old kernels refuse them, containers often refuse io_uring altogether.

use std::{cell::Cell, future::Future, io, rc::Rc, str::FromStr};

use super::{Backend, Rt, executor::Executor, fallback::Fallback, reactor::Reactor};

/// Which rings may be used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RingChoice {
    /// The best that the kernel allows.
    #[default]
    Auto,
    /// Only this one; an error where it is refused.
    Only(RingKind),
}

impl FromStr for RingChoice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "full" => Ok(Self::Only(RingKind::Full)),
            "plain" => Ok(Self::Only(RingKind::Plain)),
            "epoll" => Ok(Self::Only(RingKind::Epoll)),
            _ => Err(format!("'{text}' is not one of auto, full, plain, epoll")),
        }
    }
}

/// What a shard's thread runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RingKind {
    /// io_uring with single issuer, deferred and cooperative task running (kernel 6.1 and later).
    Full,
    /// io_uring without flags.
    Plain,
    /// epoll.
    Epoll,
}

impl RingKind {
    /// The kind's name for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Full => "io_uring with all flags",
            Self::Plain => "io_uring without flags",
            Self::Epoll => "epoll",
        }
    }
}

/// Runs what `start` gives on this thread until it ends, and then drops whatever it has spawned. `start` is told which
/// kind was chosen.
///
/// # Errors
/// When no allowed kind can be set up; `start` was not called then.
pub fn block_on<F>(choice: RingChoice, start: impl FnOnce(Rt, RingKind) -> F) -> io::Result<()>
where
    F: Future<Output = ()> + 'static,
{
    let kinds = match choice {
        RingChoice::Auto => &[RingKind::Full, RingKind::Plain, RingKind::Epoll][..],
        RingChoice::Only(RingKind::Full) => &[RingKind::Full],
        RingChoice::Only(RingKind::Plain) => &[RingKind::Plain],
        RingChoice::Only(RingKind::Epoll) => &[RingKind::Epoll],
    };
    let mut refusal = io::Error::from(io::ErrorKind::Unsupported);
    for kind in kinds {
        match Runtime::build(*kind) {
            Ok(runtime) => return runtime.run(|rt| start(rt, *kind)),
            Err(error) => refusal = error,
        }
    }
    Err(refusal)
}

enum Runtime {
    Ring(Ring),
    Fallback(Fallback),
}

impl Runtime {
    fn build(kind: RingKind) -> io::Result<Self> {
        match kind {
            RingKind::Full => Ring::build().map(Self::Ring),
            RingKind::Plain => Fallback::ring().map(Self::Fallback),
            RingKind::Epoll => Fallback::epoll().map(Self::Fallback),
        }
    }

    fn run<F: Future<Output = ()> + 'static>(self, start: impl FnOnce(Rt) -> F) -> io::Result<()> {
        match self {
            Self::Ring(ring) => {
                ring.run(start);
                Ok(())
            }
            Self::Fallback(fallback) => fallback.run(start),
        }
    }
}

/// A thread on our reactor.
#[derive(Clone)]
pub(super) struct Ring {
    pub(super) executor: Rc<Executor>,
    pub(super) reactor: Rc<Reactor>,
}

impl Ring {
    fn build() -> io::Result<Self> {
        Ok(Self { executor: Rc::new(Executor::new()), reactor: Rc::new(Reactor::build()?) })
    }

    /// Lets run who can, then waits for what the kernel or the clock brings, until the future of `start` has ended.
    fn run<F: Future<Output = ()> + 'static>(self, start: impl FnOnce(Rt) -> F) {
        let _entered = self.executor.enter();
        let _tasks = ClearOnDrop(&self.executor);
        let rt = Rt::new(Backend::Ring(self.clone()));
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
            let until_ns = if self.executor.has_ready() { Some(0) } else { rt.next_timer_ns() };
            self.reactor.turn(until_ns);
            rt.fire_timers(self.reactor.arrived_ns());
        }
    }
}

/// Tasks hold their runtime, which holds them: one of the two must let go.
struct ClearOnDrop<'a>(&'a Executor);

impl Drop for ClearOnDrop<'_> {
    fn drop(&mut self) {
        self.0.clear();
    }
}
