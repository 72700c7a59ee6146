//! The value of a flag: its text, and its origin if that is not the command line. A given argument, for the results.
//!
//! Settings from files and variables are added to the command line as words (`../config/mod.rs`). Each word carries its
//! origin, so that the code that rejects the value (`../plan/values.rs`) can name it.

use std::fmt;

/// The value of a flag or of a positional argument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ArgValue {
    /// The value as text.
    pub(crate) text: String,
    /// The origin of the value, such as `locust.conf line 3: users = x`; `None` for the command line.
    pub(crate) origin: Option<String>,
}

/// A given argument.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RecordedArg {
    /// The long spelling without dashes, or `targets` for positional arguments.
    pub(crate) name: String,
    /// The values, with secrets masked. Empty for a switch.
    pub(crate) values: Vec<String>,
}

impl ArgValue {
    /// Returns the name of the value in a message: its origin, or the flag with the value.
    pub(crate) fn describe(&self, flag: &str) -> String {
        match &self.origin {
            Some(origin) => origin.clone(),
            None => format!("{flag} {}", self.text.escape_debug()),
        }
    }
}

impl From<String> for ArgValue {
    fn from(word: String) -> Self {
        match word.rsplit_once(ORIGIN_SEPARATOR) {
            Some((text, origin)) => Self { text: text.to_owned(), origin: Some(origin.to_owned()) },
            None => Self { text: word, origin: None },
        }
    }
}

impl From<&str> for ArgValue {
    fn from(word: &str) -> Self {
        word.to_owned().into()
    }
}

impl fmt::Display for ArgValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Returns the word that [`ArgValue::from`] converts to a value with this origin.
pub(in crate::args) fn encode_with_origin(text: &str, origin: &str) -> String {
    format!("{text}{ORIGIN_SEPARATOR}{}", origin.replace(ORIGIN_SEPARATOR, " "))
}

/// Separates a value from its origin. No argument of a process can contain this character.
const ORIGIN_SEPARATOR: char = '\0';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn value_is_described_by_flag_or_origin() {
        assert_eq!(ArgValue::from("a\nb").describe("-u"), "-u a\\nb");
        let value = ArgValue::from(encode_with_origin("x", "locust.conf line 3: users = x"));
        assert_eq!((value.text.as_str(), value.describe("-u").as_str()), ("x", "locust.conf line 3: users = x"));
    }
}
