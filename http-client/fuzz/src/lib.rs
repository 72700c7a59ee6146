//! Entry points of the fuzz targets.
//!
//! Their bodies are in `http-client/tests/it/fuzz/entries.rs`, because the tests of the client also run them for a
//! short time.

#![forbid(unsafe_code)]

#[path = "../../tests/it/fuzz/entries.rs"]
mod entries;
#[path = "../../tests/it/reader.rs"]
#[allow(dead_code, reason = "only the tests use all functions of the reader")]
mod reader;

/// Parses the bytes as a response.
pub fn response(bytes: &[u8]) {
    entries::response(bytes);
}

/// Decodes the bytes as a body in the chunked coding, and encodes them as chunks.
pub fn chunked(bytes: &[u8]) {
    entries::chunked(bytes);
}

/// Decodes a body. The first byte selects the content codings.
pub fn decompression(bytes: &[u8]) {
    entries::decompression(bytes);
}

/// Stores each line as a `Set-Cookie` header.
pub fn cookies(bytes: &[u8]) {
    entries::cookies(bytes);
}

/// Resolves a redirect. The first line is the URL of the request, the second the `Location` of its response.
pub fn url_and_redirect(bytes: &[u8]) {
    entries::url_and_redirect(bytes);
}
