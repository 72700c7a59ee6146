//! What a target may make the client hold or read: every one of these is enforced, none depends on the run's length.

/// Bounds on one response. A response beyond them is an [`Error`](crate::Error), and its connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Longest head (status line and headers), in bytes. Default 64 KiB.
    pub max_head_bytes: usize,
    /// Most headers in a head. Default 100; values above [`HttpLimits::MAX_HEADERS`] count as that.
    pub max_headers: usize,
    /// Largest body that is kept, in bytes after chunked decoding. Default 64 MiB. A discarded body is never held, so
    /// only the read timeout bounds it.
    pub max_body_bytes: usize,
    /// Largest body that is kept after its content codings (gzip and the like) are undone, in bytes. Default 64 MiB.
    pub max_decoded_bytes: usize,
    /// How many times as large as it came a body may become when its content codings are undone, once that is more than
    /// 1 MiB. Default 1100, a little more than gzip can reach.
    pub max_decoded_ratio: u32,
    /// Most redirects that one request follows. Default 30.
    pub max_redirects: u32,
    /// Most interim responses (status 1xx) before the final one. Default 16.
    pub max_informational: u32,
    /// Most bytes of chunk extensions in one response; blanks and leading zeros of chunk sizes count too. Default 16 KiB.
    pub max_chunk_extension_bytes: usize,
    /// Most bytes of trailers behind a chunked body, with their line ends. Default 16 KiB.
    pub max_trailer_bytes: usize,
}

impl HttpLimits {
    /// The highest useful value of [`HttpLimits::headers`].
    pub const MAX_SUPPORTED_HEADERS: usize = 128;
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            max_head_bytes: 64 << 10,
            max_headers: 100,
            max_body_bytes: 64 << 20,
            max_decoded_bytes: 64 << 20,
            max_decoded_ratio: 1100,
            max_redirects: 30,
            max_informational: 16,
            max_chunk_extension_bytes: 16 << 10,
            max_trailer_bytes: 16 << 10,
        }
    }
}
