//! `--list`: the names of the user classes, as Locust lists them.

use std::io::{self, Write};

use gregaria_engine::Scenario;

/// Writes a heading and a name a line.
///
/// # Errors
/// When `out` cannot be written.
pub fn write_class_list(out: &mut dyn Write, scenario: &dyn Scenario) -> io::Result<()> {
    writeln!(out, "Available Users:")?;
    scenario.user_classes().iter().try_for_each(|class| writeln!(out, "    {}", class.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{StaticScenario, class_info};

    #[test]
    fn every_class_has_a_line() {
        let scenario = StaticScenario(vec![class_info("Web", 1.0, 0, vec![]), class_info("Admin", 1.0, 1, vec![])]);
        let mut out = Vec::new();
        write_class_list(&mut out, &scenario).unwrap();
        assert_eq!(out, b"Available Users:\n    Web\n    Admin\n");
    }
}
