//! The response times of the last seconds, for the current percentiles in charts.
//!
//! A ring has one histogram per second: ten whole seconds and the current one. Only the total has a window, so its
//! memory (at most 0.5 MiB) does not depend on the number of names.

use crate::histogram::PagedHistogram;

#[derive(Clone, Debug)]
pub(crate) struct PercentileWindow {
    ring: [SecondHistogram; PERCENTILE_WINDOW_S as usize],
}

#[derive(Clone, Debug)]
struct SecondHistogram {
    unix_s: u64,
    times: PagedHistogram,
}

impl PercentileWindow {
    pub(crate) fn new() -> Self {
        let second = || SecondHistogram { unix_s: 0, times: PagedHistogram::new() };
        Self { ring: std::array::from_fn(|_| second()) }
    }

    /// Adds `times` to a second, unless the ring already has a later second in its slot.
    pub(crate) fn add(&mut self, unix_s: u64, times: &PagedHistogram) {
        let second = &mut self.ring[(unix_s % PERCENTILE_WINDOW_S) as usize];
        if unix_s > second.unix_s {
            second.unix_s = unix_s;
            second.times.clear();
        }
        if unix_s == second.unix_s {
            second.times.add(times);
        }
    }

    /// Returns the response time that the fraction `q` of the requests of the last ten seconds and the current one do
    /// not exceed, or `None` without requests.
    pub(crate) fn percentile_us(&self, q: f64, now_unix_s: u64) -> Option<u64> {
        let mut sum = PagedHistogram::new();
        for second in &self.ring {
            if second.unix_s <= now_unix_s && now_unix_s - second.unix_s < PERCENTILE_WINDOW_S {
                sum.add(&second.times);
            }
        }
        (!sum.is_empty()).then(|| sum.percentile_us(q))
    }

    pub(crate) fn clear(&mut self) {
        for second in &mut self.ring {
            second.unix_s = 0;
            second.times.clear();
        }
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.ring.iter().map(|second| second.times.heap_bytes()).sum()
    }
}

const PERCENTILE_WINDOW_S: u64 = 11;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn window_is_ten_seconds_and_the_current_one() {
        let mut window = PercentileWindow::new();
        let mut times = PagedHistogram::new();
        times.record(100);
        window.add(1_000, &times);
        times.clear();
        times.record(900);
        window.add(1_005, &times);
        assert_eq!(window.percentile_us(0.5, 1_005), Some(100));
        assert_eq!(window.percentile_us(1.0, 1_005), Some(900));
        assert_eq!(window.percentile_us(0.5, 1_010), Some(100));
        assert_eq!(window.percentile_us(0.5, 1_011), Some(900));
        assert_eq!(window.percentile_us(0.5, 1_016), None);
        assert_eq!(window.percentile_us(0.5, 999), None);
    }

    #[test]
    fn newer_second_replaces_older_and_not_vice_versa() {
        let mut window = PercentileWindow::new();
        let mut times = PagedHistogram::new();
        times.record(100);
        window.add(1_000, &times);
        window.add(1_000 + PERCENTILE_WINDOW_S, &times);
        times.record(900);
        window.add(1_000, &times);
        assert_eq!(window.percentile_us(1.0, 1_000 + PERCENTILE_WINDOW_S), Some(100));
    }
}
