//! Parser of the challenges in a `WWW-Authenticate` header (RFC 9110 §11.6.1), lenient towards common server
//! mistakes.
//!
//! The comma is ambiguous: it separates challenges, and it separates the parameters of one challenge. A token
//! without a `=` after it starts the next challenge. Other bytes are skipped. [`digest`](super::digest) interprets
//! the parameters.

use std::borrow::Cow;

/// An authentication scheme with its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Challenge<'a> {
    pub(super) scheme: &'a str,
    parameters: Vec<(&'a str, Cow<'a, str>)>,
}

impl<'a> Challenge<'a> {
    /// Parses all challenges of one header, in order.
    pub(super) fn parse_all(header: &'a str) -> Vec<Self> {
        let mut challenges: Vec<Self> = Vec::new();
        let mut cursor = HeaderCursor(header);
        while let Some(token) = cursor.next_token() {
            match (cursor.next_value(), challenges.last_mut()) {
                (Some(value), Some(challenge)) => challenge.parameters.push((token, value)),
                (Some(_), None) => {}
                (None, _) => challenges.push(Self { scheme: token, parameters: Vec::new() }),
            }
        }
        challenges
    }

    /// Returns the first parameter with this name, compared without case.
    pub(super) fn parameter(&self, name: &str) -> Option<&str> {
        let (_, value) = self.parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(value)
    }
}

/// The unread part of a header.
struct HeaderCursor<'a>(&'a str);

impl<'a> HeaderCursor<'a> {
    /// Reads the next token, after skipping separators.
    fn next_token(&mut self) -> Option<&'a str> {
        let start = self.0.find(|c: char| !is_separator(c))?;
        let text = &self.0[start..];
        let end = text.find(|c: char| is_separator(c)).unwrap_or(text.len());
        self.0 = &text[end..];
        Some(&text[..end])
    }

    /// Reads a token or quoted string after a `=`. Returns `None` if no `=` follows.
    fn next_value(&mut self) -> Option<Cow<'a, str>> {
        let text = self.0.trim_start_matches(BLANKS).strip_prefix('=')?.trim_start_matches(BLANKS);
        match text.strip_prefix('"') {
            Some(quoted) => Some(self.quoted_string(quoted)),
            None => {
                let end = text.find([',', ' ', '\t']).unwrap_or(text.len());
                self.0 = &text[end..];
                Some(text[..end].into())
            }
        }
    }

    /// Reads a string up to its closing quote, or to the end of the header if the quote is missing.
    fn quoted_string(&mut self, text: &'a str) -> Cow<'a, str> {
        let mut escaped = false;
        let end = text.find(|c: char| {
            let is_closing_quote = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            is_closing_quote
        });
        self.0 = end.map_or("", |end| &text[end + 1..]);
        unescape(&text[..end.unwrap_or(text.len())])
    }
}

fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return text.into();
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        plain.push(if c == '\\' { chars.next().unwrap_or(c) } else { c });
    }
    plain.into()
}

const fn is_separator(c: char) -> bool {
    matches!(c, ',' | ' ' | '\t' | '=' | '"')
}

const BLANKS: [char; 2] = [' ', '\t'];

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn header_with_several_challenges_is_split() {
        let header =
            "Negotiate, Basic realm=\"a, b\",charset = UTF-8 , , Digest realm=\"x\\\"y\", qop=\"auth,auth-int\"";
        let challenges = Challenge::parse_all(header);
        let schemes: Vec<_> = challenges.iter().map(|challenge| challenge.scheme).collect();
        assert_eq!(schemes, ["Negotiate", "Basic", "Digest"]);
        assert_eq!(challenges[1].parameter("REALM"), Some("a, b"));
        assert_eq!(challenges[1].parameter("charset"), Some("UTF-8"));
        assert_eq!(challenges[2].parameter("realm"), Some("x\"y"));
        assert_eq!(challenges[2].parameter("qop"), Some("auth,auth-int"));
        assert_eq!(challenges[2].parameter("opaque"), None);
    }

    #[test]
    fn malformed_parameters_are_tolerated() {
        let parameter = |header, name| Challenge::parse_all(header).pop().unwrap().parameter(name).map(str::to_owned);
        assert_eq!(parameter("Digest realm=\"Gesch\u{fc}tzt\", nonce=abc==", "realm"), Some("Gesch\u{fc}tzt".into()));
        assert_eq!(parameter("Digest realm=x, nonce=abc==", "nonce"), Some("abc==".into()));
        assert_eq!(parameter("Digest realm=\"x\" nonce=\"y\"", "nonce"), Some("y".into()));
        assert_eq!(parameter("Digest nonce=\"unclosed", "nonce"), Some("unclosed".into()));
        assert_eq!(parameter("Digest nonce=", "nonce"), Some(String::new()));
    }

    proptest! {
        #[test]
        fn arbitrary_text_is_parsed_to_its_end(text in "[a=\", \\\\\u{fc}]{0,40}|\\PC*") {
            for challenge in Challenge::parse_all(&text) {
                prop_assert!(!challenge.scheme.is_empty());
                let lengths = challenge.parameters.iter().map(|(name, value)| name.len() + value.len());
                prop_assert!(lengths.sum::<usize>() < text.len());
            }
        }
    }
}
