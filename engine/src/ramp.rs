//! Ramps: the number of users along a straight line, as single steps with due times.
//!
//! Pure data and arithmetic. A [`Segment`] is the line between two counts per class, a [`Ramp`] the steps of a
//! segment. The runner reads the steps to know the current count, the coordinator to distribute them. Both use the
//! same steps, so they always agree. This file must not know clocks, threads or users.

/// A straight piece of a ramp, in users per class.
///
/// # Examples
///
/// ```
/// use gregaria_engine::Segment;
///
/// let segment = Segment::at_rate(0, vec![0], vec![100], 10.0);
/// assert_eq!(segment.end_ns, 10_000_000_000);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Start of the line, in monotonic nanoseconds.
    pub start_ns: u64,
    /// End of the line, in monotonic nanoseconds. Equal to `start_ns` for a jump.
    pub end_ns: u64,
    /// Users per class at the start, in the order of the scenario.
    pub from: Vec<u32>,
    /// Users per class at the end, in the order of the scenario.
    pub to: Vec<u32>,
}

impl Segment {
    /// Returns the segment from `from` to `to` that changes `spawn_rate` users per second. An infinite rate is a jump.
    pub fn at_rate(start_ns: u64, from: Vec<u32>, to: Vec<u32>, spawn_rate: f64) -> Self {
        let steps: u64 = from.iter().zip(&to).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        let seconds = if spawn_rate.is_finite() { steps as f64 / spawn_rate } else { 0.0 };
        Self { start_ns, end_ns: start_ns.saturating_add((seconds * 1e9) as u64), from, to }
    }
}

/// The single steps of a segment.
#[derive(Clone, Debug)]
pub(crate) struct Ramp {
    from: Vec<u32>,
    steps: Vec<RampStep>,
    end_ns: u64,
}

/// The spawn or stop of one user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RampStep {
    /// Due time, in monotonic nanoseconds.
    pub(crate) due_ns: u64,
    /// Index of the class in the scenario.
    pub(crate) class: usize,
    /// Direction of the step.
    pub(crate) kind: StepKind,
}

/// The direction of a [`RampStep`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StepKind {
    /// A user of the class is spawned.
    Spawn,
    /// The latest user of the class is stopped.
    Stop,
}

impl RampStep {
    /// Returns the step that undoes this one.
    pub(crate) fn inverse(self) -> Self {
        let kind = match self.kind {
            StepKind::Spawn => StepKind::Stop,
            StepKind::Stop => StepKind::Spawn,
        };
        Self { kind, ..self }
    }
}

impl Ramp {
    /// Spreads the steps of the segment evenly over its time. The first step is due at its start, and classes
    /// alternate.
    pub(crate) fn new(segment: &Segment) -> Self {
        let deltas: Vec<i64> =
            segment.from.iter().zip(&segment.to).map(|(from, to)| i64::from(*to) - i64::from(*from)).collect();
        let count: u64 = deltas.iter().map(|delta| delta.unsigned_abs()).sum();
        let length_ns = segment.end_ns.saturating_sub(segment.start_ns);
        let mut done = vec![0_u64; deltas.len()];
        let steps = (0..count)
            .map(|index| {
                let class = furthest_behind(&deltas, &done, index + 1, count);
                done[class] += 1;
                let offset_ns = (u128::from(length_ns) * u128::from(index) / u128::from(count)) as u64;
                let kind = if deltas[class] > 0 { StepKind::Spawn } else { StepKind::Stop };
                RampStep { due_ns: segment.start_ns + offset_ns, class, kind }
            })
            .collect();
        Self { from: segment.from.clone(), steps, end_ns: segment.end_ns }
    }

    /// Returns all steps in the order of their due times.
    pub(crate) fn steps(&self) -> &[RampStep] {
        &self.steps
    }

    /// Returns the users per class after all steps that are due before `now_ns`.
    pub(crate) fn counts_at(&self, now_ns: u64) -> Vec<u32> {
        let mut counts = self.from.clone();
        for step in self.steps.iter().take_while(|step| step.due_ns < now_ns) {
            match step.kind {
                StepKind::Spawn => counts[step.class] += 1,
                StepKind::Stop => counts[step.class] -= 1,
            }
        }
        counts
    }

    /// Returns the end of the line, in monotonic nanoseconds.
    pub(crate) fn end_ns(&self) -> u64 {
        self.end_ns
    }
}

/// Returns the class that lags most behind its share of the first `step` of `count` steps.
fn furthest_behind(deltas: &[i64], done: &[u64], step: u64, count: u64) -> usize {
    let lack = |class: usize| {
        let due = u128::from(deltas[class].unsigned_abs()) * u128::from(step);
        due as i128 - (u128::from(done[class]) * u128::from(count)) as i128
    };
    (0..deltas.len()).rev().max_by_key(|class| lack(*class)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    #[test]
    fn first_step_is_due_at_the_start_the_rest_evenly() {
        let ramp = Ramp::new(&Segment::at_rate(5, vec![0], vec![10], 10.0));
        let due: Vec<u64> = ramp.steps().iter().map(|step| step.due_ns).collect();
        assert_eq!(due[0], 5);
        assert_eq!(due[9], 5 + 9 * SECOND_NS / 10);
        assert_eq!(ramp.end_ns(), 5 + SECOND_NS);
        assert!(ramp.steps().iter().all(|step| step.kind == StepKind::Spawn));
        assert_eq!(ramp.counts_at(5 + SECOND_NS / 2), [5]);
    }

    #[test]
    fn classes_alternate_and_end_at_their_counts() {
        let ramp = Ramp::new(&Segment::at_rate(0, vec![0, 4], vec![9, 1], f64::INFINITY));
        assert_eq!(ramp.counts_at(u64::MAX), [9, 1]);
        assert!(ramp.steps().iter().all(|step| step.due_ns == 0));
        let even = Ramp::new(&Segment::at_rate(0, vec![0, 0], vec![3, 3], 6.0));
        let order: Vec<usize> = even.steps().iter().map(|step| step.class).collect();
        assert_eq!(order, [0, 1, 0, 1, 0, 1]);
    }

    #[test]
    fn ramp_count_stays_within_two_users_of_the_line() {
        let ramp = Ramp::new(&Segment::at_rate(0, vec![2000, 0], vec![0, 500], 1000.0));
        let line = |now_ns: u64| 2000.0 - 1500.0 * (now_ns as f64 / 2.5e9);
        for now_ns in (0..2_500_000_000).step_by(100_000_000) {
            let total: u32 = ramp.counts_at(now_ns).iter().sum();
            assert!((f64::from(total) - line(now_ns)).abs() <= 2.0, "{total} at {now_ns}");
        }
    }
}
