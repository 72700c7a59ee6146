//! Rust text as a flat list of tokens with their lines, without comments and without test code.
//!
//! Rules work on tokens because the name `Instant` may also be a word in a comment or a string, and a path may contain
//! a line break. No rule needs a syntax tree.

use std::ops::RangeInclusive;

use proc_macro2::{Delimiter, Group, Spacing, TokenStream, TokenTree};

/// A word, a literal or a sign. `::` and each bracket are one sign.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) line: usize,
}

/// A name as the code spells it, `use` trees spelled out: `std::thread`, `Instant`, `monoio::time::sleep`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Name {
    pub(super) path: String,
    pub(super) line: usize,
}

impl Name {
    /// Returns `true` if the path is `prefix` or inside it.
    pub(super) fn is_within(&self, prefix: &str) -> bool {
        let rest = self.path.strip_prefix(prefix);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    }

    /// Returns `true` if a part of the path is `word`.
    pub(super) fn has(&self, word: &str) -> bool {
        self.path.split("::").any(|part| part == word)
    }
}

/// Returns the tokens of a file.
pub(super) fn tokens(path: &str, text: &str) -> Vec<Token> {
    let stream: TokenStream = text.parse().unwrap_or_else(|error| panic!("{path}: {error}"));
    let mut tokens = Vec::new();
    flatten(stream, &mut tokens);
    tokens
}

/// Removes the items under `#[cfg(test)]`. Returns their lines and the names of test modules in other files.
pub(super) fn cut_tests(tokens: &mut Vec<Token>) -> (Vec<RangeInclusive<usize>>, Vec<String>) {
    let (mut lines, mut modules) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < tokens.len() {
        if !starts_with(&tokens[at..], CFG_TEST) && !starts_with(&tokens[at..], CFG_ALL_TEST) {
            at += 1;
            continue;
        }
        let end = end_of_item(tokens, at);
        let item: Vec<Token> = tokens.drain(at..end).collect();
        let last = item.len() - 1;
        lines.push(item[0].line..=item[last].line);
        if last >= 2 && item[last].text == ";" && item[last - 2].text == "mod" {
            modules.push(item[last - 1].text.clone());
        }
    }
    (lines, modules)
}

/// Returns the names in the code, in order.
pub(super) fn names(tokens: &[Token]) -> Vec<Name> {
    let mut names = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at].text == "use" {
            at = use_tree(tokens, at + 1, "", &mut names);
        } else if is_word(&tokens[at].text) {
            let (path, next) = path_at(tokens, at);
            let line = tokens[at].line;
            names.push(Name { path, line });
            at = next;
        } else {
            at += 1;
        }
    }
    names
}

/// Returns the names that the `use` declarations bring into scope, in order.
pub(super) fn imports(tokens: &[Token]) -> Vec<Name> {
    let mut names = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        at = if tokens[at].text == "use" { use_tree(tokens, at + 1, "", &mut names) } else { at + 1 };
    }
    names
}

/// Returns `true` if `tokens` begin with these texts.
pub(super) fn starts_with(tokens: &[Token], texts: &[&str]) -> bool {
    tokens.len() >= texts.len() && tokens.iter().zip(texts).all(|(token, text)| token.text == *text)
}

fn flatten(stream: TokenStream, into: &mut Vec<Token>) {
    let mut is_half_colon = false;
    for tree in stream {
        let line = tree.span().start().line;
        match tree {
            TokenTree::Group(group) => flatten_group(&group, into),
            TokenTree::Punct(sign) if sign.as_char() == ':' && is_half_colon => {
                is_half_colon = false;
                if let Some(last) = into.last_mut() {
                    last.text.push(':');
                }
            }
            TokenTree::Punct(sign) => {
                is_half_colon = sign.as_char() == ':' && sign.spacing() == Spacing::Joint;
                let text = sign.to_string();
                into.push(Token { text, line });
            }
            other => {
                let text = other.to_string();
                into.push(Token { text, line });
            }
        }
    }
}

fn flatten_group(group: &Group, into: &mut Vec<Token>) {
    let (open, close) = match group.delimiter() {
        Delimiter::Parenthesis => ("(", ")"),
        Delimiter::Brace => ("{", "}"),
        Delimiter::Bracket => ("[", "]"),
        Delimiter::None => ("", ""),
    };
    let sign = |text: &str, line| Token { text: text.to_owned(), line };
    into.push(sign(open, group.span_open().start().line));
    flatten(group.stream(), into);
    into.push(sign(close, group.span_close().start().line));
}

/// Returns the index behind the item that has its attributes at `at`.
fn end_of_item(tokens: &[Token], mut at: usize) -> usize {
    while starts_with(&tokens[at..], &["#", "["]) {
        at = end_of_group(tokens, at + 1);
    }
    let is_use = tokens[at..].iter().take(5).any(|token| token.text == "use");
    while at < tokens.len() {
        match tokens[at].text.as_str() {
            ";" => return at + 1,
            "{" if !is_use => return end_of_group(tokens, at),
            "{" | "(" | "[" => at = end_of_group(tokens, at),
            _ => at += 1,
        }
    }
    at
}

/// Returns the index behind the bracket that closes the bracket at `open`.
pub(super) fn end_of_group(tokens: &[Token], open: usize) -> usize {
    let mut depth = 0;
    for (at, token) in tokens.iter().enumerate().skip(open) {
        match token.text.as_str() {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at + 1;
        }
    }
    tokens.len()
}

/// Adds the names of the `use` tree at `at`. Returns the index of its end.
fn use_tree(tokens: &[Token], mut at: usize, prefix: &str, names: &mut Vec<Name>) -> usize {
    let mut path = prefix.to_owned();
    while at < tokens.len() {
        let Token { text, line } = &tokens[at];
        match text.as_str() {
            "," | ";" | "}" => break,
            "{" => {
                let end = end_of_group(tokens, at);
                while at + 1 < end {
                    at = use_tree(tokens, at + 1, &path, names);
                }
                return end;
            }
            "as" => at += 1,
            "::" if path.is_empty() => {}
            text => path.push_str(text),
        }
        let is_last = tokens.get(at + 1).is_none_or(|next| matches!(next.text.as_str(), "," | ";" | "}" | "as"));
        if is_last && tokens[at - 1].text != "as" {
            let path = path.trim_end_matches("::self").to_owned();
            names.push(Name { path, line: *line });
        }
        at += 1;
    }
    at
}

fn path_at(tokens: &[Token], mut at: usize) -> (String, usize) {
    let mut path = tokens[at].text.clone();
    while starts_with(&tokens[at + 1..], &["::"]) && tokens.get(at + 2).is_some_and(|next| is_word(&next.text)) {
        path = format!("{path}::{}", tokens[at + 2].text);
        at += 2;
    }
    (path, at + 1)
}

fn is_word(text: &str) -> bool {
    text.starts_with(|first: char| first.is_alphabetic() || first == '_')
}

const CFG_TEST: &[&str] = &["#", "[", "cfg", "(", "test", ")", "]"];
const CFG_ALL_TEST: &[&str] = &["#", "[", "cfg", "(", "all", "(", "test", ","];

#[test]
fn names_are_found_in_code_only() {
    let text = r#"
        //! Instant is only a word here.
        use std::{io::{self, Read as _}, thread};
        use ::tokio::net as network;
        /// `std::fs` neither.
        fn f() { let x = "std::net"; std::time::Instant::now(); f!(monoio::spawn, 'a', b"async"); }
    "#;
    let names: Vec<String> = names(&tokens("x.rs", text)).into_iter().map(|name| name.path).collect();
    let found = ["std::io", "std::io::Read", "std::thread", "tokio::net", "std::time::Instant::now", "monoio::spawn"];
    for path in found {
        assert!(names.iter().any(|name| name == path), "{path} in {names:?}");
    }
    for path in ["Instant", "std::fs", "std::net", "async", "network"] {
        assert!(!names.iter().any(|name| name == path), "{path} in {names:?}");
    }
}

#[test]
fn test_code_is_removed() {
    let text = "fn a() {}\n#[cfg(test)]\n#[path = \"x\"]\nmod tests {\n  fn b() { x[0]; }\n}\nfn c() {}\n\
                #[cfg(test)]\nuse a::{b, d};\n#[cfg(test)]\nmod elsewhere;\n#[cfg(all(test, unix))]\nconst fn e() -> u8 { 0 }\nfn last() {}";
    let mut tokens = tokens("x.rs", text);
    let (lines, modules) = cut_tests(&mut tokens);
    assert_eq!(lines, [2..=6, 8..=9, 10..=11, 12..=13]);
    assert_eq!(modules, ["elsewhere"]);
    let functions: Vec<String> =
        tokens.windows(2).filter(|pair| pair[0].text == "fn").map(|pair| pair[1].text.clone()).collect();
    assert_eq!(functions, ["a", "c", "last"]);
}
