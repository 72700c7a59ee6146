//! The clocks: monotonic for everything measured, the time of day for what is shown, CPU time for the verdict on
//! ourselves. The rest of the engine is handed these values.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Monotonic time in nanoseconds. Comparable between threads.
pub fn now_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::Monotonic))
}

/// Seconds since 1970.
pub fn unix_time_s() -> f64 {
    nanoseconds(clock_gettime(ClockId::Realtime)) as f64 / 1e9
}

/// CPU time, user and system, of the calling thread in nanoseconds.
pub fn thread_cpu_ns() -> u64 {
    nanoseconds(clock_gettime(ClockId::ThreadCPUTime))
}

/// Blocks the calling thread. Not for shards.
#[expect(clippy::disallowed_methods, reason = "this is the one place that waits")]
pub fn sleep_blocking(duration: Duration) {
    std::thread::sleep(duration);
}

fn nanoseconds(time: Timespec) -> u64 {
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}
