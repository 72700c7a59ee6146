//! The runtime room: time, timers, tasks, connections, cores. The only place that names an io_uring runtime, asks
//! a clock, or waits.
//!
//! One concrete [`Rt`] and [`Stream`] stand over three things, so users are not generic over them: io_uring
//! (`reactor/`), epoll where the kernel refuses that (`epoll.rs`; `ring.rs` chooses), and the simulator (`sim.rs`), whose
//! clock jumps. Nothing in here knows users, runs or HTTP. `unsafe` lives in `reactor/`, `epoll.rs` and `pooled.rs`;
//! each use says why it is sound.

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
mod pooled;
pub mod sim;
mod sockets;
mod timers;

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
pub(crate) use driver::block_on;
pub(crate) use net::NetStream;

use gregaria_http::{Error, Origin};
use timers::Timers;

/// A thread's runtime: cheap to clone, not to be sent.
#[derive(Clone)]
pub struct Runtime(Rc<RuntimeInner>);

struct RuntimeInner {
    timers: RefCell<Timers>,
    backend: Backend,
}

enum Backend {
    Thread(driver::ThreadBackend),
    Sim(sim::SimWorld),
}

impl Runtime {
    fn new(backend: Backend) -> Self {
        Self(Rc::new(RuntimeInner { timers: RefCell::new(Timers::new()), backend }))
    }

    /// Monotonic time in nanoseconds.
    pub(crate) fn now_ns(&self) -> u64 {
        match &self.0.backend {
            Backend::Sim(world) => world.now_ns(),
            Backend::Thread(_) => now_ns(),
        }
    }

    /// Seconds since 1970.
    pub(crate) fn unix_time_s(&self) -> f64 {
        match &self.0.backend {
            Backend::Sim(world) => world.now_ns() as f64 / 1e9,
            Backend::Thread(_) => unix_time_s(),
        }
    }

    /// CPU time of this thread in nanoseconds; simulated threads cost nothing.
    pub(crate) fn thread_cpu_ns(&self) -> u64 {
        match &self.0.backend {
            Backend::Sim(_) => 0,
            Backend::Thread(_) => thread_cpu_ns(),
        }
    }

    /// Runs `future` beside the others of this thread.
    pub(crate) fn spawn(&self, future: impl Future<Output = ()> + 'static) {
        match &self.0.backend {
            Backend::Thread(thread) => thread.executor.spawn(future),
            Backend::Sim(world) => world.spawn(future),
        }
    }

    /// Calls `hook` each time when everyone who could run has run, before the thread enters the kernel: the moment to hand
    /// over in one go what has gathered. Replaces an earlier one; simulated worlds have no such moment.
    pub(crate) fn on_park(&self, hook: impl Fn() + 'static) {
        if let Backend::Thread(thread) = &self.0.backend {
            *thread.park_hook.borrow_mut() = Some(Box::new(hook));
        }
    }

    /// Ends at `deadline_ns` (monotonic), never before.
    pub(crate) fn sleep_until(&self, deadline_ns: u64) -> Sleep {
        Sleep { rt: self.clone(), deadline_ns, timer: None }
    }

    /// Connects to `origin`, at the first of its addresses that accepts, or where the book says instead. `resolved_ns` is
    /// set to when the addresses were known, if they had to be looked up.
    ///
    /// # Errors
    /// Why no connection came about, as a kind that is counted.
    pub(crate) async fn connect(
        &self,
        resolver: &Resolver,
        origin: &Origin,
        resolved_ns: &mut u64,
    ) -> Result<NetStream, Error> {
        net::connect(self, resolver, origin, resolved_ns).await
    }

    /// A deadline that can be set anew for each request at next to no cost. See [`Watchdog`].
    pub(crate) fn reusable_deadline(&self) -> ReusableDeadline {
        ReusableDeadline { rt: self.clone(), timer: Cell::new(None), armed_ns: Cell::new(0) }
    }

    fn start_timer(&self, deadline_ns: u64, waker: &Waker) -> timers::TimerKey {
        self.0.timers.borrow_mut().insert(deadline_ns, waker.clone())
    }

    /// Wakes all whose time has come and returns the next deadline.
    fn fire_timers(&self, now_ns: u64) -> Option<u64> {
        self.0.timers.borrow_mut().fire(now_ns)
    }

    /// When the timers are to be looked at again.
    fn next_timer_ns(&self) -> Option<u64> {
        self.0.timers.borrow().next_deadline_ns()
    }
}

/// A wait for a moment; see [`Rt::sleep_until`].
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

/// Guards one future after another with a deadline each.
///
/// Its timer stays armed from one request to the next and is only moved when it fires too early, so that a request
/// that ends in time touches no timer at all.
pub(crate) struct ReusableDeadline {
    rt: Runtime,
    timer: Cell<Option<timers::TimerKey>>,
    armed_ns: Cell<u64>,
}

impl ReusableDeadline {
    /// Runs `future` to its end, or gives `None` when `deadline_ns` (monotonic) comes first.
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
        if self.rt.now_ns() >= deadline_ns {
            return Poll::Ready(None);
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
