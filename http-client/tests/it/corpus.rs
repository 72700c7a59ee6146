//! The corpus: more than 500 responses for the rules of RFC 9112, with their expected results, from `tests/corpus/`.
//!
//! The README in that folder describes the file format. [`ExhaustiveReader`] parses each case in several ways. In
//! addition, every proper prefix of an accepted response must be incomplete.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use gregaria_http::{Error, HttpLimits};

use crate::reader::{ExhaustiveReader, ReadResponse};

/// A response and its expected result.
pub(crate) struct CorpusCase {
    /// `file:line: name`, for messages.
    title: String,
    reader: ExhaustiveReader,
    pub(crate) bytes: Vec<u8>,
    expected: ExpectedResult,
}

enum ExpectedResult {
    Accept { status: u16, keep_alive: bool, excess_bytes: usize, headers: Vec<(String, Vec<u8>)>, body: Vec<u8> },
    Reject(String),
}

/// Reads the cases of all files.
pub(crate) fn cases() -> Vec<CorpusCase> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|end| end == "txt")).collect();
    files.sort();
    files.iter().flat_map(|path| cases_of(path)).collect()
}

fn cases_of(path: &Path) -> Vec<CorpusCase> {
    let name = path.file_name().unwrap().to_string_lossy();
    let text = fs::read_to_string(path).unwrap();
    let mut cases = Vec::new();
    for (index, line) in text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        let location = format!("{name}:{}", index + 1);
        match line.strip_prefix("== ") {
            Some(title) => cases.push(CorpusCase::new(format!("{location}: {title}"))),
            None => cases
                .last_mut()
                .and_then(|case| case.parse_line(line))
                .unwrap_or_else(|| panic!("{location}: invalid line: {line}")),
        }
    }
    cases
}

impl CorpusCase {
    fn new(title: String) -> Self {
        Self {
            title,
            reader: ExhaustiveReader::new(),
            bytes: Vec::new(),
            expected: ExpectedResult::Reject("a case without a result".into()),
        }
    }

    /// Applies a line to the case. Returns `None` if the line is invalid.
    fn parse_line(&mut self, line: &str) -> Option<()> {
        let (keyword, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (keyword, &mut self.expected) {
            ("method", _) => self.reader.method = rest.parse().ok()?,
            ("limit", _) => set_limit(&mut self.reader.limits, rest)?,
            ("accept", expected) => *expected = parse_accept(rest)?,
            ("reject", expected) => *expected = ExpectedResult::Reject(rest.to_owned()),
            ("incomplete", expected) => *expected = ExpectedResult::Reject("IncompleteResponse".into()),
            (":", ExpectedResult::Accept { headers, .. }) => {
                let (name, value) = rest.split_once(": ")?;
                headers.push((name.to_owned(), unescape(value)?.trim_ascii().to_vec()));
            }
            (_, ExpectedResult::Accept { body, .. }) if keyword.starts_with('=') => {
                body.extend(unescape(rest)?.repeat(parse_repeat(&keyword[1..])?));
            }
            _ if keyword.starts_with('>') => self.bytes.extend(unescape(rest)?.repeat(parse_repeat(&keyword[1..])?)),
            _ => return None,
        }
        Some(())
    }

    /// Describes the result if it is not the expected one.
    fn mismatch(&self, read: &Result<ReadResponse, Error>) -> Option<String> {
        let is_expected = match (&self.expected, read) {
            (ExpectedResult::Reject(name), Err(error)) => *name == error_name(*error),
            (ExpectedResult::Accept { status, keep_alive, excess_bytes, headers, body }, Ok(read)) => {
                let has_header = |(name, value): &(String, Vec<u8>)| {
                    let value = String::from_utf8_lossy(value);
                    read.headers.iter().any(|(other, text)| other.eq_ignore_ascii_case(name) && *text == value)
                };
                (read.status, read.keep_alive, read.excess_bytes) == (*status, *keep_alive, *excess_bytes)
                    && read.body == *body
                    && headers.iter().all(has_header)
            }
            _ => false,
        };
        (!is_expected).then(|| format!("{}\n  {read:?}", self.title))
    }
}

/// Parses the rest of an `accept` line: the status, `keep` or `close`, and optionally `excess` with a number.
fn parse_accept(text: &str) -> Option<ExpectedResult> {
    let mut words = text.split(' ');
    let status = words.next()?.parse().ok()?;
    let keep_alive = match words.next()? {
        "keep" => true,
        "close" => false,
        _ => return None,
    };
    let excess_bytes = match words.next() {
        Some("excess") => words.next()?.parse().ok()?,
        Some(_) => return None,
        None => 0,
    };
    Some(ExpectedResult::Accept { status, keep_alive, excess_bytes, headers: Vec::new(), body: Vec::new() })
}

fn set_limit(limits: &mut HttpLimits, text: &str) -> Option<()> {
    let (name, value) = text.split_once(' ')?;
    let value: usize = value.parse().ok()?;
    match name {
        "head_bytes" => limits.max_head_bytes = value,
        "headers" => limits.max_headers = value,
        "body_bytes" => limits.max_body_bytes = value,
        "informational" => limits.max_informational = value.try_into().ok()?,
        "chunk_extension_bytes" => limits.max_chunk_extension_bytes = value,
        "trailer_bytes" => limits.max_trailer_bytes = value,
        _ => return None,
    }
    Some(())
}

fn parse_repeat(text: &str) -> Option<usize> {
    if text.is_empty() { Some(1) } else { text.parse().ok() }
}

/// Replaces the escapes in a text. Returns `None` for an unknown escape.
fn unescape(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        if *first != b'\\' {
            bytes.push(*first);
            continue;
        }
        let (escape, tail) = rest.split_first()?;
        rest = tail;
        bytes.push(match escape {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b's' => b' ',
            b'\\' => b'\\',
            b'x' => {
                let (digits, tail) = rest.split_at_checked(2)?;
                rest = tail;
                u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?
            }
            _ => return None,
        });
    }
    Some(bytes)
}

/// Returns the name of the variant, or that of its inner error if it has one.
fn error_name(error: Error) -> String {
    let text = format!("{error:?}");
    let name = text.trim_end_matches(')').rsplit('(').next();
    name.unwrap_or_default().to_owned()
}

#[test]
fn corpus_cases_give_their_expected_results() {
    let mismatches = cases().into_iter().filter_map(|case| {
        let read = std::panic::catch_unwind(|| case.reader.read(&case.bytes));
        let read = read.unwrap_or_else(|_| panic!("{}: the ways of reading disagree", case.title));
        case.mismatch(&read)
    });
    let mismatches: Vec<String> = mismatches.collect();
    assert!(mismatches.is_empty(), "\n{}\n", mismatches.join("\n"));
}

#[test]
fn prefix_of_a_response_is_incomplete() {
    for case in cases() {
        let read = |bytes: &[u8]| case.reader.read_pieces([bytes]);
        let Ok(whole) = read(&case.bytes) else { continue };
        let has_end =
            read(&[&case.bytes[..], b"X"].concat()).is_ok_and(|longer| longer.excess_bytes > whole.excess_bytes);
        let end = if has_end { case.bytes.len() - whole.excess_bytes } else { 0 };
        for length in 0..end {
            let read = read(&case.bytes[..length]);
            let is_incomplete = matches!(read, Err(Error::IncompleteResponse | Error::ClosedBeforeResponse));
            assert!(is_incomplete, "{}, first {length} bytes: {read:?}", case.title);
        }
    }
}

#[test]
fn corpus_has_500_cases_with_unique_names() {
    let cases = cases();
    let names: BTreeSet<&str> =
        cases.iter().filter_map(|case| case.title.split_once(": ")).map(|(_, name)| name).collect();
    assert!(names.len() >= 500, "{} cases", names.len());
    assert_eq!(names.len(), cases.len(), "two cases have the same name");
}

#[test]
fn invalid_corpus_lines_are_detected() {
    let case = |lines: &[&str]| {
        let mut case = CorpusCase::new(String::new());
        lines.iter().try_for_each(|line| case.parse_line(line)).map(|()| case)
    };
    for line in
        ["> a\\r\\x0a\\\\\\s", ">3 ab", "accept 200 keep", "accept 204 close excess 3", "incomplete", "reject X"]
    {
        assert!(case(&[line]).is_some(), "{line}");
    }
    for line in ["", "a", "> \\q", "> \\x1", "> \\xzz", ">x a", "accept 200", "accept 200 open", "= early", "limit x 1"]
    {
        assert!(case(&[line]).is_none(), "{line}");
    }
    assert_eq!(case(&["> a\\r", ">2 \\x0a\\s"]).unwrap().bytes, b"a\r\n \n ");
    let read = ExhaustiveReader::new().read(b"HTTP/1.1 200 OK\r\nA: b\r\nContent-Length: 2\r\n\r\nok!");
    let mismatch = |lines: &[&str]| case(lines).unwrap().mismatch(&read);
    assert_eq!(mismatch(&["accept 200 keep excess 1", ": a: b", "= ok"]), None);
    for wrong in [
        &["accept 201 keep excess 1", "= ok"][..],
        &["accept 200 close excess 1", "= ok"],
        &["accept 200 keep", "= ok"],
        &["accept 200 keep excess 1", "= okay"],
        &["accept 200 keep excess 1", ": A: c", "= ok"],
        &["reject Version"],
        &["incomplete"],
    ] {
        assert!(mismatch(wrong).is_some(), "{wrong:?}");
    }
}
