//! A task set: which tasks a user picks from, and the loop that picks, runs and waits.
//!
//! The loop is the same at every depth. Scheduled tasks come first, then a weighted pick; a nested task set runs
//! like a task until one of its own interrupts it.

use std::sync::Arc;

use rand::Rng;

use super::{
    context::User,
    flow::{TaskExit, TaskResult},
    task::{AnyTask, run_task},
    wait::Wait,
};
use crate::{rt::PooledFuture, scenario::TaskInfo};

/// Tasks to pick from, by weight, with a beginning, an end and a wait of their own.
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
    choice: TaskChoice<U>,
}

enum TaskChoice<U> {
    Task(AnyTask<U>),
    TaskSet(Arc<TaskSet<U>>),
}

impl<U: User> TaskSet<U> {
    /// An empty task set; it needs at least one task.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), entries: Vec::new(), total_weight: 0, on_start: None, on_stop: None, wait: None }
    }

    /// Adds a task that is picked `weight` times as often as one of weight 1. Its name is the function's.
    pub fn task(self, weight: u32, task: impl AsyncFn(&mut U) -> TaskResult + Send + Sync + 'static) -> Self {
        let task: AnyTask<U> = Arc::new(task);
        let name = task.name().to_owned();
        self.push_entry(name, weight, TaskChoice::Task(task))
    }

    /// Adds a task under a name of its own, for closures.
    pub fn task_named(
        self,
        name: impl Into<String>,
        weight: u32,
        task: impl AsyncFn(&mut U) -> TaskResult + Send + Sync + 'static,
    ) -> Self {
        self.push_entry(name.into(), weight, TaskChoice::Task(Arc::new(task)))
    }

    /// Adds a task set that runs, once picked, until one of its tasks interrupts it.
    pub fn task_set(self, weight: u32, set: Self) -> Self {
        self.push_entry(set.name.clone(), weight, TaskChoice::TaskSet(Arc::new(set)))
    }

    /// What a user does when it enters this task set, before the first task.
    pub fn on_start(mut self, task: impl AsyncFn(&mut U) -> TaskResult + Send + Sync + 'static) -> Self {
        self.on_start = Some(Arc::new(task));
        self
    }

    /// What a user does when it leaves this task set: interrupted, stopped, or at the end of the run.
    pub fn on_stop(mut self, task: impl AsyncFn(&mut U) -> TaskResult + Send + Sync + 'static) -> Self {
        self.on_stop = Some(Arc::new(task));
        self
    }

    /// The wait between this set's tasks, instead of the user's.
    pub fn wait(mut self, wait: Wait) -> Self {
        self.wait = Some(wait);
        self
    }

    fn push_entry(mut self, name: String, weight: u32, choice: TaskChoice<U>) -> Self {
        self.total_weight += weight;
        self.entries.push(TaskSetEntry { name, weight, cumulative_weight: self.total_weight, choice });
        self
    }

    /// Picks what a user does next, by weight, and gives its name.
    ///
    /// # Panics
    /// When nothing in the set has a weight above 0.
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

    /// The name of the first set, this or a nested one, that has nothing to pick.
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

/// Runs a task set until something interrupts it.
pub(super) fn run_task_set<'a, U: User>(set: Arc<TaskSet<U>>, user: &'a mut U) -> PooledFuture<'a, TaskExit> {
    PooledFuture::new(|| async move {
        user.context().push_task_set(Arc::clone(&set));
        let interruption = match pick_and_run(&set, user).await {
            Ok(never) => never,
            Err(interruption) => interruption,
        };
        if let Some(on_stop) = &set.on_stop {
            // It is on its way out already; there is nothing further to interrupt.
            let _ = run_task(&**on_stop, user).await;
        }
        user.context().pop_task_set();
        interruption
    })
}

async fn pick_and_run<U: User>(set: &TaskSet<U>, user: &mut U) -> Result<TaskExit, TaskExit> {
    if let Some(on_start) = &set.on_start {
        run_task(&**on_start, user).await?;
    }
    loop {
        user.context().task_started(set.wait);
        let waits = if let Some(scheduled) = user.context().next_scheduled() {
            run_task(&*scheduled, user).await?;
            true
        } else {
            let picked = set.pick_entry(&mut *user.context().rng());
            match &picked.choice {
                TaskChoice::Task(task) => {
                    run_task(&**task, user).await?;
                    true
                }
                TaskChoice::TaskSet(nested) => match run_task_set(Arc::clone(nested), user).await {
                    TaskExit::Interrupt { reschedule } => !reschedule,
                    TaskExit::StopUser => return Ok(TaskExit::StopUser),
                },
            }
        };
        if waits {
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
    fn tasks_are_picked_by_their_weights_and_never_without_one() {
        async fn nothing(_: &mut HttpUser) -> TaskResult {
            Ok(())
        }
        let set =
            TaskSet::new("T").task_named("a", 3, nothing).task_named("never", 0, nothing).task_named("b", 1, nothing);
        let mut rng = SmallRng::seed_from_u64(1);
        let picked: Vec<&str> = (0..4000).map(|_| set.pick(&mut rng)).collect();
        let count = |name: &str| picked.iter().filter(|picked| **picked == name).count();
        assert_eq!((count("never"), count("a") + count("b")), (0, 4000));
        assert!((2900..3100).contains(&count("a")), "{}", count("a"));
    }
}
