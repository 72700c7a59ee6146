//! Which place takes which step of a ramp. Pure; the one place that knows where every user is.

use crate::ramp::{Ramp, Segment, Step};

/// Where the users are.
pub(super) struct Placement {
    /// Per class, the place of each user in the order in which they came.
    by_class: Vec<Vec<usize>>,
    per_place: Vec<u32>,
    /// The steps of the ramp that is on, with their places.
    placed: Vec<(Step, usize)>,
}

impl Placement {
    pub(super) fn new(classes: usize, places: usize) -> Self {
        Self { by_class: vec![Vec::new(); classes], per_place: vec![0; places], placed: Vec::new() }
    }

    /// Spreads the segment's steps: a user comes to the place that has fewest, and goes from where it is. Steps of the
    /// ramp before that are due at the segment's start or later are taken back first.
    pub(super) fn follow(&mut self, segment: &Segment) -> Vec<Vec<Step>> {
        while let Some((step, place)) = self.placed.pop_if(|(step, _)| step.due_ns >= segment.start_ns) {
            self.move_user(Step { comes: !step.comes, ..step }, place);
        }
        self.placed.clear();
        let mut plans = vec![Vec::new(); self.per_place.len()];
        for step in Ramp::new(segment).steps() {
            let place = if step.comes { self.emptiest() } else { self.place_of_latest(step.class) };
            self.move_user(*step, place);
            self.placed.push((*step, place));
            plans[place].push(*step);
        }
        plans
    }

    fn emptiest(&self) -> usize {
        (0..self.per_place.len()).min_by_key(|place| self.per_place[*place]).unwrap_or(0)
    }

    fn place_of_latest(&self, class: usize) -> usize {
        self.by_class[class].last().copied().unwrap_or(0)
    }

    fn move_user(&mut self, step: Step, place: usize) {
        if step.comes {
            self.by_class[step.class].push(place);
            self.per_place[place] += 1;
        } else {
            self.by_class[step.class].pop();
            self.per_place[place] -= 1;
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
        assert_eq!(placement.per_place, [1, 1, 1, 1]);
    }

    #[test]
    fn a_ramp_that_is_replaced_half_way_leaves_no_ghosts() {
        let mut placement = Placement::new(1, 2);
        placement.follow(&ramp(0, 0, 100));
        placement.follow(&ramp(50_000_000, 50, 60));
        assert_eq!(placement.per_place, [30, 30]);
        placement.follow(&ramp(55_000_000, 55, 0));
        assert_eq!(placement.per_place, [0, 0]);
    }
}
