//! Fuzz target: decode and encode a chunked body.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gregaria_http_fuzz::chunked(bytes));
