//! The waits of a user between two tasks. Pure functions: the time and the random numbers come from the caller.

use rand::Rng;

/// A rule for the time between two tasks, made by [`between`], [`constant`], [`constant_pacing`] or
/// [`constant_throughput`].
///
/// # Examples
///
/// ```
/// use gregaria_engine::{Wait, constant_pacing, constant_throughput};
///
/// let wait: Wait = constant_throughput(4.0);
/// assert_eq!(wait, constant_pacing(0.25));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Wait(WaitRule);

#[derive(Clone, Copy, Debug, PartialEq)]
enum WaitRule {
    Between { min_s: f64, max_s: f64 },
    Pacing { interval_s: f64 },
}

/// Returns a wait of a random time between `min_s` and `max_s` seconds, uniformly distributed.
///
/// # Panics
/// Panics if `min_s` is negative or greater than `max_s`, or either is not a number.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{UserClass, between};
///
/// let builder = UserClass::http("Visitor").wait(between(1.0, 5.0));
/// ```
pub fn between(min_s: f64, max_s: f64) -> Wait {
    assert!(0.0 <= min_s && min_s <= max_s, "between({min_s}, {max_s}): the times must be 0 <= min <= max");
    Wait(WaitRule::Between { min_s, max_s })
}

/// Returns a wait of exactly `wait_s` seconds.
///
/// # Panics
/// Panics if `wait_s` is negative or not a number.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{UserClass, constant};
///
/// let builder = UserClass::http("Visitor").wait(constant(0.5));
/// ```
pub fn constant(wait_s: f64) -> Wait {
    between(wait_s, wait_s)
}

/// Returns a wait for the rest of `interval_s` seconds since the task started, so that a task starts every `interval_s`
/// seconds. There is no wait after a task that took longer.
///
/// # Panics
/// Panics if `interval_s` is negative or not a number.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{UserClass, constant_pacing};
///
/// let builder = UserClass::http("Poller").wait(constant_pacing(10.0));
/// ```
pub fn constant_pacing(interval_s: f64) -> Wait {
    assert!(interval_s >= 0.0, "constant_pacing({interval_s}): the interval must not be negative");
    Wait(WaitRule::Pacing { interval_s })
}

/// Returns a wait with which a user starts `tasks_per_s` tasks per second. There is no wait after a task that took
/// longer than its share of a second.
///
/// # Panics
/// Panics if `tasks_per_s` is not greater than 0.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{UserClass, constant_throughput};
///
/// let builder = UserClass::http("Poller").wait(constant_throughput(0.1));
/// ```
pub fn constant_throughput(tasks_per_s: f64) -> Wait {
    assert!(tasks_per_s > 0.0, "constant_throughput({tasks_per_s}): the rate must be greater than 0");
    constant_pacing(1.0 / tasks_per_s)
}

impl Wait {
    /// Returns `true` if the rule depends on the start of the last task.
    pub(crate) fn is_paced(self) -> bool {
        matches!(self.0, WaitRule::Pacing { .. })
    }

    /// Returns the end of a wait that begins at `now_ns`, after a task that started at `task_started_ns`. The end is
    /// not before `now_ns`.
    pub(crate) fn deadline_ns(self, now_ns: u64, task_started_ns: u64, rng: &mut impl Rng) -> u64 {
        match self.0 {
            WaitRule::Between { min_s, max_s } if min_s == max_s => now_ns + nanoseconds(min_s),
            WaitRule::Between { min_s, max_s } => now_ns + nanoseconds(rng.random_range(min_s..=max_s)),
            WaitRule::Pacing { interval_s } => now_ns.max(task_started_ns + nanoseconds(interval_s)),
        }
    }
}

fn nanoseconds(seconds: f64) -> u64 {
    (seconds * 1e9) as u64
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;

    #[test]
    fn deadline_matches_each_kind_of_wait() {
        let mut rng = SmallRng::seed_from_u64(1);
        assert_eq!(constant(2.0).deadline_ns(5, 0, &mut rng), 2_000_000_005);
        assert_eq!(constant_pacing(1.0).deadline_ns(300_000_000, 100, &mut rng), 1_000_000_100);
        assert_eq!(constant_pacing(1.0).deadline_ns(3_000_000_000, 100, &mut rng), 3_000_000_000);
        assert_eq!(constant_throughput(4.0), constant_pacing(0.25));
        let waits: Vec<u64> = (0..1000).map(|_| between(1.0, 3.0).deadline_ns(0, 0, &mut rng)).collect();
        assert!(waits.iter().all(|wait_ns| (1_000_000_000..=3_000_000_000).contains(wait_ns)));
        let mean_ns = waits.iter().sum::<u64>() / 1000;
        assert!((1_900_000_000..2_100_000_000).contains(&mean_ns), "{mean_ns}");
    }

    #[test]
    #[should_panic(expected = "0 <= min <= max")]
    fn invalid_wait_panics_when_created() {
        between(2.0, 1.0);
    }
}
