//! The clocks: monotonic time for measurements, wall-clock time for display and cookies, CPU time for the health of the
//! generator. Other folders of the engine receive times as values or read them here.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

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

/// Blocks the calling thread for `duration`. Must not be called on a shard, because it blocks all users of the shard.
#[expect(clippy::disallowed_methods, reason = "the engine's one call of `std::thread::sleep`")]
pub fn sleep_blocking(duration: Duration) {
    std::thread::sleep(duration);
}

fn nanoseconds(time: Timespec) -> u64 {
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
