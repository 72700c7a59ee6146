//! How the number of users moves along a straight line: which user comes or goes when.
//!
//! Pure: a [`Segment`] says from which counts to which, a [`Ramp`] gives every single step its due time. The runner
//! (where does the line stand?) and the shards (which steps are mine?) read the same steps, so they always agree.

/// A straight piece of a ramp, in counts per class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// When the line leaves `from`, monotonic.
    pub start_ns: u64,
    /// When it reaches `to`, monotonic; equal to `start_ns` for a jump.
    pub end_ns: u64,
    /// Users per class at the start.
    pub from: Vec<u32>,
    /// Users per class at the end.
    pub to: Vec<u32>,
}

impl Segment {
    /// The segment that moves at `spawn_rate` users per second; an infinite rate is a jump.
    pub fn at_rate(start_ns: u64, from: Vec<u32>, to: Vec<u32>, spawn_rate: f64) -> Self {
        let steps: u64 = from.iter().zip(&to).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
        let seconds = if spawn_rate.is_finite() { steps as f64 / spawn_rate } else { 0.0 };
        Self { start_ns, end_ns: start_ns.saturating_add((seconds * 1e9) as u64), from, to }
    }
}

/// A segment taken apart into single steps.
#[derive(Clone, Debug)]
pub struct Ramp {
    from: Vec<u32>,
    steps: Vec<RampStep>,
    end_ns: u64,
}

/// One user comes or goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RampStep {
    /// When, monotonic.
    pub due_ns: u64,
    /// Which class, an index in the scenario's order.
    pub class: usize,
    /// Whether a user comes; else the class's latest one goes.
    pub is_spawn: bool,
}

impl Ramp {
    /// Spreads the segment's steps evenly over its time, the first at its start, classes interleaved.
    pub fn new(segment: &Segment) -> Self {
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
                RampStep { due_ns: segment.start_ns + offset_ns, class, is_spawn: deltas[class] > 0 }
            })
            .collect();
        Self { from: segment.from.clone(), steps, end_ns: segment.end_ns }
    }

    /// All steps in order of their due times.
    pub fn steps(&self) -> &[RampStep] {
        &self.steps
    }

    /// Users per class when all steps due before `now_ns` are done.
    pub fn counts_at(&self, now_ns: u64) -> Vec<u32> {
        let mut counts = self.from.clone();
        for step in self.steps.iter().take_while(|step| step.due_ns < now_ns) {
            counts[step.class] = if step.is_spawn { counts[step.class] + 1 } else { counts[step.class] - 1 };
        }
        counts
    }

    /// When the line is at its end, monotonic.
    pub fn end_ns(&self) -> u64 {
        self.end_ns
    }
}

/// The class whose share of the first `step` of `count` steps is least served so far.
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
    fn the_first_user_comes_at_once_and_the_rest_evenly() {
        let ramp = Ramp::new(&Segment::at_rate(5, vec![0], vec![10], 10.0));
        let due: Vec<u64> = ramp.steps().iter().map(|step| step.due_ns).collect();
        assert_eq!(due[0], 5);
        assert_eq!(due[9], 5 + 9 * SECOND_NS / 10);
        assert_eq!(ramp.end_ns(), 5 + SECOND_NS);
    }

    #[test]
    fn classes_come_interleaved_and_end_at_their_counts() {
        let ramp = Ramp::new(&Segment::at_rate(0, vec![0, 4], vec![9, 1], f64::INFINITY));
        assert_eq!(ramp.counts_at(u64::MAX), [9, 1]);
        assert!(ramp.steps().iter().all(|step| step.due_ns == 0));
        let even = Ramp::new(&Segment::at_rate(0, vec![0, 0], vec![3, 3], 6.0));
        let order: Vec<usize> = even.steps().iter().map(|step| step.class).collect();
        assert_eq!(order, [0, 1, 0, 1, 0, 1]);
    }

    #[test]
    fn the_count_stays_on_the_line() {
        let ramp = Ramp::new(&Segment::at_rate(0, vec![2000, 0], vec![0, 500], 1000.0));
        let line = |now_ns: u64| 2000.0 - 1500.0 * (now_ns as f64 / 2.5e9);
        for now_ns in (0..2_500_000_000).step_by(100_000_000) {
            let total: u32 = ramp.counts_at(now_ns).iter().sum();
            assert!((f64::from(total) - line(now_ns)).abs() <= 2.0, "{total} at {now_ns}");
        }
    }
}
