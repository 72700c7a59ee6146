//! What a target may make the client hold or read: every one of these is enforced, none depends on the run's length.

/// Bounds on one response. A response beyond them is an [`Error`](crate::Error), and its connection is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Longest head (status line and headers), in bytes. Default 64 KiB.
    pub head_bytes: usize,
    /// Most headers in a head. Default 100; values above [`HttpLimits::MAX_HEADERS`] count as that.
    pub headers: usize,
    /// Largest body that is kept, in bytes after chunked decoding. Default 64 MiB. A discarded body is never held, so
    /// only the read timeout bounds it.
    pub body_bytes: usize,
    /// Largest body that is kept after its content codings (gzip and the like) are undone, in bytes. Default 64 MiB.
    pub decoded_bytes: usize,
    /// How many times as large as it came a body may become when its content codings are undone, once that is more than
    /// 1 MiB. Default 1100, a little more than gzip can reach.
    pub decoded_ratio: u32,
    /// Most redirects that one request follows. Default 30.
    pub redirects: u32,
    /// Most interim responses (status 1xx) before the final one. Default 16.
    pub informational: u32,
    /// Most bytes of chunk extensions in one response; blanks and leading zeros of chunk sizes count too. Default 16 KiB.
    pub chunk_extension_bytes: usize,
    /// Most bytes of trailers behind a chunked body, with their line ends. Default 16 KiB.
    pub trailer_bytes: usize,
}

impl HttpLimits {
    /// The highest useful value of [`HttpLimits::headers`].
    pub const MAX_HEADERS: usize = 128;
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            head_bytes: 64 << 10,
            headers: 100,
            body_bytes: 64 << 20,
            decoded_bytes: 64 << 20,
            decoded_ratio: 1100,
            redirects: 30,
            informational: 16,
            chunk_extension_bytes: 16 << 10,
            trailer_bytes: 16 << 10,
        }
    }
}
