//! A value that was given for a flag: its text, and where it stood if that was not the command line.
//!
//! Values from files and variables join the command line as words (`sources/mod.rs`); their origin travels inside the
//! word, so that whoever judges the value can name it.

use std::fmt;

/// A value as it was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ArgValue {
    /// What it says.
    pub(crate) text: String,
    /// Where it stood, as in `locust.conf line 3: users = x`; `None` for the command line.
    pub(crate) origin: Option<String>,
}

impl ArgValue {
    /// How a message names the value: by its flag, or by where it stood.
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

/// The word that becomes a value with an origin.
pub(in crate::args) fn encode_with_origin(text: &str, origin: &str) -> String {
    format!("{text}{ORIGIN_SEPARATOR}{}", origin.replace(ORIGIN_SEPARATOR, " "))
}

/// No word that a system passes to a program can contain it.
const ORIGIN_SEPARATOR: char = '\0';

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_named_by_its_flag_or_by_where_it_stood() {
        assert_eq!(ArgValue::from("a\nb").describe("-u"), "-u a\\nb");
        let given = ArgValue::from(encode_with_origin("x", "locust.conf line 3: users = x"));
        assert_eq!((given.text.as_str(), given.describe("-u").as_str()), ("x", "locust.conf line 3: users = x"));
    }
}
