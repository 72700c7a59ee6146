//! Forms with files (`multipart/form-data`, RFC 7578), laid out as browsers do.
//!
//! The length of a form is known before it is sent, and files are read while it is sent. This file must not know how
//! a body is sent: a form is one more [`BodySource`] beside those of `body.rs`.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::path::Path;
use std::task::{Context, Poll};

use super::body::{BodySource, FileBody, READ_CHUNK_BYTES};

/// A form of text fields and files.
///
/// # Examples
///
/// ```
/// use gregaria_http::{BodySource, Multipart};
///
/// let form = Multipart::new().text("name", "anorak").bytes("photo", "anorak.png", "image/png", [1, 2, 3]);
/// assert!(form.content_type().starts_with("multipart/form-data; boundary="));
/// assert!(form.len_bytes().is_some());
/// ```
#[derive(Debug)]
pub struct Multipart {
    boundary: String,
    segments: Vec<MultipartSegment>,
    /// Index of the segment that is being read.
    segment_index: usize,
    /// Number of bytes of that segment that were read, if the segment is in memory.
    segment_offset: usize,
}

/// A part of a form with one origin: memory or a file.
#[derive(Debug)]
enum MultipartSegment {
    Bytes(Vec<u8>),
    File(FileBody),
}

impl Multipart {
    /// Creates a form without fields.
    pub fn new() -> Self {
        Self::with_boundary(random_boundary())
    }

    fn with_boundary(boundary: String) -> Self {
        let closing = format!("--{boundary}{CLOSE_DELIMITER_SUFFIX}").into_bytes();
        Self { boundary, segments: vec![MultipartSegment::Bytes(closing)], segment_index: 0, segment_offset: 0 }
    }

    /// Adds a text field.
    #[must_use]
    pub fn text(mut self, name: &str, value: &str) -> Self {
        self.begin_field(&format!("name=\"{}\"", escape_name(name)), None);
        self.push_bytes(value.as_bytes());
        self.end_field();
        self
    }

    /// Adds the file at `path`, under its own file name, as `application/octet-stream`.
    ///
    /// # Errors
    /// As [`FileBody::new`].
    pub fn file(self, name: &str, path: impl AsRef<Path>) -> io::Result<Self> {
        self.file_of_type(name, DEFAULT_CONTENT_TYPE, path)
    }

    /// Adds the file at `path` with a content type, such as `image/png`.
    ///
    /// # Errors
    /// As [`FileBody::new`].
    pub fn file_of_type(mut self, name: &str, content_type: &str, path: impl AsRef<Path>) -> io::Result<Self> {
        let path = path.as_ref();
        let file = FileBody::new(path)?;
        let file_name = path.file_name().unwrap_or_default().to_string_lossy();
        self.begin_file(name, &file_name, content_type);
        self.segments.push(MultipartSegment::File(file));
        self.end_field();
        Ok(self)
    }

    /// Adds a file with content from memory.
    #[must_use]
    pub fn bytes(mut self, name: &str, file_name: &str, content_type: &str, content: impl AsRef<[u8]>) -> Self {
        self.begin_file(name, file_name, content_type);
        self.push_bytes(content.as_ref());
        self.end_field();
        self
    }

    /// Returns the value of this form's `Content-Type` header.
    pub fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    fn begin_file(&mut self, name: &str, file_name: &str, content_type: &str) {
        self.begin_field(
            &format!("name=\"{}\"; filename=\"{}\"", escape_name(name), escape_name(file_name)),
            Some(content_type),
        );
    }

    /// Opens a field in place of the close delimiter.
    fn begin_field(&mut self, disposition: &str, content_type: Option<&str>) {
        if let Some(MultipartSegment::Bytes(bytes)) = self.segments.last_mut() {
            bytes.truncate(bytes.len() - CLOSE_DELIMITER_SUFFIX.len());
        }
        self.push_bytes(b"\r\nContent-Disposition: form-data; ");
        self.push_bytes(disposition.as_bytes());
        if let Some(content_type) = content_type {
            self.push_bytes(b"\r\nContent-Type: ");
            self.push_bytes(content_type.replace(['\r', '\n'], " ").as_bytes());
        }
        self.push_bytes(b"\r\n\r\n");
    }

    /// Ends a field, and closes the form.
    fn end_field(&mut self) {
        self.push_bytes(format!("\r\n--{}{CLOSE_DELIMITER_SUFFIX}", self.boundary).as_bytes());
    }

    fn push_bytes(&mut self, bytes: &[u8]) {
        match self.segments.last_mut() {
            Some(MultipartSegment::Bytes(own)) => own.extend_from_slice(bytes),
            _ => self.segments.push(MultipartSegment::Bytes(bytes.to_vec())),
        }
    }
}

impl BodySource for Multipart {
    fn len_bytes(&self) -> Option<u64> {
        self.segments.iter().map(MultipartSegment::len_bytes).sum()
    }

    fn content_type(&self) -> Option<String> {
        Some(Self::content_type(self))
    }

    fn poll_next(&mut self, _cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<io::Result<bool>> {
        let start = out.len();
        while out.len() - start < READ_CHUNK_BYTES
            && let Some(segment) = self.segments.get_mut(self.segment_index)
        {
            if !segment.read_chunk(&mut self.segment_offset, out)? {
                self.segment_index += 1;
                self.segment_offset = 0;
            }
        }
        Poll::Ready(Ok(out.len() > start))
    }

    fn rewind(&mut self) -> bool {
        self.segment_index = 0;
        self.segment_offset = 0;
        self.segments.iter_mut().all(MultipartSegment::rewind)
    }
}

impl MultipartSegment {
    fn len_bytes(&self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes.len() as u64),
            Self::File(file) => file.len_bytes(),
        }
    }

    /// Appends a chunk. Returns `false` at the end of the segment.
    fn read_chunk(&mut self, offset: &mut usize, out: &mut Vec<u8>) -> io::Result<bool> {
        match self {
            Self::Bytes(bytes) => {
                let rest = &bytes[*offset..];
                let chunk = &rest[..rest.len().min(READ_CHUNK_BYTES)];
                out.extend_from_slice(chunk);
                *offset += chunk.len();
                Ok(!chunk.is_empty())
            }
            Self::File(file) => file.read_chunk(out),
        }
    }

    fn rewind(&mut self) -> bool {
        match self {
            Self::Bytes(_) => true,
            Self::File(file) => file.rewind(),
        }
    }
}

/// Percent-encodes the characters of a quoted name that could end the quotes or the line, as the HTML standard does.
fn escape_name(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

/// Returns 128 random bits, which no content contains. The only source of random bits in the standard library is the
/// seed of its hash tables.
fn random_boundary() -> String {
    let bits = || RandomState::new().build_hasher().finish();
    format!("{:016x}{:016x}", bits(), bits())
}

/// The suffix that turns a delimiter into the close delimiter.
const CLOSE_DELIMITER_SUFFIX: &str = "--\r\n";
const DEFAULT_CONTENT_TYPE: &str = "application/octet-stream";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::body::read_all_chunks;

    #[test]
    fn form_layout_matches_browsers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a \"file\".txt");
        std::fs::write(&path, "from disk").unwrap();
        let mut form = Multipart::with_boundary("XX".to_owned())
            .text("q\r\n\"ü\"", "a\nb")
            .file("one", &path)
            .unwrap()
            .bytes("two", "b.png", "image/png", b"\r\n--YY")
            .file_of_type("three", "text/x\r\nX: y", &path)
            .unwrap();
        let expected = [
            "--XX\r\nContent-Disposition: form-data; name=\"q%0D%0A%22ü%22\"\r\n\r\na\nb\r\n",
            "--XX\r\nContent-Disposition: form-data; name=\"one\"; filename=\"a %22file%22.txt\"\r\n",
            "Content-Type: application/octet-stream\r\n\r\nfrom disk\r\n",
            "--XX\r\nContent-Disposition: form-data; name=\"two\"; filename=\"b.png\"\r\n",
            "Content-Type: image/png\r\n\r\n\r\n--YY\r\n",
            "--XX\r\nContent-Disposition: form-data; name=\"three\"; filename=\"a %22file%22.txt\"\r\n",
            "Content-Type: text/x  X: y\r\n\r\nfrom disk\r\n--XX--\r\n",
        ]
        .concat();
        assert_eq!(form.len_bytes(), Some(expected.len() as u64));
        for _ in 0..2 {
            let chunks = read_all_chunks(&mut form).unwrap();
            assert_eq!((String::from_utf8(chunks.concat()).unwrap(), chunks.len()), (expected.clone(), 1));
            assert!(form.rewind());
        }
        assert_eq!(form.content_type(), "multipart/form-data; boundary=XX");
    }

    #[test]
    fn form_without_fields_is_closed() {
        let mut form = Multipart::with_boundary("XX".to_owned());
        assert_eq!(read_all_chunks(&mut form).unwrap(), [b"--XX--\r\n"]);
    }

    #[test]
    fn large_form_is_read_in_chunks() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let large: Vec<u8> = (0..200_000_u32).map(|at| (at / 7) as u8).collect();
        std::fs::write(file.path(), &large).unwrap();
        let form =
            Multipart::new().file("file", file.path()).unwrap().bytes("bytes", "b", DEFAULT_CONTENT_TYPE, &large);
        let mut form = form.file("again", file.path()).unwrap();
        let first = read_all_chunks(&mut form).unwrap();
        assert_eq!(Some(first.concat().len() as u64), form.len_bytes());
        assert!(first.iter().all(|chunk| chunk.len() <= 2 * READ_CHUNK_BYTES));
        assert!(first.iter().rev().skip(1).all(|chunk| chunk.len() >= READ_CHUNK_BYTES));
        assert!(form.rewind());
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for _ in 0..2 {
            assert!(matches!(form.poll_next(&mut cx, &mut Vec::new()), Poll::Ready(Ok(true))));
        }
        assert!(form.rewind());
        assert_eq!(read_all_chunks(&mut form).unwrap(), first);
    }

    #[test]
    fn boundaries_of_two_forms_differ() {
        let (one, other) = (Multipart::new().boundary, Multipart::new().boundary);
        assert_ne!(one, other);
        assert!(one.len() == 32 && one.bytes().all(|byte| byte.is_ascii_hexdigit()));
    }

    #[test]
    fn missing_file_is_reported_immediately() {
        let folder = tempfile::tempdir().unwrap();
        let missing = Multipart::new().file("file", folder.path().join("missing"));
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
