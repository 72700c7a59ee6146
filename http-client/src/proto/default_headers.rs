//! The headers that every request carries, checked and laid out once as the bytes that go on the wire.
//!
//! A request without headers of its own copies the block; one with some copies the lines that it does not replace.

use std::ops::Range;

use super::coding::ACCEPT_ENCODING;
use super::header::{HeaderFlags, check_header, is_framing_header};
use crate::{Error, InvalidRequest};

/// Headers that a request carries unless it has one of the same name.
#[derive(Clone, Debug)]
pub struct DefaultHeaders {
    block: String,
    lines: Vec<HeaderLine>,
    flags: HeaderFlags,
}

#[derive(Clone, Debug)]
struct HeaderLine {
    name: Range<usize>,
    end: usize,
}

impl DefaultHeaders {
    /// No headers at all.
    pub const fn none() -> Self {
        Self { block: String::new(), lines: Vec::new(), flags: HeaderFlags::none() }
    }

    /// Sets a header, in place of one with the same name in any case.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when name or value could not be sent, or the name decides the framing.
    pub fn set(&mut self, name: &str, value: &str) -> Result<(), Error> {
        check_header(name, value)?;
        if is_framing_header(name) {
            return Err(InvalidRequest::FramingHeader.into());
        }
        self.remove(name);
        let start = self.block.len();
        self.block.extend([name, ": ", value, "\r\n"]);
        self.lines.push(HeaderLine { name: start..start + name.len(), end: self.block.len() });
        self.update_flags();
        Ok(())
    }

    /// Removes a header, by its name in any case.
    pub fn remove(&mut self, name: &str) {
        let Some(at) = self.lines.iter().position(|line| self.name(line).eq_ignore_ascii_case(name)) else {
            return;
        };
        let removed = self.lines.remove(at);
        let length = removed.end - removed.name.start;
        self.block.replace_range(removed.name.start..removed.end, "");
        for line in &mut self.lines[at..] {
            line.name = line.name.start - length..line.name.end - length;
            line.end -= length;
        }
        self.update_flags();
    }

    /// All lines, each with its line end.
    pub fn block(&self) -> &str {
        &self.block
    }

    /// What they ask of the connection, and of what is added to them.
    pub(crate) const fn flags(&self) -> HeaderFlags {
        self.flags
    }

    /// Name and value of each header.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let value = |line: &HeaderLine| &self.block[line.name.end + ": ".len()..line.end - "\r\n".len()];
        self.lines.iter().map(move |line| (self.name(line), value(line)))
    }

    fn update_flags(&mut self) {
        let mut flags = HeaderFlags::none();
        self.iter().for_each(|(name, value)| flags.observe(name, value));
        self.flags = flags;
    }

    fn name(&self, line: &HeaderLine) -> &str {
        &self.block[line.name.clone()]
    }
}

impl Default for DefaultHeaders {
    fn default() -> Self {
        let mut headers = Self::none();
        for (name, value) in [("User-Agent", USER_AGENT), ("Accept-Encoding", ACCEPT_ENCODING), ("Accept", "*/*")] {
            headers.set(name, value).expect("constant headers are valid");
        }
        headers
    }
}

const USER_AGENT: &str = concat!("gregaria/", env!("CARGO_PKG_VERSION"));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_set_again_is_replaced() {
        let mut headers = DefaultHeaders::default();
        headers.remove("accept-encoding");
        headers.set("user-agent", "mine").unwrap();
        headers.set("X-Last", "1").unwrap();
        assert_eq!(headers.block(), "Accept: */*\r\nuser-agent: mine\r\nX-Last: 1\r\n");
        headers.remove("ACCEPT");
        assert_eq!(headers.block(), "user-agent: mine\r\nX-Last: 1\r\n");
        let lines: Vec<_> = headers.iter().collect();
        assert_eq!(lines, [("user-agent", "mine"), ("X-Last", "1")]);
    }

    #[test]
    fn what_could_not_be_sent_is_refused_here() {
        let mut headers = DefaultHeaders::none();
        assert_eq!(headers.set("X", "a\r\nb"), Err(InvalidRequest::HeaderValue.into()));
        assert_eq!(headers.set("X Y", "a"), Err(InvalidRequest::HeaderName.into()));
        assert_eq!(headers.set("content-length", "1"), Err(InvalidRequest::FramingHeader.into()));
        assert_eq!(headers.block(), "");
    }
}
