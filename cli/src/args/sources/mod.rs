//! What is said below the command line: by variables, and by files of settings.
//!
//! From strong to weak: variables, the file of `--config`, `pyproject.toml`, `locust.conf`, `~/.locust.conf`: Locust's
//! order. The stronger one replaces the weaker one flag by flag. How files are read is in `conf.rs` and `toml.rs`; that
//! the command line is stronger still is `parse.rs`'s affair.

mod conf;
mod toml;

use std::{fs, io, path::Path};

use super::{given, program::Takes, settable::Settable, surroundings::Surroundings};
use crate::exit::Refusal;

/// What was said below the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Settings {
    /// Of each flag, its strongest setting.
    pub(super) known: Vec<Setting>,
    /// What files say of flags that there are not.
    pub(super) unknown: Vec<Entry>,
}

/// A flag is to have a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Setting {
    /// Which of the settables.
    pub(super) settable: usize,
    value: Value,
    origin: String,
}

/// A name with a value, as a file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: Value,
    /// For messages: where it is, and what it says.
    pub(super) origin: String,
}

/// One text, or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    List(Vec<String>),
    Text(String),
}

/// Everything that is said below the command line; `config` is the file that the command line names.
///
/// # Errors
/// A file that cannot be read or understood.
pub(super) fn settings(
    settables: &[Settable],
    config: Option<&str>,
    surroundings: &Surroundings,
) -> Result<Settings, Refusal> {
    let mut settings = Settings::default();
    for (settable, entry) in variables(settables, surroundings) {
        settings.add(settable, entry);
    }
    for entry in files(config, surroundings)? {
        let key = entry.key.trim_start_matches("--");
        match settables.iter().position(|settable| settable.keys.iter().any(|known| known == key)) {
            Some(settable) => settings.add(settable, entry),
            None => settings.unknown.push(entry),
        }
    }
    Ok(settings)
}

/// The names in `LOCUST_USER_CLASSES`, for a command line that names none.
pub(super) fn user_classes(surroundings: &Surroundings) -> Vec<String> {
    let names = surroundings.env.get("LOCUST_USER_CLASSES").map(String::as_str).unwrap_or_default();
    names.split_whitespace().map(str::to_owned).collect()
}

impl Settings {
    /// The value of a flag that takes one.
    pub(super) fn text(&self, settables: &[Settable], flag: &str) -> Option<given::Given> {
        let setting = self.known.iter().find(|setting| settables[setting.settable].flag == flag)?;
        match &setting.value {
            Value::Text(text) => Some(given::Given { text: text.clone(), origin: Some(setting.origin.clone()) }),
            Value::List(_) => None,
        }
    }

    fn add(&mut self, settable: usize, entry: Entry) {
        if !self.known.iter().any(|stronger| stronger.settable == settable) {
            self.known.push(Setting { settable, value: entry.value, origin: entry.origin });
        }
    }
}

impl Setting {
    /// The words that say the same on a command line.
    ///
    /// # Errors
    /// A switch that is neither on nor off; a list for a flag that takes one value.
    pub(super) fn words(&self, settable: &Settable) -> Result<Vec<String>, Refusal> {
        let Settable { flag, takes, adds_up, .. } = settable;
        let wrong = |what: &str| Err(Refusal::usage(format!("{}: {what}", self.origin)));
        let word = |text: &str| given::word(text, &self.origin);
        let joined = |text: &str| {
            if flag.starts_with("--") { format!("{flag}={}", word(text)) } else { flag.to_owned() + &word(text) }
        };
        match (&self.value, takes) {
            (Value::Text(text), Takes::Nothing) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Ok(vec![flag.clone()]),
                "false" | "no" | "off" | "0" => Ok(vec![]),
                _ => wrong("takes true or false"),
            },
            (Value::Text(text), Takes::Many | Takes::Exactly(_)) if text.is_empty() => Ok(vec![]),
            (Value::Text(text), Takes::Many | Takes::Exactly(_)) => Ok(vec![flag.clone(), word(text)]),
            (Value::Text(text), Takes::One | Takes::Optional) => Ok(vec![joined(text)]),
            (Value::List(texts), Takes::Many | Takes::Exactly(_)) => {
                Ok(std::iter::once(flag.clone()).chain(texts.iter().map(|text| word(text))).collect())
            }
            (Value::List(texts), Takes::One | Takes::Optional) if *adds_up => {
                Ok(texts.iter().map(|text| joined(text)).collect())
            }
            (Value::List(_), _) => wrong("takes one value, not a list"),
        }
    }
}

fn variables<'a>(
    settables: &'a [Settable],
    surroundings: &'a Surroundings,
) -> impl Iterator<Item = (usize, Entry)> + 'a {
    // An empty variable is how many shells and containers leave one out.
    let given = |name: &String| surroundings.env.get_key_value(name).filter(|(_, text)| !text.is_empty());
    settables.iter().enumerate().filter_map(move |(index, settable)| {
        let (name, text) = settable.variables.iter().find_map(given)?;
        let value = match settable.takes {
            Takes::Many => conf::value(text),
            _ if settable.adds_up => conf::value(text),
            _ => Value::Text(text.clone()),
        };
        let origin = format!("{name}={}", text.escape_debug());
        Some((index, Entry { key: name.clone(), value, origin }))
    })
}

/// The entries of all files, the strongest file first; within a file the last entry of a name counts.
fn files(config: Option<&str>, surroundings: &Surroundings) -> Result<Vec<Entry>, Refusal> {
    let named = config.map(|path| (surroundings.absolute(path), true));
    let usual = ["pyproject.toml", "locust.conf"].map(|name| (surroundings.cwd.join(name), false));
    let at_home = surroundings.home.iter().map(|home| (home.join(".locust.conf"), false));
    let mut entries = Vec::new();
    for (path, is_needed) in named.into_iter().chain(usual).chain(at_home) {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_needed => continue,
            Err(error) => {
                let flag = if is_needed { "--config " } else { "" };
                return Err(Refusal::usage(format!("{flag}{}: {error}", surroundings.shown(&path))));
            }
        };
        entries.extend(entries_of(&path, &text, surroundings)?.into_iter().rev());
    }
    Ok(entries)
}

fn entries_of(path: &Path, text: &str, surroundings: &Surroundings) -> Result<Vec<Entry>, Refusal> {
    let name = surroundings.shown(path).to_string();
    match path.extension() {
        Some(extension) if extension == "toml" => toml::entries(&name, text),
        _ => conf::entries(&name, text),
    }
}
