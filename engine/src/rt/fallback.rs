//! A shard's thread where the kernel refuses our reactor: monoio, on io_uring without flags or on epoll.
//!
//! Waits are driven by one timerfd, because monoio's own wheel has steps of a millisecond. What a busy thread is worth here
//! is a fifth less than on `reactor/`; everything else is the same to its users.

use std::{
    cell::Cell,
    future::Future,
    io,
    net::{SocketAddr, TcpStream as StdTcpStream},
    os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
};

use monoio::{
    IoUringDriver, LegacyDriver, RuntimeBuilder,
    buf::{IoBuf, IoBufMut},
    io::{AsyncReadRent, AsyncWriteRent},
    net::TcpStream,
};
use rustix::{
    io::Errno,
    net::RecvFlags,
    time::{Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime},
};

use super::{Backend, Rt, clock::now_ns};

/// A runtime of monoio's, not started yet.
pub(super) enum Fallback {
    Ring(monoio::Runtime<IoUringDriver>),
    Epoll(monoio::Runtime<LegacyDriver>),
}

impl Fallback {
    pub(super) fn ring() -> io::Result<Self> {
        RuntimeBuilder::<IoUringDriver>::new().with_entries(RING_ENTRIES).build().map(Self::Ring)
    }

    pub(super) fn epoll() -> io::Result<Self> {
        RuntimeBuilder::<LegacyDriver>::new().build().map(Self::Epoll)
    }

    pub(super) fn run<F: Future<Output = ()>>(self, start: impl FnOnce(Rt) -> F) -> io::Result<()> {
        let future = async {
            let rt = Rt::new(Backend::Fallback(Alarm::new()?));
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

pub(super) fn spawn(future: impl Future<Output = ()> + 'static) {
    monoio::spawn(future);
}

/// Wakes the thread when its timers are due.
pub(super) struct Alarm {
    timer: OwnedFd,
    armed_ns: Cell<u64>,
}

impl Alarm {
    fn new() -> io::Result<Self> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC)?;
        Ok(Self { timer, armed_ns: Cell::new(u64::MAX) })
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
    let Backend::Fallback(alarm) = &rt.0.backend else {
        return;
    };
    let fired = match alarm.timer.try_clone().and_then(|timer| TcpStream::from_std(StdTcpStream::from(timer))) {
        Ok(fired) => fired,
        Err(error) => panic!("the shard's timer cannot be watched: {error}"),
    };
    loop {
        // May return early on epoll: the read below tells.
        let _ = fired.readable(false).await;
        match rustix::io::read(alarm.timer.as_fd(), &mut [0_u8; 8]) {
            Ok(_) => {}
            Err(Errno::AGAIN) => continue,
            Err(errno) => panic!("the shard's timer cannot be read: {errno}"),
        }
        alarm.armed_ns.set(u64::MAX);
        if let Some(next_ns) = rt.fire_timers(rt.now_ns()) {
            alarm.wake_at(next_ns);
        }
    }
}

/// A connection. Closed when dropped.
pub(super) struct FallbackStream {
    stream: TcpStream,
    pub(super) sent_ns: u64,
    pub(super) received_ns: u64,
}

impl FallbackStream {
    pub(super) async fn connect(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect_addr(address).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, sent_ns: 0, received_ns: 0 })
    }

    pub(super) async fn send(&mut self, mut bytes: Vec<u8>) -> (io::Result<()>, Vec<u8>) {
        let (mut sent, mut result) = (0, Ok(()));
        while sent < bytes.len() && result.is_ok() {
            let (written, rest) = self.stream.write(bytes.slice(sent..)).await;
            bytes = rest.into_inner();
            match written {
                Ok(0) => result = Err(io::ErrorKind::WriteZero.into()),
                Ok(more) => sent += more,
                Err(error) => result = Err(error),
            }
        }
        self.sent_ns = now_ns();
        bytes.clear();
        (result, bytes)
    }

    pub(super) async fn recv(&mut self, buffer: Vec<u8>) -> (io::Result<usize>, Vec<u8>) {
        let (filled, room) = (buffer.len(), buffer.capacity());
        let (received, slice) = self.stream.read(buffer.slice_mut(filled..room)).await;
        self.received_ns = now_ns();
        (received, slice.into_inner())
    }

    pub(super) fn has_news(&self) -> bool {
        // SAFETY: the descriptor is open as long as the stream, which is borrowed here.
        let socket = unsafe { BorrowedFd::borrow_raw(self.stream.as_raw_fd()) };
        let peeked = rustix::net::recv(socket, &mut [0_u8; 1], RecvFlags::PEEK | RecvFlags::DONTWAIT);
        !matches!(peeked, Err(Errno::AGAIN))
    }
}

/// Submission slots: one turn of a busy shard fits, so that it enters the kernel once.
const RING_ENTRIES: u32 = 4096;
