//! The format of a `locust.conf`, as Python's configargparse reads it.
//!
//! An entry is `name = value`, `name: value`, `name value`, or `name` alone. A value may be in quotes, a list is in
//! brackets. A comment starts with `#` or `;`. `[sections]` are ignored. `mod.rs` interprets the entries.

use super::{ConfigEntry, ConfigValue};
use crate::exit::CliError;

/// Parses the lines of the file `name`.
///
/// # Errors
/// A line without a name.
pub(super) fn parse(name: &str, text: &str) -> Result<Vec<ConfigEntry>, CliError> {
    let lines = text.lines().map(str::trim).enumerate();
    let entries = lines.filter(|(_, line)| !line.starts_with(['#', ';', '[']) && !line.starts_with("---"));
    let entry = |(index, line): (usize, &str)| {
        let origin = format!("{name} line {}: {}", index + 1, line.escape_debug());
        let (key, value) = split_entry(line);
        if key.is_empty() {
            return Err(CliError::usage(format!("{origin}: takes 'name = value'")));
        }
        Ok(ConfigEntry { key: key.to_owned(), value: parse_value(value), origin })
    };
    entries.filter(|(_, line)| !line.is_empty()).map(entry).collect()
}

/// Parses a value: a list if the text is in brackets, otherwise the text. A list is JSON, or words separated by commas.
pub(super) fn parse_value(text: &str) -> ConfigValue {
    let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) else {
        return ConfigValue::Text(text.to_owned());
    };
    let json: Option<Vec<serde_json::Value>> = serde_json::from_str(text).ok();
    let texts = json.map(|values| values.iter().map(json_text).collect());
    ConfigValue::List(texts.unwrap_or_else(|| inner.split(',').map(|text| text.trim().to_owned()).collect()))
}

fn json_text(value: &serde_json::Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// Splits a line into name and value. The value of a name alone is `true`, which sets a switch.
fn split_entry(line: &str) -> (&str, &str) {
    let end = line.find(|letter: char| ":=;#".contains(letter) || letter.is_whitespace()).unwrap_or(line.len());
    let (key, rest) = line.split_at(end);
    if rest.starts_with(['#', ';']) {
        return ("", rest);
    }
    let rest = rest.trim_start();
    match rest.strip_prefix([':', '=']) {
        Some(value) => (key, strip_comment(value.trim_start())),
        None if rest.is_empty() || rest.starts_with(['#', ';']) => (key, "true"),
        None => (key, strip_comment(rest)),
    }
}

/// Removes quotes, and a comment behind the value.
fn strip_comment(value: &str) -> &str {
    let is_comment = |rest: &str| rest.trim_start().is_empty() || rest.trim_start().starts_with(['#', ';']);
    for quote in ['"', '\''] {
        let quoted = value.strip_prefix(quote).and_then(|inner| inner.split_once(quote));
        if let Some((inner, _)) = quoted.filter(|(_, rest)| is_comment(rest)) {
            return inner;
        }
    }
    if value.starts_with(['#', ';']) {
        return "";
    }
    let comment = value.match_indices(['#', ';']).find(|(start, _)| value[..*start].ends_with(char::is_whitespace));
    comment.map_or(value, |(start, _)| &value[..start]).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> (String, ConfigValue) {
        let mut entries = parse("locust.conf", line).unwrap();
        let entry = entries.remove(0);
        (entry.key, entry.value)
    }

    #[test]
    fn value_is_parsed_in_every_form() {
        for line in [
            "users = 100",
            "users=100",
            "users: 100",
            "users 100",
            "  users   =   100   ",
            "users = 100 # comment",
            "users = 100 ; comment",
            "users = \"100\"",
            "users = '100' # comment",
        ] {
            assert_eq!(read(line), ("users".into(), ConfigValue::Text("100".into())), "{line}");
        }
        assert_eq!(read("--users 100").0, "--users");
        assert_eq!(read("host = http://h/#x").1, ConfigValue::Text("http://h/#x".into()));
        assert_eq!(read("host: http://h:80/").1, ConfigValue::Text("http://h:80/".into()));
        assert_eq!(read("a = \"b # c\"").1, ConfigValue::Text("b # c".into()));
        for line in ["headless", "headless # yes", "headless = true", "--headless"] {
            assert_eq!(read(line).1, ConfigValue::Text("true".into()), "{line}");
        }
        for line in ["a =", "a: # nothing", "a = ''"] {
            assert_eq!(read(line).1, ConfigValue::Text(String::new()), "{line}");
        }
    }

    #[test]
    fn list_is_json_or_words_in_brackets() {
        let list = ConfigValue::List(vec!["a b".into(), "2".into()]);
        assert_eq!(read("tags = [a b, 2]").1, list);
        assert_eq!(read("tags = [\"a b\", 2]").1, list);
    }

    #[test]
    fn comments_are_skipped_but_counted_as_lines() {
        let text = "# a\n; b\n\n[section]\n---\nusers = 5\n";
        let entries = parse("locust.conf", text).unwrap();
        assert_eq!(entries.len(), 1);
        assert_eq!(entries[0].origin, "locust.conf line 6: users = 5");
        for line in ["= 5", "users;5", "users#5"] {
            let error = parse("x", line).unwrap_err();
            assert_eq!(error, CliError::usage(format!("x line 1: {line}: takes 'name = value'")));
        }
    }
}
