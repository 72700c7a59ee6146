//! Which users live on a shard, and in which order they came: who came last is dismissed first.

use std::rc::Rc;

use super::handle::{StopSignal, UserHandle};

/// The users of one shard.
pub(crate) struct UserRegistry {
    /// Per class, in the order in which they came.
    active: Vec<Vec<Rc<UserHandle>>>,
    stopping: Vec<Rc<UserHandle>>,
    alive_count: usize,
    active_counts: Vec<u32>,
}

impl UserRegistry {
    pub(crate) fn new(classes: usize) -> Self {
        Self {
            active: vec![Vec::new(); classes],
            stopping: Vec::new(),
            alive_count: 0,
            active_counts: vec![0; classes],
        }
    }

    pub(crate) fn add(&mut self, user: &Rc<UserHandle>) {
        self.active[user.class].push(Rc::clone(user));
        self.active_counts[user.class] += 1;
        self.alive_count += 1;
    }

    /// Tells the class's latest user to leave. A user that went by itself in the meantime has left already.
    pub(crate) fn stop_latest(&mut self, class: usize) -> Option<Rc<UserHandle>> {
        let life = self.active[class].pop()?;
        if !life.has_exited.get() {
            self.active_counts[class] -= 1;
            if self.stopping.len() == self.stopping.capacity() {
                self.stopping.retain(|life| !life.has_exited.get());
            }
            self.stopping.push(Rc::clone(&life));
        }
        Some(life)
    }

    /// Everyone who is to be told that the run is over.
    pub(crate) fn stop_all(&mut self) -> Vec<Rc<UserHandle>> {
        for class in 0..self.active.len() {
            while self.stop_latest(class).is_some() {}
        }
        self.stopping.clone()
    }

    pub(crate) fn user_exited(&mut self, user: &UserHandle) {
        user.has_exited.set(true);
        self.alive_count -= 1;
        if user.stop_signal() == StopSignal::Unset {
            self.active_counts[user.class] -= 1;
        }
    }

    /// Users that nobody has told to leave, per class.
    pub(crate) fn active_counts(&self) -> &[u32] {
        &self.active_counts
    }

    /// Whether nobody is left, those on their way out included.
    pub(crate) fn is_empty(&self) -> bool {
        self.alive_count == 0
    }
}
