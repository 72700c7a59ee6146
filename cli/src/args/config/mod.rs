//! The settings: values of flags that come from environment variables and configuration files.
//!
//! The order of precedence is Locust's: variables, the file of `--config`, `pyproject.toml`, `locust.conf`,
//! `~/.locust.conf`. A source overrides the sources after it, flag by flag. `conf.rs` and `toml.rs` parse the files,
//! and `config_keys.rs` has the names of the flags. This folder must not know that the command line overrides all
//! settings (`../parse.rs`), nor what a value means (`../plan/`).

mod conf;
pub(super) mod config_keys;
pub(super) mod process_env;
mod toml;

use std::{fs, io, path::Path};

use self::{config_keys::ConfigKey, process_env::ProcessEnv};
use super::cli::{arg_value, program::Arity};
use crate::exit::CliError;

/// The settings from variables and files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct LoadedConfig {
    /// The setting with the highest precedence of each flag, in the order of precedence.
    pub(super) known: Vec<ConfigSetting>,
    /// The entries of files that name no flag.
    pub(super) unknown: Vec<ConfigEntry>,
}

/// The value of a flag from a variable or a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConfigSetting {
    /// The index of the flag's [`ConfigKey`].
    pub(super) key_index: usize,
    value: ConfigValue,
    origin: String,
}

/// An entry of a file: a name and a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ConfigEntry {
    pub(super) key: String,
    pub(super) value: ConfigValue,
    /// The source and text of the entry, for messages.
    pub(super) origin: String,
}

/// The value of an entry: one text, or a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ConfigValue {
    List(Vec<String>),
    Text(String),
}

/// Loads the settings from all sources. `config` is the file of `--config`.
///
/// # Errors
/// A file that cannot be read or parsed.
pub(super) fn load(
    config_keys: &[ConfigKey],
    config: Option<&str>,
    env: &ProcessEnv,
) -> Result<LoadedConfig, CliError> {
    let mut settings = LoadedConfig::default();
    for (key_index, entry) in env_entries(config_keys, env) {
        settings.insert(key_index, entry);
    }
    for entry in file_entries(config, env)? {
        let name = entry.key.trim_start_matches("--");
        match config_keys.iter().position(|key| key.names.iter().any(|known| known == name)) {
            Some(key_index) => settings.insert(key_index, entry),
            None => settings.unknown.push(entry),
        }
    }
    Ok(settings)
}

/// Returns the user classes in `LOCUST_USER_CLASSES`, for a command line without user classes.
pub(super) fn user_classes(env: &ProcessEnv) -> Vec<String> {
    let names = env.variables.get("LOCUST_USER_CLASSES").map(String::as_str).unwrap_or_default();
    names.split_whitespace().map(str::to_owned).collect()
}

impl LoadedConfig {
    /// Returns the setting of a flag that takes one value.
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
        if !self.known.iter().any(|setting| setting.key_index == key_index) {
            self.known.push(ConfigSetting { key_index, value: entry.value, origin: entry.origin });
        }
    }
}

impl ConfigSetting {
    /// Converts the setting to words of a command line.
    ///
    /// # Errors
    /// A value of a switch that is neither true nor false. A list for a flag that takes one value.
    pub(super) fn to_args(&self, key: &ConfigKey) -> Result<Vec<String>, CliError> {
        let ConfigKey { flag, arity, is_repeatable, .. } = key;
        let invalid = |what: &str| Err(CliError::usage(format!("{}: {what}", self.origin)));
        let word = |text: &str| arg_value::encode_with_origin(text, &self.origin);
        let joined = |text: &str| {
            if flag.starts_with("--") { format!("{flag}={}", word(text)) } else { flag.to_owned() + &word(text) }
        };
        match (&self.value, arity) {
            (ConfigValue::Text(text), Arity::Zero) => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Ok(vec![flag.clone()]),
                "false" | "no" | "off" | "0" => Ok(vec![]),
                _ => invalid("takes true or false"),
            },
            (ConfigValue::Text(text), Arity::Many | Arity::Exactly(_)) if text.is_empty() => Ok(vec![]),
            (ConfigValue::Text(text), Arity::Many | Arity::Exactly(_)) => Ok(vec![flag.clone(), word(text)]),
            (ConfigValue::Text(text), Arity::One | Arity::Optional) => Ok(vec![joined(text)]),
            (ConfigValue::List(texts), Arity::Many | Arity::Exactly(_)) => {
                Ok(std::iter::once(flag.clone()).chain(texts.iter().map(|text| word(text))).collect())
            }
            (ConfigValue::List(texts), Arity::One | Arity::Optional) if *is_repeatable => {
                Ok(texts.iter().map(|text| joined(text)).collect())
            }
            (ConfigValue::List(_), _) => invalid("takes one value, not a list"),
        }
    }
}

fn env_entries<'a>(
    config_keys: &'a [ConfigKey],
    env: &'a ProcessEnv,
) -> impl Iterator<Item = (usize, ConfigEntry)> + 'a {
    // An empty variable counts as unset, because shells and containers often cannot unset one.
    let non_empty = |name: &String| env.variables.get_key_value(name).filter(|(_, text)| !text.is_empty());
    config_keys.iter().enumerate().filter_map(move |(index, key)| {
        let (name, text) = key.env_vars.iter().find_map(non_empty)?;
        let value = match key.arity {
            Arity::Many => conf::parse_value(text),
            _ if key.is_repeatable => conf::parse_value(text),
            _ => ConfigValue::Text(text.clone()),
        };
        let origin = format!("{name}={}", text.escape_debug());
        Some((index, ConfigEntry { key: name.clone(), value, origin }))
    })
}

/// Returns the entries of all files in the order of precedence. Within a file, the last entry of a name comes first.
fn file_entries(config: Option<&str>, env: &ProcessEnv) -> Result<Vec<ConfigEntry>, CliError> {
    let named = config.map(|path| (env.absolute_path(path), true));
    let defaults = ["pyproject.toml", "locust.conf"].map(|name| (env.cwd.join(name), false));
    let at_home = env.home.iter().map(|home| (home.join(".locust.conf"), false));
    let mut entries = Vec::new();
    for (path, is_needed) in named.into_iter().chain(defaults).chain(at_home) {
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
