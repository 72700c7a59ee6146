//! Which users live on a shard, and in which order they came: who came last is dismissed first.

use std::rc::Rc;

use super::life::{Life, Order};

/// The users of one shard.
pub(super) struct Roster {
    /// Per class, in the order in which they came.
    staying: Vec<Vec<Rc<Life>>>,
    leaving: Vec<Rc<Life>>,
    present: usize,
    counts: Vec<u32>,
}

impl Roster {
    pub(super) fn new(classes: usize) -> Self {
        Self { staying: vec![Vec::new(); classes], leaving: Vec::new(), present: 0, counts: vec![0; classes] }
    }

    pub(super) fn add(&mut self, life: &Rc<Life>) {
        self.staying[life.class].push(Rc::clone(life));
        self.counts[life.class] += 1;
        self.present += 1;
    }

    /// Tells the class's latest user to leave. A user that went by itself in the meantime has left already.
    pub(super) fn dismiss_latest(&mut self, class: usize) -> Option<Rc<Life>> {
        let life = self.staying[class].pop()?;
        if !life.gone.get() {
            self.counts[class] -= 1;
            if self.leaving.len() == self.leaving.capacity() {
                self.leaving.retain(|life| !life.gone.get());
            }
            self.leaving.push(Rc::clone(&life));
        }
        Some(life)
    }

    /// Everyone who is to be told that the run is over.
    pub(super) fn dismiss_all(&mut self) -> Vec<Rc<Life>> {
        for class in 0..self.staying.len() {
            while self.dismiss_latest(class).is_some() {}
        }
        self.leaving.clone()
    }

    pub(super) fn went(&mut self, life: &Life) {
        life.gone.set(true);
        self.present -= 1;
        if life.order() == Order::Stay {
            self.counts[life.class] -= 1;
        }
    }

    /// Users that nobody has told to leave, per class.
    pub(super) fn counts(&self) -> &[u32] {
        &self.counts
    }

    /// Whether nobody is left, those on their way out included.
    pub(super) fn is_empty(&self) -> bool {
        self.present == 0
    }
}
