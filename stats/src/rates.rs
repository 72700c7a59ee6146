//! Requests and failures per second of the latest seconds, and Locust's current rate.
//!
//! A ring has the last 20 s, because Locust's rate looks back 12 s. Seconds are those of the calendar clock and are
//! arguments.

/// Counts per second, for the newest added second and the 19 seconds before.
#[derive(Clone, Debug)]
pub(crate) struct RateHistory {
    newest_unix_s: u64,
    ring: [SecondCounts; RATE_WINDOW_S as usize],
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SecondCounts {
    pub(crate) num_requests: u64,
    pub(crate) num_failures: u64,
}

impl RateHistory {
    pub(crate) fn new() -> Self {
        Self { newest_unix_s: 0, ring: [SecondCounts::default(); RATE_WINDOW_S as usize] }
    }

    /// Adds `more` to a second. Counts of seconds older than the ring are dropped.
    pub(crate) fn add(&mut self, unix_s: u64, more: SecondCounts) {
        self.advance(unix_s);
        if unix_s.saturating_add(RATE_WINDOW_S) > self.newest_unix_s {
            let second = &mut self.ring[(unix_s % RATE_WINDOW_S) as usize];
            second.num_requests += more.num_requests;
            second.num_failures += more.num_failures;
        }
    }

    /// Iterates over the seconds with requests, in ascending order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u64, SecondCounts)> {
        let oldest = self.newest_unix_s.saturating_sub(RATE_WINDOW_S - 1);
        (oldest..=self.newest_unix_s)
            .map(|unix_s| (unix_s, self.at(unix_s)))
            .filter(|(_, second)| *second != SecondCounts::default())
    }

    /// Returns Locust's current rate of `count`: the mean over up to ten whole seconds, of which the last ended two
    /// seconds before now. Seconds before the start are left out.
    pub(crate) fn mean(&self, start_unix_s: u64, now_unix_s: u64, count: impl Fn(SecondCounts) -> u64) -> f64 {
        let from = now_unix_s.saturating_sub(12).max(start_unix_s);
        let to = now_unix_s.saturating_sub(2);
        if from >= to {
            return 0.0;
        }
        let sum: u64 = (from..to).map(|unix_s| count(self.at(unix_s))).sum();
        sum as f64 / (to - from) as f64
    }

    fn at(&self, unix_s: u64) -> SecondCounts {
        if unix_s > self.newest_unix_s || unix_s.saturating_add(RATE_WINDOW_S) <= self.newest_unix_s {
            return SecondCounts::default();
        }
        self.ring[(unix_s % RATE_WINDOW_S) as usize]
    }

    /// Makes `unix_s` the newest second, unless a newer one was added.
    fn advance(&mut self, unix_s: u64) {
        let passed = unix_s.saturating_sub(self.newest_unix_s).min(RATE_WINDOW_S);
        for ago in 0..passed {
            self.ring[((unix_s - ago) % RATE_WINDOW_S) as usize] = SecondCounts::default();
        }
        self.newest_unix_s = self.newest_unix_s.max(unix_s);
    }
}

const RATE_WINDOW_S: u64 = 20;

#[cfg(test)]
mod tests {
    use super::*;

    fn requests(num_requests: u64) -> SecondCounts {
        SecondCounts { num_requests, num_failures: 0 }
    }

    fn mean(rates: &RateHistory, start: u64, now: u64) -> f64 {
        rates.mean(start, now, |second| second.num_requests)
    }

    #[test]
    fn window_is_ten_seconds_ending_two_seconds_ago() {
        let mut rates = RateHistory::new();
        for unix_s in 1_000..1_020 {
            rates.add(unix_s, requests(unix_s));
        }
        // Seconds 1007 to 1016.
        assert_eq!(mean(&rates, 0, 1_019), 1_011.5);
        // Seconds 1014 to 1016.
        assert_eq!(mean(&rates, 1_014, 1_019), 1_015.0);
    }

    #[test]
    fn rate_is_zero_in_the_first_two_seconds() {
        let mut rates = RateHistory::new();
        rates.add(1_000, requests(7));
        assert_eq!(mean(&rates, 1_000, 1_000), 0.0);
        assert_eq!(mean(&rates, 1_000, 1_002), 0.0);
        assert_eq!(mean(&rates, 1_000, 1_003), 7.0);
    }

    #[test]
    fn rate_decays_when_traffic_stops() {
        let mut rates = RateHistory::new();
        for unix_s in 1_000..1_010 {
            rates.add(unix_s, requests(10));
        }
        assert_eq!(mean(&rates, 0, 1_012), 10.0);
        assert_eq!(mean(&rates, 0, 1_017), 5.0);
        assert_eq!(mean(&rates, 0, 1_022), 0.0);
        assert_eq!(mean(&rates, 0, 9_999), 0.0);
    }

    #[test]
    fn late_second_counts_within_the_ring() {
        let mut rates = RateHistory::new();
        rates.add(1_019, requests(1));
        rates.add(1_000, requests(2));
        rates.add(999, requests(4));
        let seen: Vec<_> = rates.iter().collect();
        assert_eq!(seen, [(1_000, requests(2)), (1_019, requests(1))]);
        rates.add(1_020, requests(8));
        let seen: Vec<_> = rates.iter().collect();
        assert_eq!(seen, [(1_019, requests(1)), (1_020, requests(8))]);
    }
}
