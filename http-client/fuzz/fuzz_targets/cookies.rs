//! Fuzz target: store `Set-Cookie` headers.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gregaria_http_fuzz::cookies(bytes));
