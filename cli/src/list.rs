//! `--list`: the names of the user classes, in Locust's form.

use std::io::{self, Write};

use gregaria_engine::Scenario;

/// Writes a heading and one line per user class.
///
/// # Errors
/// `out` cannot be written.
///
/// # Examples
///
/// ```
/// use gregaria::{HttpUser, TaskResult, TaskSet, UserClass, list};
/// use gregaria_engine::RustScenario;
///
/// async fn index(user: &mut HttpUser) -> TaskResult {
///     user.get("/").await;
///     Ok(())
/// }
///
/// let class = UserClass::http("Visitor").tasks(TaskSet::new("Browse").task(1, index));
/// let mut out = Vec::new();
/// list::write_class_list(&mut out, &RustScenario::new([class])?)?;
/// assert_eq!(out, b"Available Users:\n    Visitor\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn write_class_list(out: &mut dyn Write, scenario: &dyn Scenario) -> io::Result<()> {
    writeln!(out, "Available Users:")?;
    scenario.user_classes().iter().try_for_each(|class| writeln!(out, "    {}", class.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{StaticScenario, class_info};

    #[test]
    fn each_class_has_a_line() {
        let scenario = StaticScenario(vec![class_info("Web", 1.0, 0, vec![]), class_info("Admin", 1.0, 1, vec![])]);
        let mut out = Vec::new();
        write_class_list(&mut out, &scenario).unwrap();
        assert_eq!(out, b"Available Users:\n    Web\n    Admin\n");
    }
}
