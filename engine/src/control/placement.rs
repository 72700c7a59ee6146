//! The distribution of users over threads. Pure: it keeps the thread of every user and assigns the steps of a ramp.

use crate::ramp::{Ramp, RampStep, Segment, StepKind};

/// The thread of every user.
pub(super) struct Placement {
    /// Per class, the thread of each user in spawn order.
    threads_by_class: Vec<Vec<usize>>,
    users_per_thread: Vec<u32>,
    /// The steps of the current ramp, with their threads.
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

    /// Assigns the steps of the segment to threads and returns them per thread.
    ///
    /// A user is spawned on the thread with the fewest users, and stopped on its own thread. Steps of the previous ramp
    /// that are due at the start of the segment or later are undone first.
    pub(super) fn apply(&mut self, segment: &Segment) -> Vec<Vec<RampStep>> {
        while let Some((step, thread)) = self.assigned_steps.pop_if(|(step, _)| step.due_ns >= segment.start_ns) {
            self.apply_step(step.inverse(), thread);
        }
        self.assigned_steps.clear();
        let mut steps_per_thread = vec![Vec::new(); self.users_per_thread.len()];
        for step in Ramp::new(segment).steps() {
            let thread = match step.kind {
                StepKind::Spawn => self.least_loaded(),
                StepKind::Stop => self.thread_of_latest(step.class),
            };
            self.apply_step(*step, thread);
            self.assigned_steps.push((*step, thread));
            steps_per_thread[thread].push(*step);
        }
        steps_per_thread
    }

    fn least_loaded(&self) -> usize {
        (0..self.users_per_thread.len()).min_by_key(|thread| self.users_per_thread[*thread]).unwrap_or(0)
    }

    fn thread_of_latest(&self, class: usize) -> usize {
        self.threads_by_class[class].last().copied().unwrap_or(0)
    }

    fn apply_step(&mut self, step: RampStep, thread: usize) {
        match step.kind {
            StepKind::Spawn => {
                self.threads_by_class[step.class].push(thread);
                self.users_per_thread[thread] += 1;
            }
            StepKind::Stop => {
                self.threads_by_class[step.class].pop();
                self.users_per_thread[thread] -= 1;
            }
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
    fn users_are_spawned_evenly_and_stop_on_their_thread() {
        let mut placement = Placement::new(1, 4);
        let steps_per_thread = placement.apply(&ramp(0, 0, 10));
        assert_eq!(steps_per_thread.iter().map(Vec::len).collect::<Vec<_>>(), [3, 3, 2, 2]);
        placement.apply(&ramp(20_000_000, 10, 4));
        assert_eq!(placement.users_per_thread, [1, 1, 1, 1]);
    }

    #[test]
    fn replaced_ramp_undoes_its_remaining_steps() {
        let mut placement = Placement::new(1, 2);
        placement.apply(&ramp(0, 0, 100));
        placement.apply(&ramp(50_000_000, 50, 60));
        assert_eq!(placement.users_per_thread, [30, 30]);
        placement.apply(&ramp(55_000_000, 55, 0));
        assert_eq!(placement.users_per_thread, [0, 0]);
    }
}
