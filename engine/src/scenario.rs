//! A scenario: the user classes of a run with their weights, hosts and tasks, as plain data.
//!
//! Rust classes (`user/class.rs`) and the Python host implement [`Scenario`]. Lists, task ratios, the selection of
//! classes and the distribution of users read only this data. This file must not know how users run.

use std::sync::Arc;

use gregaria_http::BaseUrl;
use thiserror::Error;

/// The user classes of a run.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{Scenario, UserClassInfo};
///
/// struct OneClass([UserClassInfo; 1]);
///
/// impl Scenario for OneClass {
///     fn user_classes(&self) -> &[UserClassInfo] {
///         &self.0
///     }
/// }
/// ```
pub trait Scenario: Send + Sync {
    /// Returns the user classes in the order of their declaration.
    fn user_classes(&self) -> &[UserClassInfo];
}

/// The static description of a user class.
///
/// # Examples
///
/// ```
/// use gregaria_engine::{TaskInfo, UserClassInfo};
///
/// let class = UserClassInfo {
///     name: "Visitor".into(),
///     weight: 1.0,
///     fixed_count: 0,
///     host: None,
///     needs_host: true,
///     tasks: vec![TaskInfo { name: "index".into(), weight: 1, tasks: Vec::new() }],
/// };
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct UserClassInfo {
    /// Name of the class, as selected on the command line and shown in lists.
    pub name: String,
    /// Share of the users relative to the other classes. Ignored if `fixed_count` is set.
    pub weight: f64,
    /// Exact number of users of the class, spawned before users by weight. 0 means by weight.
    pub fixed_count: u32,
    /// Target host of the class (`http://name:port/prefix`), unless the run overrides it.
    pub host: Option<String>,
    /// Whether users of this class cannot run without a host.
    pub needs_host: bool,
    /// Tasks of the class.
    pub tasks: Vec<TaskInfo>,
}

/// A task, or a task set with tasks of its own.
///
/// # Examples
///
/// ```
/// use gregaria_engine::TaskInfo;
///
/// let search = TaskInfo { name: "search".into(), weight: 3, tasks: Vec::new() };
/// let shop = TaskInfo { name: "Shop".into(), weight: 1, tasks: vec![search] };
/// assert_eq!(shop.tasks[0].weight, 3);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct TaskInfo {
    /// Name of the function or the task set.
    pub name: String,
    /// Frequency with which the task is picked, relative to its siblings.
    pub weight: u32,
    /// Tasks of a task set. Empty for a task.
    pub tasks: Vec<Self>,
}

/// An invalid list of user classes, or an invalid selection.
///
/// # Examples
///
/// ```
/// use gregaria_engine::ScenarioError;
///
/// assert_eq!(ScenarioError::UnknownClass("Bot".into()).to_string(), "there is no user class Bot");
/// ```
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ScenarioError {
    /// Two classes have the same name.
    #[error("two user classes are called {0}")]
    DuplicateClass(String),
    /// The host of a class is not a valid base URL.
    #[error("{host:?} of user class {class} is not a host: {reason}")]
    InvalidHost {
        /// Name of the class.
        class: String,
        /// The rejected host.
        host: String,
        /// Explanation of the error.
        reason: &'static str,
    },
    /// A class that needs a host has none.
    #[error("user class {0} has no host: set one for the class or for the run")]
    NoHost(String),
    /// A task set has no task with a weight above 0.
    #[error("task set {set} of user class {class} has no task with a weight above 0")]
    NoTasks {
        /// Name of the class.
        class: String,
        /// Name of the task set.
        set: String,
    },
    /// A selected name is not the name of a class.
    #[error("there is no user class {0}")]
    UnknownClass(String),
}

/// Returns the indices of the classes with these names, or of all classes if `names` is empty.
///
/// # Errors
/// Returns [`ScenarioError::UnknownClass`] if a name is not the name of a class.
pub fn select_classes(classes: &[UserClassInfo], names: &[String]) -> Result<Vec<usize>, ScenarioError> {
    if let Some(unknown) = names.iter().find(|name| classes.iter().all(|class| class.name != **name)) {
        return Err(ScenarioError::UnknownClass(unknown.clone()));
    }
    let is_selected = |class: &UserClassInfo| names.is_empty() || names.contains(&class.name);
    Ok((0..classes.len()).filter(|index| is_selected(&classes[*index])).collect())
}

/// Resolves the base URL of each class: from `host` if given, otherwise from the host of the class. Stores `host` in
/// the classes.
///
/// # Errors
/// Returns a [`ScenarioError`] if a class that needs a host has none, or a host is not a valid base URL.
pub fn resolve_base_urls(
    classes: &mut [UserClassInfo],
    host: Option<&str>,
) -> Result<Vec<Option<Arc<BaseUrl>>>, ScenarioError> {
    if let Some(host) = host {
        classes.iter_mut().for_each(|class| class.host = Some(host.to_owned()));
    }
    classes.iter().map(resolve_base_url).collect()
}

fn resolve_base_url(class: &UserClassInfo) -> Result<Option<Arc<BaseUrl>>, ScenarioError> {
    match &class.host {
        Some(host) => BaseUrl::parse(host).map(|base| Some(Arc::new(base))).map_err(|error| {
            ScenarioError::InvalidHost { class: class.name.clone(), host: host.clone(), reason: error.message() }
        }),
        None if class.needs_host => Err(ScenarioError::NoHost(class.name.clone())),
        None => Ok(None),
    }
}

/// Distributes `users` over the classes: fixed counts first, the rest by weight with the largest-remainder method, so
/// that the counts always add up. If there are fewer users than fixed counts, later classes get fewer.
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
    let mut assigned = 0;
    for (index, class) in classes.iter().enumerate() {
        let share = f64::from(left) * weight_of(class) / total_weight;
        let whole = share.floor();
        if weight_of(class) > 0.0 {
            counts[index] = whole as u32;
            assigned += whole as u32;
            remainders.push((share - whole, index));
        }
    }
    remainders.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    for (_, index) in remainders.iter().cycle().take((left - assigned) as usize) {
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
    fn users_by_weight_add_up_to_the_total() {
        let classes = [class("A", 5.0, 0), class("B", 1.0, 0)];
        assert_eq!(distribute_users(&classes, 1), [1, 0]);
        assert_eq!(distribute_users(&classes, 6), [5, 1]);
        let thirds = [class("A", 1.0, 0), class("B", 1.0, 0), class("C", 1.0, 0)];
        for users in 0..50 {
            assert_eq!(distribute_users(&thirds, users).iter().sum::<u32>(), users);
        }
    }

    #[test]
    fn fixed_counts_are_filled_first() {
        let classes = [class("A", 1.0, 0), class("Admin", 7.0, 2)];
        assert_eq!(distribute_users(&classes, 1), [0, 1]);
        assert_eq!(distribute_users(&classes, 5), [3, 2]);
        assert_eq!(distribute_users(&[class("Admin", 1.0, 2)], 5), [2]);
    }
}
