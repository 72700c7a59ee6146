//! What there is to run: the user classes with their weights, hosts and task trees, as plain data.
//!
//! Rust classes (`user/class.rs`) and the Python host implement it. Lists, task ratios, the class picker
//! and the runner's distribution of users ask only this; how a user lives is the Swarm's affair.

use std::sync::Arc;

use gregaria_http::BaseUrl;
use thiserror::Error;

/// What there is to run.
pub trait Scenario: Send + Sync {
    /// The user classes that take part, in the order in which they were declared.
    fn user_classes(&self) -> &[UserClassInfo];
}

/// What is known of a user class before a user of it runs.
#[derive(Clone, Debug, PartialEq)]
pub struct UserClassInfo {
    /// The class's name, as given on the command line and shown in lists.
    pub name: String,
    /// Share of the users relative to the other classes; ignored where `fixed_count` is set.
    pub weight: f64,
    /// Spawn exactly this many users of the class, before any weighted ones; 0 means by weight.
    pub fixed_count: u32,
    /// The host the class attacks (`http://name:port/prefix`), unless the run overrides it.
    pub host: Option<String>,
    /// Whether a user of this class cannot run without a host.
    pub needs_host: bool,
    /// The class's tasks.
    pub tasks: Vec<TaskInfo>,
}

/// A task, or a task set with tasks of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskInfo {
    /// The function's or task set's name.
    pub name: String,
    /// How often it is picked relative to its siblings.
    pub weight: u32,
    /// Empty for a task; the tasks of a task set.
    pub tasks: Vec<Self>,
}

/// What is wrong with a list of classes.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ScenarioError {
    /// Two classes cannot be told apart.
    #[error("two user classes are called {0}")]
    DuplicateClass(String),
    /// A host is not one.
    #[error("{host:?} of user class {class} is not a host: {reason}")]
    InvalidHost {
        /// The class's name.
        class: String,
        /// What was given.
        host: String,
        /// Why it does not do.
        reason: &'static str,
    },
    /// A class that needs a host has none.
    #[error("user class {0} has no host: give one with --host or in the class")]
    NoHost(String),
    /// A task set has nothing to pick.
    #[error("task set {set} of user class {class} has no task with a weight above 0")]
    NoTasks {
        /// The class's name.
        class: String,
        /// The task set's name.
        set: String,
    },
    /// A class was named that is not there.
    #[error("there is no user class {0}")]
    UnknownClass(String),
}

/// The classes of these names, by their places in the list; all when there is no name.
///
/// # Errors
/// When a name is not a class's.
pub fn select_classes(classes: &[UserClassInfo], names: &[String]) -> Result<Vec<usize>, ScenarioError> {
    if let Some(unknown) = names.iter().find(|name| classes.iter().all(|class| class.name != **name)) {
        return Err(ScenarioError::UnknownClass(unknown.clone()));
    }
    let wanted = |class: &UserClassInfo| names.is_empty() || names.contains(&class.name);
    Ok((0..classes.len()).filter(|index| wanted(&classes[*index])).collect())
}

/// Settles where each class's requests go: to `host` if given, else to the class's own.
///
/// # Errors
/// When a class that needs a host has none, or one that cannot be read.
pub fn resolve_base_urls(
    classes: &mut [UserClassInfo],
    host: Option<&str>,
) -> Result<Vec<Option<Arc<BaseUrl>>>, ScenarioError> {
    let settle = |class: &mut UserClassInfo| {
        if let Some(host) = host {
            class.host = Some(host.to_owned());
        }
        match &class.host {
            Some(host) => BaseUrl::parse(host).map(|base| Some(Arc::new(base))).map_err(|error| {
                ScenarioError::InvalidHost { class: class.name.clone(), host: host.clone(), reason: error.message() }
            }),
            None if class.needs_host => Err(ScenarioError::NoHost(class.name.clone())),
            None => Ok(None),
        }
    };
    classes.iter_mut().map(settle).collect()
}

/// How many users of each class make up `users`: fixed counts first, the rest by weight (largest remainder), so
/// that the counts always add up. Classes that get fewer than they asked for are the later ones.
pub(crate) fn distribute_users(classes: &[UserClassInfo], users: u32) -> Vec<u32> {
    let mut left = users;
    let mut counts: Vec<u32> = classes
        .iter()
        .map(|class| {
            let count = class.fixed_count.min(left);
            left -= count;
            count
        })
        .collect();
    let weight_of = |class: &UserClassInfo| {
        if class.fixed_count == 0 { class.weight.max(0.0) } else { 0.0 }
    };
    let total_weight: f64 = classes.iter().map(weight_of).sum();
    if total_weight <= 0.0 {
        return counts;
    }
    let mut remainders: Vec<(f64, usize)> = Vec::new();
    let mut given = 0;
    for (index, class) in classes.iter().enumerate() {
        let share = f64::from(left) * weight_of(class) / total_weight;
        let whole = share.floor();
        if weight_of(class) > 0.0 {
            counts[index] = whole as u32;
            given += whole as u32;
            remainders.push((share - whole, index));
        }
    }
    remainders.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    for (_, index) in remainders.iter().cycle().take((left - given) as usize) {
        counts[*index] += 1;
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(name: &str, weight: f64, fixed_count: u32) -> UserClassInfo {
        UserClassInfo { name: name.into(), weight, fixed_count, host: None, needs_host: false, tasks: Vec::new() }
    }

    #[test]
    fn users_are_shared_out_by_weight_and_always_add_up() {
        let classes = [class("A", 5.0, 0), class("B", 1.0, 0)];
        assert_eq!(distribute_users(&classes, 1), [1, 0]);
        assert_eq!(distribute_users(&classes, 6), [5, 1]);
        let thirds = [class("A", 1.0, 0), class("B", 1.0, 0), class("C", 1.0, 0)];
        for users in 0..50 {
            assert_eq!(distribute_users(&thirds, users).iter().sum::<u32>(), users);
        }
    }

    #[test]
    fn fixed_counts_come_first() {
        let classes = [class("A", 1.0, 0), class("Admin", 7.0, 2)];
        assert_eq!(distribute_users(&classes, 1), [0, 1]);
        assert_eq!(distribute_users(&classes, 5), [3, 2]);
        assert_eq!(distribute_users(&[class("Admin", 1.0, 2)], 5), [2]);
    }
}
