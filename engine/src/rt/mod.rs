//! The runtime of a thread: clocks, timers, tasks, name resolution, connections and cores. Only this folder names
//! io_uring, the clocks of the system, and sockets.
//!
//! One concrete [`Runtime`] and `NetStream` cover three backends, so that users are not generic over them: io_uring
//! (`io_uring/`), epoll where the kernel rejects io_uring (`epoll.rs`; `driver.rs` selects), and the simulator with
//! its virtual clock (`sim.rs`). This folder must not know users, runs or HTTP messages. `unsafe` is used only in
//! `io_uring/`, `epoll.rs` and `pooled.rs`, and each use argues that it is sound. Start with `driver.rs` for the loop
//! of a thread and with `net.rs` for connections.

mod affinity;
mod buffer_pool;
mod clock;
mod dns;
mod driver;
mod epoll;
mod event_fd;
mod executor;
mod io_uring;
mod net;
mod overdue;
mod pooled;
pub mod sim;
mod sockets;
mod timers;
mod turn;

use std::{
    cell::{Cell, RefCell},
    future::{Future, poll_fn},
    pin::Pin,
    rc::Rc,
    task::{Context, Poll, Waker},
};

pub use clock::{now_ns, sleep_blocking, thread_cpu_ns, unix_time_s};
pub use dns::Resolver;
pub use driver::{DriverChoice, DriverKind};
pub use event_fd::EventFd;
pub use pooled::PooledFuture;

pub(crate) use affinity::{allowed_cores, pin_to_core};
pub(crate) use buffer_pool::ThreadBufferPool;
pub(crate) use clock::ThreadCpuClock;
pub(crate) use driver::block_on;
pub(crate) use net::NetStream;

use gregaria_http::{Error, Origin};
use overdue::OverdueDeadlines;
use timers::Timers;

/// A handle to the runtime of one thread. It is cheap to clone and cannot be sent to another thread.
#[derive(Clone)]
pub struct Runtime(Rc<RuntimeInner>);

struct RuntimeInner {
    timers: RefCell<Timers>,
    overdue_deadlines: OverdueDeadlines,
    backend: RuntimeBackend,
}

enum RuntimeBackend {
    Thread(driver::ThreadBackend),
    Sim(sim::SimWorld),
}

impl Runtime {
    fn new(backend: RuntimeBackend) -> Self {
        let (timers, overdue_deadlines) = (RefCell::new(Timers::new()), OverdueDeadlines::default());
        Self(Rc::new(RuntimeInner { timers, overdue_deadlines, backend }))
    }

    /// Returns the monotonic time in nanoseconds.
    pub(crate) fn now_ns(&self) -> u64 {
        match &self.0.backend {
            RuntimeBackend::Sim(world) => world.now_ns(),
            RuntimeBackend::Thread(_) => now_ns(),
        }
    }

    /// Returns the wall-clock time in seconds since 1970. The simulator returns the time of its world.
    pub(crate) fn unix_time_s(&self) -> f64 {
        match &self.0.backend {
            RuntimeBackend::Sim(world) => world.now_ns() as f64 / 1e9,
            RuntimeBackend::Thread(_) => unix_time_s(),
        }
    }

    /// Returns the CPU time of this thread in nanoseconds. The simulator returns 0.
    pub(crate) fn thread_cpu_ns(&self) -> u64 {
        match &self.0.backend {
            RuntimeBackend::Sim(_) => 0,
            RuntimeBackend::Thread(_) => thread_cpu_ns(),
        }
    }

    /// Spawns `future` as a task of this thread.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        match &self.0.backend {
            RuntimeBackend::Thread(thread) => thread.executor.spawn(future),
            RuntimeBackend::Sim(world) => world.spawn(future),
        }
    }

    /// Calls `hook` after each batch of ready tasks, before the thread enters the kernel. The hook can send the output
    /// of several tasks together.
    ///
    /// Replaces an earlier hook. The simulator never calls the hook.
    pub(crate) fn on_park(&self, hook: impl Fn() + 'static) {
        if let RuntimeBackend::Thread(thread) = &self.0.backend {
            *thread.park_hook.borrow_mut() = Some(Box::new(hook));
        }
    }

    /// Returns a future that is done at `deadline_ns` (monotonic) or later, never earlier.
    pub(crate) fn sleep_until(&self, deadline_ns: u64) -> Sleep {
        Sleep { rt: self.clone(), deadline_ns, timer: None }
    }

    /// Connects to the first address of `origin` that accepts, or to the Unix socket or the override that `resolver`
    /// has for it. Sets `resolved_ns` to the end of the lookup if the call waited for one.
    ///
    /// # Errors
    /// Returns the error under which the failed request is counted.
    ///
    /// # Cancel safety
    /// Sockets that are being connected are closed. A running lookup continues.
    pub(crate) async fn connect(
        &self,
        resolver: &Resolver,
        origin: &Origin,
        resolved_ns: &mut u64,
    ) -> Result<NetStream, Error> {
        net::connect(self, resolver, origin, resolved_ns).await
    }

    /// Creates a [`ReusableDeadline`] on this runtime.
    pub(crate) fn reusable_deadline(&self) -> ReusableDeadline {
        ReusableDeadline { rt: self.clone(), timer: Cell::new(None), armed_ns: Cell::new(0) }
    }

    fn start_timer(&self, deadline_ns: u64, waker: &Waker) -> timers::TimerKey {
        self.0.timers.borrow_mut().insert(deadline_ns, waker.clone())
    }

    /// Wakes the tasks of all timers that are due at `now_ns` and returns the next deadline.
    fn fire_timers(&self, now_ns: u64) -> Option<u64> {
        self.0.timers.borrow_mut().fire(now_ns)
    }

    /// Returns `true` if all that arrived before `deadline_ns`, which has passed, was taken in. Otherwise wakes `waker`
    /// when that is so. The simulator is never late.
    fn is_drained(&self, deadline_ns: u64, now_ns: u64, waker: &Waker) -> bool {
        match &self.0.backend {
            RuntimeBackend::Sim(_) => true,
            RuntimeBackend::Thread(_) => self.0.overdue_deadlines.is_drained(deadline_ns, now_ns, waker),
        }
    }

    /// Returns the time at which the timers must be fired next.
    fn next_timer_ns(&self) -> Option<u64> {
        self.0.timers.borrow().next_deadline_ns()
    }
}

/// The future of [`Runtime::sleep_until`]. Dropping it cancels the timer.
pub(crate) struct Sleep {
    rt: Runtime,
    deadline_ns: u64,
    timer: Option<timers::TimerKey>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.rt.now_ns() >= self.deadline_ns {
            return Poll::Ready(());
        }
        match self.timer {
            Some(key) if self.rt.0.timers.borrow_mut().set_waker(key, cx.waker()) => {}
            _ => self.timer = Some(self.rt.start_timer(self.deadline_ns, cx.waker())),
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(key) = self.timer {
            self.rt.0.timers.borrow_mut().cancel(key);
        }
    }
}

/// A timeout for one future after another, each with its own deadline.
///
/// The timer stays armed from one request to the next and is moved only if it fires too early. A request that ends in
/// time usually touches no timer.
pub(crate) struct ReusableDeadline {
    rt: Runtime,
    timer: Cell<Option<timers::TimerKey>>,
    armed_ns: Cell<u64>,
}

impl ReusableDeadline {
    /// Runs `future` to its end, or drops it and returns `None` when `deadline_ns` (monotonic) is reached first. What
    /// arrived before the deadline counts as in time, also if this thread was late to take it in.
    ///
    /// # Cancel safety
    /// `future` is dropped. The deadline can be used again.
    pub(crate) async fn run<F: Future>(&self, deadline_ns: u64, future: F) -> Option<F::Output> {
        let mut future = std::pin::pin!(future);
        poll_fn(|cx| {
            if let Poll::Ready(output) = future.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            self.poll_deadline(deadline_ns, cx)
        })
        .await
    }

    fn poll_deadline<T>(&self, deadline_ns: u64, cx: &Context<'_>) -> Poll<Option<T>> {
        let mut timers = self.rt.0.timers.borrow_mut();
        let armed = self.timer.get().is_some_and(|key| timers.set_waker(key, cx.waker()));
        drop(timers);
        if armed && self.armed_ns.get() <= deadline_ns {
            return Poll::Pending;
        }
        let now_ns = self.rt.now_ns();
        if now_ns >= deadline_ns {
            let is_drained = self.rt.is_drained(deadline_ns, now_ns, cx.waker());
            return if is_drained { Poll::Ready(None) } else { Poll::Pending };
        }
        self.disarm();
        self.armed_ns.set(deadline_ns);
        self.timer.set(Some(self.rt.start_timer(deadline_ns, cx.waker())));
        Poll::Pending
    }

    fn disarm(&self) {
        if let Some(key) = self.timer.take() {
            self.rt.0.timers.borrow_mut().cancel(key);
        }
    }
}

impl Drop for ReusableDeadline {
    fn drop(&mut self) {
        self.disarm();
    }
}

#[cfg(test)]
mod tests;
