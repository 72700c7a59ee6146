//! The users of one thread, in the order in which they were spawned. The latest user of a class is stopped first.

use std::rc::Rc;

use super::handle::{StopSignal, UserHandle};

/// The users of one thread.
pub(crate) struct UserRegistry {
    /// Per class, in spawn order.
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

    /// Removes and returns the latest active user of the class, for the caller to stop. The user may have exited by
    /// itself.
    pub(crate) fn stop_latest(&mut self, class: usize) -> Option<Rc<UserHandle>> {
        let user = self.active[class].pop()?;
        if !user.has_exited.get() {
            self.active_counts[class] -= 1;
            if self.stopping.len() == self.stopping.capacity() {
                self.stopping.retain(|user| !user.has_exited.get());
            }
            self.stopping.push(Rc::clone(&user));
        }
        Some(user)
    }

    /// Moves all active users to the stopping ones and returns all stopping users.
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

    /// Returns the number of users per class that were not asked to stop.
    pub(crate) fn active_counts(&self) -> &[u32] {
        &self.active_counts
    }

    /// Returns `true` if all users have exited, including those that were stopping.
    pub(crate) fn is_empty(&self) -> bool {
        self.alive_count == 0
    }
}
