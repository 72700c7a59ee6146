//! Request bodies that are read in chunks, so that a large upload needs no more memory than a small one.
//!
//! This is the only file of the crate that reads files for a request; `tls/` reads certificates. A read blocks the
//! thread while the kernel copies a chunk: some microseconds if the file is in the page cache, otherwise the access
//! time of the disk. Files that a load generator sends repeatedly stay in the cache. `multipart.rs` adds another
//! source. `session/upload.rs` sends them.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::task::{Context, Poll};

/// A source of a request's body that supplies chunks.
///
/// # Examples
///
/// ```
/// use std::io;
/// use std::task::{Context, Poll};
///
/// use gregaria_http::BodySource;
///
/// /// Sends the same line 1,000 times.
/// struct Lines {
///     remaining: u64,
/// }
///
/// impl BodySource for Lines {
///     fn len_bytes(&self) -> Option<u64> {
///         Some(1_000 * 6)
///     }
///
///     fn poll_next(&mut self, _cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<io::Result<bool>> {
///         if self.remaining == 0 {
///             return Poll::Ready(Ok(false));
///         }
///         out.extend_from_slice(b"hello\n");
///         self.remaining -= 1;
///         Poll::Ready(Ok(true))
///     }
///
///     fn rewind(&mut self) -> bool {
///         self.remaining = 1_000;
///         true
///     }
/// }
///
/// assert_eq!(Lines { remaining: 1_000 }.content_type(), None);
/// ```
pub trait BodySource {
    /// Returns the length of the body, or `None` if unknown. A body of unknown length is sent chunked.
    fn len_bytes(&self) -> Option<u64>;

    /// Returns the `Content-Type` for requests without such a header. Default: none.
    fn content_type(&self) -> Option<String> {
        None
    }

    /// Appends the next chunk, of some tens of KiB, to `out`. Returns `Ok(false)` at the end of the body, and
    /// `Pending` while the next chunk is not available.
    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<io::Result<bool>>;

    /// Restarts the source for a request that is sent again. Returns `false` if that is not possible.
    fn rewind(&mut self) -> bool;
}

/// A body read from a file. The file is open only while a chunk of it is outstanding, so many requests can share one
/// path.
///
/// # Examples
///
/// ```
/// use gregaria_http::{BodySource, FileBody};
///
/// let body = FileBody::new(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))?;
/// assert!(body.len_bytes().is_some_and(|len| len > 0));
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Debug)]
pub struct FileBody {
    path: PathBuf,
    len_bytes: u64,
    /// The open file, limited to the bytes that are not read yet.
    open_file: Option<io::Take<File>>,
    is_finished: bool,
}

impl FileBody {
    /// Creates a body from the file at `path`, with the length that the file has now.
    ///
    /// A file that is shorter when it is read is an error then. Bytes appended to the file later are not sent.
    ///
    /// # Errors
    /// If the file does not exist or is not a regular file, such as a directory.
    pub fn new(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let metadata = std::fs::metadata(&path)?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(Self { path, len_bytes: metadata.len(), open_file: None, is_finished: false })
    }

    /// Appends the next chunk. Returns `false` at the end.
    pub(crate) fn read_chunk(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        if self.is_finished {
            return Ok(false);
        }
        let mut file = match self.open_file.take() {
            Some(file) => file,
            None => File::open(&self.path)?.take(self.len_bytes),
        };
        let wanted = file.limit().min(READ_CHUNK_BYTES as u64);
        out.reserve(wanted as usize);
        let read = (&mut file).take(wanted).read_to_end(out)? as u64;
        if read < wanted {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.is_finished = file.limit() == 0;
        self.open_file = (!self.is_finished).then_some(file);
        Ok(read > 0)
    }
}

impl BodySource for FileBody {
    fn len_bytes(&self) -> Option<u64> {
        Some(self.len_bytes)
    }

    fn poll_next(&mut self, _cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<io::Result<bool>> {
        Poll::Ready(self.read_chunk(out))
    }

    fn rewind(&mut self) -> bool {
        self.open_file = None;
        self.is_finished = false;
        true
    }
}

/// A body read from a reader to its end.
///
/// The length is unknown, so the body is sent chunked. It cannot be sent a second time. A reader that blocks also
/// blocks all other users of its thread.
///
/// # Examples
///
/// ```
/// use std::io::Cursor;
///
/// use gregaria_http::{BodySource, ReaderBody};
///
/// let mut body = ReaderBody::new(Cursor::new("a,b\n1,2\n"));
/// assert_eq!((body.len_bytes(), body.rewind()), (None, false));
/// ```
#[derive(Debug)]
pub struct ReaderBody<R> {
    reader: R,
}

impl<R: Read> ReaderBody<R> {
    /// Creates a body from all bytes of `reader`.
    pub const fn new(reader: R) -> Self {
        Self { reader }
    }

    /// Appends the result of one read. The next bytes of a slow reader may take long, so a chunk is not filled up.
    fn read_chunk(&mut self, out: &mut Vec<u8>) -> io::Result<bool> {
        let start = out.len();
        out.resize(start + READ_CHUNK_BYTES, 0);
        let read = loop {
            match self.reader.read(&mut out[start..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read,
            }
        };
        out.truncate(start + read.as_ref().map_or(0, |read| *read));
        read.map(|read| read > 0)
    }
}

impl<R: Read> BodySource for ReaderBody<R> {
    fn len_bytes(&self) -> Option<u64> {
        None
    }

    fn poll_next(&mut self, _cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<io::Result<bool>> {
        Poll::Ready(self.read_chunk(out))
    }

    fn rewind(&mut self) -> bool {
        false
    }
}

/// Size of a chunk: a few system calls per MiB, and little memory per upload.
pub(crate) const READ_CHUNK_BYTES: usize = 32 << 10;

/// Returns all chunks of a source that is never pending, for tests.
#[cfg(test)]
pub(crate) fn read_all_chunks(source: &mut dyn BodySource) -> io::Result<Vec<Vec<u8>>> {
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let mut chunks = Vec::new();
    loop {
        let mut chunk = b"prefix".to_vec();
        let Poll::Ready(has_more) = source.poll_next(&mut cx, &mut chunk) else { panic!("the source is pending") };
        let has_more = has_more?;
        assert_eq!((&chunk[..6], has_more), (&b"prefix"[..], chunk.len() > 6));
        if !has_more {
            return Ok(chunks);
        }
        chunks.push(chunk.split_off(6));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn temporary(content: &[u8]) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), content).unwrap();
        file
    }

    #[test]
    fn file_body_is_read_in_chunks_and_rewound() {
        for len in [0, 1, READ_CHUNK_BYTES - 1, READ_CHUNK_BYTES, READ_CHUNK_BYTES + 1, 3 * READ_CHUNK_BYTES] {
            let content: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let file = temporary(&content);
            let mut body = FileBody::new(file.path()).unwrap();
            for _ in 0..2 {
                let chunks = read_all_chunks(&mut body).unwrap();
                assert_eq!((chunks.concat(), chunks.len()), (content.clone(), len.div_ceil(READ_CHUNK_BYTES)));
                assert!(body.open_file.is_none(), "the file stays open");
                assert_eq!((body.len_bytes(), body.rewind()), (Some(len as u64), true));
            }
        }
    }

    #[test]
    fn partly_read_file_body_is_rewound() {
        let file = temporary(&[7; 3 * READ_CHUNK_BYTES]);
        let mut body = FileBody::new(file.path()).unwrap();
        assert!(body.read_chunk(&mut Vec::new()).unwrap());
        assert!(body.rewind());
        assert_eq!(read_all_chunks(&mut body).unwrap().len(), 3);
    }

    #[test]
    fn changed_file_is_sent_with_its_first_length() {
        let file = temporary(b"as it was");
        let mut body = FileBody::new(file.path()).unwrap();
        std::fs::write(file.path(), b"as it was, and more").unwrap();
        assert_eq!(read_all_chunks(&mut body).unwrap().concat(), b"as it was");
        std::fs::write(file.path(), b"less").unwrap();
        assert!(body.rewind());
        assert_eq!(read_all_chunks(&mut body).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn file_body_rejects_folder_and_missing_file() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(FileBody::new(folder.path()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(FileBody::new(folder.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn large_file_body_needs_little_memory() {
        let file = temporary(&vec![1; 1 << 20]);
        let mut body = FileBody::new(file.path()).unwrap();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let memory = allocation_counter::measure(|| {
            let mut out = Vec::new();
            while let Poll::Ready(Ok(true)) = body.poll_next(&mut cx, &mut out) {
                out.clear();
            }
        });
        assert!(memory.bytes_max < 2 * READ_CHUNK_BYTES as u64, "{memory:?}");
    }

    /// A reader that returns its results from last to first.
    struct InterruptingReader(Vec<io::Result<&'static [u8]>>);

    impl Read for InterruptingReader {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let next = self.0.pop().unwrap_or(Ok(b""))?;
            buffer[..next.len()].copy_from_slice(next);
            Ok(next.len())
        }
    }

    #[test]
    fn reader_body_retries_interrupted_reads() {
        let interrupted = || Err(io::ErrorKind::Interrupted.into());
        let mut body = ReaderBody::new(InterruptingReader(vec![Ok(b"cd"), interrupted(), Ok(b"ab"), interrupted()]));
        assert_eq!(read_all_chunks(&mut body).unwrap(), [b"ab", b"cd"]);
        assert_eq!((body.len_bytes(), body.rewind()), (None, false));
        let mut body = ReaderBody::new(InterruptingReader(vec![Err(io::ErrorKind::BrokenPipe.into()), Ok(b"ab")]));
        assert_eq!(read_all_chunks(&mut body).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
