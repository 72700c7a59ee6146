//! Requests and failures of the latest seconds, for the current rates.
//!
//! Seconds are counted from the last start or reset, so that the first one is a whole one. All times are arguments. The
//! history of a whole run, by seconds of the calendar, is in `history.rs`.

/// Counts per second, for the newest added second and the 15 seconds before.
#[derive(Clone, Debug)]
pub(crate) struct RecentSeconds {
    newest: u64,
    ring: [RequestCounts; RING_SECONDS as usize],
}

/// The requests of a period and the failures among them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct RequestCounts {
    pub(crate) num_requests: u64,
    pub(crate) num_failures: u64,
}

impl RecentSeconds {
    pub(crate) fn new() -> Self {
        Self { newest: 0, ring: [RequestCounts::default(); RING_SECONDS as usize] }
    }

    /// Adds `more` to the second of `elapsed_s`. Counts of seconds older than the ring are dropped.
    pub(crate) fn add(&mut self, elapsed_s: f64, more: RequestCounts) {
        let second = elapsed_s as u64;
        self.advance(second);
        if second.saturating_add(RING_SECONDS) > self.newest {
            self.ring[(second % RING_SECONDS) as usize].add(more);
        }
    }

    /// Returns the current rate of `count`: the mean over the last ten seconds that are complete, or over all of them
    /// if there are fewer. In the first second, it is the mean over the elapsed time.
    pub(crate) fn mean(&self, elapsed_s: f64, count: impl Fn(RequestCounts) -> u64) -> f64 {
        let sum = |from: u64, to: u64| (from..to).map(|second| count(self.at(second))).sum::<u64>() as f64;
        let complete = (elapsed_s - MAX_REPORT_DELAY_S).max(0.0) as u64;
        if complete == 0 {
            return if elapsed_s > 0.0 { sum(0, 2) / elapsed_s } else { 0.0 };
        }
        let from = complete.saturating_sub(MAX_MEAN_SECONDS);
        sum(from, complete) / (complete - from) as f64
    }

    fn at(&self, second: u64) -> RequestCounts {
        if second > self.newest || second.saturating_add(RING_SECONDS) <= self.newest {
            return RequestCounts::default();
        }
        self.ring[(second % RING_SECONDS) as usize]
    }

    /// Makes `second` the newest one, unless a newer one was added.
    fn advance(&mut self, second: u64) {
        let passed = second.saturating_sub(self.newest).min(RING_SECONDS);
        for ago in 0..passed {
            self.ring[((second - ago) % RING_SECONDS) as usize] = RequestCounts::default();
        }
        self.newest = self.newest.max(second);
    }
}

impl RequestCounts {
    pub(crate) fn add(&mut self, more: Self) {
        self.num_requests += more.num_requests;
        self.num_failures += more.num_failures;
    }
}

/// The longest time from a request to its addition. Threads report every 100 ms, and reports are collected as often.
/// Locust waits two seconds, because its workers report less often.
const MAX_REPORT_DELAY_S: f64 = 0.2;

/// The number of seconds of a current rate, as in Locust.
const MAX_MEAN_SECONDS: u64 = 10;

/// Ten complete seconds, the current one, and reports that are late or early by a few seconds.
const RING_SECONDS: u64 = 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(num_requests: u64) -> RequestCounts {
        RequestCounts { num_requests, num_failures: 0 }
    }

    fn mean(seconds: &RecentSeconds, elapsed_s: f64) -> f64 {
        seconds.mean(elapsed_s, |second| second.num_requests)
    }

    #[test]
    fn rate_is_the_mean_of_complete_seconds() {
        let mut seconds = RecentSeconds::new();
        for second in 0..20_u64 {
            seconds.add(second as f64 + 0.5, requests(second * 10));
            // A second is complete 0.2 s after its end.
            let (complete, incomplete) = (second as f64 + 1.25, second as f64 + 1.15);
            let first = (second + 1).saturating_sub(10);
            assert_eq!(mean(&seconds, complete), (first + second) as f64 * 5.0);
            if second > 0 {
                assert_eq!(mean(&seconds, incomplete), (second.saturating_sub(10) + second - 1) as f64 * 5.0);
            }
        }
    }

    #[test]
    fn first_second_has_the_rate_of_the_elapsed_time() {
        let mut seconds = RecentSeconds::new();
        assert_eq!((mean(&seconds, -1.0), mean(&seconds, 0.0), mean(&seconds, 0.5)), (0.0, 0.0, 0.0));
        seconds.add(0.25, requests(7));
        assert_eq!(mean(&seconds, 0.5), 14.0);
        seconds.add(1.05, requests(4));
        assert_eq!(mean(&seconds, 1.1), 10.0);
        assert_eq!(mean(&seconds, 1.25), 7.0, "the first second is complete");
    }

    #[test]
    fn rate_falls_to_zero_when_traffic_stops() {
        let mut seconds = RecentSeconds::new();
        for second in 0..10 {
            seconds.add(f64::from(second), requests(10));
        }
        assert_eq!(mean(&seconds, 10.25), 10.0);
        assert_eq!(mean(&seconds, 11.25), 9.0);
        assert_eq!(mean(&seconds, 15.25), 5.0);
        assert_eq!(mean(&seconds, 20.25), 0.0);
        assert_eq!(mean(&seconds, 1e9), 0.0);
    }

    #[test]
    fn late_second_counts_within_the_ring() {
        let mut seconds = RecentSeconds::new();
        seconds.add(20.5, requests(100));
        seconds.add(12.5, requests(20));
        seconds.add(2.5, requests(3));
        assert_eq!(mean(&seconds, 21.25), 12.0, "seconds 11 to 20");
        assert_eq!(mean(&seconds, 13.25), 2.0, "second 2 is older than the ring");
    }
}
