//! The number of responses per status code.
//!
//! A run has few different codes, and the first of them has nearly all requests. A search through the codes in the
//! order of their first occurrence therefore ends at once, and a known code allocates no memory.

/// The number of requests per status code.
///
/// # Examples
///
/// ```
/// use gregaria_stats::{Interval, Limits, Recorder, Sample};
///
/// let mut recorder = Recorder::new(Limits::default());
/// for status in [200, 404, 200, 0] {
///     recorder.record(&Sample { status: Some(status), ..Sample::default() });
/// }
/// recorder.record(&Sample { method: "PUBLISH", ..Sample::default() }); // a protocol without status codes
/// let interval = recorder.take(Interval::new());
/// assert_eq!(interval.statuses().sorted(), [(0, 1), (200, 2), (404, 1)]);
/// ```
#[derive(Clone, Debug, Default)]
pub struct StatusCounts(Vec<(u16, u64)>);

impl StatusCounts {
    /// Returns the codes that occurred and their counts, in ascending order. Code 0 counts the requests without a
    /// response.
    pub fn sorted(&self) -> Vec<(u16, u64)> {
        let mut counts: Vec<(u16, u64)> = self.0.iter().copied().filter(|(_, count)| *count > 0).collect();
        counts.sort_unstable();
        counts
    }

    #[inline]
    pub(crate) fn record(&mut self, status: Option<u16>) {
        if let Some(status) = status {
            self.add_count(status.min(MAX_STATUS), 1);
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        other.0.iter().for_each(|(status, count)| self.add_count(*status, *count));
    }

    /// Sets all counts to 0 and keeps the memory for the same codes.
    pub(crate) fn clear(&mut self) {
        self.0.iter_mut().for_each(|(_, count)| *count = 0);
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<(u16, u64)>()
    }

    #[inline]
    fn add_count(&mut self, status: u16, more: u64) {
        match self.0.iter_mut().find(|(known, _)| *known == status) {
            Some((_, count)) => *count += more,
            None => self.0.push((status, more)),
        }
    }
}

/// The greatest status code, which bounds the memory: HTTP has three digits.
const MAX_STATUS: u16 = 999;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_bounded_and_add_up() {
        let mut counts = StatusCounts::default();
        (0..=u16::MAX).for_each(|status| counts.record(Some(status)));
        counts.record(None);
        assert_eq!(counts.0.len(), 1_000);
        assert_eq!(counts.sorted().last(), Some(&(999, 64_537)));
        let mut sum = counts.clone();
        sum.add(&counts);
        assert_eq!(sum.sorted()[200], (200, 2));
        sum.clear();
        assert_eq!(sum.sorted(), []);
        sum.record(Some(200));
        assert_eq!(sum.sorted(), [(200, 1)]);
    }
}
