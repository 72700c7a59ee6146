//! Bodies of requests that come piece by piece, so that a large upload takes no more memory than a small one.
//!
//! [`Multipart`](crate::Multipart) is one more source. This is the one file of the crate that reads files, and it does so
//! where it stands: the thread waits while the kernel copies a piece, some microseconds when the file is in the page
//! cache, and a disk's time when it is not. Files that are sent over and over, as a load generator's are, stay in the cache.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::task::{Context, Poll};

/// What gives a request's body piece by piece.
pub trait BodySource {
    /// All bytes there will be; `None` when that is not known: the body is then sent chunked.
    fn len_bytes(&self) -> Option<u64>;

    /// What kind of thing it is: the `Content-Type` of requests that bring none.
    fn content_type(&self) -> Option<String> {
        None
    }

    /// Appends the next piece to `out`, some tens of KiB; `Ok(false)` when there is nothing more. Pending when a piece is
    /// still to come.
    fn poll_next(&mut self, cx: &mut Context<'_>, out: &mut Vec<u8>) -> Poll<io::Result<bool>>;

    /// Begins again, for a request that must be sent once more; `false` when that is not possible.
    fn rewind(&mut self) -> bool;
}

/// A file. It is open only while it is being read, so many requests may have one in hand.
#[derive(Debug)]
pub struct FileBody {
    path: PathBuf,
    len_bytes: u64,
    /// With the bytes that are still to be read.
    open_file: Option<io::Take<File>>,
    is_finished: bool,
}

impl FileBody {
    /// The file at `path`, as long as it is now: a file that is shorter when it is read is an error then, and what it has
    /// grown by is not sent.
    ///
    /// # Errors
    /// When there is no such file, or it is none that can be read to an end, as a directory.
    pub fn new(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let metadata = std::fs::metadata(&path)?;
        if !metadata.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        Ok(Self { path, len_bytes: metadata.len(), open_file: None, is_finished: false })
    }

    /// Appends the next piece; `false` at the end.
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

/// Whatever can be read, to its end. How long it is nobody knows before, so it is sent chunked, and it cannot be sent a
/// second time. A reader that waits holds up everyone on its thread.
#[derive(Debug)]
pub struct ReaderBody<R> {
    reader: R,
}

impl<R: Read> ReaderBody<R> {
    /// A body of everything that `reader` gives.
    pub const fn new(reader: R) -> Self {
        Self { reader }
    }

    /// One piece, as long as one read gives it: the rest may be long in coming.
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

/// A piece: a few system calls for each MiB, and little memory for each upload.
pub(crate) const READ_CHUNK_BYTES: usize = 32 << 10;

/// All pieces of a source that never has to wait, for tests.
#[cfg(test)]
pub(crate) fn read_all_chunks(source: &mut dyn BodySource) -> io::Result<Vec<Vec<u8>>> {
    let mut cx = Context::from_waker(std::task::Waker::noop());
    let mut pieces = Vec::new();
    loop {
        let mut piece = b"before".to_vec();
        let Poll::Ready(is_more) = source.poll_next(&mut cx, &mut piece) else { panic!("it waits") };
        let is_more = is_more?;
        assert_eq!((&piece[..6], is_more), (&b"before"[..], piece.len() > 6));
        if !is_more {
            return Ok(pieces);
        }
        pieces.push(piece.split_off(6));
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
    fn a_file_comes_in_pieces_and_again() {
        for len in [0, 1, READ_CHUNK_BYTES - 1, READ_CHUNK_BYTES, READ_CHUNK_BYTES + 1, 3 * READ_CHUNK_BYTES] {
            let content: Vec<u8> = (0..len).map(|at| at as u8).collect();
            let file = temporary(&content);
            let mut body = FileBody::new(file.path()).unwrap();
            for _ in 0..2 {
                let pieces = read_all_chunks(&mut body).unwrap();
                assert_eq!((pieces.concat(), pieces.len()), (content.clone(), len.div_ceil(READ_CHUNK_BYTES)));
                assert!(body.open_file.is_none(), "it stays open");
                assert_eq!((body.len_bytes(), body.rewind()), (Some(len as u64), true));
            }
        }
    }

    #[test]
    fn a_file_begun_begins_again() {
        let file = temporary(&[7; 3 * READ_CHUNK_BYTES]);
        let mut body = FileBody::new(file.path()).unwrap();
        assert!(body.read_chunk(&mut Vec::new()).unwrap());
        assert!(body.rewind());
        assert_eq!(read_all_chunks(&mut body).unwrap().len(), 3);
    }

    #[test]
    fn a_file_that_changed_is_sent_as_long_as_it_was() {
        let file = temporary(b"as it was");
        let mut body = FileBody::new(file.path()).unwrap();
        std::fs::write(file.path(), b"as it was, and more").unwrap();
        assert_eq!(read_all_chunks(&mut body).unwrap().concat(), b"as it was");
        std::fs::write(file.path(), b"less").unwrap();
        assert!(body.rewind());
        assert_eq!(read_all_chunks(&mut body).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn only_files_are_files() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(FileBody::new(folder.path()).unwrap_err().kind(), io::ErrorKind::InvalidInput);
        assert_eq!(FileBody::new(folder.path().join("none")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn a_large_file_takes_little_memory() {
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

    /// Gives what is in it by and by, interrupted each time.
    struct InterruptingReader(Vec<io::Result<&'static [u8]>>);

    impl Read for InterruptingReader {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let next = self.0.pop().unwrap_or(Ok(b""))?;
            buffer[..next.len()].copy_from_slice(next);
            Ok(next.len())
        }
    }

    #[test]
    fn a_reader_is_read_to_its_end() {
        let interrupted = || Err(io::ErrorKind::Interrupted.into());
        let mut body = ReaderBody::new(InterruptingReader(vec![Ok(b"cd"), interrupted(), Ok(b"ab"), interrupted()]));
        assert_eq!(read_all_chunks(&mut body).unwrap(), [b"ab", b"cd"]);
        assert_eq!((body.len_bytes(), body.rewind()), (None, false));
        let mut body = ReaderBody::new(InterruptingReader(vec![Err(io::ErrorKind::BrokenPipe.into()), Ok(b"ab")]));
        assert_eq!(read_all_chunks(&mut body).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
    }
}
