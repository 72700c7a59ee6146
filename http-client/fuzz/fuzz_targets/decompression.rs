//! Fuzz target: decode a body with content codings.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gregaria_http_fuzz::decompression(bytes));
