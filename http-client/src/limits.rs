//! The limits of the memory and work that the responses to one request can cost. None depends on the length of the run.
//! `proto/` and `session/` enforce them.

/// Limits of the responses to one request. A response beyond them is an [`Error`](crate::Error), and its connection is
/// closed.
///
/// # Examples
///
/// ```
/// use gregaria_http::HttpLimits;
///
/// let limits = HttpLimits { max_body_bytes: 1 << 20, ..HttpLimits::default() };
/// assert_eq!((limits.max_headers, limits.max_redirects), (100, 30));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HttpLimits {
    /// Longest head (status line and headers), in bytes. Default 64 KiB.
    pub max_head_bytes: usize,
    /// Most headers in a head. Default 100. Values above [`HttpLimits::MAX_SUPPORTED_HEADERS`] count as that.
    pub max_headers: usize,
    /// Largest body that is kept, in bytes after chunked decoding. Default 64 MiB. A discarded body is never held, so
    /// only the read timeout bounds it. The bodies of a [`Response::history`](crate::Response::history) together have
    /// the same limit: those beyond it are dropped, and a longer body is not read to its end.
    pub max_body_bytes: usize,
    /// Largest body that is kept after content decoding (gzip and the like), in bytes. Default 64 MiB.
    pub max_decoded_bytes: usize,
    /// Largest ratio of decoded to received bytes, enforced once more than 1 MiB is decoded. Default 1100, a little
    /// above the maximum of gzip.
    pub max_decoded_ratio: u32,
    /// Most redirects that one request follows. Default 30.
    pub max_redirects: u32,
    /// Most interim responses (status 1xx) before the final one. Default 16.
    pub max_informational: u32,
    /// Most bytes of chunk extensions in one response. Blanks and leading zeros of chunk sizes count too. Default 16
    /// KiB.
    pub max_chunk_extension_bytes: usize,
    /// Most bytes of trailers after a chunked body, with their line ends. Default 16 KiB.
    pub max_trailer_bytes: usize,
}

impl HttpLimits {
    /// The highest effective value of [`HttpLimits::max_headers`].
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
