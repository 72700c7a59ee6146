//! Chooses what a shard's thread runs on and runs it: io_uring with all flags, io_uring without, or epoll.
//!
//! The flags (one submitter, completions delivered only when asked for) are worth a fifth of the CPU time of a
//! request. Old kernels refuse them, containers often refuse io_uring altogether: each step falls back to the next.

use std::{
    cell::Cell,
    future::Future,
    io,
    net::TcpStream as StdTcpStream,
    os::fd::{AsFd, OwnedFd},
    str::FromStr,
};

use monoio::{IoUringDriver, LegacyDriver, RuntimeBuilder, net::TcpStream};
use rustix::{
    io::Errno,
    time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime},
};

use super::{Backend, Rt};

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

/// Runs what `start` gives on this thread until it ends. `start` is told which kind was chosen.
///
/// # Errors
/// When no allowed kind can be set up; `start` was not called then.
pub fn block_on<F: Future<Output = ()>>(choice: RingChoice, start: impl FnOnce(Rt, RingKind) -> F) -> io::Result<()> {
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
    Ring(monoio::Runtime<IoUringDriver>),
    Epoll(monoio::Runtime<LegacyDriver>),
}

impl Runtime {
    fn build(kind: RingKind) -> io::Result<Self> {
        let mut builder = io_uring::IoUring::builder();
        match kind {
            RingKind::Epoll => {
                return Ok(Self::Epoll(RuntimeBuilder::<LegacyDriver>::new().build()?));
            }
            RingKind::Plain => {}
            RingKind::Full => {
                builder.setup_single_issuer().setup_defer_taskrun().setup_coop_taskrun();
            }
        }
        let runtime =
            RuntimeBuilder::<IoUringDriver>::new().with_entries(RING_ENTRIES).uring_builder(builder).build()?;
        Ok(Self::Ring(runtime))
    }

    fn run<F: Future<Output = ()>>(self, start: impl FnOnce(Rt) -> F) -> io::Result<()> {
        let future = async {
            let rt = Rt::new(Backend::Ring(Ring::new()?));
            monoio::spawn(serve_timers(rt.clone()));
            start(rt).await;
            Ok(())
        };
        match self {
            Self::Ring(mut runtime) => runtime.block_on(future),
            Self::Epoll(mut runtime) => runtime.block_on(future),
        }
    }
}

/// A monoio thread, seen from [`Rt`].
pub(super) struct Ring {
    timer: OwnedFd,
    armed_ns: Cell<u64>,
}

impl Ring {
    fn new() -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        Ok(Self { timer, armed_ns: Cell::new(u64::MAX) })
    }

    pub(super) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        monoio::spawn(future);
    }

    /// Makes sure that the timers are looked at no later than `deadline_ns`.
    pub(super) fn wake_at(&self, deadline_ns: u64) {
        if deadline_ns >= self.armed_ns.get() {
            return;
        }
        self.armed_ns.set(deadline_ns);
        let at =
            Timespec { tv_sec: (deadline_ns / 1_000_000_000) as i64, tv_nsec: (deadline_ns % 1_000_000_000) as i64 };
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let spec = Itimerspec { it_interval: never, it_value: at };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &spec)
            .unwrap_or_else(|errno| panic!("a timerfd of ours refuses a time: {errno}"));
    }
}

/// Wakes the thread's sleepers whenever its one timerfd fires.
async fn serve_timers(rt: Rt) {
    let Backend::Ring(ring) = &rt.0.backend else {
        return;
    };
    let fired = match ring.timer.try_clone().and_then(|timer| TcpStream::from_std(StdTcpStream::from(timer))) {
        Ok(fired) => fired,
        Err(error) => panic!("the shard's timer cannot be watched: {error}"),
    };
    loop {
        // May return early on epoll: the read below tells.
        let _ = fired.readable(false).await;
        match rustix::io::read(ring.timer.as_fd(), &mut [0_u8; 8]) {
            Ok(_) => {}
            Err(Errno::AGAIN) => continue,
            Err(errno) => panic!("the shard's timer cannot be read: {errno}"),
        }
        ring.armed_ns.set(u64::MAX);
        if let Some(next_ns) = rt.fire_timers(rt.now_ns()) {
            ring.wake_at(next_ns);
        }
    }
}

/// Submission slots: one turn of a busy shard fits, so that it enters the kernel once.
const RING_ENTRIES: u32 = 4096;
