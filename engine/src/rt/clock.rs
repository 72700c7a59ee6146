//! The clocks: monotonic time for measurements, wall-clock time for display and cookies, CPU time for the health of the
//! generator. Other folders of the engine receive times as values or read them here.

use std::{fs, path::PathBuf, time::Duration};

use rustix::{
    thread::gettid,
    time::{ClockId, Timespec, clock_gettime},
};

/// Returns the monotonic time in nanoseconds. Values are comparable between threads.
pub fn now_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

/// Returns the wall-clock time in seconds since 1970.
pub fn unix_time_s() -> f64 {
    nanoseconds(clock_gettime(ClockId::Realtime)) as f64 / 1e9
}

/// Returns the CPU time of the calling thread, user and system, in nanoseconds.
pub fn thread_cpu_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::ThreadCPUTime))
}

/// The CPU clock of one thread, which other threads can read.
pub(crate) struct ThreadCpuClock {
    /// The kernel's statistics of the thread. Their first field is its CPU time in nanoseconds.
    path: PathBuf,
}

impl ThreadCpuClock {
    /// Returns the clock of the calling thread.
    pub(crate) fn of_this_thread() -> Self {
        Self { path: format!("/proc/self/task/{}/schedstat", gettid().as_raw_nonzero()).into() }
    }

    /// Returns the CPU time of the thread, user and system, in nanoseconds. Returns `None` if the thread has ended, or
    /// if the kernel has no statistics of threads.
    pub(crate) fn read_ns(&self) -> Option<u64> {
        fs::read_to_string(&self.path).ok()?.split(' ').next()?.parse().ok()
    }
}

/// Blocks the calling thread for `duration`. Must not be called on a shard, because it blocks all users of the shard.
#[expect(clippy::disallowed_methods, reason = "the engine's one call of `std::thread::sleep`")]
pub fn sleep_blocking(duration: Duration) {
    std::thread::sleep(duration);
}

fn nanoseconds(time: Timespec) -> u64 {
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpu_clock_of_another_thread_advances_until_its_end() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let (end_sender, end_receiver) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            sender.send(ThreadCpuClock::of_this_thread()).unwrap();
            while end_receiver.try_recv().is_err() {}
        });
        let clock = receiver.recv().unwrap();
        let start_ns = clock.read_ns().unwrap();
        while clock.read_ns().unwrap() < start_ns + 50_000_000 {
            sleep_blocking(Duration::from_millis(1));
        }
        end_sender.send(()).unwrap();
        thread.join().unwrap();
        assert_eq!(clock.read_ns(), None);
    }
}
