//! The `Link` header (RFC 8288), for example with the URL of the next page.
//!
//! The parser accepts all that `Response.links` of python-requests accepts. It also accepts commas and semicolons
//! inside of addresses and quotes, and parameters without a value.

use std::borrow::Cow;

/// A link of a `Link` header.
///
/// # Examples
///
/// ```
/// use gregaria_http::{LinkValue, Response};
///
/// fn next_page(response: &Response) -> Option<String> {
///     let links: Vec<LinkValue<'_>> = response.links();
///     links.iter().find(|link| link.has_rel("next")).map(|link| link.url.to_owned())
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkValue<'a> {
    /// The URL as the target wrote it, often relative to the URL of the response.
    pub url: &'a str,
    parameters: Vec<(&'a str, Cow<'a, str>)>,
}

impl LinkValue<'_> {
    /// Returns the relation of the link to the response, such as `next`. Several relations are separated by blanks.
    pub fn rel(&self) -> Option<&str> {
        self.parameter("rel")
    }

    /// Returns `true` if `relation` is among the relations, in any case.
    pub fn has_rel(&self, relation: &str) -> bool {
        self.rel().is_some_and(|rel| rel.split_ascii_whitespace().any(|own| own.eq_ignore_ascii_case(relation)))
    }

    /// Returns the first parameter of this name, in any case. The text is empty if the parameter has no value.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters().find(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Returns all parameters, in the order of the header.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|(name, value)| (*name, &**value))
    }
}

/// Parses the links of a header, or of several headers joined by commas. Text that is not a link is skipped, up to
/// the next `<` after a comma.
pub(crate) fn parse_links(header: &str) -> Vec<LinkValue<'_>> {
    let mut parser = LinkParser { rest: header };
    let mut links = Vec::new();
    while let Some(link) = parser.next_link() {
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

    /// Parses the parameters between an address and the next comma.
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

    /// Parses a quoted value, or all text up to one of `ends`.
    fn parse_value(&mut self, ends: &[char]) -> Cow<'a, str> {
        self.skip_while(is_blank);
        if !self.eat('"') {
            return self.take_until(ends).trim_end().into();
        }
        let value = self.parse_quoted();
        self.take_until(ends);
        value
    }

    /// Parses a quoted string without its quotes and backslashes. The closing quote may be missing.
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

    /// Formats each link as `url name=value name=value`.
    fn read(header: &str) -> Vec<String> {
        let line = |link: &LinkValue<'_>| {
            let parameters = link.parameters().map(|(name, value)| format!(" {name}={value}"));
            link.url.to_owned() + &parameters.collect::<String>()
        };
        parse_links(header).iter().map(line).collect()
    }

    #[test]
    fn link_has_url_and_parameters() {
        let header = r#"<https://a/items?page=2>; rel="next", </items?page=9>; rel=last;title="The end""#;
        assert_eq!(read(header), ["https://a/items?page=2 rel=next", "/items?page=9 rel=last title=The end"]);
        assert_eq!(read("<a>"), ["a"]);
        assert_eq!(read(" < a b > ;rel = next ; x ; y=,<c>"), ["a b rel=next x= y=", "c"]);
    }

    #[test]
    fn delimiters_inside_quotes_do_not_end_a_link() {
        assert_eq!(
            read(r#"</a,b;c>; title="x, <y>; \"z\" \\"; rel=next, </d>"#),
            [r#"/a,b;c title=x, <y>; "z" \ rel=next"#, "/d"]
        );
    }

    #[test]
    fn text_that_is_not_a_link_is_skipped() {
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
    fn has_rel_ignores_case() {
        let links = parse_links(r#"<a>; REL="Next prefetch"; rel=last"#);
        assert_eq!(links[0].rel(), Some("Next prefetch"));
        assert!(links[0].has_rel("next") && links[0].has_rel("PREFETCH"));
        assert!(!links[0].has_rel("last") && !links[0].has_rel("") && !links[0].has_rel("Next prefetch"));
        assert_eq!(links[0].parameter("title"), None);
    }

    #[test]
    fn parse_links_terminates_for_any_header() {
        let parts = ["<", ">", ",", ";", "=", "\"", "\\", " ", "a", "é"];
        for number in 0..100_000_usize {
            let header: String = (0..5).map(|at| parts[number / 10_usize.pow(at) % 10]).collect();
            let most = header.matches('<').count();
            assert!(parse_links(&header).len() <= most, "{header}");
        }
    }
}
