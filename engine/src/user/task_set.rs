//! A task set: the tasks that a user picks from, and the loop that picks, runs and waits.
//!
//! The loop is the same at every depth. Scheduled tasks run first, then a weighted pick. A nested task set runs like a
//! task until one of its own tasks interrupts it.

use std::sync::Arc;

use rand::Rng;

use super::{
    context::User,
    flow::{TaskExit, TaskResult},
    task::{AnyTask, run_task},
    wait::Wait,
};
use crate::{rt::PooledFuture, scenario::TaskInfo};

/// A set of weighted tasks and nested task sets, with hooks and a wait of its own.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{HttpUser, TaskResult, TaskSet, interrupt};
///
/// async fn read_thread(user: &mut HttpUser) -> TaskResult {
///     user.get("/forum/thread/1").await;
///     Ok(())
/// }
/// async fn leave(_: &mut HttpUser) -> TaskResult {
///     interrupt(true)
/// }
/// let forum = TaskSet::new("Forum").task(20, read_thread).task(5, leave);
/// let website: TaskSet<HttpUser> = TaskSet::new("Website").task_set(10, forum);
/// ```
pub struct TaskSet<U> {
    pub(super) name: String,
    entries: Vec<TaskSetEntry<U>>,
    total_weight: u32,
    on_start: Option<AnyTask<U>>,
    pub(super) on_stop: Option<AnyTask<U>>,
    pub(super) wait: Option<Wait>,
}

struct TaskSetEntry<U> {
    name: String,
    weight: u32,
    /// The sum of the weights up to this entry.
    cumulative_weight: u32,
    /// Number of the task in its class, from 1; 0 until the class is complete.
    number: u32,
    choice: TaskChoice<U>,
}

enum TaskChoice<U> {
    Task(AnyTask<U>),
    TaskSet(Arc<TaskSet<U>>),
}

impl<U: User> TaskSet<U> {
    /// Creates an empty task set. A scenario rejects it unless at least one task is added.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), entries: Vec::new(), total_weight: 0, on_start: None, on_stop: None, wait: None }
    }

    /// Adds a task that is picked `weight` times as often as a task of weight 1. A task of weight 0 is never picked.
    /// Its name is the name of the function.
    pub fn task(self, weight: u32, task: impl AsyncFn(&mut U) -> TaskResult + Send + Sync + 'static) -> Self {
        let task: AnyTask<U> = Arc::new(task);
        let name = task.name().to_owned();
        self.push_entry(name, weight, TaskChoice::Task(task))
    }

    /// Adds a task with an explicit name, for closures.
    ///
    /// # Examples
    ///
    /// ```
    /// use gregaria_engine::{HttpUser, TaskSet};
    ///
    /// let tasks = TaskSet::new("Website").task_named("index", 1, async |user: &mut HttpUser| {
    ///     user.get("/").await;
    ///     Ok(())
    /// });
    /// ```
    pub fn task_named(
        self,
        name: impl Into<String>,
        weight: u32,
        task: impl AsyncFn(&mut U) -> TaskResult + Send + Sync + 'static,
    ) -> Self {
        self.push_entry(name.into(), weight, TaskChoice::Task(Arc::new(task)))
    }

    /// Adds a nested task set. Once picked, it runs until one of its tasks interrupts it.
    pub fn task_set(self, weight: u32, set: Self) -> Self {
        self.push_entry(set.name.clone(), weight, TaskChoice::TaskSet(Arc::new(set)))
    }

    /// Sets a task that runs when a user enters this task set, before the first task.
    pub fn on_start(mut self, task: impl AsyncFn(&mut U) -> TaskResult + Send + Sync + 'static) -> Self {
        self.on_start = Some(Arc::new(task));
        self
    }

    /// Sets a task that runs when a user leaves this task set: interrupted, stopped, or at the end of the run.
    pub fn on_stop(mut self, task: impl AsyncFn(&mut U) -> TaskResult + Send + Sync + 'static) -> Self {
        self.on_stop = Some(Arc::new(task));
        self
    }

    /// Sets the wait between the tasks of this set, in place of the wait of the user's class.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.wait = Some(wait);
        self
    }

    fn push_entry(mut self, name: String, weight: u32, choice: TaskChoice<U>) -> Self {
        self.total_weight += weight;
        self.entries.push(TaskSetEntry { name, weight, cumulative_weight: self.total_weight, number: 0, choice });
        self
    }

    /// Picks an entry by weight, as a user does, and returns its name.
    ///
    /// # Panics
    /// Panics if the set has several entries and none has a weight above 0.
    pub fn pick(&self, rng: &mut impl Rng) -> &str {
        &self.pick_entry(rng).name
    }

    fn pick_entry(&self, rng: &mut impl Rng) -> &TaskSetEntry<U> {
        if let [only] = self.entries.as_slice() {
            return only;
        }
        let drawn = rng.random_range(0..self.total_weight);
        &self.entries[self.entries.partition_point(|entry| entry.cumulative_weight <= drawn)]
    }

    /// Numbers the tasks of this set and of nested sets, and appends their names to `names`.
    pub(super) fn number_tasks(&mut self, names: &mut Vec<String>) {
        for entry in &mut self.entries {
            match &mut entry.choice {
                TaskChoice::Task(_) => {
                    names.push(entry.name.clone());
                    entry.number = names.len() as u32;
                }
                // A set is shared only once its class is complete.
                TaskChoice::TaskSet(set) => Arc::get_mut(set).into_iter().for_each(|set| set.number_tasks(names)),
            }
        }
    }

    pub(super) fn task_infos(&self) -> Vec<TaskInfo> {
        let info = |entry: &TaskSetEntry<U>| TaskInfo {
            name: entry.name.clone(),
            weight: entry.weight,
            tasks: match &entry.choice {
                TaskChoice::Task(_) => Vec::new(),
                TaskChoice::TaskSet(set) => set.task_infos(),
            },
        };
        self.entries.iter().map(info).collect()
    }

    /// Returns the name of the first set, this or a nested one, without a weight above 0.
    pub(super) fn find_empty(&self) -> Option<&str> {
        if self.total_weight == 0 {
            return Some(&self.name);
        }
        self.entries.iter().find_map(|entry| match &entry.choice {
            TaskChoice::Task(_) => None,
            TaskChoice::TaskSet(set) => set.find_empty(),
        })
    }
}

/// Runs a task set until a task interrupts it or stops the user.
pub(super) fn run_task_set<'a, U: User>(set: Arc<TaskSet<U>>, user: &'a mut U) -> PooledFuture<'a, TaskExit> {
    PooledFuture::new(|| async move {
        user.context().push_task_set(Arc::clone(&set));
        let (Ok(exit) | Err(exit)) = pick_and_run(&set, user).await;
        if let Some(on_stop) = &set.on_stop {
            // The user leaves the set already, so an interrupt of `on_stop` has no effect.
            let _ = run_task(&**on_stop, 0, user).await;
        }
        user.context().pop_task_set();
        exit
    })
}

async fn pick_and_run<U: User>(set: &TaskSet<U>, user: &mut U) -> Result<TaskExit, TaskExit> {
    if let Some(on_start) = &set.on_start {
        run_task(&**on_start, 0, user).await?;
    }
    loop {
        user.context().task_started(set.wait);
        let waits_after = if let Some(scheduled) = user.context().next_scheduled() {
            run_task(&*scheduled, 0, user).await?;
            true
        } else {
            let picked = set.pick_entry(&mut *user.context().rng());
            match &picked.choice {
                TaskChoice::Task(task) => {
                    run_task(&**task, picked.number, user).await?;
                    true
                }
                TaskChoice::TaskSet(nested) => match run_task_set(Arc::clone(nested), user).await {
                    TaskExit::Interrupt { reschedule } => !reschedule,
                    TaskExit::StopUser => return Ok(TaskExit::StopUser),
                },
            }
        };
        if waits_after {
            user.context().wait(set.wait).await;
        } else {
            user.context().ensure_yielded().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::SmallRng};

    use super::*;
    use crate::user::HttpUser;

    #[test]
    fn tasks_are_picked_in_proportion_to_their_weights() {
        async fn no_op(_: &mut HttpUser) -> TaskResult {
            Ok(())
        }
        let set = TaskSet::new("T").task_named("a", 3, no_op).task_named("never", 0, no_op).task_named("b", 1, no_op);
        let mut rng = SmallRng::seed_from_u64(1);
        let picked: Vec<&str> = (0..4000).map(|_| set.pick(&mut rng)).collect();
        let count = |name: &str| picked.iter().filter(|picked| **picked == name).count();
        assert_eq!((count("never"), count("a") + count("b")), (0, 4000));
        assert!((2900..3100).contains(&count("a")), "{}", count("a"));
    }
}
