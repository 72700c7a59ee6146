//! The format of a `pyproject.toml`: the entries of its table `[tool.locust]`.
//!
//! `mod.rs` interprets the entries.

use ::toml::{Table, Value as Toml};

use super::{ConfigEntry, ConfigValue};
use crate::exit::CliError;

/// Returns the entries of the table, none if the file has no such table.
///
/// # Errors
/// A file that is not TOML.
pub(super) fn parse(name: &str, text: &str) -> Result<Vec<ConfigEntry>, CliError> {
    let file: Table = text.parse().map_err(|error: ::toml::de::Error| toml_error(name, text, &error))?;
    let table = file.get("tool").and_then(|tool| tool.get("locust")).and_then(Toml::as_table);
    let entry = |(key, value): (&String, &Toml)| ConfigEntry {
        key: key.clone(),
        value: to_config_value(value),
        origin: format!("{name}: {key} = {}", value.to_string().escape_debug().to_string().replace("\\\"", "\"")),
    };
    Ok(table.into_iter().flatten().map(entry).collect())
}

fn to_config_value(value: &Toml) -> ConfigValue {
    match value {
        Toml::Array(values) => ConfigValue::List(values.iter().map(text).collect()),
        value => ConfigValue::Text(text(value)),
    }
}

fn text(value: &Toml) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn toml_error(name: &str, text: &str, error: &::toml::de::Error) -> CliError {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    CliError::usage(format!("{name} line {line}: {}", error.message().lines().collect::<Vec<_>>().join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_table_of_locust_is_read() {
        let text =
            "[project]\nname = 'x'\n[tool.locust]\nusers = 3\nheadless = true\ntags = ['a', 'b']\nhost = 'http://h'\n";
        let entries = parse("pyproject.toml", text).unwrap();
        let find = |key: &str| entries.iter().find(|entry| entry.key == key).unwrap();
        assert_eq!(entries.len(), 4);
        assert_eq!(find("users").value, ConfigValue::Text("3".into()));
        assert_eq!(find("headless").value, ConfigValue::Text("true".into()));
        assert_eq!(find("tags").value, ConfigValue::List(vec!["a".into(), "b".into()]));
        assert_eq!(find("host").origin, "pyproject.toml: host = \"http://h\"");
        assert_eq!(parse("x", "[tool.black]\na = 1\n").unwrap(), []);
    }

    #[test]
    fn invalid_toml_is_reported_with_its_line() {
        let error = parse("pyproject.toml", "[tool]\nx = = 1\n").unwrap_err();
        assert!(error.message.starts_with("pyproject.toml line 2: "), "{error}");
        assert_eq!((error.code, error.message.lines().count()), (2, 1));
    }
}
