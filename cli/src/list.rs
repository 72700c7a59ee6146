//! `--list`: the names of the user classes, in Locust's form.

use std::io::{self, Write};

use gregaria_engine::UserClassInfo;

/// Writes a heading and one line per user class.
///
/// # Errors
/// `out` cannot be written.
pub(crate) fn write_class_list(out: &mut dyn Write, classes: &[UserClassInfo]) -> io::Result<()> {
    writeln!(out, "Available Users:")?;
    classes.iter().try_for_each(|class| writeln!(out, "    {}", class.name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::class_info;

    #[test]
    fn each_class_has_a_line() {
        let classes = [class_info("Web", 1.0, 0, vec![]), class_info("Admin", 1.0, 1, vec![])];
        let mut out = Vec::new();
        write_class_list(&mut out, &classes).unwrap();
        assert_eq!(out, b"Available Users:\n    Web\n    Admin\n");
    }
}
