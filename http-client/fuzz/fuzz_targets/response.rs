//! Fuzz target: parse a response.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gregaria_http_fuzz::response(bytes));
