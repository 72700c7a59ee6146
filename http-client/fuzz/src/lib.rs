//! What the fuzz targets call. The bodies are among the client's tests, where every build runs them for a while too.

#![forbid(unsafe_code)]

#[path = "../../tests/it/fuzz/entries.rs"]
mod entries;
#[path = "../../tests/it/reader.rs"]
#[allow(dead_code, reason = "the tests read in more ways than fit into a fuzzer's run")]
mod reader;

/// The bytes are a response.
pub fn response(bytes: &[u8]) {
    entries::response(bytes);
}

/// The bytes are a body in the chunked coding; and one that is to be put into it.
pub fn chunked(bytes: &[u8]) {
    entries::chunked(bytes);
}

/// The bytes are a number that chooses the content codings, and a body under them.
pub fn decompression(bytes: &[u8]) {
    entries::decompression(bytes);
}

/// The bytes are lines, each a `Set-Cookie`.
pub fn cookies(bytes: &[u8]) {
    entries::cookies(bytes);
}

/// The bytes are two lines: a URL, and the `Location` in a response from there.
pub fn url_and_redirect(bytes: &[u8]) {
    entries::url_and_redirect(bytes);
}
