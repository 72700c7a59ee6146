//! Which shard takes which step of a ramp. Pure; the one place that knows where every user is.

use crate::ramp::{Ramp, Segment, Step};

/// Where the users are.
pub(super) struct Placement {
    /// Per class, the shard of each user in the order in which they came.
    by_class: Vec<Vec<usize>>,
    per_shard: Vec<u32>,
    /// The steps of the ramp that is on, with their shards.
    placed: Vec<(Step, usize)>,
}

impl Placement {
    pub(super) fn new(classes: usize, shards: usize) -> Self {
        Self { by_class: vec![Vec::new(); classes], per_shard: vec![0; shards], placed: Vec::new() }
    }

    /// Spreads the segment's steps: a user comes to the shard that has fewest, and goes from where it is. Steps of the
    /// ramp before that are due at the segment's start or later are taken back first.
    pub(super) fn follow(&mut self, segment: &Segment) -> Vec<Vec<Step>> {
        while let Some((step, shard)) = self.placed.pop_if(|(step, _)| step.due_ns >= segment.start_ns) {
            self.move_user(Step { comes: !step.comes, ..step }, shard);
        }
        self.placed.clear();
        let mut plans = vec![Vec::new(); self.per_shard.len()];
        for step in Ramp::new(segment).steps() {
            let shard = if step.comes { self.emptiest() } else { self.shard_of_latest(step.class) };
            self.move_user(*step, shard);
            self.placed.push((*step, shard));
            plans[shard].push(*step);
        }
        plans
    }

    fn emptiest(&self) -> usize {
        (0..self.per_shard.len()).min_by_key(|shard| self.per_shard[*shard]).unwrap_or(0)
    }

    fn shard_of_latest(&self, class: usize) -> usize {
        self.by_class[class].last().copied().unwrap_or(0)
    }

    fn move_user(&mut self, step: Step, shard: usize) {
        if step.comes {
            self.by_class[step.class].push(shard);
            self.per_shard[shard] += 1;
        } else {
            self.by_class[step.class].pop();
            self.per_shard[shard] -= 1;
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
        let plans = placement.follow(&ramp(0, 0, 10));
        assert_eq!(plans.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 2, 2]);
        placement.follow(&ramp(20_000_000, 10, 4));
        assert_eq!(placement.per_shard, [1, 1, 1, 1]);
    }

    #[test]
    fn a_ramp_that_is_replaced_half_way_leaves_no_ghosts() {
        let mut placement = Placement::new(1, 2);
        placement.follow(&ramp(0, 0, 100));
        placement.follow(&ramp(50_000_000, 50, 60));
        assert_eq!(placement.per_shard, [30, 30]);
        placement.follow(&ramp(55_000_000, 55, 0));
        assert_eq!(placement.per_shard, [0, 0]);
    }
}
