//! Bodies in the chunked coding.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gregaria_http_fuzz::chunked(bytes));
