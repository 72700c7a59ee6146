//! What is said below the command line: by variables, and by files of settings.
//!
//! From strong to weak: variables, the file of `--config`, `pyproject.toml`, `locust.conf`, `~/.locust.conf`: Locust's
//! order. The stronger one replaces the weaker one flag by flag. How files are read is in `conf.rs` and `toml.rs`; that
//! the command line is stronger still is `parse.rs`'s affair.

mod conf;
pub(super) mod config_keys;
pub(super) mod process_env;
mod toml;

use std::{fs, io, path::Path};

use self::{config_keys::ConfigKey, process_env::ProcessEnv};
use super::cli::{arg_value, program::Arity};
use crate::exit::CliError;

/// What was said below the command line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LoadedConfig {
    /// Of each flag, its strongest setting.
    pub(super) known: Vec<ConfigSetting>,
    /// What files say of flags that there are not.
    pub(super) unknown: Vec<ConfigEntry>,
}

/// A flag is to have a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConfigSetting {
    /// Which of the settables.
    pub(super) key_index: usize,
    value: ConfigValue,
    origin: String,
}

/// A name with a value, as a file has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConfigEntry {
    pub(super) key: String,
    pub(super) value: ConfigValue,
    /// For messages: where it is, and what it says.
    pub(super) origin: String,
}

/// One text, or several.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ConfigValue {
    List(Vec<String>),
    Text(String),
}

/// Everything that is said below the command line; `config` is the file that the command line names.
///
/// # Errors
/// A file that cannot be read or understood.
pub(super) fn load(
    config_keys: &[ConfigKey],
    config: Option<&str>,
    env: &ProcessEnv,
) -> Result<LoadedConfig, CliError> {
    let mut settings = LoadedConfig::default();
    for (settable, entry) in env_entries(config_keys, env) {
        settings.insert(settable, entry);
    }
    for entry in file_entries(config, env)? {
        let key = entry.key.trim_start_matches("--");
        match config_keys.iter().position(|settable| settable.names.iter().any(|known| known == key)) {
            Some(settable) => settings.insert(settable, entry),
            None => settings.unknown.push(entry),
        }
    }
    Ok(settings)
}

/// The names in `LOCUST_USER_CLASSES`, for a command line that names none.
pub(super) fn user_classes(env: &ProcessEnv) -> Vec<String> {
    let names = env.variables.get("LOCUST_USER_CLASSES").map(String::as_str).unwrap_or_default();
    names.split_whitespace().map(str::to_owned).collect()
}

impl LoadedConfig {
    /// The value of a flag that takes one.
    pub(super) fn single_value(&self, config_keys: &[ConfigKey], flag: &str) -> Option<arg_value::ArgValue> {
        let setting = self.known.iter().find(|setting| config_keys[setting.key_index].flag == flag)?;
        match &setting.value {
            ConfigValue::Text(text) => {
                Some(arg_value::ArgValue { text: text.clone(), origin: Some(setting.origin.clone()) })
            }
            ConfigValue::List(_) => None,
        }
    }

    fn insert(&mut self, key_index: usize, entry: ConfigEntry) {
        if !self.known.iter().any(|stronger| stronger.key_index == key_index) {
            self.known.push(ConfigSetting { key_index, value: entry.value, origin: entry.origin });
        }
    }
}

impl ConfigSetting {
    /// The words that say the same on a command line.
    ///
    /// # Errors
    /// A switch that is neither on nor off; a list for a flag that takes one value.
    pub(super) fn to_args(&self, key: &ConfigKey) -> Result<Vec<String>, CliError> {
        let ConfigKey { flag, arity: takes, is_repeatable: adds_up, .. } = key;
        let wrong = |what: &str| Err(CliError::usage(format!("{}: {what}", self.origin)));
        let word = |text: &str| arg_value::encode_with_origin(text, &self.origin);
        let joined = |text: &str| {
            if flag.starts_with("--") { format!("{flag}={}", word(text)) } else { flag.to_owned() + &word(text) }
        };
        match (&self.value, takes) {
            (ConfigValue::Text(text), Arity::Zero) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Ok(vec![flag.clone()]),
                "false" | "no" | "off" | "0" => Ok(vec![]),
                _ => wrong("takes true or false"),
            },
            (ConfigValue::Text(text), Arity::Many | Arity::Exactly(_)) if text.is_empty() => Ok(vec![]),
            (ConfigValue::Text(text), Arity::Many | Arity::Exactly(_)) => Ok(vec![flag.clone(), word(text)]),
            (ConfigValue::Text(text), Arity::One | Arity::Optional) => Ok(vec![joined(text)]),
            (ConfigValue::List(texts), Arity::Many | Arity::Exactly(_)) => {
                Ok(std::iter::once(flag.clone()).chain(texts.iter().map(|text| word(text))).collect())
            }
            (ConfigValue::List(texts), Arity::One | Arity::Optional) if *adds_up => {
                Ok(texts.iter().map(|text| joined(text)).collect())
            }
            (ConfigValue::List(_), _) => wrong("takes one value, not a list"),
        }
    }
}

fn env_entries<'a>(
    config_keys: &'a [ConfigKey],
    env: &'a ProcessEnv,
) -> impl Iterator<Item = (usize, ConfigEntry)> + 'a {
    // An empty variable is how many shells and containers leave one out.
    let given = |name: &String| env.variables.get_key_value(name).filter(|(_, text)| !text.is_empty());
    config_keys.iter().enumerate().filter_map(move |(index, settable)| {
        let (name, text) = settable.env_vars.iter().find_map(given)?;
        let value = match settable.arity {
            Arity::Many => conf::parse_value(text),
            _ if settable.is_repeatable => conf::parse_value(text),
            _ => ConfigValue::Text(text.clone()),
        };
        let origin = format!("{name}={}", text.escape_debug());
        Some((index, ConfigEntry { key: name.clone(), value, origin }))
    })
}

/// The entries of all files, the strongest file first; within a file the last entry of a name counts.
fn file_entries(config: Option<&str>, env: &ProcessEnv) -> Result<Vec<ConfigEntry>, CliError> {
    let named = config.map(|path| (env.absolute_path(path), true));
    let usual = ["pyproject.toml", "locust.conf"].map(|name| (env.cwd.join(name), false));
    let at_home = env.home.iter().map(|home| (home.join(".locust.conf"), false));
    let mut entries = Vec::new();
    for (path, is_needed) in named.into_iter().chain(usual).chain(at_home) {
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && !is_needed => continue,
            Err(error) => {
                let flag = if is_needed { "--config " } else { "" };
                return Err(CliError::usage(format!("{flag}{}: {error}", env.display_relative(&path))));
            }
        };
        entries.extend(parse_file(&path, &text, env)?.into_iter().rev());
    }
    Ok(entries)
}

fn parse_file(path: &Path, text: &str, env: &ProcessEnv) -> Result<Vec<ConfigEntry>, CliError> {
    let name = env.display_relative(path).to_string();
    match path.extension() {
        Some(extension) if extension == "toml" => toml::parse(&name, text),
        _ => conf::parse(&name, text),
    }
}
