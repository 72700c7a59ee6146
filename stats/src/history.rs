//! Requests and failures over the whole run, in a bounded number of points.
//!
//! A point counts the requests of one second of the calendar. All points become twice as long when the run is longer
//! than 10,000 s, or when the points of all entries exceed
//! [`Limits::max_history_points`](crate::Limits::max_history_points). No request is lost, and the points of all entries
//! are equally long. The current rates are in `rates.rs`.

use crate::{paged_counts::grow_by_a_quarter, rates::RequestCounts};

/// The points of one entry, in ascending order of time. Points without requests do not exist.
#[derive(Clone, Debug)]
pub(crate) struct History(Vec<HistoryPoint>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HistoryPoint {
    /// The first second of the point, since 1970.
    pub(crate) unix_s: u64,
    pub(crate) counts: RequestCounts,
}

impl History {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds `more` to the point that begins at `unix_s`.
    pub(crate) fn add(&mut self, unix_s: u64, more: RequestCounts) {
        // Intervals arrive nearly in order, so the search ends at once.
        let index = self.0.iter().rposition(|point| point.unix_s <= unix_s);
        if let Some(point) = index.map(|index| &mut self.0[index]).filter(|point| point.unix_s == unix_s) {
            return point.counts.add(more);
        }
        grow_by_a_quarter(&mut self.0, 1);
        self.0.insert(index.map_or(0, |index| index + 1), HistoryPoint { unix_s, counts: more });
    }

    /// Merges the points that begin in the same period of `seconds_per_point`.
    pub(crate) fn thin(&mut self, seconds_per_point: u64) {
        for point in &mut self.0 {
            point.unix_s = first_second(point.unix_s, seconds_per_point);
        }
        self.0.dedup_by(|point, previous| {
            let is_same = point.unix_s == previous.unix_s;
            if is_same {
                previous.counts.add(point.counts);
            }
            is_same
        });
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &HistoryPoint> {
        self.0.iter()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<HistoryPoint>()
    }
}

/// Returns the first second of the point that counts `unix_s`.
pub(crate) const fn first_second(unix_s: u64, seconds_per_point: u64) -> u64 {
    unix_s - unix_s % seconds_per_point
}

/// The largest number of points between the start of a run and its end.
pub(crate) const MAX_POINTS_PER_RUN: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn history(points: &[(u64, u64)]) -> History {
        let mut history = History::new();
        for (unix_s, num_requests) in points {
            history.add(*unix_s, RequestCounts { num_requests: *num_requests, num_failures: 1 });
        }
        history
    }

    fn points(history: &History) -> Vec<(u64, u64, u64)> {
        history.iter().map(|point| (point.unix_s, point.counts.num_requests, point.counts.num_failures)).collect()
    }

    #[test]
    fn points_are_sorted_and_distinct() {
        let history = history(&[(7, 10), (9, 20), (9, 5), (8, 40), (3, 1), (7, 2)]);
        assert_eq!(points(&history), [(3, 1, 1), (7, 12, 2), (8, 40, 1), (9, 25, 2)]);
    }

    #[test]
    fn thinning_keeps_all_requests() {
        let mut history = history(&[(5, 1), (6, 2), (7, 4), (8, 8), (13, 16)]);
        history.thin(2);
        assert_eq!(points(&history), [(4, 1, 1), (6, 6, 2), (8, 8, 1), (12, 16, 1)]);
        history.thin(4);
        assert_eq!(points(&history), [(4, 7, 3), (8, 8, 1), (12, 16, 1)]);
    }
}
