//! The minimum that an HTTP client must do with a response: parse the status line and `Content-Length`, count the whole
//! body. The floor and the bare runtimes share it, so that they differ in their IO only.
//!
//! This is no general parser. Chunks, 1xx responses and close-delimited bodies, which the fixed-response server never
//! sends, are `Broken`.

use memchr::memchr;

/// The reader of one connection's responses.
#[derive(Default)]
pub(crate) struct ResponseReader {
    buffered: Vec<u8>,
}

/// The state of a response after the bytes so far.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum ReadProgress {
    /// Exactly one response.
    Complete {
        /// Code in the status line.
        status: u16,
    },
    /// The response is incomplete.
    Partial,
    /// Not a supported response, or bytes after its end.
    Broken,
}

impl ResponseReader {
    /// Parses the bytes of one receive. A response within one receive, the usual case, is not copied.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> ReadProgress {
        if self.buffered.is_empty() {
            let progress = parse(bytes);
            if progress == ReadProgress::Partial {
                self.buffered.extend_from_slice(bytes);
            }
            return progress;
        }
        self.buffered.extend_from_slice(bytes);
        let progress = parse(&self.buffered);
        if progress != ReadProgress::Partial {
            self.buffered.clear();
        }
        progress
    }
}

fn parse(bytes: &[u8]) -> ReadProgress {
    let Some(status) = status(bytes) else {
        return if bytes.len() < STATUS_END { ReadProgress::Partial } else { ReadProgress::Broken };
    };
    let mut body_len = None;
    let mut at = 0;
    while let Some(end) = memchr(b'\n', &bytes[at..]) {
        let line = &bytes[at..at + end];
        at += end + 1;
        if line == b"\r" {
            return check_length(status, body_len, bytes.len() - at);
        }
        if let Some(value) = content_length(line) {
            body_len = Some(value);
        }
    }
    ReadProgress::Partial
}

fn check_length(status: u16, body_len: Option<usize>, have: usize) -> ReadProgress {
    match body_len {
        Some(len) if have == len => ReadProgress::Complete { status },
        Some(len) if have < len => ReadProgress::Partial,
        _ => ReadProgress::Broken,
    }
}

fn status(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.get(..STATUS_END)?.strip_prefix(b"HTTP/1.1 ")?;
    number(digits).and_then(|status| u16::try_from(status).ok())
}

fn content_length(line: &[u8]) -> Option<usize> {
    let (name, value) = line.split_at_checked(CONTENT_LENGTH.len())?;
    name.eq_ignore_ascii_case(CONTENT_LENGTH).then(|| number(value.trim_ascii()))?
}

fn number(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    digits.iter().try_fold(0, |sum, &digit| digit.is_ascii_digit().then(|| sum * 10 + usize::from(digit - b'0')))
}

const CONTENT_LENGTH: &[u8] = b"content-length:";

/// Length of `HTTP/1.1 200`.
const STATUS_END: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length: 5\r\n\r\nhello";

    #[test]
    fn split_response_completes_at_its_last_byte() {
        for split in 1..RESPONSE.len() {
            let mut reader = ResponseReader::default();
            assert_eq!(reader.feed(&RESPONSE[..split]), ReadProgress::Partial, "split {split}");
            assert_eq!(reader.feed(&RESPONSE[split..]), ReadProgress::Complete { status: 200 }, "split {split}");
            assert_eq!(reader.feed(RESPONSE), ReadProgress::Complete { status: 200 }, "the next one");
        }
    }

    #[test]
    fn malformed_response_is_broken() {
        for bytes in [
            &b"SSH-2.0-whatever"[..],
            b"HTTP/1.1 2x0 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n1",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n12",
        ] {
            assert_eq!(ResponseReader::default().feed(bytes), ReadProgress::Broken);
        }
    }

    #[test]
    fn status_is_returned() {
        let bytes = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(ResponseReader::default().feed(bytes), ReadProgress::Complete { status: 503 });
    }
}
