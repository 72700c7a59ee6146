//! The least a client must do with a response to be called an HTTP client: status line, `Content-Length`, the whole body
//! counted. Shared by the floor and the bare runtimes, so that they differ in their IO only. It is no parser to build on:
//! what the fixed-response server never sends (chunks, 1xx, close-delimited bodies) is `Broken`.

use memchr::memchr;

/// One connection's place in its response.
#[derive(Default)]
pub(crate) struct ResponseReader {
    held: Vec<u8>,
}

/// What the bytes so far amount to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Progress {
    /// One response, exactly.
    Complete {
        /// As in the status line.
        status: u16,
    },
    /// More is to come.
    Partial,
    /// Not a response that this client reads, or bytes after its end.
    Broken,
}

impl ResponseReader {
    /// Takes what one receive brought. A response in one piece, the usual case, is not copied.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Progress {
        if self.held.is_empty() {
            let progress = read(bytes);
            if progress == Progress::Partial {
                self.held.extend_from_slice(bytes);
            }
            return progress;
        }
        self.held.extend_from_slice(bytes);
        let progress = read(&self.held);
        if progress != Progress::Partial {
            self.held.clear();
        }
        progress
    }
}

fn read(bytes: &[u8]) -> Progress {
    let Some(status) = status(bytes) else {
        return if bytes.len() < STATUS_END { Progress::Partial } else { Progress::Broken };
    };
    let mut body_len = None;
    let mut at = 0;
    while let Some(end) = memchr(b'\n', &bytes[at..]) {
        let line = &bytes[at..at + end];
        at += end + 1;
        if line == b"\r" {
            return whole(status, body_len, bytes.len() - at);
        }
        if let Some(value) = content_length(line) {
            body_len = Some(value);
        }
    }
    Progress::Partial
}

fn whole(status: u16, body_len: Option<usize>, have: usize) -> Progress {
    match body_len {
        Some(len) if have == len => Progress::Complete { status },
        Some(len) if have < len => Progress::Partial,
        _ => Progress::Broken,
    }
}

fn status(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.get(..STATUS_END)?.strip_prefix(b"HTTP/1.1 ")?;
    number(digits).and_then(|status| u16::try_from(status).ok())
}

fn content_length(line: &[u8]) -> Option<usize> {
    let (name, value) = line.split_at_checked(NAME.len())?;
    name.eq_ignore_ascii_case(NAME).then(|| number(value.trim_ascii()))?
}

fn number(digits: &[u8]) -> Option<usize> {
    if digits.is_empty() || digits.len() > 9 {
        return None;
    }
    digits.iter().try_fold(0, |sum, &digit| digit.is_ascii_digit().then(|| sum * 10 + usize::from(digit - b'0')))
}

const NAME: &[u8] = b"content-length:";

/// Length of `HTTP/1.1 200`.
const STATUS_END: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;

    const RESPONSE: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\ncontent-length: 5\r\n\r\nhello";

    #[test]
    fn a_response_is_complete_at_its_last_byte_whatever_the_pieces() {
        for split in 1..RESPONSE.len() {
            let mut reader = ResponseReader::default();
            assert_eq!(reader.feed(&RESPONSE[..split]), Progress::Partial, "split {split}");
            assert_eq!(reader.feed(&RESPONSE[split..]), Progress::Complete { status: 200 }, "split {split}");
            assert_eq!(reader.feed(RESPONSE), Progress::Complete { status: 200 }, "the next one");
        }
    }

    #[test]
    fn what_is_no_response_is_broken() {
        for bytes in [
            &b"SSH-2.0-whatever"[..],
            b"HTTP/1.1 2x0 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\n1",
            b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n12",
        ] {
            assert_eq!(ResponseReader::default().feed(bytes), Progress::Broken);
        }
    }

    #[test]
    fn another_status_is_told() {
        let bytes = b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(ResponseReader::default().feed(bytes), Progress::Complete { status: 503 });
    }
}
