//! `--show-task-ratio` and `--show-task-ratio-json`: the share of each class and task, computed from the weights.
//!
//! There are two trees. In "per class", the ratio of a task is its share among its siblings. In "total", it is its
//! share among all tasks. Layout, rounding and the counts per class are those of Locust's `inspectuser.py`.

use std::io::{self, Write};

use gregaria_engine::{TaskInfo, UserClassInfo};
use serde::{Serialize, Serializer};

use crate::json::write_indented;

/// Writes both trees as indented text. Without `users` the classes have the ratios of their weights.
///
/// # Errors
/// `out` cannot be written.
pub(crate) fn write_table(out: &mut dyn Write, classes: &[UserClassInfo], users: Option<u32>) -> io::Result<()> {
    let ratios = TaskRatios::new(classes, users);
    for (title, tree) in [("Task ratio per User class", &ratios.per_class), ("Total task ratio", &ratios.total)] {
        writeln!(out, "\n {title}\n{}", "-".repeat(80))?;
        write_tree(out, tree, 0)?;
    }
    Ok(())
}

/// Writes both trees as JSON, with full precision. Without `users` the classes have the ratios of their weights.
///
/// # Errors
/// `out` cannot be written.
pub(crate) fn write_json(out: &mut dyn Write, classes: &[UserClassInfo], users: Option<u32>) -> io::Result<()> {
    write_indented(out, &TaskRatios::new(classes, users))
}

#[derive(Serialize)]
struct TaskRatios {
    per_class: RatioTree,
    total: RatioTree,
}

impl TaskRatios {
    fn new(classes: &[UserClassInfo], users: Option<u32>) -> Self {
        let counts = class_counts(classes, users);
        let total: f64 = counts.iter().sum();
        let shares: Vec<f64> = counts.iter().map(|count| count / if total > 0.0 { total } else { 1.0 }).collect();
        let tree = |is_total: bool| {
            let node = |(class, share): (&UserClassInfo, &f64)| RatioNode {
                name: class.name.clone(),
                ratio: *share,
                tasks: Some(task_ratios(&class.tasks, is_total.then_some(*share))),
            };
            RatioTree(classes.iter().zip(&shares).map(node).collect())
        };
        Self { per_class: tree(false), total: tree(true) }
    }
}

/// Names and ratios of siblings, in the order of the scenario.
struct RatioTree(Vec<RatioNode>);

impl Serialize for RatioTree {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|node| (&node.name, node)))
    }
}

#[derive(Serialize)]
struct RatioNode {
    #[serde(skip)]
    name: String,
    ratio: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    tasks: Option<RatioTree>,
}

/// Returns the number of users per class, rounded for each class as in Locust. Without `users` and without fixed counts
/// it returns the weights.
fn class_counts(classes: &[UserClassInfo], users: Option<u32>) -> Vec<f64> {
    let fixed: u32 = classes.iter().map(|class| class.fixed_count).sum();
    let weight = |class: &UserClassInfo| {
        if class.fixed_count == 0 { class.weight } else { 0.0 }
    };
    let total_weight: f64 = classes.iter().map(weight).sum();
    let users = match users {
        None if fixed == 0 => return classes.iter().map(weight).collect(),
        None => 1,
        Some(users) => users,
    };
    let weighted = f64::from(users.saturating_sub(fixed));
    let count = |class: &UserClassInfo| match class.fixed_count {
        0 => (class.weight / total_weight * weighted).round_ties_even(),
        fixed_count => f64::from(fixed_count),
    };
    classes.iter().map(count).collect()
}

/// Returns the ratios among siblings. `parent_ratio` scales them; `None` leaves them as shares among siblings.
fn task_ratios(siblings: &[TaskInfo], parent_ratio: Option<f64>) -> RatioTree {
    let total: f64 = siblings.iter().map(|task| f64::from(task.weight)).sum();
    let node = |task: &TaskInfo| {
        let ratio = f64::from(task.weight) * parent_ratio.unwrap_or(1.0) / total;
        let is_task_set = !task.tasks.is_empty();
        let children = || task_ratios(&task.tasks, parent_ratio.map(|_| ratio));
        RatioNode { name: task.name.clone(), ratio, tasks: is_task_set.then(children) }
    };
    RatioTree(siblings.iter().map(node).collect())
}

fn write_tree(out: &mut dyn Write, tree: &RatioTree, level: usize) -> io::Result<()> {
    let padding = "  ".repeat(level);
    for node in &tree.0 {
        let percent = format!("{padding}{:<6.1}", node.ratio * 100.0);
        writeln!(out, " {percent:10} {padding}{}", node.name)?;
        if let Some(tasks) = &node.tasks {
            write_tree(out, tasks, level + 1)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::class_info;

    fn task(name: &str, weight: u32, tasks: Vec<TaskInfo>) -> TaskInfo {
        TaskInfo { name: name.into(), weight, tasks }
    }

    fn classes() -> [UserClassInfo; 2] {
        let inner = task("Inner", 1, vec![task("a", 3, vec![]), task("b", 1, vec![])]);
        let web = vec![inner, task("index", 2, vec![]), task("boom", 1, vec![])];
        [class_info("Web", 1.0, 0, web), class_info("Other", 3.0, 0, vec![task("post", 1, vec![])])]
    }

    #[test]
    fn table_equals_the_one_of_locust() {
        let mut out = Vec::new();
        write_table(&mut out, &classes(), Some(4)).unwrap();
        let text = String::from_utf8(out).unwrap();
        let rule = "-".repeat(80);
        let expected = format!(
            "
 Task ratio per User class
{rule}
 25.0       Web
   25.0       Inner
     75.0       a
     25.0       b
   50.0       index
   25.0       boom
 75.0       Other
   100.0      post

 Total task ratio
{rule}
 25.0       Web
   6.2        Inner
     4.7        a
     1.6        b
   12.5       index
   6.2        boom
 75.0       Other
   75.0       post
"
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn json_keeps_order_and_full_precision() {
        let mut out = Vec::new();
        write_json(&mut out, &classes(), None).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(
            text.starts_with("{\n    \"per_class\": {\n        \"Web\": {\n            \"ratio\": 0.25,\n"),
            "{text}"
        );
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["per_class"]["Web"]["tasks"]["Inner"]["tasks"]["a"], serde_json::json!({"ratio": 0.75}));
        assert_eq!(json["total"]["Web"]["tasks"]["Inner"]["tasks"]["a"]["ratio"], 0.046875);
    }

    #[test]
    fn fixed_counts_precede_weights() {
        let classes =
            [class_info("Admin", 1.0, 2, vec![]), class_info("A", 1.0, 0, vec![]), class_info("B", 2.0, 0, vec![])];
        assert_eq!(class_counts(&classes, Some(8)), [2.0, 2.0, 4.0]);
        assert_eq!(class_counts(&classes, Some(1)), [2.0, 0.0, 0.0]);
        assert_eq!(class_counts(&classes, None), [2.0, 0.0, 0.0]);
        assert_eq!(class_counts(&classes[1..], None), [1.0, 2.0], "weights as they are, fractions too");
    }
}
