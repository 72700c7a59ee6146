//! The table `[tool.locust]` of a `pyproject.toml`.

use ::toml::{Table, Value as Toml};

use super::{Entry, Value};
use crate::exit::Refusal;

/// What the table says; nothing when there is no such table.
///
/// # Errors
/// A file that is not TOML.
pub(super) fn entries(name: &str, text: &str) -> Result<Vec<Entry>, Refusal> {
    let file: Table = text.parse().map_err(|error: ::toml::de::Error| not_toml(name, text, &error))?;
    let table = file.get("tool").and_then(|tool| tool.get("locust")).and_then(Toml::as_table);
    let entry = |(key, value): (&String, &Toml)| Entry {
        key: key.clone(),
        value: self::value(value),
        origin: format!("{name}: {key} = {}", value.to_string().escape_debug().to_string().replace("\\\"", "\"")),
    };
    Ok(table.into_iter().flatten().map(entry).collect())
}

fn value(value: &Toml) -> Value {
    match value {
        Toml::Array(values) => Value::List(values.iter().map(text).collect()),
        value => Value::Text(text(value)),
    }
}

fn text(value: &Toml) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn not_toml(name: &str, text: &str, error: &::toml::de::Error) -> Refusal {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let line = before.matches('\n').count() + 1;
    Refusal::usage(format!("{name} line {line}: {}", error.message().lines().collect::<Vec<_>>().join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_read_and_the_rest_is_not() {
        let text =
            "[project]\nname = 'x'\n[tool.locust]\nusers = 3\nheadless = true\ntags = ['a', 'b']\nhost = 'http://h'\n";
        let entries = entries("pyproject.toml", text).unwrap();
        let find = |key: &str| entries.iter().find(|entry| entry.key == key).unwrap();
        assert_eq!(entries.len(), 4);
        assert_eq!(find("users").value, Value::Text("3".into()));
        assert_eq!(find("headless").value, Value::Text("true".into()));
        assert_eq!(find("tags").value, Value::List(vec!["a".into(), "b".into()]));
        assert_eq!(find("host").origin, "pyproject.toml: host = \"http://h\"");
        assert_eq!(super::entries("x", "[tool.black]\na = 1\n").unwrap(), []);
    }

    #[test]
    fn what_is_not_toml_is_refused_with_its_line() {
        let refusal = entries("pyproject.toml", "[tool]\nx = = 1\n").unwrap_err();
        assert!(refusal.message.starts_with("pyproject.toml line 2: "), "{refusal}");
        assert_eq!((refusal.code, refusal.message.lines().count()), (2, 1));
    }
}
