//! Which place takes which step of a ramp. Pure; the one place that knows where every user is.

use crate::ramp::{Ramp, RampStep, Segment};

/// Where the users are.
pub(super) struct Placement {
    /// Per class, the place of each user in the order in which they came.
    threads_by_class: Vec<Vec<usize>>,
    users_per_thread: Vec<u32>,
    /// The steps of the ramp that is on, with their places.
    assigned_steps: Vec<(RampStep, usize)>,
}

impl Placement {
    pub(super) fn new(classes: usize, threads: usize) -> Self {
        Self {
            threads_by_class: vec![Vec::new(); classes],
            users_per_thread: vec![0; threads],
            assigned_steps: Vec::new(),
        }
    }

    /// Spreads the segment's steps: a user comes to the place that has fewest, and goes from where it is. Steps of the
    /// ramp before that are due at the segment's start or later are taken back first.
    pub(super) fn apply(&mut self, segment: &Segment) -> Vec<Vec<RampStep>> {
        while let Some((step, place)) = self.assigned_steps.pop_if(|(step, _)| step.due_ns >= segment.start_ns) {
            self.move_user(RampStep { is_spawn: !step.is_spawn, ..step }, place);
        }
        self.assigned_steps.clear();
        let mut plans = vec![Vec::new(); self.users_per_thread.len()];
        for step in Ramp::new(segment).steps() {
            let place = if step.is_spawn { self.least_loaded() } else { self.thread_of_latest(step.class) };
            self.move_user(*step, place);
            self.assigned_steps.push((*step, place));
            plans[place].push(*step);
        }
        plans
    }

    fn least_loaded(&self) -> usize {
        (0..self.users_per_thread.len()).min_by_key(|place| self.users_per_thread[*place]).unwrap_or(0)
    }

    fn thread_of_latest(&self, class: usize) -> usize {
        self.threads_by_class[class].last().copied().unwrap_or(0)
    }

    fn move_user(&mut self, step: RampStep, thread: usize) {
        if step.is_spawn {
            self.threads_by_class[step.class].push(thread);
            self.users_per_thread[thread] += 1;
        } else {
            self.threads_by_class[step.class].pop();
            self.users_per_thread[thread] -= 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ramp(start_ns: u64, from: u32, to: u32) -> Segment {
        Segment::at_rate(start_ns, vec![from], vec![to], 1000.0)
    }

    #[test]
    fn users_are_spread_evenly_and_leave_from_where_they_are() {
        let mut placement = Placement::new(1, 4);
        let plans = placement.apply(&ramp(0, 0, 10));
        assert_eq!(plans.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 2, 2]);
        placement.apply(&ramp(20_000_000, 10, 4));
        assert_eq!(placement.users_per_thread, [1, 1, 1, 1]);
    }

    #[test]
    fn a_ramp_that_is_replaced_half_way_leaves_no_ghosts() {
        let mut placement = Placement::new(1, 2);
        placement.apply(&ramp(0, 0, 100));
        placement.apply(&ramp(50_000_000, 50, 60));
        assert_eq!(placement.users_per_thread, [30, 30]);
        placement.apply(&ramp(55_000_000, 55, 0));
        assert_eq!(placement.users_per_thread, [0, 0]);
    }
}
