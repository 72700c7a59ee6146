//! The header `Link` (RFC 8288): where the next page is, and the like.
//!
//! Reads what python-requests reads in its `Response.links`, and also what that stumbles over: commas and semicolons
//! inside of addresses and quotes, and parameters without a value.

use std::borrow::Cow;

/// One link of a header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkValue<'a> {
    /// Where it leads, as the target wrote it: often relative to the address of the response.
    pub url: &'a str,
    parameters: Vec<(&'a str, Cow<'a, str>)>,
}

impl LinkValue<'_> {
    /// What the link is to the response, such as `next`; several relations are separated by blanks.
    pub fn rel(&self) -> Option<&str> {
        self.parameter("rel")
    }

    /// Whether this is among the relations; they are compared in any case.
    pub fn has_rel(&self, relation: &str) -> bool {
        self.rel().is_some_and(|rel| rel.split_ascii_whitespace().any(|own| own.eq_ignore_ascii_case(relation)))
    }

    /// The first parameter of this name, in any case; empty when it has no value.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// All parameters, in the order they came.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (*name, &**value))
    }
}

/// The links of a header, or of several of them joined by commas. What is no link is passed over, up to the next `<`
/// behind a comma.
pub fn links(header: &str) -> Vec<LinkValue<'_>> {
    let mut scanner = LinkParser { rest: header };
    let mut links = Vec::new();
    while let Some(link) = scanner.next_link() {
        links.push(link);
    }
    links
}

struct LinkParser<'a> {
    rest: &'a str,
}

impl<'a> LinkParser<'a> {
    fn next_link(&mut self) -> Option<LinkValue<'a>> {
        self.skip_while(is_blank_or_comma);
        while !self.rest.is_empty() && !self.eat('<') {
            self.parse_value(&[',']);
            self.skip_while(is_blank_or_comma);
        }
        let (url, rest) = self.rest.split_once('>')?;
        self.rest = rest;
        Some(LinkValue { url: url.trim(), parameters: self.parse_parameters() })
    }

    /// What stands between an address and the comma behind it.
    fn parse_parameters(&mut self) -> Vec<(&'a str, Cow<'a, str>)> {
        let mut parameters = Vec::new();
        while !self.rest.is_empty() && !self.rest.starts_with(',') {
            self.skip_while(is_blank_or_semicolon);
            let name = self.take_until(&['=', ';', ',']).trim_end();
            let value = if self.eat('=') { self.parse_value(&[';', ',']) } else { Cow::Borrowed("") };
            if !name.is_empty() {
                parameters.push((name, value));
            }
        }
        parameters
    }

    /// A value in quotes, or everything up to one of `ends`.
    fn parse_value(&mut self, ends: &[char]) -> Cow<'a, str> {
        self.skip_while(is_blank);
        if !self.eat('"') {
            return self.take_until(ends).trim_end().into();
        }
        let value = self.parse_quoted();
        self.take_until(ends);
        value
    }

    /// A quoted string without its quotes and backslashes; its end may be missing.
    fn parse_quoted(&mut self) -> Cow<'a, str> {
        let mut value = Cow::Borrowed("");
        loop {
            value += self.take_until(&['"', '\\']);
            if !self.eat('\\') {
                self.eat('"');
                return value;
            }
            let escaped = self.rest.chars().next().map_or(0, char::len_utf8);
            let (escaped, rest) = self.rest.split_at(escaped);
            value += escaped;
            self.rest = rest;
        }
    }

    fn take_until(&mut self, ends: &[char]) -> &'a str {
        let (taken, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        taken
    }

    fn skip_while(&mut self, is_skipped: fn(char) -> bool) {
        self.rest = self.rest.trim_start_matches(is_skipped);
    }

    fn eat(&mut self, letter: char) -> bool {
        let rest = self.rest.strip_prefix(letter);
        self.rest = rest.unwrap_or(self.rest);
        rest.is_some()
    }
}

const fn is_blank(letter: char) -> bool {
    matches!(letter, ' ' | '\t')
}

const fn is_blank_or_comma(letter: char) -> bool {
    is_blank(letter) || letter == ','
}

const fn is_blank_or_semicolon(letter: char) -> bool {
    is_blank(letter) || letter == ';'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `url name=value name=value`.
    fn read(header: &str) -> Vec<String> {
        let line = |link: &LinkValue<'_>| {
            let parameters = link.parameters().map(|(name, value)| format!(" {name}={value}"));
            link.url.to_owned() + &parameters.collect::<String>()
        };
        links(header).iter().map(line).collect()
    }

    #[test]
    fn links_have_an_address_and_parameters() {
        let header = r#"<https://a/items?page=2>; rel="next", </items?page=9>; rel=last;title="The end""#;
        assert_eq!(read(header), ["https://a/items?page=2 rel=next", "/items?page=9 rel=last title=The end"]);
        assert_eq!(read("<a>"), ["a"]);
        assert_eq!(read(" < a b > ;rel = next ; x ; y=,<c>"), ["a b rel=next x= y=", "c"]);
    }

    #[test]
    fn commas_and_semicolons_inside_are_no_ends() {
        assert_eq!(
            read(r#"</a,b;c>; title="x, <y>; \"z\" \\"; rel=next, </d>"#),
            [r#"/a,b;c title=x, <y>; "z" \ rel=next"#, "/d"]
        );
    }

    #[test]
    fn what_is_no_link_is_passed_over() {
        assert_eq!(read(""), [""; 0]);
        assert_eq!(read(" , ,"), [""; 0]);
        assert_eq!(read("<a"), [""; 0]);
        assert_eq!(read("a; rel=next, <b>; rel=last"), ["b rel=last"]);
        assert_eq!(read(r#""<a>, <b>", <c>"#), ["c"]);
        assert_eq!(read("<a>; =x; ;; rel=next; rel"), ["a rel=next rel="]);
        assert_eq!(read(r#"<a>; rel="next"#), ["a rel=next"]);
        assert_eq!(read(r#"<a>; rel="next\"#), ["a rel=next"]);
        assert_eq!(read(r#"<a>; rel="next"junk, <b>"#), ["a rel=next", "b"]);
        assert_eq!(read("<a> junk; rel=ä, <é>"), ["a junk= rel=ä", "é"]);
    }

    #[test]
    fn relations_are_found_in_any_case() {
        let links = links(r#"<a>; REL="Next prefetch"; rel=last"#);
        assert_eq!(links[0].rel(), Some("Next prefetch"));
        assert!(links[0].has_rel("next") && links[0].has_rel("PREFETCH"));
        assert!(!links[0].has_rel("last") && !links[0].has_rel("") && !links[0].has_rel("Next prefetch"));
        assert_eq!(links[0].parameter("title"), None);
    }

    #[test]
    fn any_header_is_read_to_its_end() {
        let pieces = ["<", ">", ",", ";", "=", "\"", "\\", " ", "a", "é"];
        for number in 0..100_000_usize {
            let header: String = (0..5).map(|at| pieces[number / 10_usize.pow(at) % 10]).collect();
            let most = header.matches('<').count();
            assert!(links(&header).len() <= most, "{header}");
        }
    }
}
